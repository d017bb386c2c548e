// SPDX-License-Identifier: MIT
#include "selftest.h"

#include <math.h>
#include <stdbool.h>

#include "load.h"
#include "path_simulated.h"
#include "random.h"
#include "statistics.h"

#define PAIRS 1000
#define MAX_ROUNDS 5

static double iops(const struct bench_measured *m)
{
	return (double)m->ios * 1e9 / (double)m->ns;
}

static bool run(const struct bench_simulated *how, unsigned depth, uint64_t ios, struct bench_measured *m)
{
	struct bench_shape shape = { .depth = depth, .bytes = 4096 };
	struct bench_workload work = { .bytes = 4096, .depth = depth, .random = true, .seed = how->seed };
	struct bench_path *path;
	int ret;

	if (bench_path_simulated(how, &shape, &path, NULL))
		return false;
	ret = bench_load_run(path, &work, &(struct bench_until){ .ios = ios }, NULL, m);
	path->ops->close(path);
	return !ret && m->ios == ios && !m->errors;
}

static bool near(double is, double should)
{
	return fabs(is / should - 1) <= 0.02;
}

/*
 * @depth I/Os at @units that each take @service_ns: so many times as many I/Os a second as one unit serves,
 * and each waits for as many turns as there are I/Os for a unit.
 */
static int service_time(FILE *out, uint64_t service_ns, unsigned units, unsigned depth)
{
	struct bench_simulated how = {
		.service_ns = service_ns, .units = units, .noise = 0.1, .seed = service_ns + depth,
	};
	double rate = units * 1e9 / (double)service_ns, turns = (double)depth / units;
	static struct bench_measured m;
	bool good = run(&how, depth, 100000, &m) && near(iops(&m), rate) &&
		    near(bench_histogram_mean(&m.latency), turns * (double)service_ns);

	if (depth == units) {
		/* what is known of the lognormal distribution: its quantiles by those of the normal */
		double median = exp(-0.005) * (double)service_ns;

		good &= near(bench_histogram_percentile(&m.latency, 50), median) &&
			near(bench_histogram_percentile(&m.latency, 99), median * exp(0.1 * 2.3263));
	}
	fprintf(out, "%s: %u at a time of %.0f us each, depth %u: %.0f IOPS (%.0f), mean %.1f us (%.1f)\n",
		good ? "good" : "WRONG", units, (double)service_ns / 1e3, depth, iops(&m), rate,
		bench_histogram_mean(&m.latency) / 1e3, turns * (double)service_ns / 1e3);
	return !good;
}

/* One round of one row: its own noise of 5 %, beside what disturbs both rows of the round. */
static double one_round(uint64_t *noise, double speed, double disturbed)
{
	double slower = exp(0.05 * bench_random_normal(noise)) * disturbed / speed;
	struct bench_simulated how = {
		.service_ns = (uint64_t)(1e6 * slower), .units = 4, .noise = 0.02, .seed = bench_random(noise),
	};
	static struct bench_measured m;

	return run(&how, 4, 40, &m) ? iops(&m) : NAN;
}

/* Of PAIRS pairs of rows, the first @speed times as fast: how many come out as different. */
static unsigned seen(uint64_t seed, size_t rounds, double speed)
{
	double a[MAX_ROUNDS], b[MAX_ROUNDS];
	struct bench_ratio ratio;
	unsigned different = 0;

	for (unsigned pair = 0; pair < PAIRS; pair++) {
		for (size_t i = 0; i < rounds; i++) {
			double disturbed = exp(0.2 * bench_random_normal(&seed));

			a[i] = one_round(&seed, speed, disturbed);
			b[i] = one_round(&seed, 1, disturbed);
		}
		ratio = bench_ratio_of(a, b, rounds);
		different += ratio.rounds == rounds && bench_ratio_differs(&ratio);
	}
	return different;
}

/* A 95 % interval: 950 are expected, give or take 7; too many is as wrong as too few. */
static int identical(FILE *out, size_t rounds)
{
	unsigned same = PAIRS - seen(1, rounds, 1);
	bool good = same >= 930 && same <= 970;

	fprintf(out, "%s: of %d pairs of identical rows, %zu rounds each, %u are \"no difference seen\"\n",
		good ? "good" : "WRONG", PAIRS, rounds, same);
	return !good;
}

static int different(FILE *out, size_t rounds, unsigned least)
{
	unsigned found = seen(2, rounds, 1.35);
	bool good = found >= least;

	fprintf(out, "%s: of %d pairs that differ by 35 %%, %zu rounds each, %u were seen (at least %u)\n",
		good ? "good" : "WRONG", PAIRS, rounds, found, least);
	return !good;
}

int bench_selftest(FILE *out)
{
	int wrong = 0;

	wrong |= service_time(out, 1000, 1, 1);
	wrong |= service_time(out, 10000, 1, 1);
	wrong |= service_time(out, 10000000, 1, 1);
	wrong |= service_time(out, 80000, 8, 8);
	wrong |= service_time(out, 80000, 8, 32);
	wrong |= identical(out, 5);
	wrong |= identical(out, 3);
	/* three rounds leave two degrees of freedom: a wide interval, which one pair in twenty spans 1 with */
	wrong |= different(out, 5, 990);
	wrong |= different(out, 3, 900);
	return wrong;
}
