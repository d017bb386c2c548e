/* SPDX-License-Identifier: MIT */
#ifndef NNVME_BENCH_OPTIONS_H
#define NNVME_BENCH_OPTIONS_H

/* What the command line asks for. */

#include <stdbool.h>
#include <stdint.h>

#include "row.h"
#include "noiommu_nvme/err.h"
#include "noiommu_nvme/pci.h"

#define BENCH_MAX_ROWS 64
#define BENCH_MAX_COLUMNS 64

struct bench_options {
	char device[NNVME_BDF_SIZE], second[NNVME_BDF_SIZE];	/* second: "" if there is none */
	const struct bench_row *rows[BENCH_MAX_ROWS];		/* in the order of bench_rows[] */
	size_t nr_rows;
	const struct bench_column *columns[BENCH_MAX_COLUMNS];
	size_t nr_columns;
	unsigned rounds;
	double seconds, warmup;		/* seconds is 0 where only a number of I/Os ends a round */
	uint64_t ios;			/* 0: no limit */
	const char *out, *backend;
	bool destroy_data, unsafe_noiommu, marks, fio;
};

/*
 * Parse the arguments after the program's name; they must outlive @options. -EINVAL says what is
 * wrong; -ENOENT names a row or column that does not exist.
 */
int bench_options_parse(int argc, char **argv, struct bench_options *options,
			struct nnvme_err *err);

#endif
