/* SPDX-License-Identifier: MIT */
#ifndef NNVME_STATS_H
#define NNVME_STATS_H

/**
 * @file
 * What a queue pair has counted since it was created.
 *
 *	struct nnvme_qpair_stats stats = { .size = sizeof(stats) };
 *
 *	nnvme_qpair_stats(qp, &stats);
 *
 * Only what is rare per command is counted, so counting costs the hot path nothing. Completed
 * commands are not: the caller gets each of them.
 */

#include <stdint.h>

#include "qpair.h"

#ifdef __cplusplus
extern "C" {
#endif
#pragma GCC visibility push(default)

/** What a queue pair counts. */
struct nnvme_qpair_stats {
	uint32_t size;			/* set by the caller: sizeof(struct nnvme_qpair_stats) */
	uint32_t reserved;		/* 0 */
	uint64_t sq_doorbells;		/* writes to the SQ tail doorbell; with shadow doorbells
					 * only those that the controller wanted */
	uint64_t cq_doorbells;		/* the same of the CQ head doorbell */
	uint64_t sq_wraps;		/* times that the submission queue was gone through */
	uint64_t spare_slots;		/* commands that found another in their slot: qpair.h */
	uint64_t split_transfers;	/* requests that took several commands */
	uint64_t bad_completions;	/* entries that named no command in flight: dropped */
	uint64_t missed_interrupts;	/* sleeps that ended with completions, but no interrupt */
};

/**
 * Read what a queue pair has counted since it was created.
 *
 * @param qp              the queue pair
 * @param[in,out] stats   its size is set by the caller
 * @retval 0        filled in
 * @retval -EINVAL  its size is below that of the first layout, or was not set
 * @threads any thread, while the queue pair exists. Each number is whole; together they are of one
 * moment only in the thread that the queue pair belongs to.
 */
int nnvme_qpair_stats(const struct nnvme_qpair *qp, struct nnvme_qpair_stats *stats);

#pragma GCC visibility pop
#ifdef __cplusplus
}
#endif
#endif
