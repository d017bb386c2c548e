// SPDX-License-Identifier: MIT
#include "plot_axis.h"

#include <math.h>

void bench_axis_cover(struct bench_axis *axis, double value)
{
	if (!isfinite(value) || (axis->log && value <= 0))
		return;
	axis->least = fmin(axis->least, value);
	axis->most = fmax(axis->most, value);
}

bool bench_axis_is_empty(const struct bench_axis *axis)
{
	return axis->least > axis->most;
}

static void mark(FILE *script, const struct bench_axis *axis, double value, bool first)
{
	static const char *const times[] = {"ns", "µs", "ms", "s"}, *const counts[] = {"", " K", " M", " G"};
	unsigned power = 0;
	double shown = value;

	for (; shown >= 999.5 && power < 3; power++)
		shown /= 1000;
	fprintf(script, axis->time ? "%s'%.4g %s' %.9g" : "%s'%.4g%s' %.9g", first ? "" : ", ", shown,
		(axis->time ? times : counts)[power], value);
}

/* Steps of 1, 2 or 5 times a power of ten. */
static void linear(FILE *script, char name, const struct bench_axis *axis, unsigned marks)
{
	double most = axis->most > 0 ? axis->most : 1, step = pow(10, floor(log10(most / marks)));

	if (most / step > 5.0 * marks)
		step *= 10;
	else if (most / step > 2.0 * marks)
		step *= 5;
	else if (most / step > marks)
		step *= 2;
	fprintf(script, "set %crange [0:%.9g]\nset %ctics (", name, most * 1.04, name);
	for (unsigned i = 0; i * step <= most * 1.04; i++)
		mark(script, axis, i * step, !i);
	fputs(")\n", script);
}

/* What powers of ten are multiplied by, the more the fewer of them there are. */
static const struct {
	double marks;	/* in a decade, as far as they count for room */
	double factor[8];	/* ends with 0 */
} steps[] = {
	{ 6, { 1, 1.2, 1.5, 2, 3, 5, 8 } },
	{ 3, { 1, 2, 5 } },
	{ 2, { 1, 3 } },
	{ 0, { 1 } },
};

static void logarithmic(FILE *script, char name, const struct bench_axis *axis, unsigned marks)
{
	double least = axis->least / 1.25, most = axis->most * 1.25;
	double decades = log10(most / least);
	/* Many decades in little room: each second, or third. */
	int stride = decades > marks ? (int)ceil(decades / marks) : 1;
	unsigned step = 0;
	bool first = true;

	while (decades * steps[step].marks > marks + 1)
		step++;
	fprintf(script, "set logscale %c\nset %crange [%.9g:%.9g]\nset %ctics (", name, name, least, most, name);
	for (int power = (int)floor(log10(least)); power <= (int)ceil(log10(most)); power++)
		for (const double *factor = steps[step].factor; *factor; factor++) {
			double value = *factor * pow(10, power);

			if (value < least || value > most || power % stride)
				continue;
			mark(script, axis, value, first);
			first = false;
		}
	if (first)
		mark(script, axis, axis->least, true);
	fputs(")\n", script);
}

void bench_axis_write(FILE *script, char name, const struct bench_axis *axis, unsigned marks)
{
	fprintf(script, "unset logscale %c\n", name);
	if (axis->log && !bench_axis_is_empty(axis))
		logarithmic(script, name, axis, marks);
	else
		linear(script, name, axis, marks);
}
