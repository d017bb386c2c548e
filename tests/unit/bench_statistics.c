// SPDX-License-Identifier: MIT
/* Figures, Student's t, ratios and their intervals, against numbers worked out elsewhere. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <math.h>
#include <string.h>

#include "bench/statistics.h"

#define N(a) (sizeof(a) / sizeof((a)[0]))

static void near(double is, double should, double within)
{
	if (!(fabs(is - should) <= within))
		fail_msg("%.9f should be %.9f", is, should);
}

/* The tables of any book have these. */
static void t_is_that_of_the_tables(void **state)
{
	static const struct {
		size_t df;
		double t;
	} known[] = {
		{ 1, 12.706205 }, { 2, 4.302653 }, { 3, 3.182446 }, { 4, 2.776445 }, { 5, 2.570582 },
		{ 6, 2.446912 }, { 7, 2.364624 }, { 8, 2.306004 }, { 9, 2.262157 }, { 10, 2.228139 },
		{ 15, 2.131450 }, { 20, 2.085963 }, { 29, 2.045230 }, { 30, 2.042272 }, { 40, 2.021075 },
		{ 60, 2.000298 }, { 99, 1.984217 }, { 100, 1.983972 },
	};

	assert_true(isnan(bench_t_quantile(0)));
	for (size_t i = 0; i < N(known); i++)
		near(bench_t_quantile(known[i].df), known[i].t, 1e-6);
	for (size_t df = 2; df <= 1000; df++)
		assert_true(bench_t_quantile(df) < bench_t_quantile(df - 1));
	near(bench_t_quantile(1000000), 1.959966, 1e-5);
}

static void a_figure_is_median_and_ends(void **state)
{
	static const double odd[] = { 5, 1, 4, 2, 3 }, even[] = { 10, 40, 20, 30 };
	struct bench_figure f = bench_figure_of(odd, N(odd));

	near(f.median, 3, 0);
	near(f.low, 1, 0);
	near(f.high, 5, 0);
	f = bench_figure_of(even, N(even));
	near(f.median, 25, 0);
	near(f.low, 10, 0);
	near(f.high, 40, 0);
	f = bench_figure_of(odd, 1);
	near(f.median, 5, 0);
	near(f.low, 5, 0);
	near(f.high, 5, 0);
}

static void a_figure_leaves_out_what_is_not_there(void **state)
{
	const double some[] = { NAN, 7, NAN, 3, NAN }, none[] = { NAN, NAN };
	struct bench_figure f = bench_figure_of(some, N(some));

	near(f.median, 5, 0);
	near(f.low, 3, 0);
	near(f.high, 7, 0);
	f = bench_figure_of(none, N(none));
	assert_true(isnan(f.median) && isnan(f.low) && isnan(f.high));
	f = bench_figure_of(none, 0);
	assert_true(isnan(f.median) && isnan(f.low) && isnan(f.high));
}

/*
 * Logarithms of the ratios: ln 2 - d, ln 2, ln 2 + d. Their mean is ln 2, their standard deviation d, the
 * standard error d / sqrt 3, and t with two degrees of freedom 4.302653.
 */
static void an_interval_is_students(void **state)
{
	double d = 0.1, half = 4.302653 * d / sqrt(3);
	const double a[] = { 2000 * exp(-d), 4000, 600 * exp(d) }, b[] = { 1000, 2000, 300 };
	struct bench_ratio r = bench_ratio_of(a, b, 3);

	assert_int_equal(r.rounds, 3);
	near(r.ratio, 2, 1e-9);
	near(r.low, 2 * exp(-half), 1e-6);
	near(r.high, 2 * exp(half), 1e-6);
	assert_true(bench_ratio_differs(&r));
	r = bench_ratio_of(b, a, 3);
	near(r.ratio, 0.5, 1e-9);
	near(r.high, 0.5 * exp(half), 1e-6);
	assert_true(bench_ratio_differs(&r));
}

static void an_interval_around_1_is_no_difference(void **state)
{
	static const double a[] = { 110, 90, 100 }, b[] = { 100, 100, 100 };
	struct bench_ratio r = bench_ratio_of(a, b, 3);

	assert_true(r.low < 1 && r.high > 1);
	assert_false(bench_ratio_differs(&r));
	r = bench_ratio_of(b, b, 3);
	near(r.ratio, 1, 0);
	assert_true(r.low == 1 && r.high == 1);
	assert_false(bench_ratio_differs(&r));
}

/* What disturbs a round disturbs both: rounds that differ tenfold, and a ratio that does not. */
static void pairs_are_of_one_round(void **state)
{
	static const double a[] = { 1350, 136, 13400, 1.35, 13.6 }, b[] = { 1000, 100, 10000, 1, 10 };
	struct bench_ratio r = bench_ratio_of(a, b, 5);

	near(r.ratio, 1.35, 0.01);
	assert_true(r.low > 1.3 && r.high < 1.4);
	assert_true(bench_ratio_differs(&r));
}

static void rounds_that_one_lacks_are_left_out(void **state)
{
	const double a[] = { NAN, 2, 4, 0, 8, INFINITY, -1 }, b[] = { 1, 1, 2, 1, NAN, 1, 1 };
	struct bench_ratio r = bench_ratio_of(a, b, N(a));

	assert_int_equal(r.rounds, 2);
	near(r.ratio, 2, 1e-12);
	near(r.low, 2, 1e-12);
}

static void too_few_rounds_claim_nothing(void **state)
{
	const double a[] = { 500 }, b[] = { 100 }, none[] = { NAN };
	struct bench_ratio r = bench_ratio_of(a, b, 1);

	near(r.ratio, 5, 1e-12);
	assert_true(isnan(r.low) && isnan(r.high));
	assert_false(bench_ratio_differs(&r));
	r = bench_ratio_of(a, none, 1);
	assert_int_equal(r.rounds, 0);
	assert_true(isnan(r.ratio) && isnan(r.low));
	assert_false(bench_ratio_differs(&r));
}

static void cells_are_compared_round_by_round(void **state)
{
	struct bench_round many[4], few[3];
	struct bench_cell a = { .nr_rounds = 4, .rounds = many }, b = { .nr_rounds = 3, .rounds = few };
	struct bench_ratio r;

	for (size_t i = 0; i < 4; i++)
		many[i].value[BENCH_LATENCY_P99] = 30 + (double)i;
	for (size_t i = 0; i < 3; i++)
		few[i].value[BENCH_LATENCY_P99] = 10;
	few[1].value[BENCH_LATENCY_P99] = NAN;
	r = bench_ratio_of_cells(&a, &b, BENCH_LATENCY_P99);
	assert_int_equal(r.rounds, 2);
	near(r.ratio, sqrt(3 * 3.2), 1e-9);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(t_is_that_of_the_tables),
		cmocka_unit_test(a_figure_is_median_and_ends),
		cmocka_unit_test(a_figure_leaves_out_what_is_not_there),
		cmocka_unit_test(an_interval_is_students),
		cmocka_unit_test(an_interval_around_1_is_no_difference),
		cmocka_unit_test(pairs_are_of_one_round),
		cmocka_unit_test(rounds_that_one_lacks_are_left_out),
		cmocka_unit_test(too_few_rounds_claim_nothing),
		cmocka_unit_test(cells_are_compared_round_by_round),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
