/* SPDX-License-Identifier: MIT */
#ifndef NNVME_BENCH_HISTOGRAM_H
#define NNVME_BENCH_HISTOGRAM_H

/*
 * Latencies by magnitude: each power of two in 64 parts, so a value is known to 1.6 %. The last
 * bucket also has all above its start (9 hours).
 */

#include <stdint.h>

#define BENCH_HISTOGRAM_PARTS 64
#define BENCH_HISTOGRAM_BUCKETS (BENCH_HISTOGRAM_PARTS * 40)

struct bench_histogram {
	uint64_t count, sum, max;
	uint64_t bucket[BENCH_HISTOGRAM_BUCKETS];
};

void bench_histogram_add(struct bench_histogram *h, uint64_t ns);

/*
 * The value that @percent (0 to 100) of all values do not exceed: the end of its bucket, but never
 * above the greatest value. NAN if there are no values.
 */
double bench_histogram_percentile(const struct bench_histogram *h, double percent);
double bench_histogram_mean(const struct bench_histogram *h);

#endif
