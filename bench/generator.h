/* SPDX-License-Identifier: MIT */
#ifndef NNVME_BENCH_GENERATOR_H
#define NNVME_BENCH_GENERATOR_H

/*
 * Which I/O comes next: offsets at multiples of its size, and whether to read or write. The same
 * workload gives the same sequence on every path of the same size. No division per I/O.
 */

#include "load.h"
#include "random.h"

struct bench_generator {
	uint64_t state;
	uint64_t places;	/* multiples of an I/O's size in the namespace */
	uint64_t place;		/* the next sequential one */
	uint64_t write_below;	/* a write if 32 random bits are below this */
	uint32_t bytes;
	bool random;
};

/* @bytes of the namespace, at least those of an I/O. */
void bench_generator_init(struct bench_generator *g, const struct bench_workload *work,
			  uint64_t bytes);

/* Fill all of @io but its slot. */
static inline void bench_generator_next(struct bench_generator *g, struct bench_io *io)
{
	uint64_t place = g->place;

	if (g->random)
		place = bench_random_below(&g->state, g->places);
	else if (++g->place == g->places)
		g->place = 0;
	io->offset = place * g->bytes;
	io->bytes = g->bytes;
	/* not the number that chose the offset: else offsets would be either read or written */
	io->write = g->write_below && (uint32_t)bench_random(&g->state) < g->write_below;
}

#endif
