// SPDX-License-Identifier: MIT
#include "generator.h"

void bench_generator_init(struct bench_generator *g, const struct bench_workload *work,
			  uint64_t bytes)
{
	*g = (struct bench_generator){
		.state = work->seed, .places = bytes / work->bytes, .bytes = work->bytes,
		.random = work->random, .write_below = ((uint64_t)work->percent_write << 32) / 100,
	};
	if (!work->random && work->seed && g->places)
		g->place = bench_random_below(&g->state, g->places);
}
