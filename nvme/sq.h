/* SPDX-License-Identifier: MIT */
#ifndef NNVME_NVME_SQ_H
#define NNVME_NVME_SQ_H

#include "nvme/private.h"

static inline struct nnvme_req *nnvme_slot_at(const struct nnvme_qpair *qp, uint32_t index)
{
	return (struct nnvme_req *)(qp->req + 2 * (size_t)index);
}

static inline struct nnvme_sqe *nnvme_sqe_at(const struct nnvme_qpair *qp, uint32_t index)
{
	return (struct nnvme_sqe *)(qp->sq + 8 * (size_t)index);
}

/* @n commands have completed. */
static inline void nnvme_sq_add_space(struct nnvme_qpair *qp, uint32_t n)
{
	uint32_t stop = qp->stop + 8 * n;

	nnvme_slot_freed();
	if (__builtin_expect(stop > qp->end, 0)) {
		qp->beyond += (stop - qp->end) / 8;
		stop = qp->end;
	}
	qp->stop = stop;
}

/*
 * Submit a command that does not take the inline path, all of @cmd but its CID, which is 0; the
 * caller has checked that there is space. On completion @list is given back and transfer @split
 * goes on (0: none). @slow: complete it on the slow path, which reports a result; without it the
 * command has no fields but those that the inline path writes. Returns the index of its slot.
 */
uint32_t nnvme_submit(struct nnvme_qpair *qp, const struct nnvme_sqe *cmd, void *tag, uint16_t list,
		  uint16_t split, bool slow);

/* The same of a raw command: its bytes, and where its result goes (or NULL). */
struct nnvme_raw {
	uint32_t data_len, metadata_len;
	uint64_t *result;
};
void nnvme_submit_raw(struct nnvme_qpair *qp, const struct nnvme_sqe *cmd, void *tag, uint16_t list,
		      const struct nnvme_raw *raw);

/* 0, or why no command can be submitted now. */
static inline int nnvme_sq_check(const struct nnvme_qpair *qp)
{
	return nnvme_qp(qp)->ctrl->halted ? -EIO : nnvme_sq_space_left(qp) ? 0 : -EAGAIN;
}

/* Free the slot of a command that has ended. */
void nnvme_slot_free(struct nnvme_qpair *qp, uint32_t index);

#endif
