/* SPDX-License-Identifier: MIT */
#ifndef NNVME_BENCH_PAIR_H
#define NNVME_BENCH_PAIR_H

/* The pairs of rows that are compared, as far as the results have both. */

#include <stddef.h>

#include "matrix.h"

enum bench_topic {
	BENCH_TOPIC_DOMAINS,	/* the kernel's driver under two domain types */
	BENCH_TOPIC_DRIVERS,	/* this driver, polling, and the kernel's */
	BENCH_TOPIC_MODES,	/* this driver without an IOMMU and behind one */
	BENCH_TOPIC_WAITS,	/* this driver, not polling and polling */
};

struct bench_pair {
	enum bench_topic topic;
	size_t a, b;		/* rows */
	char title[64];		/* "identity against DMA": the same for pairs that follow each other */
	char item[32];		/* "io_uring plain": which of them this one is */
	char label[48];		/* both, short: "identity / DMA, plain" */
};

#define BENCH_PAIRS_MOST 64

/* How many there are, in the order in which they are shown. */
size_t bench_pairs(const struct bench_matrix *m, struct bench_pair pairs[BENCH_PAIRS_MOST]);

#endif
