/* SPDX-License-Identifier: MIT */
#ifndef NNVME_BENCH_QUIET_H
#define NNVME_BENCH_QUIET_H

/* Rounds that were disturbed are measured again. */

#include "measure.h"

#define BENCH_TRIES 3	/* of a round of a cell, at most */

typedef enum bench_outcome bench_measure_fn(const struct bench_task *task, struct bench_round *round,
					    struct nnvme_err *err);

/*
 * One round of one cell by @measure (bench_measure()), until it is not disturbed, BENCH_TRIES were made or
 * *repeats, which a run has for all its cells, is used up; @round is the least disturbed. A try that comes
 * to no result is the outcome, and one in which I/Os failed is @round: no repeat hides that.
 */
enum bench_outcome bench_measure_quietly(bench_measure_fn *measure, const struct bench_task *task,
					 size_t *repeats, struct bench_round *round, struct nnvme_err *err);

#endif
