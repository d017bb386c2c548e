// SPDX-License-Identifier: MIT
#include "plan.h"

#include <errno.h>
#include <stdlib.h>

bool bench_same_place(const struct bench_row *a, const struct bench_row *b)
{
	return a->nnvme == b->nnvme && a->domain == b->domain && a->mode == b->mode;
}

int bench_plan_make(struct bench_plan *plan, const struct bench_row *const *rows, size_t nr_rows,
		    const struct bench_column *const *columns, size_t nr_columns, unsigned rounds)
{
	size_t cells = nr_rows * nr_columns;
	struct bench_step *step;

	plan->count = cells * rounds;
	plan->steps = step = calloc(plan->count + 1, sizeof(*plan->steps));
	if (!step)
		return -ENOMEM;
	for (unsigned round = 0; round < rounds; round++) {
		for (size_t i = 0; i < cells; i++, step++) {
			size_t cell = round % 2 ? cells - 1 - i : i;

			*step = (struct bench_step){ round, rows[cell / nr_columns],
						     columns[cell % nr_columns] };
		}
	}
	return 0;
}

void bench_plan_free(struct bench_plan *plan)
{
	free(plan->steps);
	*plan = (struct bench_plan){ 0 };
}
