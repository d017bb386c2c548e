// SPDX-License-Identifier: MIT
/*
 * Files of the benchmark in a directory where others may write: nothing of theirs is followed or
 * overwritten.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "bench/results.h"
#include "folder_rig.h"

static const char precious[] = "precious\n";
static const char *in_dir(const char *name)
{
	static char path[2][80];
	static int n;

	n = !n;
	snprintf(path[n], sizeof(path[n]), "%s/%s", folder, name);
	return path[n];
}

static void hold_precious(const char *name)
{
	FILE *file = fopen(in_dir(name), "w");

	assert_non_null(file);
	fputs(precious, file);
	fclose(file);
}

static void is_precious(const char *name)
{
	char text[20] = "";
	FILE *file = fopen(in_dir(name), "r");

	assert_non_null(file);
	if (fread(text, 1, sizeof(text) - 1, file) != strlen(precious) ||
	    strcmp(text, precious) != 0)
		fail_msg("%s was written through: %s", name, text);
	fclose(file);
}

/* @name and the name beside it that is easily guessed lead to a file of root's. */
static void plant(const char *name)
{
	char guess[40];

	hold_precious("root");
	snprintf(guess, sizeof(guess), "%s.new", name);
	assert_int_equal(symlink("root", in_dir(name)), 0);
	assert_int_equal(symlink("root", in_dir(guess)), 0);
}

static void is_written(const char *name)
{
	struct stat st;

	is_precious("root");
	assert_int_equal(lstat(in_dir(name), &st), 0);
	assert_true(S_ISREG(st.st_mode));
	assert_true(st.st_size > 100);
}

/* One cell with one round. */
static void fill(struct bench_results *r)
{
	struct bench_cell *cell;

	*r = (struct bench_results){ 0 };
	cell = bench_results_cell(r, &bench_rows[0], &bench_columns[0], "");
	assert_non_null(cell);
	assert_non_null(bench_cell_round(cell));
}

static void results_follow_no_link(void **state)
{
	struct bench_results r;

	fill(&r);
	plant("results.json");
	assert_int_equal(bench_results_write(&r, in_dir("results.json"), NULL), 0);
	is_written("results.json");
	plant("results.csv");
	assert_int_equal(bench_results_write_csv(&r, in_dir("results.csv"), NULL), 0);
	is_written("results.csv");
	bench_results_free(&r);
}

/* An existing file stays as it is until the new one is complete; then nothing else is left. */
static void nothing_is_left_beside_it(void **state)
{
	struct bench_results r;
	struct nnvme_err err;

	fill(&r);
	assert_int_equal(bench_results_write(&r, in_dir("results.json"), NULL), 0);
	assert_int_equal(unlink(in_dir("results.json")), 0);
	assert_int_equal(mkdir(in_dir("results.json"), 0700), 0);
	assert_int_equal(bench_results_write(&r, in_dir("results.json"), &err), -EISDIR);
	assert_non_null(strstr(err.text, "results.json cannot be written"));
	assert_int_equal(rmdir(in_dir("results.json")), 0);
	assert_int_equal(rmdir(folder), 0);	/* it is empty */
	assert_int_equal(bench_results_write(&r, in_dir("results.json"), &err), -ENOENT);
	bench_results_free(&r);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, folder_setup, folder_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(results_follow_no_link),
		TEST(nothing_is_left_beside_it),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
