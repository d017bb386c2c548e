// SPDX-License-Identifier: MIT
#include "nvme/stop.h"

#include <errno.h>

#include "nvme/abort.h"
#include "nvme/log.h"
#include "nvme/registers.h"

/*
 * Registers read as all ones: is the function gone from the bus? A function that answers
 * neither there nor in configuration space cannot send requests either: its link is down or its
 * power is off, and it comes back reset (PCI Express Base, Link Layer: DL_Down). It is not
 * reset here, because Linux may wait a minute for that. If only the registers are gone, the
 * same call disables bus mastering.
 */
static bool off_the_bus(struct nnvme_ctrl *ctrl)
{
	struct nnvme_err err;
	int ret = ctrl->dev->ops->bus_master(ctrl->dev, false, &err);

	if (ret == -ENODEV)
		nnvme_log(ctrl, NNVME_LOG_WARNING, "%s, and so without access to memory", err.text);
	return !ret || ret == -ENODEV;
}

/*
 * Three ways to keep a controller from memory, each of which proves itself; the first that
 * works is enough. Clearing CC.EN ends all processing before RDY falls (Base 2.x, Controller
 * Level Reset); a function-level reset does not need the controller's help; without bus
 * mastering a function may not start a transaction at all (PCI Express Base, Command Register).
 */
static bool prove_stopped(struct nnvme_ctrl *ctrl)
{
	const struct nnvme_device_ops *ops = ctrl->dev->ops;
	struct nnvme_err err;
	int ret = nnvme_disable(ctrl, &err);

	if (!ret || (ret == -ENODEV && off_the_bus(ctrl)))
		return true;
	nnvme_log(ctrl, NNVME_LOG_WARNING, "%s; resetting the function", err.text);
	if (!ops->reset(ctrl->dev, &err))
		return true;
	nnvme_log(ctrl, NNVME_LOG_WARNING, "%s; turning bus mastering off", err.text);
	if (!ops->bus_master(ctrl->dev, false, &err))
		return true;
	nnvme_log(ctrl, NNVME_LOG_ERROR, "%s; the controller may still write to memory, so that "
		  "memory is not given back", err.text);
	return false;
}

bool nnvme_stop(struct nnvme_ctrl *ctrl)
{
	if (ctrl->stopped || ctrl->unstoppable)
		return ctrl->stopped;
	ctrl->dead = true;
	nnvme_halt(ctrl);
	if (prove_stopped(ctrl))
		ctrl->stopped = true;
	else
		ctrl->unstoppable = true;
	nnvme_announce_halt(ctrl);
	return ctrl->stopped;
}
