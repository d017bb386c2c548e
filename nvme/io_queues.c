// SPDX-License-Identifier: MIT
#include "nvme/io_queues.h"

#include <errno.h>
#include <stdlib.h>

#include "nvme/admin.h"
#include "nvme/log.h"
#include "nvme/qpair.h"
#include "nvme/stop.h"

#define DEFAULT_QPAIRS 64

/* Set Features, Number of Queues: its fields are 0's based (Base 2.x, Number of Queues). */
int nnvme_negotiate_queues(struct nnvme_ctrl *ctrl, struct nnvme_err *err)
{
	unsigned want = ctrl->opts.qpairs ? ctrl->opts.qpairs : DEFAULT_QPAIRS;
	struct nnvme_sqe cmd = {
		.opcode = nvme_admin_set_features, .cdw10 = NVME_FEAT_FID_NUM_QUEUES,
	};
	uint32_t granted, sqs, cqs, fit;
	int ret;

	if (want > 65534)
		want = 65534;
	cmd.cdw11 = (want - 1) << 16 | (want - 1);
	ret = nnvme_admin(ctrl, &cmd, "Set Features (Number of Queues)", &granted, err);
	if (ret)
		return ret;
	sqs = (granted & 0xffff) + 1;
	cqs = (granted >> 16) + 1;
	/* A controller may grant more than was requested, and more than BAR0 has doorbells for. */
	fit = (uint32_t)((ctrl->dev->bar_len - 0x1000) / (2 * ctrl->doorbell_stride)) - 1;
	ctrl->max_qpairs = sqs < cqs ? sqs : cqs;
	if (ctrl->max_qpairs > want)
		ctrl->max_qpairs = want;
	if (ctrl->max_qpairs > fit)
		ctrl->max_qpairs = fit;
	if (!ctrl->max_qpairs)
		return nnvme_fail(err, -EIO, "%s: BAR0 has no room for the doorbells of "
				  "an I/O queue", ctrl->dev->name);
	ctrl->qpairs = calloc(ctrl->max_qpairs, sizeof(struct nnvme_qpair *));
	return ctrl->qpairs ? 0 : nnvme_fail(err, -ENOMEM, "no memory for %u queue pairs",
					     ctrl->max_qpairs);
}

static int create_cq(struct nnvme_qpair *qp, struct nnvme_err *err)
{
	struct nnvme_qpair_private *p = nnvme_qp(qp);
	struct nnvme_sqe cmd = {
		.opcode = nvme_admin_create_cq,
		.prp1 = p->cq_bus.v,
		.cdw10 = (nnvme_cq_entries(qp) - 1) << 16 | p->id,
		/* interrupt vector, interrupts enabled, physically contiguous */
		.cdw11 = (uint32_t)p->vector << 16 | (p->eventfd >= 0) << 1 | 1,
	};

	return nnvme_admin(p->ctrl, &cmd, "Create I/O Completion Queue", NULL, err);
}

static int create_sq(struct nnvme_qpair *qp, struct nnvme_err *err)
{
	struct nnvme_qpair_private *p = nnvme_qp(qp);
	struct nnvme_sqe cmd = {
		.opcode = nvme_admin_create_sq,
		.prp1 = p->sq_bus.v,
		.cdw10 = (nnvme_sq_entries(qp) - 1) << 16 | p->id,
		.cdw11 = (uint32_t)p->id << 16 | 1,	/* its completion queue; contiguous */
	};

	return nnvme_admin(p->ctrl, &cmd, "Create I/O Submission Queue", NULL, err);
}

static int delete_queue(struct nnvme_qpair *qp, uint8_t opcode, const char *what,
			struct nnvme_err *err)
{
	struct nnvme_qpair_private *p = nnvme_qp(qp);
	struct nnvme_sqe cmd = { .opcode = opcode, .cdw10 = p->id };

	return nnvme_admin(p->ctrl, &cmd, what, NULL, err);
}

static int delete_cq(struct nnvme_qpair *qp, struct nnvme_err *err)
{
	return delete_queue(qp, nvme_admin_delete_cq, "Delete I/O Completion Queue", err);
}

/* The completion queue has to exist first (Base 2.x, Create I/O Submission Queue command). */
static int create_queues(struct nnvme_qpair *qp, struct nnvme_err *err)
{
	int ret = create_cq(qp, err);

	if (ret)
		return ret;
	ret = create_sq(qp, err);
	if (ret && delete_cq(qp, NULL))
		nnvme_stop(nnvme_qp(qp)->ctrl);	/* it might still write to that queue */
	return ret;
}

static int check_depth(struct nnvme_ctrl *ctrl, unsigned depth, struct nnvme_err *err)
{
	if (depth < 1 || depth > nnvme_max_depth(ctrl))
		return nnvme_fail(err, -EINVAL, "%s: a queue depth of %u is not possible; this "
				  "controller has 1 to %u (CAP.MQES %u)",
				  ctrl->dev->name, depth, nnvme_max_depth(ctrl),
				  (unsigned)NVME_CAP_MQES(ctrl->cap));
	return 0;
}

static int create_locked(struct nnvme_ctrl *ctrl, unsigned depth, struct nnvme_qpair **out,
			 struct nnvme_err *err)
{
	struct nnvme_qpair *qp;
	uint32_t i = 0;
	int ret = nnvme_admin_check(ctrl, "Create I/O Completion Queue", err);

	if (ret)	/* before it takes a place and memory, which would be kept */
		return ret;
	while (i < ctrl->max_qpairs && ctrl->qpairs[i])
		i++;
	if (i == ctrl->max_qpairs)
		return nnvme_fail(err, -ENOSPC, "%s: all %u I/O queue pairs that the controller "
				  "granted are in use%s",
				  ctrl->dev->name, ctrl->max_qpairs, ctrl->eventfd ?
				  "; with interrupts each takes a vector" : "");
	ret = nnvme_qpair_alloc(ctrl, (uint16_t)(i + 1), depth, &qp, err);
	if (ret)
		return ret;
	ret = create_queues(qp, err);
	if (ret && (!ctrl->dead || ctrl->stopped)) {
		nnvme_qpair_free(qp);
		return ret;
	}
	/* Keep it even after a failure if the controller may know of it: closing frees it. */
	ctrl->qpairs[i] = qp;
	if (!ret)
		*out = qp;
	return ret;
}

int nnvme_qpair_create(struct nnvme_ctrl *ctrl, unsigned depth, struct nnvme_qpair **qp,
		       struct nnvme_err *err)
{
	int ret = check_depth(ctrl, depth, err);

	if (ret)
		return ret;
	nnvme_lock(&ctrl->lock);
	ret = create_locked(ctrl, depth, qp, err);
	nnvme_unlock(&ctrl->lock);
	return ret;
}

/*
 * Does the controller no longer use the queue pair? Deleting the submission queue ends its commands
 * (Base 2.x, Delete I/O Submission Queue command). If the controller does not delete it, only
 * stopping the controller frees the buffers.
 */
static bool take_back(struct nnvme_qpair *qp)
{
	struct nnvme_ctrl *ctrl = nnvme_qp(qp)->ctrl;
	struct nnvme_err err;

	if (!ctrl->dead) {
		if (!delete_queue(qp, nvme_admin_delete_sq, "Delete I/O Submission Queue", &err) &&
		    !delete_cq(qp, &err))
			return true;
		nnvme_log(ctrl, NNVME_LOG_ERROR, "%s; stopping the controller", err.text);
	}
	return nnvme_stop(ctrl);
}

int nnvme_qpair_destroy_locked(struct nnvme_qpair *qp)
{
	struct nnvme_qpair_private *p = nnvme_qp(qp);
	struct nnvme_ctrl *ctrl = p->ctrl;

	nnvme_log(ctrl, NNVME_LOG_DEBUG, "queue %u: %llu submission and %llu completion doorbells",
		  p->id, (unsigned long long)qp->sq_rings, (unsigned long long)p->cq_rings);
	if (!take_back(qp))
		return -EBUSY;
	ctrl->qpairs[p->id - 1] = NULL;
	nnvme_qpair_free(qp);
	return 0;
}

int nnvme_qpair_destroy(struct nnvme_qpair *qp)
{
	struct nnvme_ctrl *ctrl;
	int ret;

	if (!qp)
		return 0;
	ctrl = nnvme_qp(qp)->ctrl;
	nnvme_lock(&ctrl->lock);
	ret = nnvme_qpair_destroy_locked(qp);
	nnvme_unlock(&ctrl->lock);
	return ret;
}
