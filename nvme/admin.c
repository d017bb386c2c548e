// SPDX-License-Identifier: MIT
#include "nvme/admin.h"

#include <errno.h>

#include "nvme/clock.h"
#include "nvme/log.h"
#include "nvme/qpair.h"
#include "nvme/registers.h"
#include "nvme/sq.h"

#define ADMIN_DEPTH 1
#define ADMIN_TIMEOUT_MS 30000	/* Identify, features and queues; none of these is long work */

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

static int wait_one(struct nnvme_ctrl *ctrl, const char *what, void *tag,
		    struct nnvme_completion *done, struct nnvme_err *err)
{
	uint64_t end = nnvme_now_ms() + ADMIN_TIMEOUT_MS;
	int ret;

	for (;;) {
		bool late = nnvme_now_ms() > end;

		if (nnvme_poll(ctrl->admin, done, 1) && done->tag == tag)
			return 0;
		ret = nnvme_ctrl_check(ctrl, err);
		if (!ret && late)
			ret = nnvme_fail(err, -ETIMEDOUT, "%s: %s was not answered within %d s",
					 ctrl->dev->name, what, ADMIN_TIMEOUT_MS / 1000);
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

int nnvme_admin_status(struct nnvme_ctrl *ctrl, const struct nnvme_sqe *cmd, const char *what,
		       uint32_t *result, struct nnvme_err *err)
{
	struct nnvme_completion done;
	int ret;

	if (ctrl->dead)
		return nnvme_fail(err, -EIO, "%s: %s not sent: the controller was given up after an "
				  "earlier failure", ctrl->dev->name, what);
	nnvme_submit(ctrl->admin, cmd, &done, 0, 0, true);	/* the result */
	nnvme_ring(ctrl->admin);
	ret = wait_one(ctrl, what, &done, &done, err);
	if (ret)
		return ret;
	if (!done.status && result)
		*result = done.result;
	return done.status;
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
