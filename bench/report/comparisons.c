// SPDX-License-Identifier: MIT
#include "comparisons.h"

#include <stdlib.h>
#include <string.h>

#include "claim.h"
#include "html.h"
#include "pair.h"

/* What is compared of which pairs, and what that is called. */
static const struct subject {
	enum bench_topic topic;
	enum bench_subject subject;
	const char *title;
} subjects[] = {
	{BENCH_TOPIC_DOMAINS, BENCH_SUBJECT_IOPS, "Domain types, the kernel's driver: IOPS"},
	{BENCH_TOPIC_DOMAINS, BENCH_SUBJECT_LATENCY, "Domain types, the kernel's driver: median latency"},
	{BENCH_TOPIC_DOMAINS, BENCH_SUBJECT_INSTRUCTIONS,
	 "Domain types, the kernel's driver: instructions per I/O"},
	{BENCH_TOPIC_DRIVERS, BENCH_SUBJECT_IOPS, "This driver, polling, against the kernel's: IOPS"},
	{BENCH_TOPIC_DRIVERS, BENCH_SUBJECT_LATENCY, "This driver, polling, against the kernel's: median latency"},
	{BENCH_TOPIC_DRIVERS, BENCH_SUBJECT_INSTRUCTIONS,
	 "This driver, polling, against the kernel's: instructions per I/O"},
	{BENCH_TOPIC_MODES, BENCH_SUBJECT_IOPS, "This driver in its two modes: IOPS"},
	{BENCH_TOPIC_WAITS, BENCH_SUBJECT_LATENCY, "Ways of waiting: median latency"},
	{BENCH_TOPIC_WAITS, BENCH_SUBJECT_CPU, "Ways of waiting: CPU time per I/O"},
};

size_t bench_comparison(FILE *page, const struct bench_matrix *m, size_t column, enum bench_topic topic,
			enum bench_subject subject, const char *tag)
{
	struct bench_pair pairs[BENCH_PAIRS_MOST];
	size_t count = bench_pairs(m, pairs), said = 0;
	const char *title = "";

	for (size_t i = 0; i < count; i++) {
		struct bench_claim claim;

		if (pairs[i].topic != topic)
			continue;
		claim = bench_claim_of(bench_matrix_cell(m, pairs[i].a, column),
				       bench_matrix_cell(m, pairs[i].b, column), subject);
		if (claim.verdict == BENCH_NOT_COMPARED && !claim.wrong_domain)
			continue;
		if (strcmp(title, pairs[i].title) != 0) {
			if (said)
				fprintf(page, ".</%s>\n", tag);
			fprintf(page, "<%s><span class=\"of\">%s:</span> ", tag, pairs[i].title);
			title = pairs[i].title;
		} else {
			fputs("; ", page);
		}
		fprintf(page, "%s ", pairs[i].item);
		bench_claim_write(page, &claim);
		said++;
	}
	if (said)
		fprintf(page, ".</%s>\n", tag);
	return said;
}

/* A heading stands only above something. */
static void under(FILE *page, const char *tag, const char *title, char *text, size_t size)
{
	if (size) {
		fprintf(page, "<%s>", tag);
		bench_html_text(page, title);
		fprintf(page, "</%s>\n", tag);
		fwrite(text, 1, size, page);
	}
	free(text);
}

static void at_column(FILE *page, const struct bench_matrix *m, size_t column, const struct subject *s)
{
	char *text = NULL;
	size_t size = 0, said;
	FILE *part = open_memstream(&text, &size);

	if (!part)
		return;
	fputs("<ul class=\"claims\">\n", part);
	said = bench_comparison(part, m, column, s->topic, s->subject, "li");
	fputs("</ul>\n", part);
	fclose(part);
	under(page, "h4", m->columns[column].title, text, said ? size : 0);
}

void bench_comparisons(FILE *page, const struct bench_matrix *m)
{
	size_t deep = bench_matrix_random_reads(m, 32), shallow = bench_matrix_random_reads(m, 1);

	for (size_t i = 0; m->nr_columns && i < sizeof(subjects) / sizeof(*subjects); i++) {
		char *text = NULL;
		size_t size = 0;
		FILE *part = open_memstream(&text, &size);

		if (!part)
			return;
		at_column(part, m, deep, &subjects[i]);
		if (shallow != deep)
			at_column(part, m, shallow, &subjects[i]);
		fclose(part);
		under(page, "h3", subjects[i].title, text, size);
	}
}

static void table_row(FILE *page, const struct bench_matrix *m, const struct bench_pair *pair)
{
	fprintf(page, "<tr><th scope=\"row\"><i class=\"g%d\"></i>", m->rows[pair->a].group);
	bench_html_text(page, m->rows[pair->a].label);
	fprintf(page, "<small><i class=\"g%d\"></i>", m->rows[pair->b].group);
	bench_html_text(page, m->rows[pair->b].label);
	fputs("</small></th>", page);
	for (size_t c = 0; c < m->nr_columns; c++) {
		struct bench_claim claim = bench_claim_of(bench_matrix_cell(m, pair->a, c),
							  bench_matrix_cell(m, pair->b, c), BENCH_SUBJECT_IOPS);

		fputs("<td>", page);
		bench_claim_write(page, &claim);
		fputs("</td>", page);
	}
	fputs("</tr>\n", page);
}

void bench_comparisons_table(FILE *page, const struct bench_matrix *m)
{
	struct bench_pair pairs[BENCH_PAIRS_MOST];
	size_t count = bench_pairs(m, pairs);

	fputs("<div class=\"box\" tabindex=\"0\"><table class=\"ratios\">\n"
	      "<thead><tr><th>first row ÷ second row</th>", page);
	for (size_t c = 0; c < m->nr_columns; c++) {
		fputs("<th scope=\"col\">", page);
		bench_html_text(page, m->columns[c].title);
		fputs("</th>", page);
	}
	fputs("</tr></thead>\n<tbody>\n", page);
	for (size_t i = 0; i < count; i++)
		table_row(page, m, &pairs[i]);
	fputs("</tbody></table></div>\n", page);
}
