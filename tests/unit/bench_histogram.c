// SPDX-License-Identifier: MIT
/* The histogram: its precision, its ends, and the edges of percentiles. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "bench/histogram.h"
#include "random_normal.h"

static struct bench_histogram h;

static int setup(void **state)
{
	memset(&h, 0, sizeof(h));
	return 0;
}

static void nothing_is_not_a_number(void **state)
{
	assert_true(isnan(bench_histogram_percentile(&h, 50)));
	assert_true(isnan(bench_histogram_mean(&h)));
	assert_int_equal(h.max, 0);
}

/* Never below the value, never more than a 64th above. */
static void holds_near(uint64_t ns)
{
	double said;

	setup(NULL);
	bench_histogram_add(&h, ns);
	/* The greatest value would cut the bucket's end. */
	bench_histogram_add(&h, UINT64_MAX >> 1);
	said = bench_histogram_percentile(&h, 50);
	if (said < (double)ns || said > (double)ns * (1 + 1.0 / 64))
		fail_msg("%llu became %f", (unsigned long long)ns, said);
}

static void a_value_is_known_to_a_64th(void **state)
{
	uint64_t random = 1;

	for (uint64_t ns = 0; ns < 10000; ns++)
		holds_near(ns);
	for (unsigned bit = 6; bit < 44; bit++) {
		holds_near(((uint64_t)1 << bit) - 1);
		holds_near((uint64_t)1 << bit);
		holds_near(((uint64_t)1 << bit) + 1);
		for (unsigned i = 0; i < 100; i++)
			holds_near(((uint64_t)1 << bit) + bench_random_below(&random,
									     (uint64_t)1 << bit));
	}
}

static void small_values_are_exact(void **state)
{
	for (uint64_t ns = 0; ns < 128; ns++) {
		setup(NULL);
		bench_histogram_add(&h, ns);
		bench_histogram_add(&h, 1000);
		assert_true(bench_histogram_percentile(&h, 50) == (double)ns);
	}
}

static void values_beyond_the_end_stay_inside(void **state)
{
	bench_histogram_add(&h, (uint64_t)1 << 45);
	bench_histogram_add(&h, UINT64_MAX);
	assert_int_equal(h.bucket[BENCH_HISTOGRAM_BUCKETS - 1], 2);
	assert_int_equal(h.max, UINT64_MAX);
	assert_true(bench_histogram_percentile(&h, 1) == (double)UINT64_MAX);
}

static void one_value_is_every_percentile(void **state)
{
	bench_histogram_add(&h, 123456789);
	for (double percent = 0; percent <= 100; percent += 12.5)
		assert_true(bench_histogram_percentile(&h, percent) == 123456789);
	assert_true(bench_histogram_mean(&h) == 123456789);
}

/* 1 to 100, each once: the n-th percentile is n; between two of them it is the next. */
static void ranks_are_counted_from_below(void **state)
{
	for (uint64_t ns = 100; ns; ns--)
		bench_histogram_add(&h, ns);
	for (int percent = 1; percent <= 100; percent++)
		assert_true(bench_histogram_percentile(&h, percent) == percent);
	assert_true(bench_histogram_percentile(&h, 0) == 1);
	assert_true(bench_histogram_percentile(&h, 49.5) == 50);
	assert_true(bench_histogram_percentile(&h, 99.9) == 100);
	assert_true(bench_histogram_mean(&h) == 50.5);
}

static int ascending(const void *a, const void *b)
{
	uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;

	return (x > y) - (x < y);
}

static void percentiles_are_those_of_the_sorted_values(void **state)
{
	static const double percents[] = { 1, 25, 50, 75, 90, 99, 99.9, 99.99 };
	static uint64_t values[20000];
	uint64_t random = 7;
	double said, is;

	for (size_t i = 0; i < 20000; i++) {
		values[i] = (uint64_t)(10000 * exp(random_normal(&random)));
		bench_histogram_add(&h, values[i]);
	}
	qsort(values, 20000, sizeof(values[0]), ascending);
	for (size_t i = 0; i < sizeof(percents) / sizeof(percents[0]); i++) {
		is = (double)values[(size_t)ceil(percents[i] * 200) - 1];
		said = bench_histogram_percentile(&h, percents[i]);
		assert_true(said >= is && said <= is * (1 + 1.0 / 64));
	}
	assert_true(bench_histogram_percentile(&h, 100) == (double)values[19999]);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(nothing_is_not_a_number, setup),
		cmocka_unit_test_setup(a_value_is_known_to_a_64th, setup),
		cmocka_unit_test_setup(small_values_are_exact, setup),
		cmocka_unit_test_setup(values_beyond_the_end_stay_inside, setup),
		cmocka_unit_test_setup(one_value_is_every_percentile, setup),
		cmocka_unit_test_setup(ranks_are_counted_from_below, setup),
		cmocka_unit_test_setup(percentiles_are_those_of_the_sorted_values, setup),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
