/* SPDX-License-Identifier: MIT */
#ifndef NNVME_NVME_SPLIT_H
#define NNVME_NVME_SPLIT_H

/*
 * Requests of several commands, completed as one, and the single commands that the slow path
 * submits.
 */

#include "nvme/iov.h"
#include "nvme/private.h"

struct nnvme_split {
	void *tag;
	const struct nnvme_ns *ns;
	uintptr_t va;		/* where the rest begins; 0: no data, or iovecs */
	struct nnvme_iov_cursor at;	/* the rest of the iovecs */
	struct iovec *iov;	/* our copy of them, where there is one */
	uint64_t lba;
	uint64_t blocks;
	uint32_t result;
	uint64_t max;		/* blocks a command */
	uint16_t in_flight;
	uint16_t status;	/* the first status that was not success */
	uint16_t next;		/* free list: number + 1 */
	uint8_t opcode;
	uint32_t flags;		/* of CDW12, in each command */
};

/* destroy() is also needed after create() has failed. */
int nnvme_splits_create(struct nnvme_qpair *qp);
void nnvme_splits_destroy(struct nnvme_qpair *qp);

/* Submit one command of @s; @split is its number, or 0 when it is the only one. */
int nnvme_split_one(struct nnvme_qpair *qp, struct nnvme_split *s, uint16_t split);

/* Start a request of several commands: of a buffer, or of iovecs, which are copied. */
int nnvme_split_submit(struct nnvme_qpair *qp, const struct nnvme_split *whole);
int nnvme_split_iov(struct nnvme_qpair *qp, struct nnvme_split *whole);

/* Whether a split transfer uses any of [va, va + len), submitted or not; any thread. */
bool nnvme_splits_meet(const struct nnvme_qpair *qp, uintptr_t va, size_t len);

#endif
