/* SPDX-License-Identifier: MIT */
#ifndef NNVME_TESTS_FUZZ_INPUT_H
#define NNVME_TESTS_FUZZ_INPUT_H

/*
 * What the fuzzer gives: bytes, read as a program of small operations. When they end, all further
 * ones are zero, so that an input cut short is still one.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

struct input {
	const uint8_t *data;
	size_t left;
};

static inline uint8_t input_byte(struct input *in)
{
	if (!in->left)
		return 0;
	in->left--;
	return *in->data++;
}

static inline uint16_t input_word(struct input *in)
{
	uint16_t low = input_byte(in);

	return (uint16_t)(low | input_byte(in) << 8);
}

/* 0 to @n - 1; @n up to 65536 */
static inline unsigned input_below(struct input *in, unsigned n)
{
	return (n <= 256 ? input_byte(in) : input_word(in)) % n;
}

static inline void input_bytes(struct input *in, void *to, size_t n)
{
	for (size_t i = 0; i < n; i++)
		((uint8_t *)to)[i] = input_byte(in);
}

#endif
