// SPDX-License-Identifier: MIT
#include "plan.h"

bool bench_same_place(const struct bench_row *a, const struct bench_row *b)
{
	return a->nnvme == b->nnvme && a->domain == b->domain && a->mode == b->mode;
}

size_t bench_plan_steps(const struct bench_options *o)
{
	return o->nr_rows * o->nr_columns * o->rounds;
}

struct bench_step bench_plan_step(const struct bench_options *o, size_t index)
{
	size_t cells = o->nr_rows * o->nr_columns, cell = index % cells;
	unsigned round = (unsigned)(index / cells);

	if (round % 2)
		cell = cells - 1 - cell;
	return (struct bench_step){ index, round, o->rows[cell / o->nr_columns],
				    o->columns[cell % o->nr_columns] };
}
