/* SPDX-License-Identifier: MIT */
#ifndef NNVME_BENCH_REPORT_PAGE_H
#define NNVME_BENCH_REPORT_PAGE_H

/* The parts that a report is put together from. Each writes its own section, heading included. */

#include <stdio.h>

#include "matrix.h"

void bench_page_begin(FILE *page, const char *title);
void bench_page_end(FILE *page);

/* report_tables.c */
void bench_tables(FILE *page, const struct bench_matrix *m);		/* every figure, a table a column */
void bench_table_of_rows(FILE *page,
			 const struct bench_matrix *m); /* what was run where, and what was not */
void bench_table_of_facts(FILE *page, const char *title, const struct bench_facts *facts);

/* compare.c: two runs side by side. */
int bench_compare(FILE *page, const struct bench_results *a, const struct bench_results *b,
		  struct nnvme_err *err);

#endif
