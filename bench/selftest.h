/* SPDX-License-Identifier: MIT */
#ifndef NNVME_BENCH_SELFTEST_H
#define NNVME_BENCH_SELFTEST_H

/*
 * The harness held against what is known, on a simulated device with seeded noise: the same answer on every
 * machine. A line a check to @out; 0, or 1 when the harness said something that is not so.
 */

#include <stdio.h>

int bench_selftest(FILE *out);

#endif
