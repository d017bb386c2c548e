// SPDX-License-Identifier: MIT
#include <math.h>
#include <string.h>

#include "html.h"
#include "number.h"
#include "page.h"

#define OPEN 4	/* tables that are unfolded; the columns of the first plot */

/* Figures that belong together, and what a column of them is called. */
static const struct heading {
	const char *group;	/* above this column and those that follow without one */
	const char *name;
	enum bench_metric metric;
} headings[] = {
	{ "throughput", "IOPS", BENCH_IOPS },
	{ NULL, "MiB/s", BENCH_BYTES_PER_SECOND },
	{ "latency, µs", "mean", BENCH_LATENCY_MEAN },
	{ NULL, "median", BENCH_LATENCY_P50 },
	{ NULL, "99 %", BENCH_LATENCY_P99 },
	{ NULL, "99.9 %", BENCH_LATENCY_P999 },
	{ NULL, "greatest", BENCH_LATENCY_MAX },
	{ "CPU s per million I/Os", "user", BENCH_CPU_USER },
	{ NULL, "system", BENCH_CPU_SYSTEM },
	{ "instructions per I/O", "user", BENCH_INSTRUCTIONS_USER },
	{ NULL, "kernel", BENCH_INSTRUCTIONS_KERNEL },
	{ "per I/O", "interrupts", BENCH_INTERRUPTS },
	{ NULL, "SQ doorbells", BENCH_SQ_DOORBELLS },
	{ NULL, "CQ doorbells", BENCH_CQ_DOORBELLS },
	{ NULL, "maps", BENCH_MAPS },
	{ NULL, "unmaps", BENCH_UNMAPS },
	{ NULL, "invalidations", BENCH_INVALIDATIONS },
	{ "waited for a processor", "% of the time", BENCH_RUN_DELAY },
};
#define HEADINGS (sizeof(headings) / sizeof(*headings))

/* The metrics that this column has; first[i] where a group begins. Says how many. */
static size_t choose(const struct bench_matrix *m, size_t column, const struct heading **chosen,
		     const char **group)
{
	const char *current = NULL, *last = NULL;
	size_t n = 0;

	for (size_t i = 0; i < HEADINGS; i++) {
		current = headings[i].group ? headings[i].group : current;
		if (!bench_matrix_has(m, column, headings[i].metric))
			continue;
		chosen[n] = &headings[i];
		group[n++] = current == last ? NULL : current;
		last = current;
	}
	return n;
}

static void table_head(FILE *page, const struct heading **chosen, const char **group, size_t n)
{
	fputs("<thead><tr><th rowspan=\"2\">row</th>", page);
	for (size_t i = 0, next; i < n; i = next) {
		for (next = i + 1; next < n && !group[next]; next++)
			;
		fprintf(page, "<th colspan=\"%zu\" scope=\"colgroup\">%s</th>", next - i, group[i]);
	}
	fputs("</tr>\n<tr>", page);
	for (size_t i = 0; i < n; i++)
		fprintf(page, "<th scope=\"col\">%s</th>", chosen[i]->name);
	fputs("</tr></thead>\n", page);
}

static void table_cell(FILE *page, const struct bench_cell *cell, enum bench_metric metric, bool first)
{
	const struct bench_figure *f = &cell->figure[metric];
	unsigned doubts = bench_cell_doubts(cell);

	fprintf(page, "<td class=\"%s%s\">%s%s", first ? "first" : "", doubts ? " fault" : "",
		bench_number_of(metric, f->median).text, isnan(f->median) ? "" : bench_doubt_marks(doubts));
	if (f->low < f->high)
		fprintf(page, "<small>%s–%s</small>", bench_number_of(metric, f->low).text,
			bench_number_of(metric, f->high).text);
	fputs("</td>", page);
}

static void row_title(FILE *page, const struct bench_matrix_row *row)
{
	fprintf(page, "<th scope=\"row\"><i class=\"g%d\"></i>", row->group);
	bench_html_text(page, row->label);
	if (row->spins)
		fputs("<span class=\"tag\">spins</span>", page);
	fputs("</th>", page);
}

static void table(FILE *page, const struct bench_matrix *m, size_t column)
{
	const struct heading *chosen[HEADINGS];
	const char *group[HEADINGS];
	size_t n = choose(m, column, chosen, group);

	fprintf(page, "<details%s>\n<summary>", column < OPEN ? " open" : "");
	bench_html_text(page, m->columns[column].title);
	fputs("</summary>\n<div class=\"box\" tabindex=\"0\"><table>\n", page);
	table_head(page, chosen, group, n);
	fputs("<tbody>\n", page);
	for (size_t r = 0; r < m->nr_rows; r++) {
		const struct bench_cell *cell = bench_matrix_cell(m, r, column);

		fprintf(page, "<tr%s>", r && m->rows[r].group != m->rows[r - 1].group ? " class=\"apart\"" : "");
		row_title(page, &m->rows[r]);
		if (!cell)
			fprintf(page, "<td class=\"first\" colspan=\"%zu\">not run</td>", n ? n : 1);
		for (size_t i = 0; cell && i < n; i++)
			table_cell(page, cell, chosen[i]->metric, group[i] != NULL);
		fputs("</tr>\n", page);
	}
	fputs("</tbody></table></div>\n</details>\n", page);
}

/* What nothing was said about, so that nobody takes a missing column for a zero. */
static void not_measured(FILE *page, const struct bench_matrix *m)
{
	bool said = false;

	for (size_t i = 0; i < BENCH_METRICS; i++)
		if (!bench_matrix_has(m, m->nr_columns, i)) {
			fprintf(page, "%s%s", said ? ", " : "<p>Not measured in this run: ", bench_metrics[i].title);
			said = true;
		}
	if (said)
		fputs(".</p>\n", page);
}

void bench_tables(FILE *page, const struct bench_matrix *m)
{
	fputs("<section id=\"figures\">\n<h2>Figures</h2>\n<p>The median of the rounds, and below it the "
	      "lowest and the highest. † I/Os of this cell failed. ‡ It has fewer rounds than the run. § It "
	      "was disturbed.</p>\n",
	      page);
	for (size_t i = 0; i < m->nr_columns; i++)
		table(page, m, i);
	not_measured(page, m);
	fputs("</section>\n", page);
}

static void text_cell(FILE *page, const char *text)
{
	fputs("<td>", page);
	bench_html_text(page, *text ? text : "–");
	fputs("</td>", page);
}

/* A row's device and domain, from its first cell; and in how many columns it was run. */
static void row_line(FILE *page, const struct bench_matrix *m, size_t r)
{
	const struct bench_cell *cell = NULL;
	const char *read_back = "";
	uint64_t errors = 0;
	size_t run = 0;

	for (size_t c = 0; c < m->nr_columns; c++) {
		const struct bench_cell *here = bench_matrix_cell(m, r, c);

		if (!here)
			continue;
		if (cell && strcmp(read_back, here->domain_read_back) != 0)
			read_back = "mixed";
		else
			read_back = here->domain_read_back;
		cell = cell ? cell : here;
		errors += here->errors;
		run++;
	}
	if (!cell)
		return;
	fputs("<tr>", page);
	row_title(page, &m->rows[r]);
	text_cell(page, cell->row);
	text_cell(page, *cell->domain ? cell->domain : cell->mode);
	text_cell(page, read_back);
	text_cell(page, cell->device);
	fprintf(page, "<td>%zu</td><td>%s</td></tr>\n", run, bench_number((double)errors).text);
}

void bench_table_of_rows(FILE *page, const struct bench_matrix *m)
{
	const struct bench_results *r = m->results;

	fputs("<section id=\"rows\">\n<h2>Rows</h2>\n<div class=\"box\" tabindex=\"0\"><table "
	      "class=\"text\">\n<thead><tr><th>row</th><th>name</th><th>domain or mode</th><th>read "
	      "back</th><th>controller</th><th>columns</th><th>failed I/Os</th></tr></thead>\n"
	      "<tbody>\n", page);
	for (size_t i = 0; i < m->nr_rows; i++)
		row_line(page, m, i);
	fputs("</tbody></table></div>\n<h3>Not run</h3>\n", page);
	if (!r->nr_skipped)
		fputs("<p>Every row that was asked for was run in every column.</p>\n", page);
	else
		fputs("<div class=\"box\" tabindex=\"0\"><table class=\"text\">\n"
		      "<thead><tr><th>row</th><th>column</th><th>why</th></tr></thead>\n"
		      "<tbody>\n", page);
	for (size_t i = 0; i < r->nr_skipped; i++) {
		fputs("<tr><th scope=\"row\">", page);
		bench_html_text(page, r->skipped[i].row);
		fputs("</th>", page);
		text_cell(page, *r->skipped[i].column ? r->skipped[i].column : "all");
		fputs("<td class=\"wide\">", page);
		bench_html_text(page, r->skipped[i].reason);
		fputs("</td></tr>\n", page);
	}
	fputs(r->nr_skipped ? "</tbody></table></div>\n</section>\n" : "</section>\n", page);
}

void bench_table_of_facts(FILE *page, const char *title, const struct bench_facts *facts)
{
	fprintf(page, "<div><h3>%s</h3>\n<dl>\n", title);
	for (size_t i = 0; i < facts->count; i++) {
		fputs("<dt>", page);
		bench_html_text(page, facts->fact[i].name);
		fputs("</dt><dd>", page);
		bench_html_text(page, facts->fact[i].value);
		fputs("</dd>\n", page);
	}
	fputs("</dl></div>\n", page);
}
