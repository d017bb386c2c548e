// SPDX-License-Identifier: MIT
/* report.html: one well-formed page that needs nothing from elsewhere, whatever the results hold. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <ctype.h>
#include <errno.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "bench/report/plot.h"
#include "bench/report/report.h"
#include "bench_synthetic.h"

static char temporary[] = "/tmp/bench-report.XXXXXX", path[300];
static const char *dir = temporary;

/* NNVME_KEEP=DIR leaves the pages there, to look at. */
static int setup(void **state)
{
	if (getenv("NNVME_KEEP"))
		dir = getenv("NNVME_KEEP");
	else if (!mkdtemp(temporary))
		return -1;
	snprintf(path, sizeof(path), "%s/report.html", dir);
	return 0;
}

static int teardown(void **state)
{
	if (dir != temporary)
		return 0;
	unlink(path);
	return rmdir(dir);
}

static char *page_of(const struct bench_results *a, const struct bench_results *b, const char *name)
{
	struct nnvme_err err = { 0 };
	char *text, kept[400];
	struct stat st;
	FILE *file;

	if (bench_report(a, b, dir, &err))
		fail_msg("%s", err.text);
	file = fopen(path, "r");
	assert_non_null(file);
	assert_int_equal(fstat(fileno(file), &st), 0);
	text = calloc(1, st.st_size + 1);
	assert_non_null(text);
	assert_int_equal(fread(text, 1, st.st_size, file), st.st_size);
	fclose(file);
	if (dir != temporary) {
		snprintf(kept, sizeof(kept), "%s/%s.html", dir, name);
		assert_int_equal(rename(path, kept), 0);
	}
	return text;
}

static bool is_void(const char *tag)
{
	return !strcmp(tag, "meta") || !strcmp(tag, "img") || !strcmp(tag, "source") || !strcmp(tag, "path") ||
	       !strcmp(tag, "circle");
}

/* A tag's name, and where it ends; quoted values hold any character but their quote and `<`. */
static const char *tag_end(const char *s, char *name, size_t size)
{
	size_t n = 0;
	bool quoted = false;

	while (*s && (isalnum((unsigned char)*s) || *s == '/' || *s == '!') && n < size - 1)
		name[n++] = *s++;
	name[n] = 0;
	for (; *s && (quoted || *s != '>'); s++) {
		assert_int_not_equal(*s, '<');
		quoted ^= *s == '"';
	}
	assert_int_equal(*s, '>');
	return s + 1;
}

/* Tags open and close in pairs, inside each other. */
static void assert_well_formed(const char *s)
{
	char open[64][16], name[16];
	unsigned depth = 0;

	while ((s = strchr(s, '<'))) {
		s = tag_end(s + 1, name, sizeof(name));
		if (name[0] == '!' || is_void(name))
			continue;
		if (name[0] == '/') {
			assert_int_not_equal(depth, 0);
			assert_string_equal(name + 1, open[--depth]);
			continue;
		}
		assert_in_range(depth, 0, 63);
		strcpy(open[depth++], name);
		if (!strcmp(name, "style"))
			s = strstr(s, "</style");
	}
	assert_int_equal(depth, 0);
}

/* Nothing is fetched and nothing runs: each src is data, each href a place in the page. */
static void assert_self_contained(const char *page)
{
	static const char *const never[] = {
		"<script", "<iframe", "<object", "<embed", "<link", "<base", "url(", "@import", "javascript:",
	};
	static const struct { const char *attribute, *value; } only[] = {
		{ "src=\"", "data:image/svg+xml;base64," },
		{ "srcset=\"", "data:image/svg+xml;base64," },
		{ "href=\"", "#" },
	};

	for (unsigned i = 0; i < sizeof(never) / sizeof(*never); i++)
		if (strstr(page, never[i]))
			fail_msg("there is a %s in the page", never[i]);
	for (unsigned i = 0; i < sizeof(only) / sizeof(*only); i++)
		for (const char *s = page; (s = strstr(s, only[i].attribute)); s++)
			assert_memory_equal(s + strlen(only[i].attribute), only[i].value, strlen(only[i].value));
}

static void assert_says(const char *page, const char *text)
{
	if (!strstr(page, text))
		fail_msg("the page doesn't say: %s", text);
}

static void assert_silent(const char *page, const char *text)
{
	if (strstr(page, text))
		fail_msg("the page says: %s", text);
}

#define SAME "<span class=\"same\">no difference seen</span>"

/* The findings alone. */
static char *findings_of(char *page)
{
	char *begin = strstr(page, "<section id=\"findings\">"), *end;

	assert_non_null(begin);
	end = strstr(begin, "</section>");
	assert_non_null(end);
	*end = 0;
	return begin;
}

static void test_whole(void **state)
{
	struct bench_results r;
	char *page, *again;

	synthetic(&r, 3, true);
	page = page_of(&r, NULL, "whole");
	assert_well_formed(page);
	assert_self_contained(page);
	assert_says(page, "Emulated machine: read ratios, not numbers.");
	assert_says(page, "the nvme driver has no poll queues");
	assert_says(page, "Reads of blocks that were never written, or were deallocated, measure no medium");
	assert_says(page, "<picture>");
	for (size_t i = 0; i < bench_nr_rows; i++)
		assert_says(page, bench_rows[i].name);
	for (size_t i = 0; i < bench_nr_columns; i++)
		assert_says(page, bench_columns[i].title);
	again = page_of(&r, NULL, "whole");
	assert_string_equal(page, again);
	free(page);
	free(again);
	bench_results_free(&r);
}

static void test_findings(void **state)
{
	struct bench_results r;
	char *page, *findings;

	synthetic(&r, 5, false);
	page = page_of(&r, NULL, "default");
	assert_well_formed(page);
	findings = findings_of(page);
	assert_says(findings, "DMA-FQ against DMA:</span> io_uring plain " SAME);
	assert_says(findings, "identity against DMA:</span> io_uring plain <b>1.4");
	assert_silent(findings, "identity against DMA:</span> io_uring plain " SAME);
	assert_silent(findings, "one round");
	free(page);
	bench_results_free(&r);
}

/* A row against one that is the same in every round: the interval is [1, 1]. */
static void test_equal_rows(void **state)
{
	struct bench_cell *identity, *dma;
	struct bench_results r;
	char *page, *findings;

	synthetic(&r, 3, false);
	identity = bench_results_find(&r, "kernel-identity-plain", "randread-4k-qd32");
	dma = bench_results_find(&r, "kernel-dma-plain", "randread-4k-qd32");
	memcpy(identity->rounds, dma->rounds, 3 * sizeof(*dma->rounds));
	bench_results_sum_up(&r);
	strcpy(identity->domain_read_back, "identity");
	page = page_of(&r, NULL, "equal");
	findings = findings_of(page);
	assert_says(findings, "identity against DMA:</span> io_uring plain " SAME
		    " <span class=\"ci\">[1.00–1.00]</span>");
	free(page);
	bench_results_free(&r);
}

static void test_one_round(void **state)
{
	struct bench_results r;
	char *page, *findings;

	synthetic(&r, 1, false);
	r.complete = false;
	page = page_of(&r, NULL, "one");
	assert_well_formed(page);
	assert_says(page, "This run was interrupted.");
	findings = findings_of(page);
	assert_says(findings, "(one round: no interval)");
	assert_silent(findings, "no difference seen");
	free(page);
	bench_results_free(&r);
}

static void test_doubts(void **state)
{
	struct bench_results r;
	struct bench_cell *cell;
	char *page, *findings;

	synthetic(&r, 3, false);
	cell = bench_results_find(&r, "kernel-dma-plain", "randread-4k-qd32");
	cell->rounds[1].errors = 4321;
	cell = bench_results_find(&r, "kernel-dma-fq-plain", "randread-4k-qd32");
	for (int i = 0; i < 3; i++)
		strcpy(cell->rounds[i].domain_read_back, "DMA");
	bench_results_sum_up(&r);
	page = page_of(&r, NULL, "doubts");
	assert_well_formed(page);
	findings = findings_of(page);
	assert_says(findings, "kernel-dma-plain, randread-4k-qd32: 4,321 of its I/Os failed");
	assert_says(findings, "]†</span>");
	assert_says(findings, "read back is DMA, and not DMA-FQ");
	assert_says(findings, "DMA-FQ against DMA:</span> io_uring plain not compared");
	free(page);
	bench_results_free(&r);
}

/* A row whose load died in the third round: what is said of it says how much it is. */
static void test_missing_rounds(void **state)
{
	struct bench_results r;
	struct bench_cell *cell;
	char *page, *findings;

	synthetic(&r, 5, false);
	cell = bench_results_find(&r, "kernel-dma-plain", "randread-4k-qd32");
	cell->nr_rounds = 2;
	bench_results_skip(&r, cell->row, cell->column, "failed in round 3: it was killed by signal 11");
	cell = bench_results_find(&r, "kernel-dma-polled", "randread-4k-qd32");
	cell->nr_rounds = 1;
	bench_results_sum_up(&r);
	page = page_of(&r, NULL, "missing");
	assert_well_formed(page);
	assert_says(page, "‡ It has fewer rounds than the run");
	findings = findings_of(page);
	assert_says(findings, ", 2 of 5 rounds]‡</span>");
	assert_says(findings, ">(1 of 5 rounds)‡</span>");
	assert_says(findings, "kernel-dma-plain, randread-4k-qd32: It has 2 of 5 rounds (its figures are marked "
		    "‡): failed in round 3: it was killed by signal 11.");
	assert_says(findings, "kernel-dma-polled, randread-4k-qd32: It has 1 of 5 rounds");
	free(page);
	page = page_of(&r, &r, "missing-two");
	assert_says(page, "‡ A: 2 of 5 rounds, B: 2 of 5");
	free(page);
	bench_results_free(&r);
}

/* The script of one plot, in its widest form. */
static char *script_of(const struct bench_results *r, enum bench_plot_kind kind)
{
	struct bench_plot_form form = { false, false };
	struct bench_matrix m;
	char *script = NULL;
	size_t size = 0;
	FILE *file = open_memstream(&script, &size);

	assert_non_null(file);
	assert_int_equal(bench_matrix_init(&m, r, NULL), 0);
	bench_plot_script(file, &m, kind, 0, m.nr_columns, form);
	fclose(file);
	bench_matrix_free(&m);
	return script;
}

/* A round beside which the machine did something else, of a row that slept and of one that spun. */
static void test_disturbed(void **state)
{
	struct bench_results r;
	struct bench_cell *cell;
	char *page, *findings;

	synthetic(&r, 3, false);
	for (size_t i = 0; i < r.nr_cells; i++)
		for (int k = 0; k < 3; k++)
			r.cells[i].rounds[k].value[BENCH_RUN_DELAY] = 0.002;
	cell = bench_results_find(&r, "nnvme-noiommu", "randread-4k-qd32");
	cell->rounds[1].value[BENCH_RUN_DELAY] = 0.41;
	cell->rounds[2].value[BENCH_RUN_DELAY] = 0.06;
	bench_results_sum_up(&r);
	page = page_of(&r, NULL, "disturbed");
	assert_well_formed(page);
	assert_says(page, "§ It was disturbed.");
	assert_says(page, "Above 5&nbsp;% of the time a round is disturbed");
	assert_says(page, ">6.00§<small>0.200–41.0</small>");
	assert_silent(page, "Not measured in this run: run delay");
	findings = findings_of(page);
	assert_says(findings, "]§</span>");
	assert_says(findings, "nnvme-noiommu, randread-4k-qd32: In 2 of its 3 rounds the load waited for a "
		    "processor for up to 41 % of the time");
	assert_silent(findings, "nnvme-iommu, randread-4k-qd32: ");
	free(page);
	page = script_of(&r, BENCH_PLOT_LATENCY);
	assert_says(page, "'disturbed'");
	free(page);
	page = page_of(&r, &r, "disturbed-two");
	assert_says(page, "<small>§ disturbed</small>");
	free(page);
	bench_results_free(&r);
}

static void test_plots_show_doubts(void **state)
{
	struct bench_results r;
	struct bench_cell *cell;
	char *script;

	synthetic(&r, 3, false);
	cell = bench_results_find(&r, "kernel-dma-plain", "randread-4k-qd32");
	cell->nr_rounds = 2;
	cell->rounds[1].errors = 7;
	bench_results_sum_up(&r);
	script = script_of(&r, BENCH_PLOT_IOPS);
	assert_says(script, "'errors, 2 of 3 rounds'");
	free(script);
	script = script_of(&r, BENCH_PLOT_RATIOS);
	assert_says(script, "'identity / DMA, plain (?)'");
	assert_silent(script, "'identity / DMA, polled (?)'");
	free(script);
	bench_results_free(&r);
}

static void test_empty(void **state)
{
	struct bench_results r;
	char *page;

	bench_results_init(&r);
	bench_results_skip(&r, "nnvme-noiommu", "", "there is no controller");
	page = page_of(&r, NULL, "empty");
	assert_well_formed(page);
	assert_says(page, "There is no result");
	assert_says(page, "there is no controller");
	free(page);
	bench_results_free(&r);
}

#define HOSTILE "\"'><script>x()</script>`touch /tmp/bench-report-pwned`\\\xff\x1b"

/* As much of it as fits. */
static void spoil(char *field, size_t size)
{
	size_t n = strlen(HOSTILE) < size - 1 ? strlen(HOSTILE) : size - 1;

	memcpy(field, HOSTILE, n);
	field[n] = 0;
}
#define SPOIL(field) spoil(field, sizeof(field))

static void test_hostile(void **state)
{
	struct bench_results r;
	char *page;

	synthetic(&r, 3, false);
	SPOIL(r.started);
	SPOIL(r.backend);
	SPOIL(r.machine.fact[0].name);
	SPOIL(r.machine.fact[0].value);
	SPOIL(r.device.fact[1].value);
	SPOIL(r.skipped[0].reason);
	SPOIL(r.skipped[0].row);
	SPOIL(r.skipped[0].column);
	for (size_t i = 0; i < 3; i++) {
		SPOIL(r.cells[i].row);
		SPOIL(r.cells[i].variant);
		SPOIL(r.cells[i].domain);
		SPOIL(r.cells[i].domain_read_back);
		SPOIL(r.cells[i].device);
	}
	for (size_t i = 5; i < 8; i++)
		SPOIL(r.cells[i].column);
	page = page_of(&r, NULL, "hostile");
	assert_well_formed(page);
	assert_self_contained(page);
	assert_says(page, "&quot;&#39;&gt;&lt;script&gt;");
	assert_says(page, "\\\xef\xbf\xbd\xef\xbf\xbd");
	assert_int_equal(access("/tmp/bench-report-pwned", F_OK), -1);
	free(page);
	page = page_of(&r, &r, "hostile-two");
	assert_well_formed(page);
	assert_self_contained(page);
	free(page);
	bench_results_free(&r);
}

static void test_numbers_from_nowhere(void **state)
{
	static const double odd[] = { INFINITY, -INFINITY, NAN, 1e308, -1, 0, 1e-308 };
	struct bench_results r;
	char *page;

	synthetic(&r, 3, false);
	for (size_t i = 0; i < r.nr_cells; i++)
		for (int k = 0; k < BENCH_METRICS; k++)
			for (int j = 0; j < 3; j++)
				r.cells[i].rounds[j].value[k] = odd[(i + k * 3 + j) % 7];
	bench_results_sum_up(&r);
	page = page_of(&r, NULL, "odd");
	assert_well_formed(page);
	free(page);
	bench_results_free(&r);
}

static void test_too_much(void **state)
{
	struct nnvme_err err = { 0 };
	struct bench_results r;
	char name[32];

	bench_results_init(&r);
	for (int i = 0; i < 100; i++) {
		snprintf(name, sizeof(name), "row-%d", i);
		assert_non_null(bench_results_cell(&r, name, "randread-4k-qd1"));
	}
	assert_int_equal(bench_report(&r, NULL, dir, &err), -E2BIG);
	bench_results_free(&r);
}

/* B has a quarter more IOPS in every round. */
static char *compare(unsigned rounds)
{
	struct bench_results a, b;
	char *page;

	synthetic(&a, rounds, false);
	synthetic(&b, rounds, true);
	snprintf(b.machine.fact[0].value, sizeof(b.machine.fact[0].value), "7.3.0");
	for (size_t i = 0; i < b.nr_cells; i++)
		for (unsigned j = 0; j < rounds; j++)
			b.cells[i].rounds[j].value[BENCH_IOPS] *= 1.25;
	bench_results_sum_up(&b);
	page = page_of(&a, &b, "two");
	bench_results_free(&a);
	bench_results_free(&b);
	return page;
}

static void test_compare(void **state)
{
	char *page = compare(4);

	assert_well_formed(page);
	assert_self_contained(page);
	assert_says(page, "no interval is claimed");
	assert_says(page, "7.3.0");
	assert_says(page, "<b>1.25 ×</b><small>apart</small>");
	assert_says(page, "Only in B");
	assert_silent(page, "of equal runs</small>");
	free(page);
}

/* Too few rounds tell nothing apart: the page says how often equal runs look so. */
static void test_compare_by_chance(void **state)
{
	char *page = compare(2);

	assert_says(page, "1.25 ×<small>apart, as 33 % of equal runs</small>");
	assert_silent(page, "<small>apart</small>");
	free(page);
	page = compare(3);
	assert_says(page, "1.25 ×<small>apart, as 10 % of equal runs</small>");
	assert_silent(page, "<small>apart</small>");
	free(page);
}

/* The page is written all the same, and the error says this. */
static void report_with_path(const char *programs, const char *says)
{
	char *path_was = strdup(getenv("PATH"));
	struct nnvme_err err = { 0 };
	struct bench_results r;

	unlink(path);
	synthetic(&r, 3, false);
	setenv("PATH", programs, 1);
	assert_int_equal(bench_report(&r, NULL, dir, &err), -ENOPKG);
	setenv("PATH", path_was, 1);
	free(path_was);
	assert_says(err.text, says);
	assert_int_equal(access(path, R_OK), 0);
	bench_results_free(&r);
}

static void test_without_gnuplot(void **state)
{
	report_with_path("/nonexistent", "apt-get install gnuplot-nox");
}

static void test_gnuplot_fails(void **state)
{
	char name[300];
	FILE *file;

	snprintf(name, sizeof(name), "%s/gnuplot", dir);
	file = fopen(name, "w");
	assert_non_null(file);
	fputs("#!/bin/sh\necho it is not my day >&2\nexit 3\n", file);
	fclose(file);
	assert_int_equal(chmod(name, 0755), 0);
	report_with_path(dir, "it is not my day");
	unlink(name);
}

static void test_nowhere(void **state)
{
	struct nnvme_err err = { 0 };
	struct bench_results r;

	bench_results_init(&r);
	assert_int_equal(bench_report(&r, NULL, "/nonexistent", &err), -ENOENT);
	assert_says(err.text, "/nonexistent/report.html");
	bench_results_free(&r);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_whole),
		cmocka_unit_test(test_findings),
		cmocka_unit_test(test_equal_rows),
		cmocka_unit_test(test_one_round),
		cmocka_unit_test(test_doubts),
		cmocka_unit_test(test_empty),
		cmocka_unit_test(test_hostile),
		cmocka_unit_test(test_numbers_from_nowhere),
		cmocka_unit_test(test_too_much),
		cmocka_unit_test(test_missing_rounds),
		cmocka_unit_test(test_disturbed),
		cmocka_unit_test(test_plots_show_doubts),
		cmocka_unit_test(test_compare),
		cmocka_unit_test(test_compare_by_chance),
		cmocka_unit_test(test_without_gnuplot),
		cmocka_unit_test(test_gnuplot_fails),
		cmocka_unit_test(test_nowhere),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
