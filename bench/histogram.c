// SPDX-License-Identifier: MIT
#include "histogram.h"

#include <math.h>
#include <string.h>

#define PARTS BENCH_HISTOGRAM_PARTS
#define PART_BITS 6
_Static_assert(PARTS == 1 << PART_BITS, "a power of two: no division per value");

/*
 * Values below two times PARTS have a bucket each. Above, the bits after the highest one choose the
 * part, and each power of two has the next PARTS buckets.
 */
static unsigned bucket_of(uint64_t ns)
{
	unsigned shift, bucket;

	if (ns < 2 * PARTS)
		return (unsigned)ns;
	shift = 63 - PART_BITS - (unsigned)__builtin_clzll(ns);
	bucket = shift * PARTS + (unsigned)(ns >> shift);
	return bucket < BENCH_HISTOGRAM_BUCKETS ? bucket : BENCH_HISTOGRAM_BUCKETS - 1;
}

/* The greatest value of a bucket. */
static uint64_t bucket_end(unsigned bucket)
{
	unsigned shift;

	if (bucket < 2 * PARTS)
		return bucket;
	shift = bucket / PARTS - 1;
	return ((uint64_t)(bucket - shift * PARTS + 1) << shift) - 1;
}

void bench_histogram_add(struct bench_histogram *h, uint64_t ns)
{
	h->count++;
	h->sum += ns;
	if (ns > h->max)
		h->max = ns;
	h->bucket[bucket_of(ns)]++;
}

double bench_histogram_percentile(const struct bench_histogram *h, double percent)
{
	double rank = ceil(percent * (double)h->count / 100);
	uint64_t below = 0;

	if (!h->count)
		return NAN;
	for (unsigned i = 0; i < BENCH_HISTOGRAM_BUCKETS - 1; i++) {
		below += h->bucket[i];
		if (below && (double)below >= rank)
			return (double)(bucket_end(i) < h->max ? bucket_end(i) : h->max);
	}
	return (double)h->max;
}

double bench_histogram_mean(const struct bench_histogram *h)
{
	return h->count ? (double)h->sum / (double)h->count : NAN;
}
