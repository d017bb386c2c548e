/* SPDX-License-Identifier: MIT */
#ifndef NNVME_BENCH_REPORT_H
#define NNVME_BENCH_REPORT_H

/*
 * Reports and merging are a program of their own, in Python: noiommu-nvme-bench-report, in the folder that
 * this program is in. It prints its own errors.
 */

/* Run it with these words, which NULL ends (the first stands for its name); its exit status. */
int bench_report_program(char *const words[]);

/* report.html of DIR/results.json; its exit status. */
int bench_report(const char *dir);

#endif
