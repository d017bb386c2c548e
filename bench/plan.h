/* SPDX-License-Identifier: MIT */
#ifndef NNVME_BENCH_PLAN_H
#define NNVME_BENCH_PLAN_H

/*
 * The order in which a run goes through its rows, columns and rounds: round by round, so that a
 * disturbance affects all rows of a round; within a round place by place (a place is a driver and a
 * domain type or mode), because changing the place takes a second or two; every other round
 * backwards, so that a drift favours no row, and a round starts at the place where the one before
 * ended.
 */

#include "row.h"

struct bench_step {
	unsigned round;		/* from 0 */
	const struct bench_row *row;
	const struct bench_column *column;
};

struct bench_plan {
	size_t count;
	struct bench_step *steps;
};

/* @rows in the order of bench_rows[]. -ENOMEM. */
int bench_plan_make(struct bench_plan *plan, const struct bench_row *const *rows, size_t nr_rows,
		    const struct bench_column *const *columns, size_t nr_columns, unsigned rounds);
void bench_plan_free(struct bench_plan *plan);

/* Can both be run without changing driver, domain type or mode in between? */
bool bench_same_place(const struct bench_row *a, const struct bench_row *b);

#endif
