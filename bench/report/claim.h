/* SPDX-License-Identifier: MIT */
#ifndef NNVME_BENCH_CLAIM_H
#define NNVME_BENCH_CLAIM_H

/* One claim: a ratio of two cells of a column, from the rounds that both have, and what may be said of it. */

#include <stdbool.h>
#include <stdio.h>

#include "matrix.h"
#include "statistics.h"

/* What is compared. CPU time and instructions are user and kernel together. */
enum bench_subject {
	BENCH_SUBJECT_IOPS,
	BENCH_SUBJECT_LATENCY,	/* the median of a round */
	BENCH_SUBJECT_CPU,
	BENCH_SUBJECT_INSTRUCTIONS,
};

enum bench_verdict {
	BENCH_NOT_COMPARED,	/* a cell is missing, has no such figure or ran in another domain than it should */
	BENCH_ONE_ROUND,	/* a ratio without an interval */
	BENCH_NO_DIFFERENCE,	/* the interval spans 1 */
	BENCH_DIFFERS,
};

struct bench_claim {
	enum bench_verdict verdict;
	struct bench_ratio ratio;	/* of a to b */
	unsigned doubts;		/* enum bench_doubt, of either cell */
	unsigned asked;			/* rounds that the run was to have */
	bool twins;			/* they ran on different controllers */
	bool wrong_domain;		/* what was read back for one of them is another type */
};

/* Either cell may be NULL. */
struct bench_claim bench_claim_of(const struct bench_cell *a, const struct bench_cell *b,
				  enum bench_subject subject);

/* "1.38 × [1.33–1.43]", "no difference seen [0.97–1.04, 3 of 5 rounds]‡", "1.38 × (one round)". */
void bench_claim_write(FILE *page, const struct bench_claim *claim);

/* How many rounds have it. */
size_t bench_subject_rounds(const struct bench_cell *cell, enum bench_subject subject);

/* Of all rounds: user and kernel together for the two that are sums. */
struct bench_figure bench_subject_figure(const struct bench_cell *cell, enum bench_subject subject);

#endif
