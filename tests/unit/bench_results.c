// SPDX-License-Identifier: MIT
/* results.json and results.csv as they are written; what reads them is bench_results.py. */
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
#include "rows.h"

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

	*r = (struct bench_results){ 0 };
	strcpy(r->started, "2001-02-03T04:05:06Z");
	strcpy(r->harness, "bench");
	strcpy(r->backend, "null-co");
	r->emulated = true;
	r->rounds = 3;
	r->seconds = 0.2;
	assert_int_equal(bench_facts_add(&r->machine, "kernel", "%d.%d", 6, 12), 0);
	assert_int_equal(bench_facts_add(&r->machine, "command", "a \"b\" \\ \t\xc3\xa9"), 0);
	assert_int_equal(bench_facts_add(&r->device, "second.bdf", "0000:01:00.0"), 0);
	cell = bench_results_cell(r, row_find("kernel-dma-fq-plain"), &bench_columns[0],
				  "0000:01:00.0");
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
	bench_results_cell(r, row_find("nnvme-noiommu"), &bench_columns[0], "0000:02:00.0");
	assert_int_equal(bench_results_skip(r, row_find("nnvme-iommu"), NULL, "no IOMMU"), 0);
	assert_int_equal(bench_results_skip(r, row_find("nnvme-noiommu"),
					    column_find("randread-512-qd32"), "blocks"), 0);
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
	assert_ptr_equal(bench_results_cell(&r, r.cells->row, r.cells->column, ""), r.cells);
	assert_int_equal(r.nr_cells, 2);
	strcpy(r.cells[0].device, "a,\"b\"");
	assert_int_equal(bench_results_write_csv(&r, path, NULL), 0);
	text = slurp(path);
	assert_non_null(strstr(text, "row,column,driver,variant,domain,domain_read_back,mode,"
				     "device,spins,round,seconds,ios,errors,iops,bytes_per_second,"
				     "latency.mean_ns,"));
	assert_non_null(strstr(text, "\nkernel-dma-fq-plain,randread-4k-qd1,kernel,plain,DMA-FQ,"
				     "DMA-FQ,,\"a,\"\"b\"\"\",0,2,0.2,4611686018427387904,1,"
				     "1200.25,,,"));
	for (; *text; text++)
		lines += *text == '\n';
	assert_int_equal(lines, 4);
	bench_results_free(&r);
}

static void a_place_that_cannot_be_written(void **state)
{
	struct bench_results r;
	struct nnvme_err err;

	memset(&r, 0, sizeof(r));
	assert_int_equal(bench_results_write(&r, "/no/such/results.json", &err), -ENOENT);
	assert_non_null(strstr(err.text, "/no/such/results.json cannot be written"));
	assert_int_equal(bench_results_write_csv(&r, "/no/such/results.csv", &err), -ENOENT);
	assert_int_equal(bench_results_write(&r, "/dev/full/x", &err), -ENOTDIR);
}

/* No longer than results.py reads. */
static void rows_and_columns_have_names_of_their_own(void **state)
{
	int defaults = 0;

	for (size_t i = 0; i < bench_nr_rows; i++) {
		assert_ptr_equal(row_find(bench_rows[i].name), &bench_rows[i]);
		assert_true(strlen(bench_rows[i].name) < 48);
		assert_true(strlen(bench_rows[i].variant) < 16);
		assert_true(!bench_rows[i].nnvme || bench_rows[i].mode != NNVME_MODE_AUTO);
	}
	for (size_t i = 0; i < bench_nr_columns; i++) {
		assert_ptr_equal(column_find(bench_columns[i].name), &bench_columns[i]);
		assert_true(strlen(bench_columns[i].name) < 24);
		defaults += bench_columns[i].is_default;
		assert_true(!bench_columns[i].is_default || !bench_columns[i].work.percent_write);
		assert_int_equal(!!strstr(bench_columns[i].name, "w"),
				 bench_columns[i].work.percent_write > 0);
	}
	assert_int_equal(defaults, 3);
	assert_int_equal(row_find("kernel-dma-fq-passthrough")->domain, NNVME_DOMAIN_DMA_FQ);
	assert_int_equal(column_find("randrw-4k-qd32")->work.percent_write, 30);
	assert_null(row_find("kernel"));
	assert_null(column_find(""));
}

static void reads_as(const struct bench_round *round, const char *wanted)
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
	reads_as(&round, "50000 IOPS, 99 % within 20.5 us");
	round.errors = 3;
	reads_as(&round, "50000 IOPS, 99 % within 20.5 us, 3 I/Os failed");
	round.ios = 0;
	round.value[BENCH_IOPS] = round.value[BENCH_LATENCY_P99] = NAN;
	reads_as(&round, "all 3 I/Os failed");
	round.errors = 0;
	reads_as(&round, "no I/O ended in time");
	round.value[BENCH_LATENCY_P99] = 1e9;	/* one that was stuck: among the latencies alone */
	reads_as(&round, "no I/O ended in time, 99 % within 1000000.0 us");
}

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(csv_has_a_line_a_round),
		cmocka_unit_test(a_place_that_cannot_be_written),
		cmocka_unit_test(rows_and_columns_have_names_of_their_own),
		cmocka_unit_test(a_round_in_words),
	};

	if (argc == 2) {	/* a file for bench_read.py */
		struct bench_results r;
		int ret;

		fill(&r);
		ret = bench_results_write(&r, argv[1], NULL);
		bench_results_free(&r);
		return ret ? 1 : 0;
	}
	return cmocka_run_group_tests_name("bench_results", tests, setup, teardown);
}
