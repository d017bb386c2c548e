/* SPDX-License-Identifier: MIT */
#ifndef NNVME_NVME_BUFFER_H
#define NNVME_NVME_BUFFER_H

#include "nvme/private.h"

/* What is left of nnvme_mem_alloc() at close, once the controller has stopped. */
void nnvme_buffers_destroy(struct nnvme_ctrl *ctrl);

#endif
