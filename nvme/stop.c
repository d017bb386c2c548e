// SPDX-License-Identifier: MIT
#include "nvme/private.h"

/*
 * Three ways to make a controller leave memory alone, each of which proves itself; the first that
 * works is enough. Clearing CC.EN ends all processing before RDY falls (Base 2.x, Controller
 * Level Reset); a function-level reset does without the controller's help; with bus mastering off
 * a function may not start a transaction at all (PCI Express Base, Command Register).
 */
bool nnvme_stop(struct nnvme_ctrl *ctrl)
{
	struct nnvme_err err;

	if (ctrl->stopped)
		return true;
	ctrl->dead = true;
	if (nnvme_disable(ctrl, &err)) {
		nnvme_log(ctrl, NNVME_LOG_WARNING, "%s; resetting the function", err.text);
		if (ctrl->dev->ops->reset(ctrl->dev, &err)) {
			nnvme_log(ctrl, NNVME_LOG_WARNING, "%s; turning bus mastering off", err.text);
			if (ctrl->dev->ops->bus_master(ctrl->dev, false, &err)) {
				nnvme_log(ctrl, NNVME_LOG_ERROR, "%s; the controller may still write to "
					  "memory, so that memory is not given back", err.text);
				return false;
			}
		}
	}
	ctrl->stopped = true;
	return true;
}
