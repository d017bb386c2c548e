/* SPDX-License-Identifier: MIT */
#ifndef NNVME_BENCH_MERGE_H
#define NNVME_BENCH_MERGE_H

/*
 * Instructions and doorbell writes into the results of a run that was timed. They come from another run of
 * the same rows and columns, in a guest that a plugin counts and slows (bench/insn): its results say which
 * round set which marks and how many I/Os were between them, and the counter's file what it counted there.
 */

#include <stddef.h>
#include <stdint.h>

#include "results.h"
#include "noiommu_nvme/err.h"

/* What was counted between a pair of marks (bench/mark.h). */
struct bench_count {
	uint64_t user, kernel;	/* instructions */
	uint64_t sq, cq;	/* doorbell writes */
	bool known;
};

struct bench_counts {
	struct bench_count *pair;	/* by its number, up to BENCH_MARK_MAX */
	size_t count;			/* pairs that are known */
};

/* The counter's file. -EINVAL names the line that is wrong. */
int bench_counts_read(struct bench_counts *counts, const char *path, struct nnvme_err *err);
void bench_counts_free(struct bench_counts *counts);

/*
 * Puts the counts into the rounds of @timed that are of the same row, column and number as those of
 * @counted, and sums up. A cell that only one of them has stays as it is. -EINVAL, and nothing is changed,
 * when they can't be of the same run: other devices, another number of rounds, a round whose marks were not
 * counted, or nothing that was counted and is in both.
 */
int bench_merge(struct bench_results *timed, const struct bench_results *counted,
		const struct bench_counts *counts, struct nnvme_err *err);

/* All of it for files: @timed is read, merged and written, and its CSV beside it. */
int bench_merge_files(const char *timed, const char *counted, const char *marks, struct nnvme_err *err);

#endif
