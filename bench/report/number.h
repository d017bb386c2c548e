/* SPDX-License-Identifier: MIT */
#ifndef NNVME_BENCH_NUMBER_H
#define NNVME_BENCH_NUMBER_H

/* Numbers for people: three digits that matter, and the whole of what is larger. */

#include "results.h"

struct bench_number {
	char text[32];
};

/* "187,124", "41.2", "0.031"; a dash for NAN. */
struct bench_number bench_number(double value);

/* The same, of a metric in the unit that tables give it in: latencies in us, bandwidth in MiB/s. */
struct bench_number bench_number_of(enum bench_metric metric, double value);
const char *bench_number_unit(enum bench_metric metric);

#endif
