/* SPDX-License-Identifier: MIT */
#ifndef NNVME_BENCH_PLOT_H
#define NNVME_BENCH_PLOT_H

/*
 * Plots of results, drawn by gnuplot: a picture that a page holds whole, in four forms (light and dark,
 * wide and for a phone) of which a browser shows the one that fits.
 */

#include <stdbool.h>
#include <stdio.h>

#include "matrix.h"

enum bench_plot_kind {
	BENCH_PLOT_RATIOS,		/* with their intervals, at two depths, whatever columns are asked for */
	BENCH_PLOT_IOPS,
	BENCH_PLOT_LATENCY,		/* three percentiles */
	BENCH_PLOT_CPU,
	BENCH_PLOT_INSTRUCTIONS,
	BENCH_PLOT_TRADE,		/* throughput against latency */
	BENCH_PLOTS
};

/* The <picture> of @count columns from @first on; -ENOPKG of bench_gnuplot(), and nothing is written. */
int bench_plot(FILE *page, const struct bench_matrix *m, enum bench_plot_kind kind, size_t first,
	       size_t count, struct nnvme_err *err);

/* What its colours mean, of the groups that there are; and its points, or its shades. Not of ratios. */
void bench_plot_legend(FILE *page, const struct bench_matrix *m, enum bench_plot_kind kind);

/* One form of it, as gnuplot's script. */
struct bench_plot_form {
	bool dark, narrow;
};
void bench_plot_script(FILE *script, const struct bench_matrix *m, enum bench_plot_kind kind, size_t first,
		       size_t count, struct bench_plot_form form);

/* A group's colour, 0xRRGGBB, on a light or a dark page. */
unsigned bench_plot_colour(enum bench_group group, bool dark);

#endif
