/* SPDX-License-Identifier: MIT */
#ifndef NNVME_NVME_SPLIT_H
#define NNVME_NVME_SPLIT_H

/*
 * Requests of several commands, completed as one, and the commands that they and others off the inline
 * path are made of.
 */

#include "nvme/iov.h"
#include "nvme/private.h"

struct nnvme_split {
	void *tag;
	const struct nnvme_ns *ns;
	uintptr_t va;		/* what is left: from here (0: a command without data, or of segments) */
	struct nnvme_iov_cursor at;	/* what is left of segments */
	struct iovec *iov;	/* our copy of them, where there is one */
	uint64_t lba;
	uint64_t blocks;
	uint32_t result;
	uint64_t max;		/* blocks a command */
	uint16_t in_flight;
	uint16_t status;	/* the first that was not success */
	uint16_t next;		/* free list: number + 1 */
	uint8_t opcode;
	uint32_t flags;		/* of CDW12, in each command */
};

/* One array entry per slot of the queue pair. */
int nnvme_splits_create(struct nnvme_qpair *qp);
void nnvme_splits_destroy(struct nnvme_qpair *qp);

/* A request of one command; @split 0. */
int nnvme_split_one(struct nnvme_qpair *qp, struct nnvme_split *s, uint16_t split);

/* One of several, of a buffer or of iovecs, of which a copy is kept. */
int nnvme_split_submit(struct nnvme_qpair *qp, const struct nnvme_split *whole);
int nnvme_split_iov(struct nnvme_qpair *qp, struct nnvme_split *whole);

/* Whether transfers of several commands have any of [va, va + len), sent or not; any thread. */
bool nnvme_splits_meet(const struct nnvme_qpair *qp, uintptr_t va, size_t len);

#endif
