/* SPDX-License-Identifier: MIT */
#ifndef NNVME_BENCH_PLOT_AXIS_H
#define NNVME_BENCH_PLOT_AXIS_H

/* Ranges and marks of a plot's axes, written as gnuplot's commands. */

#include <stdbool.h>
#include <stdio.h>

struct bench_axis {
	double least, most;	/* of what is drawn; begin with bench_axis_empty */
	bool log, time;		/* time: values are ns, and marks say "20 us" */
};
#define BENCH_AXIS_EMPTY { .least = 1.0 / 0.0, .most = -1.0 / 0.0 }

/* NANs, and on a logarithmic axis what isn't above 0, are left out. */
void bench_axis_cover(struct bench_axis *axis, double value);
bool bench_axis_is_empty(const struct bench_axis *axis);

/* `set xrange` and `set xtics` (@name 'x' or 'y'), about @marks of them. */
void bench_axis_write(FILE *script, char name, const struct bench_axis *axis, unsigned marks);

#endif
