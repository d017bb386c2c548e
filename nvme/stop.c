// SPDX-License-Identifier: MIT
#include "nvme/private.h"

/*
 * Three ways to make a controller leave memory alone, each of which proves itself; the first that
 * works is enough. Clearing CC.EN ends all processing before RDY falls (Base 2.x, Controller
 * Level Reset); a function-level reset does without the controller's help; with bus mastering off
 * a function may not start a transaction at all (PCI Express Base, Command Register).
 */
static bool prove_stopped(struct nnvme_ctrl *ctrl)
{
	const struct nnvme_device_ops *ops = ctrl->dev->ops;
	struct nnvme_err err;

	if (!nnvme_disable(ctrl, &err))
		return true;
	nnvme_log(ctrl, NNVME_LOG_WARNING, "%s; resetting the function", err.text);
	if (!ops->reset(ctrl->dev, &err))
		return true;
	nnvme_log(ctrl, NNVME_LOG_WARNING, "%s; turning bus mastering off", err.text);
	if (!ops->bus_master(ctrl->dev, false, &err))
		return true;
	nnvme_log(ctrl, NNVME_LOG_ERROR, "%s; the controller may still write to memory, so that memory is "
		  "not given back", err.text);
	return false;
}

bool nnvme_stop(struct nnvme_ctrl *ctrl)
{
	if (ctrl->stopped || ctrl->unstoppable)
		return ctrl->stopped;
	ctrl->dead = true;
	if (prove_stopped(ctrl))
		ctrl->stopped = true;
	else
		ctrl->unstoppable = true;
	return ctrl->stopped;
}
