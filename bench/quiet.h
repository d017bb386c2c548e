/* SPDX-License-Identifier: MIT */
#ifndef NNVME_BENCH_QUIET_H
#define NNVME_BENCH_QUIET_H

/* Disturbed rounds are repeated. */

#include "measure.h"

#define BENCH_TRIES 3	/* per round of a cell, at most */

typedef enum bench_outcome bench_measure_fn(const struct bench_task *task,
					    struct bench_round *round, struct nnvme_err *err);

/*
 * Measure one round of one cell by @measure (bench_measure()) until it is not disturbed,
 * BENCH_TRIES were made, or *repeats, common to all cells of a run, is used up; @round is the least
 * disturbed one. A try without a result is the outcome, and one in which I/Os failed is @round:
 * repeats must not hide that.
 */
enum bench_outcome bench_measure_quietly(bench_measure_fn *measure, const struct bench_task *task,
					 size_t *repeats, struct bench_round *round,
					 struct nnvme_err *err);

#endif
