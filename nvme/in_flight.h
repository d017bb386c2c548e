/* SPDX-License-Identifier: MIT */
#ifndef NNVME_NVME_IN_FLIGHT_H
#define NNVME_NVME_IN_FLIGHT_H

#include "nvme/private.h"

/*
 * 1 when a command in flight, or one that its transfer will still submit, may read or write
 * [va, va + len), registered or hidden; else 0, or -ENOMEM. With ctrl->lock held (and that of
 * the space, which is why @ctrl has no type here); any thread.
 */
int nnvme_in_flight_to(void *ctrl, uintptr_t va, size_t len);

#endif
