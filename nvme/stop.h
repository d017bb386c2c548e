/* SPDX-License-Identifier: MIT */
#ifndef NNVME_NVME_STOP_H
#define NNVME_NVME_STOP_H

#include "nvme/private.h"

/*
 * Make sure that the controller uses no memory, with ctrl->lock held; false if that cannot be
 * proven. It takes long, so it is tried only once, until unstoppable is cleared.
 */
bool nnvme_stop(struct nnvme_ctrl *ctrl);

#endif
