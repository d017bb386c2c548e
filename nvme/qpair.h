/* SPDX-License-Identifier: MIT */
#ifndef NNVME_NVME_QPAIR_H
#define NNVME_NVME_QPAIR_H

#include "nvme/private.h"

/*
 * The memory of a queue pair of @depth, unknown to the controller so far. @id 0 is the admin
 * queue. Freed by nnvme_qpair_free() when the controller doesn't know it any more.
 */
int nnvme_qpair_alloc(struct nnvme_ctrl *ctrl, uint16_t id, unsigned depth,
		      struct nnvme_qpair **qp, struct nnvme_err *err);
void nnvme_qpair_free(struct nnvme_qpair *qp);

/* Of its queues. */
static inline uint32_t nnvme_sq_entries(const struct nnvme_qpair *qp)
{
	return qp->end / 8;
}

static inline uint32_t nnvme_cq_entries(const struct nnvme_qpair *qp)
{
	return (uint32_t)(qp->cq_end - qp->cq);
}

/* What nnvme_ctrl_info() says. */
uint32_t nnvme_max_depth(const struct nnvme_ctrl *ctrl);

#endif
