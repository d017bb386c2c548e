/* SPDX-License-Identifier: MIT */
#ifndef NNVME_NVME_STOP_H
#define NNVME_NVME_STOP_H

#include "nvme/private.h"

/*
 * Make sure that the controller touches no memory, with ctrl->lock held; false when that
 * can't be proven. It is tried once, because it takes its time: until unstoppable is taken back.
 */
bool nnvme_stop(struct nnvme_ctrl *ctrl);

#endif
