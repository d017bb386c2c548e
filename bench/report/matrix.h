/* SPDX-License-Identifier: MIT */
#ifndef NNVME_BENCH_MATRIX_H
#define NNVME_BENCH_MATRIX_H

/*
 * Results as a table: its rows and columns in the order in which people are shown them, and the cell at
 * each place. Points into the results, which must outlive it.
 */

#include <stdbool.h>
#include <stddef.h>

#include "results.h"

/* What stands between the device and memory, and whose driver it is: what a colour means. */
enum bench_group {
	BENCH_GROUP_IDENTITY,
	BENCH_GROUP_DMA,
	BENCH_GROUP_DMA_FQ,
	BENCH_GROUP_NONE,	/* the kernel's driver without an IOMMU */
	BENCH_GROUP_NNVME_IOMMU,
	BENCH_GROUP_NNVME_NOIOMMU,
	BENCH_GROUP_OTHER,	/* a row that this version doesn't know */
	BENCH_GROUPS
};
extern const char *const bench_group_title[BENCH_GROUPS];	/* "kernel, DMA", "this driver, noiommu" */
extern const char *const bench_group_short[BENCH_GROUPS];	/* "DMA", "noiommu" */

/* How I/Os are handed over and waited for: what the shape of a point means. */
enum bench_kind {
	BENCH_KIND_PLAIN,	/* these four: io_uring */
	BENCH_KIND_REGISTERED,
	BENCH_KIND_POLLED,
	BENCH_KIND_PASSTHROUGH,
	BENCH_KIND_POLL,	/* these three: this driver */
	BENCH_KIND_HYBRID,
	BENCH_KIND_INTERRUPT,
	BENCH_KIND_OTHER,
	BENCH_KINDS
};
extern const char *const bench_kind_title[BENCH_KINDS];	/* "io_uring plain", "hybrid waiting" */
extern const char *const bench_kind_short[BENCH_KINDS];	/* "plain", "hybrid" */

struct bench_matrix_row {
	char name[48];
	char label[48];		/* short, for plots: "DMA-FQ, polled" */
	enum bench_group group;
	enum bench_kind kind;
	bool spins;
};

struct bench_matrix_column {
	char name[24];
	const char *title;
	char family[24];	/* the name without its depth: "randread-4k" */
	unsigned depth;		/* 0: the name has none */
	unsigned order;		/* of its family, by the first that came */
};

struct bench_matrix {
	const struct bench_results *results;
	size_t nr_rows, nr_columns;
	struct bench_matrix_row *rows;
	struct bench_matrix_column *columns;
	const struct bench_cell **cells;	/* row by row; NULL: was not run */
};

/* -E2BIG for more rows or columns than anyone looks at; -ENOMEM. */
int bench_matrix_init(struct bench_matrix *m, const struct bench_results *results, struct nnvme_err *err);
void bench_matrix_free(struct bench_matrix *m);

static inline const struct bench_cell *bench_matrix_cell(const struct bench_matrix *m, size_t row,
							 size_t column)
{
	return m->cells[row * m->nr_columns + column];
}

/* The row of a group and kind, or -1. */
int bench_matrix_find(const struct bench_matrix *m, enum bench_group group, enum bench_kind kind);

/* The cell of that row, or NULL. */
const struct bench_cell *bench_matrix_at(const struct bench_matrix *m, enum bench_group group,
					 enum bench_kind kind, size_t column);

/* The column of 4 KiB random reads at that depth, or at the next below it; 0 when there is none. */
size_t bench_matrix_random_reads(const struct bench_matrix *m, unsigned depth);

/* Whether any cell of the column (or of all, at nr_columns) has that metric. */
bool bench_matrix_has(const struct bench_matrix *m, size_t column, enum bench_metric metric);

/* What is to be held against a cell's figures, and its marks: "†", "‡", "§" or several. */
enum bench_doubt {
	BENCH_DOUBT_ERRORS = 1,	/* I/Os failed */
	BENCH_DOUBT_ROUNDS = 2,	/* it has fewer rounds than the run */
	BENCH_DOUBT_DISTURBED = 4,	/* one of them was disturbed */
};
size_t bench_cell_disturbed(const struct bench_cell *cell);	/* rounds */
unsigned bench_cell_doubts(const struct bench_cell *cell);
const char *bench_doubt_marks(unsigned doubts);

/* The domain type that was read back isn't the one that the row stands for: nothing may be claimed of it. */
bool bench_cell_in_wrong_domain(const struct bench_cell *cell);

#endif
