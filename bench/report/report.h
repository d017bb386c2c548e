/* SPDX-License-Identifier: MIT */
#ifndef NNVME_BENCH_REPORT_H
#define NNVME_BENCH_REPORT_H

/* The page that people look at: one file, with all that it shows inside. */

#include "results.h"

/*
 * Write DIR/report.html of one run, or with @b of two side by side. Both must be summed up
 * (bench_results_sum_up()). A file that was there is replaced when the new one is whole.
 *
 * -ENOPKG: the page was written, but without plots, and says so; @err has why (for one, that gnuplot-nox is
 * not installed). After any other failure there is no new page.
 */
int bench_report(const struct bench_results *a, const struct bench_results *b, const char *dir,
		 struct nnvme_err *err);

#endif
