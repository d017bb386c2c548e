/* SPDX-License-Identifier: MIT */
#ifndef NNVME_TESTS_UNIT_ROWS_H
#define NNVME_TESTS_UNIT_ROWS_H

/* Rows and columns of the benchmark by their names. */

#include <string.h>

#include "bench/row.h"

static inline const struct bench_row *row_find(const char *name)
{
	for (size_t i = 0; i < bench_nr_rows; i++)
		if (!strcmp(bench_rows[i].name, name))
			return &bench_rows[i];
	return NULL;
}

static inline const struct bench_column *column_find(const char *name)
{
	for (size_t i = 0; i < bench_nr_columns; i++)
		if (!strcmp(bench_columns[i].name, name))
			return &bench_columns[i];
	return NULL;
}

#endif
