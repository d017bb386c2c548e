/* SPDX-License-Identifier: MIT */
#ifndef NNVME_NVME_STOP_H
#define NNVME_NVME_STOP_H

#include "nvme/private.h"

/*
 * Make sure that the controller uses no memory, with ctrl->lock held; false when that cannot be
 * proven. Tried only once, because it takes long, until unstoppable is cleared.
 */
bool nnvme_stop(struct nnvme_ctrl *ctrl);

#endif
