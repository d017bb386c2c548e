/* SPDX-License-Identifier: MIT */
#ifndef NNVME_NVME_ABORT_H
#define NNVME_NVME_ABORT_H

#include "nvme/private.h"

/*
 * Tell the owners of other queue pairs about a stop, with ctrl->lock held: before it and after
 * it. nnvme_abort_in_flight() is called in a queue pair's own thread: end all its commands with
 * completions from @cqe on.
 */
void nnvme_halt(struct nnvme_ctrl *ctrl);
void nnvme_announce_halt(struct nnvme_ctrl *ctrl);
void nnvme_abort_in_flight(struct nnvme_qpair *qp, const struct nnvme_cqe *cqe);

#endif
