// SPDX-License-Identifier: MIT
#include "nvme/doorbell.h"

/*
 * Both pages mirror the doorbell registers (PCIe transport). The admin queue has no shadow
 * doorbells, nor do queues whose shadow would lie beyond the page.
 */
void nnvme_shadow_attach(struct nnvme_qpair *qp)
{
	struct nnvme_qpair_private *p = nnvme_qp(qp);
	struct nnvme_ctrl *ctrl = p->ctrl;
	size_t sq = 2 * (size_t)p->id * ctrl->doorbell_stride, cq = sq + ctrl->doorbell_stride;

	qp->ring_slow = qp->end;
	if (!ctrl->shadow || !p->id || cq + 4 > NNVME_PAGE_SIZE)
		return;
	p->shadow = (struct nnvme_shadow){
		.sq = (volatile uint32_t *)(ctrl->shadow + sq),
		.cq = (volatile uint32_t *)(ctrl->shadow + cq),
		.sq_eventidx = (volatile uint32_t *)(ctrl->eventidx + sq),
		.cq_eventidx = (volatile uint32_t *)(ctrl->eventidx + cq),
	};
	/* An earlier queue with this ID may have left values there. */
	*p->shadow.sq = *p->shadow.cq = 0;
	*p->shadow.sq_eventidx = *p->shadow.cq_eventidx = 0;
	qp->ring_slow = 0;
}

void nnvme_cq_doorbell_now(struct nnvme_qpair *qp)
{
	struct nnvme_qpair_private *p = nnvme_qp(qp);
	uint32_t head = (uint32_t)(qp->cqe - qp->cq);

	/*
	 * Writing the same value twice is an error (Base 2.x, Asynchronous Event Information:
	 * Invalid Doorbell Write Value).
	 */
	if (p->cq_doorbell_last == qp->cqe)
		return;
	if (p->shadow.cq)
		*p->shadow.cq = p->shadow.cq_head = head;
	nnvme_cq_doorbell(qp, head);
}
