/* SPDX-License-Identifier: MIT */
#ifndef NNVME_TESTS_UNIT_RANDOM_NORMAL_H
#define NNVME_TESTS_UNIT_RANDOM_NORMAL_H

#include <math.h>

#include "bench/random.h"

/* Of the normal distribution with mean 0 and standard deviation 1 (Box and Muller's way). */
static inline double random_normal(uint64_t *state)
{
	double u = ((double)(bench_random(state) >> 11) + 1) / 0x1p53;	/* above 0 */
	double v = (double)(bench_random(state) >> 11) / 0x1p53;

	return sqrt(-2 * log(u)) * cos(2 * M_PI * v);
}

#endif
