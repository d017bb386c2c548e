/* SPDX-License-Identifier: MIT */
#ifndef NNVME_BENCH_MEASURE_H
#define NNVME_BENCH_MEASURE_H

/*
 * One round of one cell. The load runs in its own process, so that whatever happens to it, changes
 * made for it can be undone; and so that its CPU time is its own.
 */

#include <signal.h>

#include "place.h"
#include "results.h"
#include "row.h"

struct bench_task {
	const struct bench_row *row;
	const struct bench_column *column;
	const struct bench_device *device;
	struct bench_until until;
	uint64_t warmup_ns;
	uint64_t mark;		/* the number of this round's marks; 0: none */
	uint64_t seed;		/* its own: no task reads again what another has just read */
	bool fio;		/* fio generates the load */
};

enum bench_outcome {
	BENCH_MEASURED,
	BENCH_LACKS,		/* the machine, kernel or device lacks what the cell needs */
	BENCH_FAILED,		/* the load failed, or its process died */
	BENCH_INTERRUPTED,
};

/*
 * Signals that end a run: blocked from here on, and checked in bench_measure() and
 * bench_interrupted().
 */
void bench_block_signals(void);
bool bench_interrupted(void);

/*
 * The passes of one round on an open path: warm-up, timed, counting. They are one sequence of I/Os.
 * *stop ends them early when it becomes true. Result as bench_load_run().
 */
int bench_measure_on(const struct bench_task *task, struct bench_path *path,
		     const volatile int *stop, struct bench_round *round);

/*
 * @round is filled, except for its domain and mark, if the outcome is BENCH_MEASURED; otherwise
 * @err.
 */
enum bench_outcome bench_measure(const struct bench_task *task, struct bench_round *round,
				 struct nnvme_err *err);

#endif
