/* SPDX-License-Identifier: MIT */
#ifndef NNVME_BENCH_STATISTICS_H
#define NNVME_BENCH_STATISTICS_H

/*
 * From rounds to figures and claims. A figure is a median with its spread; a claim is a ratio of two
 * rows, formed round by round (rounds are interleaved, so that what disturbs a round disturbs both),
 * with a 95 % interval: Student's t over the logarithms of the ratios.
 */

#include <stdbool.h>
#include <stddef.h>

#include "results.h"

/* NANs are left out; all NAN when none is left. */
struct bench_figure bench_figure_of(const double *values, size_t count);

/*
 * How many standard errors each way a 95 % interval reaches: the 97.5 % quantile of Student's t with @df
 * degrees of freedom. NAN for 0.
 */
double bench_t_quantile(size_t df);

struct bench_ratio {
	double ratio;		/* geometric mean of a[i] / b[i] */
	double low, high;	/* 95 % interval; both NAN with fewer than two rounds */
	size_t rounds;		/* that both have */
};

/* a[i] and b[i] are of the same round; pairs with a value that is not above 0 and finite are left out. */
struct bench_ratio bench_ratio_of(const double *a, const double *b, size_t count);

/* Of one metric of two cells, by their rounds' order. */
struct bench_ratio bench_ratio_of_cells(const struct bench_cell *a, const struct bench_cell *b,
					enum bench_metric metric);

/* The interval lies wholly on one side of 1. */
bool bench_ratio_differs(const struct bench_ratio *ratio);

#endif
