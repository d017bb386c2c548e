/* SPDX-License-Identifier: MIT */
#ifndef NNVME_INSN_MARK_H
#define NNVME_INSN_MARK_H

/*
 * Marks around measurements, for an instruction counter outside the machine (kernel/guest/insn):
 * long NOPs that no compiler emits, because their displacement spells a name. A CPU does nothing
 * for them; the counter finds them when the code is translated. A pair has a number, passed one bit
 * per NOP.
 *
 * Pairs do not nest, and only one thread of the machine at a time sets them. Except on x86-64 they
 * are nothing.
 */

#include <stdint.h>

/* The eight bytes of a mark: nopl disp32(%rax,%rax,1), the displacement "?nnv" with ? as below. */
#define BENCH_MARK_OPCODE 0x00841f0f
#define BENCH_MARK_NAME 0x766e6e00
#define BENCH_MARK_ZERO 0x10	/* the next bit of the number, the highest first */
#define BENCH_MARK_ONE 0x11
#define BENCH_MARK_BEGIN 0x12
#define BENCH_MARK_END 0x13

#define BENCH_MARK_MAX 0xffff	/* of the numbers; the least is 1 */

#ifdef __x86_64__
#define bench_mark_set(kind) \
	__asm__ volatile(".long %c0, %c1" : : "i"(BENCH_MARK_OPCODE), \
			 "i"(BENCH_MARK_NAME | (kind)) : "memory")
#else
#define bench_mark_set(kind) ((void)(kind))
#endif

static inline void bench_mark_begin(uint16_t number)
{
	for (unsigned bit = 0x8000; bit; bit >>= 1) {
		if (number & bit)
			bench_mark_set(BENCH_MARK_ONE);
		else
			bench_mark_set(BENCH_MARK_ZERO);
	}
	bench_mark_set(BENCH_MARK_BEGIN);
}

static inline void bench_mark_end(void)
{
	bench_mark_set(BENCH_MARK_END);
}

#endif
