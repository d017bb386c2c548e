/* SPDX-License-Identifier: MIT */
#ifndef NNVME_NVME_CTRL_H
#define NNVME_NVME_CTRL_H

#include "nvme/private.h"

/*
 * nnvme_ctrl_open() on a device that is open, with the options in the library's own layout. Takes
 * the device, also on failure.
 */
int nnvme_ctrl_open_device(struct nnvme_device *dev, const struct nnvme_options *opts,
			   struct nnvme_ctrl **ctrl, struct nnvme_err *err);

#endif
