// SPDX-License-Identifier: MIT
#include "findings.h"

#include <math.h>
#include <string.h>

#include "claim.h"
#include "comparisons.h"
#include "html.h"
#include "number.h"

/* The row of the kernel's driver with the most IOPS, in any domain or in one; -1 none. */
static int fastest(const struct bench_matrix *m, size_t column, int group)
{
	double most = 0;
	int best = -1;

	for (size_t i = 0; i < m->nr_rows; i++) {
		const struct bench_cell *cell = bench_matrix_cell(m, i, column);

		if (m->rows[i].group > BENCH_GROUP_NONE || (group >= 0 && (int)m->rows[i].group != group))
			continue;
		if (cell && cell->figure[BENCH_IOPS].median > most) {
			most = cell->figure[BENCH_IOPS].median;
			best = i;
		}
	}
	return best;
}

/* This driver in one mode against the kernel's row of the most IOPS, @group -1: of all. */
static void say_ours(FILE *page, const struct bench_matrix *m, size_t column, enum bench_subject subject,
		     enum bench_group ours, int group, const char *what)
{
	const struct bench_cell *cell = bench_matrix_at(m, ours, BENCH_KIND_POLL, column);
	int kernel = fastest(m, column, group);
	struct bench_claim claim;

	if (kernel < 0)
		return;
	claim = bench_claim_of(cell, bench_matrix_cell(m, kernel, column), subject);
	if (claim.verdict == BENCH_NOT_COMPARED)
		return;
	fprintf(page,
		"<span><span class=\"of\">this driver %s against the kernel's fastest%s:</span> %s, %s ",
		what, group == BENCH_GROUP_DMA ? " in DMA" : "", bench_group_short[m->rows[kernel].group],
		bench_kind_title[m->rows[kernel].kind]);
	bench_claim_write(page, &claim);
	fputs(".</span>\n", page);
}

/* What an I/O costs the CPU, of the rows that people know. */
static void say_instructions(FILE *page, const struct bench_matrix *m, size_t column)
{
	static const struct { enum bench_group group; enum bench_kind kind; } of[] = {
		{ BENCH_GROUP_IDENTITY, BENCH_KIND_PLAIN }, { BENCH_GROUP_DMA, BENCH_KIND_PLAIN },
		{ BENCH_GROUP_NNVME_NOIOMMU, BENCH_KIND_POLL }, { BENCH_GROUP_NNVME_IOMMU, BENCH_KIND_POLL },
	};
	bool said = false;

	for (unsigned i = 0; i < sizeof(of) / sizeof(*of); i++) {
		const struct bench_cell *cell = bench_matrix_at(m, of[i].group, of[i].kind, column);
		struct bench_figure f = bench_subject_figure(cell, BENCH_SUBJECT_INSTRUCTIONS);

		if (isnan(f.median))
			continue;
		fprintf(page, "%s%s, %s%s <b>%s</b>", said ? "; " : "<span>", bench_group_title[of[i].group],
			bench_kind_title[of[i].kind], cell->spins ? " (waiting included)" : "",
			bench_number(f.median).text);
		if (f.low < f.high)
			fprintf(page, " <span class=\"ci\">[%s–%s]</span>", bench_number(f.low).text,
				bench_number(f.high).text);
		fputs(bench_doubt_marks(bench_cell_doubts(cell)), page);
		said = true;
	}
	if (said)
		fputs(".</span>\n", page);
}

/* Why a cell has not all rounds; "" when it is the run that came to no end, which is said elsewhere. */
static const char *why_missing(const struct bench_results *r, const struct bench_cell *cell)
{
	for (size_t i = 0; i < r->nr_skipped; i++)
		if (!strcmp(r->skipped[i].row, cell->row) && !strcmp(r->skipped[i].column, cell->column))
			return r->skipped[i].reason;
	return r->complete ? "the others are missing" : "";
}

static void say_cell_doubts(FILE *page, const struct bench_results *r, const struct bench_cell *cell)
{
	unsigned doubts = bench_cell_doubts(cell);

	bench_html_textf(page, "%s, %s: ", cell->row, cell->column);
	if (doubts & BENCH_DOUBT_ERRORS)
		fprintf(page, "%s of its I/Os failed (they count as no I/O; its figures are marked †). ",
			bench_number((double)cell->errors).text);
	if (doubts & BENCH_DOUBT_ROUNDS)
		bench_html_textf(page, "It has %zu of %u rounds (its figures are marked ‡): %s. ",
				 cell->nr_rounds, cell->asked, why_missing(r, cell));
	if (doubts & BENCH_DOUBT_DISTURBED)
		fprintf(page, "In %zu of its %zu rounds the load waited for a processor for up to %.0f %% of "
			"the time, also when it was measured again (its figures are marked §). ",
			bench_cell_disturbed(cell), cell->nr_rounds, 100 * cell->figure[BENCH_RUN_DELAY].high);
	if (bench_cell_in_wrong_domain(cell))
		bench_html_textf(page, "The domain type that was read back is %s, and not %s: nothing is claimed of "
				 "it.", cell->domain_read_back, cell->domain);
}

/* Cells that are in doubt, by name, and why. */
static void say_doubts(FILE *page, const struct bench_matrix *m)
{
	const struct bench_results *r = m->results;
	bool said = false;

	for (size_t i = 0; i < r->nr_cells; i++) {
		const struct bench_cell *cell = &r->cells[i];
		unsigned doubts = bench_cell_doubts(cell);

		if (doubts == BENCH_DOUBT_ROUNDS && !*why_missing(r, cell))
			doubts = 0;
		if (!doubts && !bench_cell_in_wrong_domain(cell))
			continue;
		fputs(said ? "<li>" : "<h3>In doubt</h3>\n<ul class=\"doubt\"><li>", page);
		say_cell_doubts(page, r, cell);
		fputs("</li>\n", page);
		said = true;
	}
	if (said)
		fputs("</ul>\n", page);
}

static void heading(FILE *page, const struct bench_matrix *m, size_t column, const char *subject)
{
	fputs("<span class=\"head\">", page);
	bench_html_textf(page, "%s: %s%s", m->columns[column].title, subject,
			 m->results->rounds == 1 ? " (one round: no interval)" : "");
	fputs("</span>\n", page);
}

/* Sleeping and polling, where nothing else hides the difference: with one I/O in flight. */
static void say_waits(FILE *page, const struct bench_matrix *m, size_t column)
{
	struct bench_pair pairs[BENCH_PAIRS_MOST];
	size_t count = bench_pairs(m, pairs);

	if (!count || pairs[count - 1].topic != BENCH_TOPIC_WAITS)
		return;
	heading(page, m, column, "median latency");
	bench_comparison(page, m, column, BENCH_TOPIC_WAITS, BENCH_SUBJECT_LATENCY, "span");
	heading(page, m, column, "CPU time per I/O");
	bench_comparison(page, m, column, BENCH_TOPIC_WAITS, BENCH_SUBJECT_CPU, "span");
}

/* Domain types, and this driver. Half of all I/Os say a median latency: what disturbs a few does not show. */
static void say_speed(FILE *page, const struct bench_matrix *m, size_t column, enum bench_subject subject,
		      const char *title)
{
	heading(page, m, column, title);
	bench_comparison(page, m, column, BENCH_TOPIC_DOMAINS, subject, "span");
	say_ours(page, m, column, subject, BENCH_GROUP_NNVME_NOIOMMU, -1, "without an IOMMU");
	say_ours(page, m, column, subject, BENCH_GROUP_NNVME_IOMMU, -1, "behind the IOMMU");
	say_ours(page, m, column, subject, BENCH_GROUP_NNVME_IOMMU, BENCH_GROUP_DMA, "behind the IOMMU");
}

void bench_findings(FILE *page, const struct bench_matrix *m)
{
	size_t column = bench_matrix_random_reads(m, 32);

	if (!m->nr_columns) {
		fputs("<p class=\"lead\">There is no result: no row was run.</p>\n", page);
		return;
	}
	fputs("<p class=\"lead\">", page);
	say_speed(page, m, column, BENCH_SUBJECT_IOPS, "IOPS");
	say_speed(page, m, column, BENCH_SUBJECT_LATENCY, "median latency");
	if (bench_matrix_has(m, column, BENCH_INSTRUCTIONS_USER)) {
		heading(page, m, column, "instructions per I/O, user and kernel");
		say_instructions(page, m, column);
		bench_comparison(page, m, column, BENCH_TOPIC_DOMAINS, BENCH_SUBJECT_INSTRUCTIONS, "span");
	}
	say_waits(page, m, bench_matrix_random_reads(m, 1));
	fputs("</p>\n", page);
	say_doubts(page, m);
}
