/* SPDX-License-Identifier: MIT */
#ifndef NNVME_BENCH_COMPARISONS_H
#define NNVME_BENCH_COMPARISONS_H

/* Every pair of rows that is compared, and what came of it. */

#include <stdio.h>

#include "claim.h"
#include "pair.h"

/*
 * The claims of one topic and column, an element of @tag for the pairs of a title: "identity against DMA:
 * io_uring plain 1.38 × [1.33–1.43]; ...". Says how many.
 */
size_t bench_comparison(FILE *page, const struct bench_matrix *m, size_t column, enum bench_topic topic,
			enum bench_subject subject, const char *tag);

/* By subject, at two depths of 4 KiB random reads. */
void bench_comparisons(FILE *page, const struct bench_matrix *m);

/* The ratios of IOPS, of every column. */
void bench_comparisons_table(FILE *page, const struct bench_matrix *m);

#endif
