/* SPDX-License-Identifier: MIT */
#ifndef NNVME_BENCH_OUTPUT_H
#define NNVME_BENCH_OUTPUT_H

/*
 * A file that appears whole or not at all. Root writes where others may write as well: the new file
 * has a name that can't be guessed, follows no link, and replaces a link instead of its target.
 */

#include <limits.h>
#include <stdio.h>

#include "noiommu_nvme/err.h"

struct bench_output {
	FILE *file;		/* to be written to, between begin and end */
	const char *path;	/* must outlive it */
	int dir;		/* that of the file, held open: what its path names may change */
	char temporary[32];
};

int bench_output_begin(struct bench_output *out, const char *path, struct nnvme_err *err);

/* Move it to its name, on disk; or remove it, and what was there stays. */
int bench_output_end(struct bench_output *out, struct nnvme_err *err);

#endif
