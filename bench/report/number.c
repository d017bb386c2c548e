// SPDX-License-Identifier: MIT
#include "number.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

/* A comma before each third digit from the end. */
static void group(char *to, const char *digits)
{
	size_t left = strlen(digits);

	for (; *digits; digits++) {
		*to++ = *digits;
		if (--left && left % 3 == 0 && *digits != '-')
			*to++ = ',';
	}
	*to = 0;
}

struct bench_number bench_number(double value)
{
	struct bench_number n = { .text = "–" };
	double size = fabs(value);
	char digits[24];

	if (isnan(value))
		return n;
	if (size == 0) {
		strcpy(n.text, "0");
	} else if (size >= 1e15 || size < 1e-4) {
		snprintf(n.text, sizeof(n.text), "%.2e", value);
	} else if (size >= 99.95) {
		snprintf(digits, sizeof(digits), "%.0f", value);
		group(n.text, digits);
	} else {
		int places = size >= 9.995 ? 1 : size >= 0.9995 ? 2 : size >= 0.09995 ? 3 : size >= 0.009995 ? 4 : 5;

		snprintf(n.text, sizeof(n.text), "%.*f", places, value);
	}
	return n;
}

static double scale(enum bench_metric metric)
{
	if (metric >= BENCH_LATENCY_MEAN && metric <= BENCH_LATENCY_MAX)
		return 1e-3;
	if (metric == BENCH_RUN_DELAY)
		return 100;
	return metric == BENCH_BYTES_PER_SECOND ? 1.0 / (1 << 20) : 1;
}

struct bench_number bench_number_of(enum bench_metric metric, double value)
{
	return bench_number(value * scale(metric));
}

const char *bench_number_unit(enum bench_metric metric)
{
	if (metric >= BENCH_LATENCY_MEAN && metric <= BENCH_LATENCY_MAX)
		return "µs";
	if (metric == BENCH_RUN_DELAY)
		return "% of the time";
	return metric == BENCH_BYTES_PER_SECOND ? "MiB/s" : bench_metrics[metric].unit;
}
