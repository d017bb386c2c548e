// SPDX-License-Identifier: MIT
/* results.json: what is written comes back, and what is wrong in a file is named. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "bench/results.h"
#include "bench/row.h"

static char dir[] = "/tmp/bench-results.XXXXXX", path[64];

static int setup(void **state)
{
	if (!mkdtemp(dir))
		return -1;
	snprintf(path, sizeof(path), "%s/results.json", dir);
	return 0;
}

static int teardown(void **state)
{
	unlink(path);
	return rmdir(dir);
}

static void fill(struct bench_results *r)
{
	static const double iops[] = { 1000, 1200.25, 900 };
	struct bench_cell *cell;
	struct bench_round *round;

	bench_results_init(r);
	strcpy(r->started, "2001-02-03T04:05:06Z");
	strcpy(r->harness, "bench");
	strcpy(r->backend, "null-co");
	r->emulated = true;
	r->rounds = 3;
	r->seconds = 0.2;
	assert_int_equal(bench_facts_add(&r->machine, "kernel", "%d.%d", 6, 12), 0);
	assert_int_equal(bench_facts_add(&r->machine, "command", "a \"b\" \\ \t\xc3\xa9"), 0);
	assert_int_equal(bench_facts_add(&r->device, "second.bdf", "0000:01:00.0"), 0);
	cell = bench_results_cell(r, "kernel-dma-fq-plain", "randread-4k-qd1");
	strcpy(cell->driver, "kernel");
	strcpy(cell->variant, "plain");
	strcpy(cell->domain, "DMA-FQ");
	strcpy(cell->device, "0000:01:00.0");
	for (int i = 0; i < 3; i++) {
		round = bench_cell_round(cell);
		round->value[BENCH_IOPS] = iops[i];
		round->value[BENCH_LATENCY_P50] = 1.0 / 3;
		round->value[BENCH_INSTRUCTIONS_KERNEL] = 0;
		round->ios = UINT64_C(1) << 62;
		round->errors = i;
		round->seconds = 0.2;
		round->mark = i + 1;
		strcpy(round->domain_read_back, "DMA-FQ");
	}
	cell = bench_results_cell(r, "nnvme-noiommu", "randread-4k-qd1");
	strcpy(cell->driver, "nnvme");
	strcpy(cell->variant, "poll");
	strcpy(cell->mode, "noiommu");
	cell->spins = true;
	assert_int_equal(bench_results_skip(r, "nnvme-iommu", "", "there is no %s", "IOMMU"), 0);
	assert_int_equal(bench_results_skip(r, "nnvme-noiommu", "randread-512-qd32", "blocks"), 0);
	bench_results_sum_up(r);
}

static void same_facts(const struct bench_facts *a, const struct bench_facts *b)
{
	assert_int_equal(a->count, b->count);
	for (size_t i = 0; i < a->count; i++) {
		assert_string_equal(a->fact[i].name, b->fact[i].name);
		assert_string_equal(a->fact[i].value, b->fact[i].value);
	}
}

static void same_number(double a, double b)
{
	assert_true(a == b || (isnan(a) && isnan(b)));
}

static void same_cell(const struct bench_cell *a, const struct bench_cell *b)
{
	assert_string_equal(a->row, b->row);
	assert_string_equal(a->driver, b->driver);
	assert_string_equal(a->variant, b->variant);
	assert_string_equal(a->domain, b->domain);
	assert_string_equal(a->domain_read_back, b->domain_read_back);
	assert_string_equal(a->mode, b->mode);
	assert_string_equal(a->column, b->column);
	assert_string_equal(a->device, b->device);
	assert_int_equal(a->spins, b->spins);
	assert_int_equal(a->errors, b->errors);
	assert_int_equal(a->nr_rounds, b->nr_rounds);
	for (size_t i = 0; i < a->nr_rounds; i++) {
		assert_true(a->rounds[i].ios == b->rounds[i].ios);
		assert_int_equal(a->rounds[i].errors, b->rounds[i].errors);
		assert_int_equal(a->rounds[i].mark, b->rounds[i].mark);
		same_number(a->rounds[i].seconds, b->rounds[i].seconds);
		for (int m = 0; m < BENCH_METRICS; m++)
			same_number(a->rounds[i].value[m], b->rounds[i].value[m]);
	}
	for (int m = 0; m < BENCH_METRICS; m++) {
		same_number(a->figure[m].median, b->figure[m].median);
		same_number(a->figure[m].low, b->figure[m].low);
		same_number(a->figure[m].high, b->figure[m].high);
	}
}

static void what_is_written_comes_back(void **state)
{
	struct bench_results a, b;
	struct nnvme_err err = { 0 };

	fill(&a);
	assert_int_equal(bench_results_write(&a, path, &err), 0);
	if (bench_results_read(&b, path, &err))
		fail_msg("%s", err.text);
	assert_int_equal(b.version, BENCH_SCHEMA);
	assert_string_equal(a.started, b.started);
	assert_string_equal(a.harness, b.harness);
	assert_string_equal(a.backend, b.backend);
	assert_int_equal(a.emulated, b.emulated);
	assert_int_equal(a.complete, b.complete);
	assert_int_equal(a.rounds, b.rounds);
	same_number(a.seconds, b.seconds);
	same_facts(&a.machine, &b.machine);
	same_facts(&a.device, &b.device);
	assert_int_equal(a.nr_cells, b.nr_cells);
	for (size_t i = 0; i < a.nr_cells; i++)
		same_cell(&a.cells[i], &b.cells[i]);
	assert_int_equal(a.nr_skipped, b.nr_skipped);
	for (size_t i = 0; i < a.nr_skipped; i++)
		assert_memory_equal(&a.skipped[i], &b.skipped[i], sizeof(a.skipped[i]));
	bench_results_free(&a);
	bench_results_free(&b);
}

static void rounds_are_summed_up(void **state)
{
	struct bench_results r;
	struct bench_cell *cell;

	fill(&r);
	cell = bench_results_find(&r, "kernel-dma-fq-plain", "randread-4k-qd1");
	assert_non_null(cell);
	assert_null(bench_results_find(&r, "kernel-dma-fq-plain", "randread-4k-qd32"));
	same_number(cell->figure[BENCH_IOPS].median, 1000);
	same_number(cell->figure[BENCH_IOPS].low, 900);
	same_number(cell->figure[BENCH_IOPS].high, 1200.25);
	same_number(cell->figure[BENCH_INTERRUPTS].median, NAN);
	assert_int_equal(cell->errors, 3);
	assert_string_equal(cell->domain_read_back, "DMA-FQ");
	strcpy(cell->rounds[1].domain_read_back, "DMA");
	bench_results_sum_up(&r);
	assert_string_equal(cell->domain_read_back, "mixed");
	bench_results_free(&r);
}

static char *slurp(const char *name)
{
	static char text[100000];
	FILE *f = fopen(name, "r");
	size_t length;

	assert_non_null(f);
	length = fread(text, 1, sizeof(text) - 1, f);
	text[length] = '\0';
	fclose(f);
	return text;
}

static void csv_has_a_line_a_round(void **state)
{
	struct bench_results r;
	int lines = 0;
	char *text;

	fill(&r);
	strcpy(r.cells[0].device, "a,\"b\"");
	assert_int_equal(bench_results_write_csv(&r, path, NULL), 0);
	text = slurp(path);
	assert_non_null(strstr(text, "row,column,driver,variant,domain,domain_read_back,mode,device,spins,round,"
				     "seconds,ios,errors,iops,bytes_per_second,latency.mean_ns,"));
	assert_non_null(strstr(text, "\nkernel-dma-fq-plain,randread-4k-qd1,kernel,plain,DMA-FQ,DMA-FQ,,"
				     "\"a,\"\"b\"\"\",0,2,0.2,4611686018427387904,1,1200.25,,,"));
	for (; *text; text++)
		lines += *text == '\n';
	assert_int_equal(lines, 4);
	bench_results_free(&r);
}

static void a_place_that_cannot_be_written(void **state)
{
	struct bench_results r;
	struct nnvme_err err;

	bench_results_init(&r);
	assert_int_equal(bench_results_write(&r, "/no/such/results.json", &err), -ENOENT);
	assert_non_null(strstr(err.text, "/no/such/results.json cannot be written"));
	assert_int_equal(bench_results_write_csv(&r, "/no/such/results.csv", &err), -ENOENT);
	assert_int_equal(bench_results_write(&r, "/dev/full/x", &err), -ENOTDIR);
}

/* The file with @old, which must be in it, replaced by @new. */
static void rewrite(const char *old, const char *new)
{
	struct bench_results r;
	char *text, *at;
	FILE *f;

	fill(&r);
	assert_int_equal(bench_results_write(&r, path, NULL), 0);
	bench_results_free(&r);
	text = slurp(path);
	at = strstr(text, old);
	if (!at)
		fail_msg("there is no %s in %s", old, text);
	f = fopen(path, "w");
	assert_non_null(f);
	fprintf(f, "%.*s%s%s", (int)(at - text), text, new, at + strlen(old));
	fclose(f);
}

static void expect(int want, const char *word)
{
	struct nnvme_err err = { 0 };
	struct bench_results r;
	int rc = bench_results_read(&r, path, &err);

	if (rc != want || !strstr(err.text, word))
		fail_msg("%d, not %d, and '%s' does not say '%s'", rc, want, err.text, word);
	assert_int_equal(r.nr_cells, 0);
	assert_null(r.cells);
}

static void wrong_values_are_named(void **state)
{
	static const struct { const char *old, *new, *says; } cases[] = {
		{ "\"schema\": 2", "\"schema\": \"1\"", "\"schema\" is of type string, and not int" },
		{ "\"schema\": 2,", "", "there is no \"schema\"" },
		{ "\"complete\": false", "\"complete\": 0", "\"complete\" is of type int, and not boolean" },
		{ "\"rounds\": 3", "\"rounds\": 100000000", "\"rounds\" is 100000000, and not from 0 to 10000" },
		{ "\"rounds\": 3", "\"rounds\": -1", "\"rounds\" is -1" },
		{ "\"rounds\": 3", "\"rounds\": 3.5", "of type double, and not int" },
		{ "\"seconds\": 0.2", "\"seconds\": null", "there is no \"seconds\"" },
		{ "\"seconds\": 0.2", "\"seconds\": -0.2", "not a number from 0 up" },
		{ "\"seconds\": 0.2", "\"seconds\": NaN", "not a number from 0 up" },
		{ "\"seconds\": 0.2", "\"seconds\": 1e999", "not a number from 0 up" },
		{ "\"kernel\": \"6.12\"", "\"kernel\": 6.12", "machine: \"kernel\" is of type double" },
		{ "\"cells\": [", "\"cells\": [ 7,", "\"cells\"[0] is no object" },
		{ "\"cells\": [", "\"cells\": {}, \"cell\": [", "\"cells\" is of type object, and not array" },
		{ "\"driver\": \"nnvme\"", "\"driver\": \"theirs\"", "cells[1]: \"driver\" is \"theirs\"" },
		{ "\"mode\": \"noiommu\"", "\"mode\": \"x\"", "cells[1]: \"mode\" is \"x\"" },
		{ "\"domain\": \"DMA-FQ\"", "\"domain\": \"dma\"", "cells[0]: \"domain\" is \"dma\"" },
		{ "\"row\": \"nnvme-noiommu\"", "\"row\": null", "cells[1]: there is no \"row\"" },
		{ "\"device\": \"0000:01:00.0\"", "\"device\": \"0000:01:00.0000000000000000\"", "longer than 19" },
		{ "\"device\": \"0000:01:00.0\"", "\"device\": \"00\\u0000\"", "has a zero byte" },
		{ "\"mark\": 2", "\"mark\": []", "cells[0].rounds[1]: \"mark\" is of type array" },
		{ "\"ios\": 4611686018427387904", "\"ios\": 18446744073709551615", "\"ios\" is 1844674407" },
		{ "\"iops\": 1200.25", "\"iops\": \"many\"", "cells[0].rounds[1]: \"iops\" is of type string" },
		{ "\"column\": \"randread-512-qd32\"", "\"column\": 5", "skipped[1]: \"column\" is of type int" },
		{ "\"reason\": \"blocks\"", "\"because\": \"blocks\"", "skipped[1]: there is no \"reason\"" },
		{ "\"reason\": \"blocks\"", "\"reason\": \"\xff\"", "is no JSON" },
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		rewrite(cases[i].old, cases[i].new);
		expect(-EINVAL, cases[i].says);
	}
}

static void another_schema_is_its_own_error(void **state)
{
	rewrite("\"schema\": 2", "\"schema\": 3");
	expect(-EPROTO, "its schema is 3, and this program reads 2");
}

static void what_is_not_known_is_left_alone(void **state)
{
	struct bench_results r;

	rewrite("\"schema\": 2,", "\"schema\": 2, \"later\": [ { } ],");
	assert_int_equal(bench_results_read(&r, path, NULL), 0);
	assert_int_equal(r.nr_cells, 2);
	bench_results_free(&r);
	rewrite("\"iops\": 1200.25,", "");	/* not measured */
	assert_int_equal(bench_results_read(&r, path, NULL), 0);
	same_number(r.cells[0].rounds[1].value[BENCH_IOPS], NAN);
	bench_results_free(&r);
}

static void write_text(const char *text, size_t times, const char *more)
{
	FILE *f = fopen(path, "w");

	assert_non_null(f);
	while (times--)
		fputs(text, f);
	fputs(more, f);
	fclose(f);
}

static void files_that_are_none_of_ours(void **state)
{
	static const char head[] =
		"{ \"schema\": 2, \"started\": \"\", \"harness\": \"\", \"emulated\": true, \"complete\": true, "
		"\"rounds\": 1, \"seconds\": 1, \"machine\": {}, \"device\": {}, \"cells\": [";
	struct bench_results r;
	struct nnvme_err err;
	FILE *f;

	write_text("", 0, "");
	expect(-EINVAL, "it ends too early");
	write_text("{", 1, "");
	expect(-EINVAL, "it ends too early");
	write_text("{}", 2, "");
	expect(-EINVAL, "is no JSON");
	write_text("[]", 1, "");
	expect(-EINVAL, "is no JSON object");
	write_text("{\"a\":", 100000, "");
	expect(-EINVAL, "is no JSON");
	write_text(head, 1, "{ \"row\": \"\", \"column\": \"\", \"driver\": \"nnvme\", \"variant\": \"\", "
		   "\"device\": \"\", \"spins\": true, \"rounds\": [ "
		   "{ \"seconds\": 1, \"ios\": 1, \"errors\": 0, \"latency\": 3 } ] } ] }");
	expect(-EINVAL, "cells[0].rounds[0]: \"latency\" is of type int, and not object");
	write_text(head, 1, "");
	f = fopen(path, "a");
	assert_non_null(f);
	for (int i = 0; i < 10000; i++)
		fputs("{},", f);
	fputs("{}] }", f);
	fclose(f);
	expect(-EINVAL, "\"cells\" has 10001 elements, and at most 10000 are read");
	assert_int_equal(truncate(path, (64L << 20) + 1), 0);
	expect(-EINVAL, "is no file of at most 64 MiB");
	assert_int_equal(bench_results_read(&r, "/no/such", &err), -ENOENT);
	assert_int_equal(bench_results_read(&r, dir, &err), -EINVAL);
	assert_int_equal(bench_results_read(&r, "/dev/zero", &err), -EINVAL);
}

/* Cut off anywhere, it is refused and not believed. */
static void a_file_cut_short(void **state)
{
	struct bench_results r;
	long length;

	rewrite("\"schema\": 2", "\"schema\": 2");
	length = (long)strlen(slurp(path)) - 3;		/* the last brace */
	for (; length >= 0; length -= 7) {
		assert_int_equal(truncate(path, length), 0);
		assert_int_equal(bench_results_read(&r, path, NULL), -EINVAL);
	}
}

static void rows_and_columns_have_names_of_their_own(void **state)
{
	int defaults = 0;

	for (size_t i = 0; i < bench_nr_rows; i++) {
		assert_ptr_equal(bench_row_find(bench_rows[i].name), &bench_rows[i]);
		assert_true(strlen(bench_rows[i].name) < sizeof(((struct bench_cell *)NULL)->row));
		assert_true(strlen(bench_rows[i].variant) < sizeof(((struct bench_cell *)NULL)->variant));
		assert_true(!bench_rows[i].nnvme || bench_rows[i].mode != NNVME_MODE_AUTO);
	}
	for (size_t i = 0; i < bench_nr_columns; i++) {
		assert_ptr_equal(bench_column_find(bench_columns[i].name), &bench_columns[i]);
		assert_true(strlen(bench_columns[i].name) < sizeof(((struct bench_cell *)NULL)->column));
		defaults += bench_columns[i].is_default;
		assert_true(!bench_columns[i].is_default || !bench_columns[i].work.percent_write);
		assert_int_equal(!!strstr(bench_columns[i].name, "w"), bench_columns[i].work.percent_write > 0);
	}
	assert_int_equal(defaults, 3);
	assert_int_equal(bench_row_find("kernel-dma-fq-passthrough")->domain, NNVME_DOMAIN_DMA_FQ);
	assert_int_equal(bench_column_find("randrw-4k-qd32")->work.percent_write, 30);
	assert_null(bench_row_find("kernel"));
	assert_null(bench_column_find(""));
}

static void says(const struct bench_round *round, const char *wanted)
{
	char text[120];

	bench_round_text(round, text, sizeof(text));
	assert_string_equal(text, wanted);
}

static void a_round_in_words(void **state)
{
	struct bench_round round = { .ios = 100 };

	round.value[BENCH_IOPS] = 50000;
	round.value[BENCH_LATENCY_P99] = 20500;
	says(&round, "50000 IOPS, 99 % within 20.5 us");
	round.errors = 3;
	says(&round, "50000 IOPS, 99 % within 20.5 us, 3 I/Os failed");
	round.ios = 0;
	round.value[BENCH_IOPS] = round.value[BENCH_LATENCY_P99] = NAN;
	says(&round, "all 3 I/Os failed");
	round.errors = 0;
	says(&round, "no I/O ended in time");
	round.value[BENCH_LATENCY_P99] = 1e9;	/* one that was stuck: among the latencies alone */
	says(&round, "no I/O ended in time, 99 % within 1000000.0 us");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_is_written_comes_back),
		cmocka_unit_test(rounds_are_summed_up),
		cmocka_unit_test(csv_has_a_line_a_round),
		cmocka_unit_test(a_place_that_cannot_be_written),
		cmocka_unit_test(wrong_values_are_named),
		cmocka_unit_test(another_schema_is_its_own_error),
		cmocka_unit_test(what_is_not_known_is_left_alone),
		cmocka_unit_test(files_that_are_none_of_ours),
		cmocka_unit_test(a_file_cut_short),
		cmocka_unit_test(rows_and_columns_have_names_of_their_own),
		cmocka_unit_test(a_round_in_words),
	};

	return cmocka_run_group_tests_name("bench_results", tests, setup, teardown);
}
