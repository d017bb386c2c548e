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

#include "options.h"

struct bench_step {
	size_t index;
	unsigned round;		/* from 0 */
	const struct bench_row *row;
	const struct bench_column *column;
};

size_t bench_plan_steps(const struct bench_options *options);
struct bench_step bench_plan_step(const struct bench_options *options, size_t index);

/* Can both be run without changing driver, domain type or mode in between? */
bool bench_same_place(const struct bench_row *a, const struct bench_row *b);

#endif
