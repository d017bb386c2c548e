/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef NNVME_ENGINE_REGISTRY_H
#define NNVME_ENGINE_REGISTRY_H

/*
 * The controllers that this process has open. The first user opens one and the last closes it,
 * because opening and closing each reset the device.
 *
 * Thread rule: any thread, any time.
 */

#include "noiommu_nvme/ctrl.h"

/*
 * The controller at @bdf, in nnvme_bdf_parse()'s spelling: two spellings would be two controllers.
 * It is an error if it is open with other options.
 */
int nnvme_registry_get(const char *bdf, const struct nnvme_options *opts,
		       struct nnvme_ctrl **ctrl, struct nnvme_err *err);
void nnvme_registry_put(struct nnvme_ctrl *ctrl);

/* Close all that this process, not its parent, has opened; nobody may be using it. */
void nnvme_registry_close_all(void);

#endif
