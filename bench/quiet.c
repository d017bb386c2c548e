// SPDX-License-Identifier: MIT
#include "quiet.h"

#include <stdio.h>

enum bench_outcome bench_measure_quietly(bench_measure_fn *measure, const struct bench_task *task,
					 size_t *repeats, struct bench_round *round,
					 struct nnvme_err *err)
{
	const struct bench_round blank = *round;
	struct bench_task next = *task;
	enum bench_outcome outcome = measure(task, round, err);

	for (unsigned tries = 1; outcome == BENCH_MEASURED && bench_round_is_disturbed(round) &&
	     !round->errors && tries < BENCH_TRIES && *repeats; tries++) {
		struct bench_round again = blank;

		fprintf(stderr, "%s, %s: the load waited for a processor for %.0f %% "
			"of the time: once more\n", task->row->name, task->column->name,
			100 * round->value[BENCH_RUN_DELAY]);
		--*repeats;
		next.seed = task->seed + ((uint64_t)tries << 32);
		outcome = measure(&next, &again, err);
		/* An unknown delay is no better than a known one. */
		if (again.errors || again.value[BENCH_RUN_DELAY] <= round->value[BENCH_RUN_DELAY])
			*round = again;
	}
	return outcome;
}
