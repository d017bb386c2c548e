/* SPDX-License-Identifier: MIT */
#ifndef NNVME_TESTS_UNIT_LOAD_RIG_H
#define NNVME_TESTS_UNIT_LOAD_RIG_H

/* A load alone: from the start of its sequence of I/Os. */

#include "bench/generator.h"
#include "bench/load.h"

static inline int load_once(struct bench_path *path, const struct bench_workload *work,
			    const struct bench_until *until, const volatile int *stop,
			    struct bench_measured *measured)
{
	struct bench_generator generator;

	if (work->bytes)
		bench_generator_init(&generator, work, path->bytes);
	return bench_load_run(path, work, &generator, until, stop, measured);
}

#endif
