// SPDX-License-Identifier: MIT
#include "statistics.h"

#include <math.h>
#include <stdlib.h>

static int ascending(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return (x > y) - (x < y);
}

struct bench_figure bench_figure_of(const double *values, size_t count)
{
	struct bench_figure figure = { NAN, NAN, NAN };
	double *sorted = calloc(count ? count : 1, sizeof(*sorted));
	size_t n = 0;

	if (!sorted)
		return figure;
	for (size_t i = 0; i < count; i++)
		if (!isnan(values[i]))
			sorted[n++] = values[i];
	if (n) {
		qsort(sorted, n, sizeof(*sorted), ascending);
		figure.low = sorted[0];
		figure.high = sorted[n - 1];
		figure.median = n % 2 ? sorted[n / 2] : sorted[n / 2 - 1] / 2 + sorted[n / 2] / 2;
	}
	free(sorted);
	return figure;
}

/*
 * P(|T| <= t) of Student's t with @df degrees of freedom, t = sqrt(df) tan(angle): a finite sum of powers
 * of the cosine for whole @df (Abramowitz and Stegun, Handbook of Mathematical Functions, 26.7.3 and 4).
 */
static double within(double angle, size_t df)
{
	double c = cos(angle), term = df % 2 ? c : 1, sum = 0;

	/* term k + 2 is term k times cos^2 (k + 1) / (k + 2), the power of the cosine being k */
	for (size_t power = df % 2; power + 2 <= df; power += 2) {
		sum += term;
		term *= c * c * (double)(power + 1) / (double)(power + 2);
	}
	if (df % 2)
		return (angle + sin(angle) * sum) * M_2_PI;
	return sin(angle) * sum;
}

double bench_t_quantile(size_t df)
{
	double low = 0, high = M_PI_2;

	if (!df)
		return NAN;
	/* more than a double's 53 bits; within() only grows */
	for (unsigned i = 0; i < 60; i++) {
		double middle = (low + high) / 2;

		if (within(middle, df) < 0.95)
			low = middle;
		else
			high = middle;
	}
	return sqrt((double)df) * tan(low);
}

/* Mean and squared deviations of logarithms, value by value (Welford's way: no cancellation). */
struct sums {
	size_t n;
	double mean, squares;
};

static void add_ratio(struct sums *s, double a, double b)
{
	double x, off;

	/* false for NAN too */
	if (!(a > 0 && b > 0) || isinf(a) || isinf(b))
		return;
	x = log(a) - log(b);
	off = x - s->mean;
	s->n++;
	s->mean += off / (double)s->n;
	s->squares += off * (x - s->mean);
}

static struct bench_ratio ratio_of(const struct sums *s)
{
	struct bench_ratio ratio = { NAN, NAN, NAN, s->n };
	double half;

	if (s->n)
		ratio.ratio = exp(s->mean);
	if (s->n < 2)
		return ratio;
	half = bench_t_quantile(s->n - 1) * sqrt(s->squares / (double)(s->n - 1) / (double)s->n);
	ratio.low = exp(s->mean - half);
	ratio.high = exp(s->mean + half);
	return ratio;
}

struct bench_ratio bench_ratio_of(const double *a, const double *b, size_t count)
{
	struct sums sums = { 0 };

	for (size_t i = 0; i < count; i++)
		add_ratio(&sums, a[i], b[i]);
	return ratio_of(&sums);
}

struct bench_ratio bench_ratio_of_cells(const struct bench_cell *a, const struct bench_cell *b,
					enum bench_metric metric)
{
	size_t count = a->nr_rounds < b->nr_rounds ? a->nr_rounds : b->nr_rounds;
	struct sums sums = { 0 };

	for (size_t i = 0; i < count; i++)
		add_ratio(&sums, a->rounds[i].value[metric], b->rounds[i].value[metric]);
	return ratio_of(&sums);
}

bool bench_ratio_differs(const struct bench_ratio *ratio)
{
	return ratio->low > 1 || ratio->high < 1;
}
