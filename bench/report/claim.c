// SPDX-License-Identifier: MIT
#include "claim.h"

#include <math.h>
#include <string.h>

#include "number.h"

#define MOST_ROUNDS 256	/* more are left out of a sum */

static enum bench_metric metric_of(enum bench_subject subject)
{
	static const enum bench_metric metrics[] = {
		[BENCH_SUBJECT_IOPS] = BENCH_IOPS,
		[BENCH_SUBJECT_LATENCY] = BENCH_LATENCY_P50,
		[BENCH_SUBJECT_CPU] = BENCH_CPU_USER,
		[BENCH_SUBJECT_INSTRUCTIONS] = BENCH_INSTRUCTIONS_USER,
	};

	return metrics[subject];
}

/* The value of each round; the kernel's part is the metric after the user's. */
static size_t values(const struct bench_cell *cell, enum bench_subject subject, double *value)
{
	enum bench_metric metric = metric_of(subject);
	bool sum = subject == BENCH_SUBJECT_CPU || subject == BENCH_SUBJECT_INSTRUCTIONS;
	size_t n = 0;

	for (; n < cell->nr_rounds && n < MOST_ROUNDS; n++)
		value[n] = cell->rounds[n].value[metric] + (sum ? cell->rounds[n].value[metric + 1] : 0);
	return n;
}

struct bench_figure bench_subject_figure(const struct bench_cell *cell, enum bench_subject subject)
{
	double value[MOST_ROUNDS];

	return bench_figure_of(value, cell ? values(cell, subject, value) : 0);
}

size_t bench_subject_rounds(const struct bench_cell *cell, enum bench_subject subject)
{
	double value[MOST_ROUNDS];
	size_t n = values(cell, subject, value), has = 0;

	for (size_t i = 0; i < n; i++)
		has += !isnan(value[i]);
	return has;
}

struct bench_claim bench_claim_of(const struct bench_cell *a, const struct bench_cell *b,
				  enum bench_subject subject)
{
	struct bench_claim claim = { .verdict = BENCH_NOT_COMPARED };
	double of_a[MOST_ROUNDS], of_b[MOST_ROUNDS];
	size_t na, nb;

	if (!a || !b)
		return claim;
	claim.wrong_domain = bench_cell_in_wrong_domain(a) || bench_cell_in_wrong_domain(b);
	if (claim.wrong_domain)
		return claim;
	na = values(a, subject, of_a);
	nb = values(b, subject, of_b);
	claim.ratio = bench_ratio_of(of_a, of_b, na < nb ? na : nb);
	claim.doubts = bench_cell_doubts(a) | bench_cell_doubts(b);
	claim.asked = a->asked;
	claim.twins = strcmp(a->device, b->device) != 0;
	if (!claim.ratio.rounds || !isfinite(claim.ratio.ratio))
		return claim;
	if (isnan(claim.ratio.low))
		claim.verdict = BENCH_ONE_ROUND;
	else
		claim.verdict = bench_ratio_differs(&claim.ratio) ? BENCH_DIFFERS : BENCH_NO_DIFFERENCE;
	return claim;
}

/* Two places, more where a ratio is close to 0. */
static struct bench_number plain(double ratio)
{
	struct bench_number n;

	if (ratio < 0.0995 || ratio >= 99.95)
		return bench_number(ratio);
	snprintf(n.text, sizeof(n.text), "%.2f", ratio);
	return n;
}

static void basis(FILE *page, const struct bench_claim *claim)
{
	const char *twins = claim->twins ? ", twins" : "", *marks = bench_doubt_marks(claim->doubts);
	bool one = claim->verdict == BENCH_ONE_ROUND, all = claim->ratio.rounds >= claim->asked;

	fputs(one ? " <span class=\"ci\">(" : " <span class=\"ci\">[", page);
	if (!one)
		fprintf(page, "%s–%s%s", plain(claim->ratio.low).text, plain(claim->ratio.high).text,
			all ? "" : ", ");
	if (!all)
		fprintf(page, "%zu of %u rounds", claim->ratio.rounds, claim->asked);
	else if (one)
		fputs("one round", page);
	fprintf(page, "%s%s%s</span>", twins, one ? ")" : "]", marks);
}

void bench_claim_write(FILE *page, const struct bench_claim *claim)
{
	if (claim->verdict == BENCH_NOT_COMPARED) {
		fputs(claim->wrong_domain ? "not compared" : "–", page);
		return;
	}
	if (claim->verdict == BENCH_NO_DIFFERENCE)
		fputs("<span class=\"same\">no difference seen</span>", page);
	else
		fprintf(page, "<b>%s ×</b>", plain(claim->ratio.ratio).text);
	basis(page, claim);
}
