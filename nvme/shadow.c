// SPDX-License-Identifier: MIT
/*
 * Shadow doorbells (Base 2.x, Doorbell Buffer Config command): the driver writes tails and
 * heads to memory, and the controller writes EventIdx values, from which on it wants the
 * register written. A doorbell write to an emulated controller is an exit from the guest; this
 * saves most of them.
 */
#include "nvme/shadow.h"

#include <errno.h>

#include "nvme/admin.h"
#include "nvme/log.h"

static int configure(struct nnvme_ctrl *ctrl, struct nnvme_err *err)
{
	struct nnvme_sqe cmd = { .opcode = nvme_admin_dbbuf };
	nnvme_bus_t shadow, eventidx;

	ctrl->shadow = nnvme_space_get(ctrl->space, NNVME_PAGE_SIZE, &shadow, err);
	ctrl->eventidx = nnvme_space_get(ctrl->space, NNVME_PAGE_SIZE, &eventidx, err);
	if (!ctrl->shadow || !ctrl->eventidx)
		return -ENOMEM;
	cmd.prp1 = shadow.v;
	cmd.prp2 = eventidx.v;
	return nnvme_admin(ctrl, &cmd, "Doorbell Buffer Config", NULL, err);
}

int nnvme_shadow_create(struct nnvme_ctrl *ctrl, struct nnvme_err *err)
{
	struct nnvme_err why;
	int ret;

	if (!ctrl->can_shadow || ctrl->opts.shadow_doorbells == NNVME_SHADOW_OFF)
		return 0;
	ret = configure(ctrl, &why);
	if (!ret)
		return 0;
	/* Keep the pages allocated: the controller may know of them. Closing frees them. */
	ctrl->shadow = ctrl->eventidx = NULL;
	if (ctrl->dead)
		return nnvme_fail(err, ret, "%s", why.text);
	/* A controller that offers the command and then refuses it works without it. */
	nnvme_log(ctrl, NNVME_LOG_INFO, "%s; going on without shadow doorbells", why.text);
	return 0;
}
