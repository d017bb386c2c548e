/* SPDX-License-Identifier: MIT */
#ifndef NNVME_NVME_SHADOW_H
#define NNVME_NVME_SHADOW_H

#include "nvme/private.h"

/* Set up shadow doorbells, if the controller and the user want them. */
int nnvme_shadow_create(struct nnvme_ctrl *ctrl, struct nnvme_err *err);

#endif
