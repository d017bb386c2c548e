/* SPDX-License-Identifier: MIT */
#ifndef NNVME_BENCH_LOAD_H
#define NNVME_BENCH_LOAD_H

/*
 * The load: a number of I/Os kept in flight on one path until a time or a count is reached, and how long
 * each took, from its submission to its reap.
 */

#include <stdbool.h>
#include <stdint.h>

#include "histogram.h"
#include "path.h"

struct bench_workload {
	uint32_t bytes;		/* of an I/O; a multiple of the logical block */
	unsigned depth;
	bool random;		/* else sequential, beginning again at the end */
	unsigned percent_write;	/* 0 to 100 */
	uint64_t seed;		/* of what is random, and of where a sequence begins; 0: at the beginning */
};

/*
 * What ends a run, whichever comes first; 0 is no limit, and one must be given. Of @ios exactly so many are
 * submitted, and all are waited for.
 */
struct bench_until {
	uint64_t ns, ios;
};

/*
 * The time runs from the first look at the clock to the last; what is reaped later, while the path is
 * drained, is no I/O of that time. But it has its place among the latencies, so that an I/O that was stuck
 * when the time was up is not lost, and among the errors.
 */
struct bench_measured {
	uint64_t ns;
	uint64_t ios;		/* that succeeded, in that time */
	uint64_t sq_rings, cq_rings;	/* in that time */
	uint64_t errors;	/* I/Os that failed */
	int first_error;	/* errno of the first of them, or 0 */
	struct bench_histogram latency;	/* of I/Os that succeeded */
};

/*
 * Runs, and drains what is in flight before it returns. *stop (may be NULL) ends it early when it becomes
 * true, from a signal handler for one.
 * 0; -EINVAL what path and workload don't fit; -EPROTO the path reported what was not in flight; -ETIMEDOUT
 * nothing came back for a minute; or what the path said. After a failure I/Os may still be in flight: close
 * the path.
 */
int bench_load_run(struct bench_path *path, const struct bench_workload *work,
		   const struct bench_until *until, const volatile int *stop, struct bench_measured *measured);

/*
 * The same with a generator (generator.h) that was made for them and may have been used already: it goes on
 * where it was, so that what was just read is not read again.
 */
struct bench_generator;
int bench_load_continue(struct bench_path *path, const struct bench_workload *work,
			struct bench_generator *generator, const struct bench_until *until,
			const volatile int *stop, struct bench_measured *measured);

#endif
