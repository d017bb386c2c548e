// SPDX-License-Identifier: MIT
/*
 * Two runs side by side: two machines, two kernels. Their rounds were not interleaved, so that a ratio of
 * theirs has no interval: what is said is whether the spreads are apart.
 */
#include <math.h>
#include <string.h>

#include "claim.h"
#include "html.h"
#include "number.h"
#include "page.h"

#define MOST_CHANCE 0.05	/* of equal runs that are told apart */

static void run_of(FILE *page, const char *name, const struct bench_results *r)
{
	const char *model = bench_facts_get(&r->device, "model"),
		   *kernel = bench_facts_get(&r->machine, "kernel");

	fprintf(page, "<p class=\"what\"><b>%s</b>: ", name);
	bench_html_textf(page, "%s, Linux %s, %u round%s, begun %s%s%s", *model ? model : "a controller",
			 *kernel ? kernel : "(unknown)", r->rounds, r->rounds == 1 ? "" : "s", r->started,
			 r->emulated ? "; emulated machine" : "", r->complete ? "" : "; interrupted");
	fputs("</p>\n", page);
}

static void heading(FILE *page, const struct bench_results *a, const struct bench_results *b)
{
	fputs("<header>\n<h1>Two runs side by side</h1>\n", page);
	run_of(page, "A", a);
	run_of(page, "B", b);
	if (a->emulated || b->emulated)
		fprintf(page, "<p class=\"banner\"><b>%s: read ratios, not numbers.</b>%s</p>\n",
			a->emulated && b->emulated ? "Emulated machines" : "An emulated machine",
			a->emulated != b->emulated ? " The other is not: comparing them says nothing of either." : "");
	fputs("<p class=\"banner\">The rounds of two runs are not interleaved, so that <b>no interval is "
	      "claimed</b>: a ratio is that of the medians, and <em>apart</em> says that the spreads "
	      "(lowest to highest) do not overlap. Of equal runs with two rounds each 33 % are so, with three "
	      "10 %, with four 3 %: in bold only what fewer than 5 % of equal runs would show.</p>\n"
	      "</header>\n", page);
}

static void cell_of(FILE *page, const struct bench_figure *f, double scale)
{
	fprintf(page, "<td>%s", bench_number(f->median * scale).text);
	if (f->low < f->high)
		fprintf(page, "<small>%s–%s</small>", bench_number(f->low * scale).text,
			bench_number(f->high * scale).text);
	fputs("</td>", page);
}

/*
 * How often the spreads of equal runs do not overlap: of all orders of n + m values, those in which the n
 * stand together at one end.
 */
static double apart_by_chance(size_t n, size_t m)
{
	double chance = 2;

	for (size_t i = 1; i <= n; i++)
		chance *= (double)i / (double)(m + i);
	return fmin(chance, 1);
}

static void subject(FILE *page, const struct bench_cell *a, const struct bench_cell *b,
		    enum bench_subject what)
{
	struct bench_figure x = bench_subject_figure(a, what), y = bench_subject_figure(b, what);
	double scale = what == BENCH_SUBJECT_LATENCY ? 1e-3 : 1, ratio = y.median / x.median;
	double chance = apart_by_chance(bench_subject_rounds(a, what), bench_subject_rounds(b, what));
	bool apart = chance < 1 && (x.high < y.low || y.high < x.low);

	cell_of(page, &x, scale);
	cell_of(page, &y, scale);
	if (!isfinite(ratio) || ratio <= 0)
		fputs("<td>–</td>", page);
	else if (!apart)
		fprintf(page, "<td class=\"same\">%s ×</td>", bench_number(ratio).text);
	else if (chance > MOST_CHANCE)
		fprintf(page, "<td class=\"same\">%s ×<small>apart, as %.0f %% of equal runs</small></td>",
			bench_number(ratio).text, 100 * chance);
	else
		fprintf(page, "<td><b>%s ×</b><small>apart</small></td>", bench_number(ratio).text);
}

static bool has(const struct bench_matrix *m, enum bench_subject what)
{
	static const enum bench_metric metrics[] = {
		BENCH_IOPS, BENCH_LATENCY_P50, BENCH_CPU_USER, BENCH_INSTRUCTIONS_USER,
	};

	return bench_matrix_has(m, m->nr_columns, metrics[what]);
}

static void row(FILE *page, const struct bench_matrix *m, const bool *shown, size_t r, size_t c,
		const struct bench_cell *b)
{
	const struct bench_cell *a = bench_matrix_cell(m, r, c);

	fprintf(page, "<tr><th scope=\"row\"><i class=\"g%d\"></i>", m->rows[r].group);
	bench_html_text(page, m->rows[r].label);
	if ((bench_cell_doubts(a) | bench_cell_doubts(b)) & BENCH_DOUBT_ERRORS)
		fputs("<small>† I/Os failed</small>", page);
	if ((bench_cell_doubts(a) | bench_cell_doubts(b)) & BENCH_DOUBT_DISTURBED)
		fputs("<small>§ disturbed</small>", page);
	if ((bench_cell_doubts(a) | bench_cell_doubts(b)) & BENCH_DOUBT_ROUNDS)
		fprintf(page, "<small>‡ A: %zu of %u rounds, B: %zu of %u</small>", a->nr_rounds, a->asked,
			b->nr_rounds, b->asked);
	if (bench_cell_in_wrong_domain(a) || bench_cell_in_wrong_domain(b))
		fputs("<small>another domain type was read back</small>", page);
	fputs("</th>", page);
	for (int what = 0; what <= BENCH_SUBJECT_INSTRUCTIONS; what++)
		if (shown[what])
			subject(page, a, b, what);
	fputs("</tr>\n", page);
}

/* The rows that both have of one column. */
static void column(FILE *page, const struct bench_matrix *m, const struct bench_results *b,
		   const bool *shown, size_t c)
{
	static const char *const title[] = {
		"IOPS", "median latency, µs", "CPU s per million I/Os", "instructions per I/O",
	};
	bool begun = false;

	for (size_t r = 0; r < m->nr_rows; r++) {
		const struct bench_cell *other = bench_results_find(b, m->rows[r].name, m->columns[c].name);

		if (!other || !bench_matrix_cell(m, r, c))
			continue;
		if (!begun) {
			fputs("<h3>", page);
			bench_html_text(page, m->columns[c].title);
			fputs("</h3>\n<div class=\"box\" tabindex=\"0\"><table>\n<thead><tr><th "
			      "rowspan=\"2\">row</th>", page);
			for (int what = 0; what <= BENCH_SUBJECT_INSTRUCTIONS; what++)
				if (shown[what])
					fprintf(page, "<th colspan=\"3\" scope=\"colgroup\">%s</th>", title[what]);
			fputs("</tr>\n<tr>", page);
			for (int what = 0; what <= BENCH_SUBJECT_INSTRUCTIONS; what++)
				if (shown[what])
					fputs("<th>A</th><th>B</th><th>B ÷ A</th>", page);
			fputs("</tr></thead>\n<tbody>\n", page);
			begun = true;
		}
		row(page, m, shown, r, c, other);
	}
	if (begun)
		fputs("</tbody></table></div>\n", page);
}

/* Cells that only one of them has. */
static void only_in(FILE *page, const char *name, const struct bench_results *a,
		    const struct bench_results *b)
{
	size_t count = 0;

	for (size_t i = 0; i < a->nr_cells; i++) {
		const struct bench_cell *cell = &a->cells[i];

		if (bench_results_find(b, cell->row, cell->column))
			continue;
		if (!count++)
			fprintf(page, "<h3>Only in %s</h3>\n<ul>\n", name);
		fputs("<li>", page);
		bench_html_textf(page, "%s, %s", cell->row, cell->column);
		fputs("</li>\n", page);
	}
	if (count)
		fputs("</ul>\n", page);
}

static void fact(FILE *page, const char *name, const char *a, const char *b)
{
	fputs("<tr><th scope=\"row\">", page);
	bench_html_text(page, name);
	fputs("</th><td class=\"wide\">", page);
	bench_html_text(page, *a ? a : "–");
	fputs("</td><td class=\"wide\">", page);
	bench_html_text(page, *b ? b : "–");
	fputs("</td></tr>\n", page);
}

static void facts(FILE *page, const struct bench_facts *a, const struct bench_facts *b)
{
	for (size_t i = 0; i < a->count; i++) {
		const char *other = bench_facts_get(b, a->fact[i].name);

		if (strcmp(a->fact[i].value, other) != 0)
			fact(page, a->fact[i].name, a->fact[i].value, other);
	}
	for (size_t i = 0; i < b->count; i++)
		if (!*bench_facts_get(a, b->fact[i].name))
			fact(page, b->fact[i].name, "", b->fact[i].value);
}

static void differing_facts(FILE *page, const struct bench_results *a, const struct bench_results *b)
{
	fputs("<section>\n<h2>What differs between the two</h2>\n<div class=\"box\" "
	      "tabindex=\"0\"><table class=\"text\">\n"
	      "<thead><tr><th>fact</th><th>A</th><th>B</th></tr></thead>\n"
	      "<tbody>\n", page);
	fact(page, "begun", a->started, b->started);
	if (strcmp(a->harness, b->harness) != 0)
		fact(page, "load by", a->harness, b->harness);
	if (strcmp(a->backend, b->backend) != 0)
		fact(page, "storage", a->backend, b->backend);
	facts(page, &a->machine, &b->machine);
	facts(page, &a->device, &b->device);
	fputs("</tbody></table></div>\n</section>\n", page);
}

int bench_compare(FILE *page, const struct bench_results *a, const struct bench_results *b,
		  struct nnvme_err *err)
{
	bool shown[BENCH_SUBJECT_INSTRUCTIONS + 1];
	struct bench_matrix m, of_b;
	int ret = bench_matrix_init(&m, a, err);

	if (ret)
		return ret;
	ret = bench_matrix_init(&of_b, b, err);
	if (ret) {
		bench_matrix_free(&m);
		return ret;
	}
	for (int what = 0; what <= BENCH_SUBJECT_INSTRUCTIONS; what++)
		shown[what] = has(&m, what) || has(&of_b, what);
	bench_page_begin(page, "noiommu-nvme-bench: two runs");
	heading(page, a, b);
	fputs("<section>\n<h2>The same cells</h2>\n", page);
	for (size_t c = 0; c < m.nr_columns; c++)
		column(page, &m, b, shown, c);
	only_in(page, "A", a, b);
	only_in(page, "B", b, a);
	fputs("</section>\n", page);
	differing_facts(page, a, b);
	bench_page_end(page);
	bench_matrix_free(&of_b);
	bench_matrix_free(&m);
	return 0;
}
