// SPDX-License-Identifier: MIT
#include "nvme/admin.h"

#include <errno.h>

#include "nvme/clock.h"
#include "nvme/log.h"
#include "nvme/qpair.h"
#include "nvme/registers.h"
#include "nvme/sq.h"

#define ADMIN_DEPTH 1

int nnvme_admin_create(struct nnvme_ctrl *ctrl, struct nnvme_err *err)
{
	int ret = nnvme_qpair_alloc(ctrl, 0, ADMIN_DEPTH, &ctrl->admin, err);

	if (ret)
		return ret;
	return nnvme_enable(ctrl, ctrl->admin, err);
}

void nnvme_admin_destroy(struct nnvme_ctrl *ctrl)
{
	nnvme_qpair_free(ctrl->admin);
	ctrl->admin = NULL;
}

static int wait_one(struct nnvme_ctrl *ctrl, const char *what, uint32_t timeout_ms, void *tag,
		    struct nnvme_completion *done, struct nnvme_err *err)
{
	uint64_t end = nnvme_now_ms() + timeout_ms;
	int ret;

	for (;;) {
		bool late = nnvme_now_ms() > end;

		if (nnvme_poll(ctrl->admin, done, 1) && done->tag == tag)
			return 0;
		ret = nnvme_ctrl_check(ctrl, err);
		if (!ret && late)
			ret = nnvme_fail(err, -ETIMEDOUT, "%s: %s was not answered within %g s",
					 ctrl->dev->name, what, timeout_ms / 1000.0);
		if (ret) {
			/*
			 * The command may still run and write its buffer: no further command is
			 * safe.
			 */
			ctrl->dead = true;
			return ret;
		}
		nnvme_pause();
	}
}

int nnvme_admin_check(struct nnvme_ctrl *ctrl, const char *what, struct nnvme_err *err)
{
	if (!ctrl->dead)
		return 0;
	return nnvme_fail(err, -EIO, "%s: %s not sent: the controller was given up after an "
			  "earlier failure", ctrl->dev->name, what);
}

int nnvme_admin_wait(struct nnvme_ctrl *ctrl, const struct nnvme_sqe *cmd, const char *what,
		     uint32_t timeout_ms, uint64_t *result, struct nnvme_err *err)
{
	struct nnvme_completion done;
	uint32_t slot;
	int ret = nnvme_admin_check(ctrl, what, err);

	if (ret)
		return ret;
	slot = nnvme_submit(ctrl->admin, cmd, &done, 0, 0, true);	/* DW0 of its completion */
	nnvme_qp(ctrl->admin)->slot[slot].result = result;
	nnvme_ring(ctrl->admin);
	ret = wait_one(ctrl, what, timeout_ms, &done, &done, err);
	if (!ret)
		return done.status;
	nnvme_qp(ctrl->admin)->slot[slot].result = NULL;	/* its caller returns */
	return ret;
}

int nnvme_admin_status(struct nnvme_ctrl *ctrl, const struct nnvme_sqe *cmd, const char *what,
		       uint32_t *result, struct nnvme_err *err)
{
	uint64_t dwords = 0;
	int ret = nnvme_admin_wait(ctrl, cmd, what, NNVME_ADMIN_TIMEOUT_MS, &dwords, err);

	if (!ret && result)
		*result = (uint32_t)dwords;
	return ret;
}

int nnvme_admin(struct nnvme_ctrl *ctrl, const struct nnvme_sqe *cmd, const char *what,
		uint32_t *result, struct nnvme_err *err)
{
	int ret = nnvme_admin_status(ctrl, cmd, what, result, err);

	if (ret <= 0)
		return ret;
	return nnvme_fail(err, -EIO, "%s: %s failed: %s (status %#x)", ctrl->dev->name, what,
			  nnvme_status_text((uint16_t)ret), (unsigned)ret);
}
