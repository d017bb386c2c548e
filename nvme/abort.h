/* SPDX-License-Identifier: MIT */
#ifndef NNVME_NVME_ABORT_H
#define NNVME_NVME_ABORT_H

#include "nvme/private.h"

/*
 * What the owners of other queue pairs see of a stop, with ctrl->lock held: before it,
 * and after it. In a queue pair's own thread: end all its commands, by completions from @cqe on.
 */
void nnvme_halt(struct nnvme_ctrl *ctrl);
void nnvme_announce_halt(struct nnvme_ctrl *ctrl);
void nnvme_abort_in_flight(struct nnvme_qpair *qp, const struct nnvme_cqe *cqe);

#endif
