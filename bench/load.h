/* SPDX-License-Identifier: MIT */
#ifndef NNVME_BENCH_LOAD_H
#define NNVME_BENCH_LOAD_H

/*
 * The load: keeps a number of I/Os in flight on one path until a time or a count is reached, and
 * records how long each took, from its submission to its reap.
 */

#include <stdbool.h>
#include <stdint.h>

#include "histogram.h"
#include "path.h"

struct bench_workload {
	uint32_t bytes;		/* of an I/O; a multiple of the logical block */
	unsigned depth;
	bool random;		/* else sequential, starting over at the end */
	unsigned percent_write;	/* 0 to 100 */
	uint64_t seed;		/* of random numbers, and of the first offset; 0: the start */
};

/*
 * What ends a run, whichever comes first; 0: no limit, but one must be given. Exactly @ios are
 * submitted, and all are waited for.
 */
struct bench_until {
	uint64_t ns, ios;
};

/*
 * The time runs from the first reading of the clock to the last. What is reaped later, while the
 * path is drained, is no I/O of that time, but it counts among the latencies and errors, so that an
 * I/O that was stuck at the end is not lost.
 */
struct bench_measured {
	uint64_t ns;
	uint64_t ios;		/* successful, in that time */
	uint64_t sq_rings, cq_rings;	/* in that time */
	uint64_t errors;	/* I/Os that failed */
	int first_error;	/* errno of the first of them, or 0 */
	struct bench_histogram latency;	/* of I/Os that succeeded */
};

/*
 * Run, and drain what is in flight before returning. @generator (generator.h) goes on where it was,
 * so that of several runs none reads again what the one before has just read. *stop (may be NULL)
 * ends it early when it becomes true, for example in a signal handler. 0; -EINVAL path and workload
 * don't fit; -EPROTO the path reported an I/O that was not in flight; -ETIMEDOUT nothing came back
 * for a minute; or the path's error. After a failure I/Os may still be in flight: close the path.
 */
struct bench_generator;
int bench_load_run(struct bench_path *path, const struct bench_workload *work,
		   struct bench_generator *generator, const struct bench_until *until,
		   const volatile int *stop, struct bench_measured *measured);

#endif
