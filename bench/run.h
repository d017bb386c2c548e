/* SPDX-License-Identifier: MIT */
#ifndef NNVME_BENCH_RUN_H
#define NNVME_BENCH_RUN_H

#include "options.h"

/*
 * A whole run: look at the machine, go through the plan, put all back, leave results.json and results.csv
 * in options->out. Progress goes to stderr. The exit status: 0 every row was run or skipped with a reason;
 * 1 something failed; 130 interrupted, with the results of what was done by then.
 */
int bench_run(const struct bench_options *options, int argc, char **argv);

#endif
