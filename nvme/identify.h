/* SPDX-License-Identifier: MIT */
#ifndef NNVME_NVME_IDENTIFY_H
#define NNVME_NVME_IDENTIFY_H

#include "nvme/private.h"

int nnvme_identify_all(struct nnvme_ctrl *ctrl, struct nnvme_err *err);

#endif
