/* SPDX-License-Identifier: MIT */
#ifndef NNVME_BENCH_REPORT_H
#define NNVME_BENCH_REPORT_H

/*
 * Reporting and merging is done by a Python program, noiommu-nvme-bench-report, in the same
 * directory as this one. It prints its own errors.
 */

/*
 * Run it with these arguments, ended by NULL (the first stands for its name); returns its exit
 * status.
 */
int bench_report_program(char *const words[]);

/* Make report.html of DIR/results.json; returns the exit status. */
int bench_report(const char *dir);

#endif
