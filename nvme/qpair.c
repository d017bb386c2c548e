// SPDX-License-Identifier: MIT
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "nvme/private.h"

_Static_assert(sizeof(struct nnvme_req) == 16, "four requests per cache line");
_Static_assert(offsetof(struct nnvme_qpair, cq) == 64, "submission fields fill one cache line");

static size_t round_page(size_t n)
{
	return (n + NNVME_PAGE_SIZE - 1) & -NNVME_PAGE_SIZE;
}

static size_t sq_bytes(const struct nnvme_qpair *qp)
{
	return round_page(qp->entries * sizeof(struct nnvme_sqe));
}

static size_t queue_bytes(const struct nnvme_qpair *qp)
{
	return sq_bytes(qp) + round_page(qp->entries * sizeof(struct nnvme_cqe));
}

nnvme_bus_t nnvme_qpair_cq_bus(const struct nnvme_qpair *qp)
{
	return (nnvme_bus_t){ qp->bus.v + sq_bytes(qp) };
}

/* Slots past the depth exist, so that any masked CID is inside the array; they are never in flight. */
static int alloc_slots(struct nnvme_qpair *qp)
{
	size_t slots = 1;

	while (slots < qp->depth)
		slots *= 2;
	qp->cid_mask = (uint32_t)slots - 1;
	qp->cid_step = (uint32_t)slots;
	qp->req = aligned_alloc(64, (slots * sizeof(*qp->req) + 63) & ~(size_t)63);
	qp->free = calloc(qp->depth, sizeof(*qp->free));
	qp->splits = nnvme_splits_create(qp->depth);
	qp->lists = nnvme_lists_create();
	if (!qp->req || !qp->free || !qp->splits || !qp->lists)
		return -ENOMEM;
	for (size_t i = 0; i < slots; i++)
		qp->req[i] = (struct nnvme_req){ .cid = (uint32_t)i | NNVME_CID_FREE };
	for (unsigned i = 0; i < qp->depth; i++)
		qp->free[i] = (uint16_t)(qp->depth - 1 - i);
	qp->nr_free = qp->depth;
	return 0;
}

int nnvme_qpair_alloc(struct nnvme_ctrl *ctrl, uint16_t id, unsigned depth,
		      struct nnvme_qpair **out, struct nnvme_err *err)
{
	struct nnvme_qpair *qp = aligned_alloc(64, (sizeof(*qp) + 63) & ~(size_t)63);
	volatile char *doorbells = (volatile char *)ctrl->dev->bar + 0x1000;

	if (!qp)
		return nnvme_fail(err, -ENOMEM, "no memory for a queue pair");
	memset(qp, 0, sizeof(*qp));
	qp->ctrl = ctrl;
	qp->id = id;
	qp->depth = depth;
	qp->entries = depth + 1;
	qp->phase = 0x10000;	/* memory is zero: the first entries written have phase 1 */
	qp->table = ctrl->space->table;
	/* PCIe transport: SQ y Tail Doorbell at 1000h + 2y strides, CQ y Head Doorbell one after */
	qp->sq_doorbell = (volatile uint32_t *)(doorbells + 2 * id * ctrl->doorbell_stride);
	qp->cq_doorbell = (volatile uint32_t *)(doorbells + (2 * id + 1) * ctrl->doorbell_stride);
	if (alloc_slots(qp)) {
		nnvme_fail(err, -ENOMEM, "no memory for a queue pair of depth %u", depth);
		goto fail;
	}
	qp->sq = nnvme_space_get(ctrl->space, queue_bytes(qp), &qp->bus, err);
	if (!qp->sq)
		goto fail;
	qp->cq = (struct nnvme_cqe *)((char *)qp->sq + sq_bytes(qp));
	*out = qp;
	return 0;

fail:
	nnvme_qpair_free(qp, false);
	return -ENOMEM;
}

void nnvme_qpair_free(struct nnvme_qpair *qp, bool leak)
{
	if (!qp)
		return;
	if (qp->lists)
		nnvme_lists_destroy(qp, leak);
	if (qp->sq && !leak)
		nnvme_space_put(qp->ctrl->space, qp->sq, queue_bytes(qp));
	nnvme_splits_destroy(qp->splits);
	free(qp->free);
	free(qp->req);
	free(qp);
}

static int create_cq(struct nnvme_qpair *qp, struct nnvme_err *err)
{
	struct nnvme_sqe cmd = {
		.opcode = nvme_admin_create_cq,
		.prp1 = nnvme_qpair_cq_bus(qp).v,
		.cdw10 = (qp->entries - 1) << 16 | qp->id,
		.cdw11 = 1,		/* physically contiguous; no interrupts */
	};

	return nnvme_admin(qp->ctrl, &cmd, "Create I/O Completion Queue", NULL, err);
}

static int create_sq(struct nnvme_qpair *qp, struct nnvme_err *err)
{
	struct nnvme_sqe cmd = {
		.opcode = nvme_admin_create_sq,
		.prp1 = qp->bus.v,
		.cdw10 = (qp->entries - 1) << 16 | qp->id,
		.cdw11 = (uint32_t)qp->id << 16 | 1,	/* its completion queue; contiguous */
	};

	return nnvme_admin(qp->ctrl, &cmd, "Create I/O Submission Queue", NULL, err);
}

static int delete_queue(struct nnvme_qpair *qp, uint8_t opcode, const char *what,
			struct nnvme_err *err)
{
	struct nnvme_sqe cmd = { .opcode = opcode, .cdw10 = qp->id };

	return nnvme_admin(qp->ctrl, &cmd, what, NULL, err);
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
		nnvme_stop(qp->ctrl);	/* it might still write to that queue */
	return ret;
}

static int check_depth(struct nnvme_ctrl *ctrl, unsigned depth, struct nnvme_err *err)
{
	/* MQES counts from 0, and one entry of a queue always stays empty. */
	unsigned max = (unsigned)NVME_CAP_MQES(ctrl->cap);

	if (depth < 1 || depth > max)
		return nnvme_fail(err, -EINVAL, "%s: a queue depth of %u is not possible; this controller "
				  "has 1 to %u (CAP.MQES)", ctrl->dev->name, depth, max);
	return 0;
}

static int create_locked(struct nnvme_ctrl *ctrl, unsigned depth, struct nnvme_qpair **out,
			 struct nnvme_err *err)
{
	struct nnvme_qpair *qp;
	uint32_t i = 0;
	int ret;

	while (i < ctrl->max_qpairs && ctrl->qpairs[i])
		i++;
	if (i == ctrl->max_qpairs)
		return nnvme_fail(err, -ENOSPC, "%s: all %u I/O queue pairs that the controller granted "
				  "are in use", ctrl->dev->name, ctrl->max_qpairs);
	ret = nnvme_qpair_alloc(ctrl, (uint16_t)(i + 1), depth, &qp, err);
	if (ret)
		return ret;
	ret = create_queues(qp, err);
	if (ret) {
		nnvme_qpair_free(qp, ctrl->dead && !ctrl->stopped);
		return ret;
	}
	ctrl->qpairs[i] = qp;
	*out = qp;
	return 0;
}

int nnvme_qpair_create(struct nnvme_ctrl *ctrl, unsigned depth, struct nnvme_qpair **qp,
		       struct nnvme_err *err)
{
	int ret = check_depth(ctrl, depth, err);

	if (ret)
		return ret;
	pthread_mutex_lock(&ctrl->lock);
	ret = create_locked(ctrl, depth, qp, err);
	pthread_mutex_unlock(&ctrl->lock);
	return ret;
}

void nnvme_qpair_destroy_locked(struct nnvme_qpair *qp)
{
	struct nnvme_ctrl *ctrl = qp->ctrl;
	struct nnvme_err err;

	/*
	 * Deleting the submission queue ends its commands (Base 2.x, Delete I/O Submission Queue
	 * command). If the controller doesn't do it, only stopping it altogether frees their buffers.
	 */
	if (ctrl->dead) {
		nnvme_stop(ctrl);
	} else if (delete_queue(qp, nvme_admin_delete_sq, "Delete I/O Submission Queue", &err) ||
		   delete_cq(qp, &err)) {
		nnvme_log(ctrl, NNVME_LOG_ERROR, "%s; stopping the controller", err.text);
		nnvme_stop(ctrl);
	}
	ctrl->qpairs[qp->id - 1] = NULL;
	nnvme_qpair_free(qp, ctrl->dead && !ctrl->stopped);
}

void nnvme_qpair_destroy(struct nnvme_qpair *qp)
{
	struct nnvme_ctrl *ctrl;

	if (!qp)
		return;
	ctrl = qp->ctrl;
	pthread_mutex_lock(&ctrl->lock);
	nnvme_qpair_destroy_locked(qp);
	pthread_mutex_unlock(&ctrl->lock);
}
