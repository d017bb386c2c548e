/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef NNVME_ENGINE_REGISTRY_H
#define NNVME_ENGINE_REGISTRY_H

/*
 * The controllers that this process has open. Each is opened once, by its first user, and closed by
 * its last: opening and closing cost a reset of the device.
 *
 * Thread rule: any thread, any time.
 */

#include "noiommu_nvme/ctrl.h"

/*
 * The controller at @bdf, as nnvme_bdf_parse() spells it: two spellings would be two controllers. It is
 * an error to ask for one that is open with other options.
 */
int nnvme_registry_get(const char *bdf, const struct nnvme_options *opts,
		       struct nnvme_ctrl **ctrl, struct nnvme_err *err);
void nnvme_registry_put(struct nnvme_ctrl *ctrl);

/* Close whatever this process, and not its parent, has opened; nobody may be using it. */
void nnvme_registry_close_all(void);

#endif
