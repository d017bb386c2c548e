/* SPDX-License-Identifier: MIT */
#ifndef NNVME_BENCH_RANDOM_H
#define NNVME_BENCH_RANDOM_H

/*
 * Reproducible random numbers: 64 bits of state, any of which will do as a seed. SplitMix64
 * (Steele, Lea and Flood, Fast Splittable Pseudorandom Number Generators, 2014).
 */

#include <math.h>
#include <stdint.h>

static inline uint64_t bench_random(uint64_t *state)
{
	uint64_t z = *state += 0x9e3779b97f4a7c15;

	z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9;
	z = (z ^ z >> 27) * 0x94d049bb133111eb;
	return z ^ z >> 31;
}

/*
 * Below @end, by multiplying instead of dividing: frequencies differ by one part in 2^64 / @end,
 * which no run is long enough to show.
 */
static inline uint64_t bench_random_below(uint64_t *state, uint64_t end)
{
	return (uint64_t)((unsigned __int128)bench_random(state) * end >> 64);
}

/* Normally distributed with mean 0 and standard deviation 1 (Box and Muller). */
static inline double bench_random_normal(uint64_t *state)
{
	double u = ((double)(bench_random(state) >> 11) + 1) / 0x1p53;	/* above 0 */
	double v = (double)(bench_random(state) >> 11) / 0x1p53;

	return sqrt(-2 * log(u)) * cos(2 * M_PI * v);
}

#endif
