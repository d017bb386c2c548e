/* SPDX-License-Identifier: MIT */
#ifndef NNVME_NVME_QPAIR_H
#define NNVME_NVME_QPAIR_H

#include "nvme/private.h"

/*
 * Allocate a queue pair of @depth, which the controller does not know yet. @id 0 is the admin
 * queue. Free it when the controller no longer knows it.
 */
int nnvme_qpair_alloc(struct nnvme_ctrl *ctrl, uint16_t id, unsigned depth,
		      struct nnvme_qpair **qp, struct nnvme_err *err);
void nnvme_qpair_free(struct nnvme_qpair *qp);

/* The lengths of its queues. */
static inline uint32_t nnvme_sq_entries(const struct nnvme_qpair *qp)
{
	return qp->end / 8;
}

static inline uint32_t nnvme_cq_entries(const struct nnvme_qpair *qp)
{
	return (uint32_t)(qp->cq_end - qp->cq);
}

/* The largest depth: nnvme_ctrl_info.max_depth. */
uint32_t nnvme_max_depth(const struct nnvme_ctrl *ctrl);

#endif
