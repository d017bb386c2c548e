// SPDX-License-Identifier: MIT
/* The load, its clock and its histogram, compared with a simulated device whose times are known. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <math.h>
#include <stdbool.h>

#include "load_rig.h"
#include "path_simulated.h"

static bool near(double is, double should)
{
	return fabs(is / should - 1) <= 0.02;
}

static void run(const struct bench_simulated *how, unsigned depth, uint64_t ios,
		struct bench_measured *m)
{
	struct bench_shape shape = { .depth = depth, .bytes = 4096 };
	struct bench_workload work = { .bytes = 4096, .depth = depth, .random = true,
				       .seed = how->seed };
	struct bench_path *path;

	assert_int_equal(bench_path_simulated(how, &shape, &path, NULL), 0);
	assert_int_equal(load_once(path, &work, &(struct bench_until){ .ios = ios }, NULL, m),
			 0);
	path->ops->close(path);
	assert_int_equal(m->ios, ios);
	assert_int_equal(m->errors, 0);
}

/*
 * @depth I/Os on @units that each take @service_ns: IOPS are @units times those of one unit, and
 * each I/O waits as long as all I/Os ahead of it take.
 */
static void finds(uint64_t service_ns, unsigned units, unsigned depth)
{
	struct bench_simulated how = {
		.service_ns = service_ns, .units = units, .noise = 0.1, .seed = service_ns + depth,
	};
	static struct bench_measured m, again;
	double median = exp(-0.005) * (double)service_ns;	/* of the lognormal distribution */

	run(&how, depth, 100000, &m);
	assert_true(near((double)m.ios * 1e9 / (double)m.ns, units * 1e9 / (double)service_ns));
	assert_true(near(bench_histogram_mean(&m.latency),
			 (double)depth / units * (double)service_ns));
	if (depth == units) {
		/* its quantiles by those of the normal one */
		assert_true(near(bench_histogram_percentile(&m.latency, 50), median));
		assert_true(near(bench_histogram_percentile(&m.latency, 99),
				 median * exp(0.1 * 2.3263)));
	}
	run(&how, depth, 100000, &again);
	assert_memory_equal(&m, &again, sizeof(m));
}

static void it_finds_what_is_known_and_the_same_twice(void **state)
{
	finds(1000, 1, 1);
	finds(10000, 1, 1);
	finds(10000000, 1, 1);
	finds(80000, 8, 8);
	finds(80000, 8, 32);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(it_finds_what_is_known_and_the_same_twice),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
