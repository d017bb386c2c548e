/* SPDX-License-Identifier: MIT */
#ifndef NNVME_TESTS_UNIT_PATH_RIG_H
#define NNVME_TESTS_UNIT_PATH_RIG_H

/* What a test does with an open path of the benchmark: a load, or a single I/O. */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <string.h>

#include "load_rig.h"

#define KIB 1024u

static struct bench_measured measured;	/* of the last load */
static struct nnvme_err err;

/* @ios I/Os; random ones have a seed, so they repeat. */
static inline int run(struct bench_path *path, struct bench_workload work, uint64_t ios)
{
	return load_once(path, &work, &(struct bench_until){ .ios = ios }, NULL, &measured);
}

/*
 * Of as many @ios by @depth at a time, @good are I/Os, and the rest failed, the first with @error.
 */
static inline void loads(struct bench_path *path, struct bench_workload work, uint64_t ios,
			 uint64_t good, int error)
{
	assert_int_equal(run(path, work, ios), 0);
	assert_int_equal(measured.ios, good);
	assert_int_equal(measured.errors, ios - good);
	assert_int_equal(measured.first_error, error);
	assert_int_equal(measured.latency.count, good);
}

/* Slot after slot has its letter, from @first on. */
static inline void letters(struct bench_path *path, unsigned slots, uint32_t bytes, char first)
{
	for (unsigned slot = 0; slot < slots; slot++)
		memset(path->buffers + slot * path->stride, first + (int)slot, bytes);
}

static inline void transfer(struct bench_path *path, uint64_t offset, uint32_t bytes, uint32_t slot,
			    bool write)
{
	struct bench_io io = { .offset = offset, .bytes = bytes, .slot = slot, .write = write };
	struct bench_done done;
	int n;

	assert_int_equal(path->ops->submit(path, &io, 1), 0);
	while (!(n = path->ops->reap(path, &done, 1)))
		;
	assert_int_equal(n, 1);
	assert_int_equal(done.slot, slot);
	assert_int_equal(done.error, 0);
}

/*
 * Every slot has its buffer, every offset its blocks: four slots of @to write them; those of @from,
 * which may be the same path, read them in another order.
 */
static inline void data_goes_through(struct bench_path *to, struct bench_path *from, uint32_t bytes,
				     char first)
{
	letters(to, 4, bytes, first);
	for (uint32_t slot = 0; slot < 4; slot++)
		transfer(to, slot * (uint64_t)bytes, bytes, slot, true);
	letters(from, 4, bytes, 0);
	for (uint32_t slot = 0; slot < 4; slot++)
		transfer(from, (3 - slot) * (uint64_t)bytes, bytes, slot, false);
	for (uint32_t slot = 0; slot < 4; slot++)
		for (uint32_t at = 0; at < bytes; at += 512)
			assert_int_equal(from->buffers[slot * from->stride + at],
					 first + 3 - (int)slot);
}

#endif
