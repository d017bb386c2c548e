// SPDX-License-Identifier: MIT
#include "matrix.h"

#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "row.h"

#define MOST 64	/* rows, and columns: three times what there is */

const char *const bench_group_title[BENCH_GROUPS] = {
	[BENCH_GROUP_IDENTITY] = "kernel, identity",
	[BENCH_GROUP_DMA] = "kernel, DMA",
	[BENCH_GROUP_DMA_FQ] = "kernel, DMA-FQ",
	[BENCH_GROUP_NONE] = "kernel, no IOMMU",
	[BENCH_GROUP_NNVME_IOMMU] = "this driver, iommu",
	[BENCH_GROUP_NNVME_NOIOMMU] = "this driver, noiommu",
	[BENCH_GROUP_OTHER] = "other",
};
const char *const bench_group_short[BENCH_GROUPS] = {
	"identity", "DMA", "DMA-FQ", "no IOMMU", "iommu", "noiommu", "other",
};

const char *const bench_kind_title[BENCH_KINDS] = {
	"io_uring plain", "io_uring registered", "io_uring polled", "io_uring passthrough",
	"polling", "hybrid waiting", "interrupts", "another way",
};
const char *const bench_kind_short[BENCH_KINDS] = {
	"plain", "registered", "polled", "passthrough", "poll", "hybrid", "interrupt", "",
};

static enum bench_group group_of(const struct bench_cell *cell)
{
	if (!strcmp(cell->driver, "nnvme"))
		return !strcmp(cell->mode, "iommu") ? BENCH_GROUP_NNVME_IOMMU :
		       !strcmp(cell->mode, "noiommu") ? BENCH_GROUP_NNVME_NOIOMMU : BENCH_GROUP_OTHER;
	if (strcmp(cell->driver, "kernel"))
		return BENCH_GROUP_OTHER;
	if (!*cell->domain)
		return BENCH_GROUP_NONE;
	for (int g = BENCH_GROUP_IDENTITY; g <= BENCH_GROUP_DMA_FQ; g++)
		if (!strcmp(cell->domain, bench_group_short[g]))
			return g;
	return BENCH_GROUP_OTHER;
}

static enum bench_kind kind_of(const struct bench_cell *cell)
{
	int k = 0;

	while (k < BENCH_KIND_OTHER && strcmp(cell->variant, bench_kind_short[k]))
		k++;
	return k;
}

static void describe_row(struct bench_matrix_row *row, const struct bench_cell *cell)
{
	memcpy(row->name, cell->row, sizeof(row->name));
	row->group = group_of(cell);
	row->kind = kind_of(cell);
	row->spins = cell->spins;
	if (row->group == BENCH_GROUP_OTHER || row->kind == BENCH_KIND_OTHER)
		snprintf(row->label, sizeof(row->label), "%s", cell->row);
	else
		snprintf(row->label, sizeof(row->label), "%s%s, %s",
			 row->group >= BENCH_GROUP_NNVME_IOMMU ? "nnvme " : "", bench_group_short[row->group],
			 bench_kind_short[row->kind]);
}

/* "randread-4k-qd32" is depth 32 of "randread-4k". */
static void describe_column(struct bench_matrix_column *column, const char *name)
{
	const struct bench_column *known = bench_column_find(name);
	const char *depth = strstr(name, "-qd");
	char *end;

	snprintf(column->name, sizeof(column->name), "%s", name);
	column->title = known ? known->title : name;
	snprintf(column->family, sizeof(column->family), "%s", name);
	if (!depth || depth[3] < '0' || depth[3] > '9')
		return;
	column->depth = strtoul(depth + 3, &end, 10);
	if (*end)
		column->depth = 0;
	else
		column->family[depth - name] = 0;
}

static size_t row_at(const struct bench_matrix *m, const char *name)
{
	size_t i = 0;

	while (i < m->nr_rows && strcmp(m->rows[i].name, name))
		i++;
	return i;
}

static size_t column_at(const struct bench_matrix *m, const char *name)
{
	size_t i = 0;

	while (i < m->nr_columns && strcmp(m->columns[i].name, name))
		i++;
	return i;
}

/* By group, then by kind; within both as they came. */
static int compare_rows(const void *a, const void *b)
{
	const struct bench_matrix_row *x = a, *y = b;

	return x->group != y->group ? (int)x->group - (int)y->group :
	       x->kind != y->kind ? (int)x->kind - (int)y->kind : strcmp(x->name, y->name);
}

/* Families as they came, each by depth. */
static int compare_columns(const void *a, const void *b)
{
	const struct bench_matrix_column *x = a, *y = b;

	return x->order != y->order ? (int)x->order - (int)y->order :
	       x->depth != y->depth ? (int)x->depth - (int)y->depth : strcmp(x->name, y->name);
}

static void sort(struct bench_matrix *m)
{
	for (size_t i = 0; i < m->nr_columns; i++)
		while (strcmp(m->columns[m->columns[i].order].family, m->columns[i].family))
			m->columns[i].order++;
	qsort(m->columns, m->nr_columns, sizeof(*m->columns), compare_columns);
	qsort(m->rows, m->nr_rows, sizeof(*m->rows), compare_rows);
}

int bench_matrix_init(struct bench_matrix *m, const struct bench_results *results, struct nnvme_err *err)
{
	memset(m, 0, sizeof(*m));
	m->results = results;
	m->rows = calloc(MOST + 1, sizeof(*m->rows));
	m->columns = calloc(MOST + 1, sizeof(*m->columns));
	m->cells = calloc(MOST * MOST, sizeof(*m->cells));
	if (!m->rows || !m->columns || !m->cells) {
		bench_matrix_free(m);
		return nnvme_fail(err, -ENOMEM, "no memory for a table of the results");
	}
	for (size_t i = 0; i < results->nr_cells; i++) {
		const struct bench_cell *cell = &results->cells[i];

		if (row_at(m, cell->row) == m->nr_rows)
			describe_row(&m->rows[m->nr_rows++], cell);
		if (column_at(m, cell->column) == m->nr_columns)
			describe_column(&m->columns[m->nr_columns++], cell->column);
		if (m->nr_rows > MOST || m->nr_columns > MOST) {
			bench_matrix_free(m);
			return nnvme_fail(err, -E2BIG, "the results have more than %d rows or columns: "
					  "they are not of this benchmark", MOST);
		}
	}
	sort(m);
	for (size_t i = results->nr_cells; i--; ) {	/* of two for one place, the first is shown */
		const struct bench_cell *cell = &results->cells[i];

		m->cells[row_at(m, cell->row) * m->nr_columns + column_at(m, cell->column)] = cell;
	}
	return 0;
}

void bench_matrix_free(struct bench_matrix *m)
{
	free(m->rows);
	free(m->columns);
	free(m->cells);
	memset(m, 0, sizeof(*m));
}

int bench_matrix_find(const struct bench_matrix *m, enum bench_group group, enum bench_kind kind)
{
	for (size_t i = 0; i < m->nr_rows; i++)
		if (m->rows[i].group == group && m->rows[i].kind == kind)
			return i;
	return -1;
}

const struct bench_cell *bench_matrix_at(const struct bench_matrix *m, enum bench_group group,
					 enum bench_kind kind, size_t column)
{
	int row = bench_matrix_find(m, group, kind);

	return row < 0 ? NULL : bench_matrix_cell(m, row, column);
}

size_t bench_matrix_random_reads(const struct bench_matrix *m, unsigned depth)
{
	size_t best = 0;
	unsigned at = 0;

	for (size_t i = 0; i < m->nr_columns; i++) {
		const struct bench_matrix_column *c = &m->columns[i];

		if (!strcmp(c->family, "randread-4k") && c->depth <= depth && c->depth > at) {
			best = i;
			at = c->depth;
		}
	}
	return best;
}

bool bench_matrix_has(const struct bench_matrix *m, size_t column, enum bench_metric metric)
{
	for (size_t r = 0; r < m->nr_rows; r++)
		for (size_t c = 0; c < m->nr_columns; c++) {
			const struct bench_cell *cell = bench_matrix_cell(m, r, c);

			if (cell && (c == column || column == m->nr_columns) && !isnan(cell->figure[metric].median))
				return true;
		}
	return false;
}

bool bench_cell_in_wrong_domain(const struct bench_cell *cell)
{
	return *cell->domain && *cell->domain_read_back && strcmp(cell->domain, cell->domain_read_back) != 0;
}

size_t bench_cell_disturbed(const struct bench_cell *cell)
{
	size_t n = 0;

	for (size_t i = 0; i < cell->nr_rounds; i++)
		n += bench_round_is_disturbed(&cell->rounds[i]);
	return n;
}

unsigned bench_cell_doubts(const struct bench_cell *cell)
{
	return (cell->errors ? BENCH_DOUBT_ERRORS : 0) |
	       (cell->nr_rounds < cell->asked ? BENCH_DOUBT_ROUNDS : 0) |
	       (bench_cell_disturbed(cell) ? BENCH_DOUBT_DISTURBED : 0);
}

const char *bench_doubt_marks(unsigned doubts)
{
	static const char *const marks[] = { "", "†", "‡", "†‡", "§", "†§", "‡§", "†‡§" };

	return marks[doubts];
}
