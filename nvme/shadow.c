// SPDX-License-Identifier: MIT
/*
 * Shadow doorbells (Base 2.x, Doorbell Buffer Config command): the driver writes its tails and heads to
 * memory, and the controller says in other memory from which value on it wants to be told by a real
 * doorbell. A doorbell of an emulated controller is an exit from the guest; here most of them go away.
 */
#include <errno.h>

#include "nvme/private.h"

static int configure(struct nnvme_ctrl *ctrl, struct nnvme_err *err)
{
	struct nnvme_sqe cmd = { .opcode = nvme_admin_dbbuf };
	nnvme_bus_t shadow, event;

	ctrl->shadow = nnvme_space_get(ctrl->space, NNVME_PAGE_SIZE, &shadow, err);
	ctrl->event = nnvme_space_get(ctrl->space, NNVME_PAGE_SIZE, &event, err);
	if (!ctrl->shadow || !ctrl->event)
		return -ENOMEM;
	cmd.prp1 = shadow.v;
	cmd.prp2 = event.v;
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
	/* The pages stay taken: the controller may know of them. The pool frees them at close. */
	ctrl->shadow = ctrl->event = NULL;
	if (ctrl->dead)
		return nnvme_fail(err, ret, "%s", why.text);
	/* A controller that offers the command and then refuses it works without. */
	nnvme_log(ctrl, NNVME_LOG_INFO, "%s; going on without shadow doorbells", why.text);
	return 0;
}

/*
 * Both pages mirror the doorbell registers (PCIe transport). The admin queue keeps its doorbells, and so do
 * queues whose doorbells would lie behind the page.
 */
void nnvme_shadow_attach(struct nnvme_qpair *qp)
{
	struct nnvme_ctrl *ctrl = nnvme_qp(qp)->ctrl;
	size_t sq = 2 * (size_t)nnvme_qp(qp)->id * ctrl->doorbell_stride, cq = sq + ctrl->doorbell_stride;

	qp->ring_slow = qp->end;
	if (!ctrl->shadow || !nnvme_qp(qp)->id || cq + 4 > NNVME_PAGE_SIZE)
		return;
	nnvme_qp(qp)->shadow = (struct nnvme_shadow){
		.sq = (volatile uint32_t *)(ctrl->shadow + sq),
		.cq = (volatile uint32_t *)(ctrl->shadow + cq),
		.sq_event = (volatile uint32_t *)(ctrl->event + sq),
		.cq_event = (volatile uint32_t *)(ctrl->event + cq),
	};
	/* What an earlier queue of this number left there. */
	*nnvme_qp(qp)->shadow.sq = *nnvme_qp(qp)->shadow.cq = 0;
	*nnvme_qp(qp)->shadow.sq_event = *nnvme_qp(qp)->shadow.cq_event = 0;
	qp->ring_slow = 0;
}

static __attribute__((noinline)) void wrap_and_ring(struct nnvme_qpair *qp)
{
	uint32_t old = qp->rung;

	nnvme_sq_wrap(qp);		/* the doorbell has no name for the ring's end */
	qp->rung = 0;
	if (!nnvme_qp(qp)->shadow.sq || nnvme_shadow_post(nnvme_qp(qp)->shadow.sq, nnvme_qp(qp)->shadow.sq_event, old / 8, 0))
		nnvme_sq_doorbell(qp, 0);
}

void nnvme_ring_slow(struct nnvme_qpair *qp)
{
	uint32_t tail = qp->tail, old = qp->rung;

	if (tail == qp->end) {
		wrap_and_ring(qp);
		return;
	}
	qp->rung = tail;
	if (nnvme_shadow_post(nnvme_qp(qp)->shadow.sq, nnvme_qp(qp)->shadow.sq_event, old / 8, tail / 8))
		nnvme_sq_doorbell(qp, tail / 8);
}
