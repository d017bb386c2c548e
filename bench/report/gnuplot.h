/* SPDX-License-Identifier: MIT */
#ifndef NNVME_BENCH_GNUPLOT_H
#define NNVME_BENCH_GNUPLOT_H

/* Running gnuplot: a script goes in, what it draws comes out. No file is left anywhere. */

#include <stddef.h>

#include "noiommu_nvme/err.h"

/*
 * *drawing is the caller's to free. -ENOPKG there is no gnuplot that works: @err has the package's name, or
 * what it said.
 */
int bench_gnuplot(const char *script, size_t size, char **drawing, size_t *drawn, struct nnvme_err *err);

#endif
