/* SPDX-License-Identifier: MIT */
#ifndef NNVME_BENCH_RUN_H
#define NNVME_BENCH_RUN_H

#include "options.h"

/*
 * A whole run: examine the machine, go through the plan, restore everything, write results.json and
 * results.csv to options->out. Progress goes to stderr. The exit status: 0 every row was run or
 * skipped with a reason; 1 something failed; 130 interrupted, with the results so far.
 */
int bench_run(const struct bench_options *options, int argc, char **argv);

#endif
