/* SPDX-License-Identifier: MIT */
#ifndef NNVME_NVME_IO_QUEUES_H
#define NNVME_NVME_IO_QUEUES_H

/* I/O queues: how many there may be, creating and deleting them. */

#include "nvme/private.h"

/* Set Features, Number of Queues: sets max_qpairs. */
int nnvme_negotiate_queues(struct nnvme_ctrl *ctrl, struct nnvme_err *err);

/* Destroy with ctrl->lock held. */
int nnvme_qpair_destroy_locked(struct nnvme_qpair *qp);

#endif
