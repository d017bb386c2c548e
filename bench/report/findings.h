/* SPDX-License-Identifier: MIT */
#ifndef NNVME_BENCH_FINDINGS_H
#define NNVME_BENCH_FINDINGS_H

/* What the results say, in a paragraph, from the data alone; and which of them are in doubt. */

#include <stdio.h>

#include "matrix.h"

void bench_findings(FILE *page, const struct bench_matrix *m);

#endif
