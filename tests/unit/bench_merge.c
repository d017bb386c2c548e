// SPDX-License-Identifier: MIT
/* Counts of instructions and doorbell writes, merged into the results of a timed run. */
#include <errno.h>
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "bench/merge.h"

#define ROUNDS 3

static char folder[] = "/tmp/bench_merge.XXXXXX";

/* A file of that name and text; its path is valid until the next call. */
static const char *file(const char *name, const char *text)
{
	static char path[sizeof(folder) + 20];
	FILE *f;

	snprintf(path, sizeof(path), "%s/%s", folder, name);
	f = fopen(path, "w");
	assert_non_null(f);
	fputs(text, f);
	fclose(f);
	return path;
}

static int read_counts(struct bench_counts *counts, const char *text, struct nnvme_err *err)
{
	return bench_counts_read(counts, file("marks.txt", text), err);
}

/* Cell @row of 1000 I/Os a round; the rounds' marks are @mark, @mark + 1, ..., or none. */
static void add_cell(struct bench_results *r, const char *row, uint64_t mark)
{
	struct bench_cell *cell = bench_results_cell(r, row, "randread-4k-qd1");

	strcpy(cell->driver, "kernel");
	strcpy(cell->variant, "plain");
	strcpy(cell->device, "0000:00:10.0");
	for (unsigned i = 0; i < ROUNDS; i++) {
		struct bench_round *round = bench_cell_round(cell);

		round->ios = 1000;
		round->seconds = 1;
		round->value[BENCH_IOPS] = 1000;
		round->mark = mark ? mark + i : 0;
	}
}

static void start(struct bench_results *r)
{
	bench_results_init(r);
	strcpy(r->started, "2000-01-01T00:00:00Z");
	strcpy(r->harness, "bench");
	r->complete = true;
	r->rounds = ROUNDS;
	r->seconds = 1;
	bench_facts_add(&r->device, "bdf", "0000:00:10.0");
}

static struct bench_results timed, counted;
static struct bench_counts counts;

static int set_up(void **state)
{
	start(&timed);
	start(&counted);
	add_cell(&timed, "kernel-identity-plain", 0);
	add_cell(&timed, "nnvme-iommu", 0);
	add_cell(&counted, "nnvme-iommu", 4);
	add_cell(&counted, "kernel-identity-plain", 1);
	assert_int_equal(read_counts(&counts, "1 1000000 4000000 1000 500\n2 1000000 4100000 1000 500\n"
				     "3 1000000 3900000 1000 500\n4 100000 0 32 32\n5 100000 0 32 32\n"
				     "6 100000 0 32 32\n", NULL), 0);
	return 0;
}

static int tear_down(void **state)
{
	bench_results_free(&timed);
	bench_results_free(&counted);
	bench_counts_free(&counts);
	return 0;
}

static void figures(void **state)
{
	const struct bench_cell *kernel = &timed.cells[0], *nnvme = &timed.cells[1];

	assert_int_equal(bench_merge(&timed, &counted, &counts, NULL), 0);
	assert_true(kernel->figure[BENCH_INSTRUCTIONS_USER].median == 1000);
	assert_true(kernel->figure[BENCH_INSTRUCTIONS_KERNEL].median == 4000);
	assert_true(kernel->figure[BENCH_INSTRUCTIONS_KERNEL].low == 3900);
	assert_true(kernel->figure[BENCH_INSTRUCTIONS_KERNEL].high == 4100);
	assert_true(kernel->rounds[1].value[BENCH_INSTRUCTIONS_KERNEL] == 4100);
	assert_true(kernel->figure[BENCH_SQ_DOORBELLS].median == 1);
	assert_true(kernel->figure[BENCH_CQ_DOORBELLS].median == 0.5);
	assert_true(kernel->figure[BENCH_IOPS].median == 1000);
	assert_true(nnvme->figure[BENCH_INSTRUCTIONS_USER].median == 100);
	assert_true(nnvme->figure[BENCH_SQ_DOORBELLS].median == 0.032);
	assert_int_equal(nnvme->rounds[2].mark, 6);
}

static void failed_ios(void **state)
{
	counted.cells[1].rounds[1].errors = 3;
	counted.cells[0].rounds[0].ios = 0;
	assert_int_equal(bench_merge(&timed, &counted, &counts, NULL), 0);
	assert_true(isnan(timed.cells[0].rounds[1].value[BENCH_INSTRUCTIONS_USER]));
	assert_false(isnan(timed.cells[0].rounds[2].value[BENCH_INSTRUCTIONS_USER]));
	assert_true(isnan(timed.cells[1].rounds[0].value[BENCH_SQ_DOORBELLS]));
}

static void cells_of_one_alone(void **state)
{
	add_cell(&timed, "kernel-none-plain", 0);
	strcpy(counted.cells[0].row, "kernel-DMA-plain");
	assert_int_equal(bench_merge(&timed, &counted, &counts, NULL), 0);
	assert_true(isnan(timed.cells[1].figure[BENCH_INSTRUCTIONS_USER].median));
	assert_true(isnan(timed.cells[2].figure[BENCH_INSTRUCTIONS_USER].median));
	assert_false(isnan(timed.cells[0].figure[BENCH_INSTRUCTIONS_USER].median));
}

/* Refused with these words, and nothing is merged. */
static void refused(const char *words)
{
	struct nnvme_err err = {};

	assert_int_equal(bench_merge(&timed, &counted, &counts, &err), -EINVAL);
	if (!strstr(err.text, words))
		fail_msg("\"%s\" does not say \"%s\"", err.text, words);
	for (size_t i = 0; i < timed.nr_cells; i++)
		assert_true(isnan(timed.cells[i].rounds[0].value[BENCH_INSTRUCTIONS_USER]));
}

static void other_runs(void **state)
{
	counts.pair[5].known = false;
	refused("round 2 of nnvme-iommu, randread-4k-qd1: its pair of marks, 5, was not counted");
	counts.pair[5].known = true;
	counted.cells[0].rounds[0].mark = 70000;
	refused("70000, was not counted");
	counted.cells[0].rounds[0].mark = 4;
	counted.rounds = 2;
	refused("of 2 rounds, and the results of 3");
	counted.rounds = 3;
	strcpy(counted.device.fact[0].value, "0000:00:11.0");
	refused("bdf is \"0000:00:11.0\" there, and \"0000:00:10.0\" here");
}

/* Nothing was counted: that is no success. */
static void no_marks(void **state)
{
	for (size_t i = 0; i < counted.nr_cells; i++)
		for (int k = 0; k < ROUNDS; k++)
			counted.cells[i].rounds[k].mark = 0;
	refused("no round of the results was counted: count a run with --marks");
	bench_results_free(&counted);
	start(&counted);
	refused("no round of the results was counted");
}

static void bad_lines(void **state)
{
	static const struct {
		const char *text, *words;
	} bad[] = {
		{ "1 2 3 4\n", ":1: not five numbers" },
		{ "1 2 3 4 5\n2 3 4 5 6 7\n", ":2: not five numbers" },
		{ "1 -2 3 4 5\n", "not five numbers" },
		{ "x\n", "not five numbers" },
		{ "\n", "not five numbers" },
		{ "0 2 3 4 5\n", "pair 0" },
		{ "65536 2 3 4 5\n", "pair 65536" },
		{ "7 2 3 4 5\n7 2 3 4 5\n", ":2: pair 7 for the second time" },
	};
	struct nnvme_err err = {};
	struct bench_counts c;

	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		assert_int_equal(read_counts(&c, bad[i].text, &err), -EINVAL);
		assert_non_null(strstr(err.text, bad[i].words));
	}
	assert_int_equal(bench_counts_read(&c, "/nonexistent/marks", &err), -ENOENT);
	assert_int_equal(read_counts(&c, "", &err), 0);
	assert_int_equal(c.count, 0);
	bench_counts_free(&c);
}

static void files(void **state)
{
	char path[4][sizeof(folder) + 20];
	static const char *const name[] = { "results.json", "counted.json", "marks.txt", "results.csv" };

	for (int i = 0; i < 4; i++)
		snprintf(path[i], sizeof(path[i]), "%s/%s", folder, name[i]);
	assert_int_equal(bench_results_write(&timed, path[0], NULL), 0);
	assert_int_equal(bench_results_write(&counted, path[1], NULL), 0);
	assert_int_equal(bench_merge_files(path[0], path[1], path[2], NULL), 0);
	bench_results_free(&timed);
	assert_int_equal(bench_results_read(&timed, path[0], NULL), 0);
	assert_true(timed.cells[0].figure[BENCH_INSTRUCTIONS_KERNEL].median == 4000);
	for (int i = 0; i < 4; i++)
		assert_int_equal(unlink(path[i]), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(figures, set_up, tear_down),
		cmocka_unit_test_setup_teardown(failed_ios, set_up, tear_down),
		cmocka_unit_test_setup_teardown(cells_of_one_alone, set_up, tear_down),
		cmocka_unit_test_setup_teardown(other_runs, set_up, tear_down),
		cmocka_unit_test_setup_teardown(no_marks, set_up, tear_down),
		cmocka_unit_test_setup_teardown(files, set_up, tear_down),
		cmocka_unit_test(bad_lines),
	};
	int failed;

	if (!mkdtemp(folder))
		return 1;
	failed = cmocka_run_group_tests(tests, NULL, NULL);
	unlink(file("marks.txt", ""));
	rmdir(folder);
	return failed;
}
