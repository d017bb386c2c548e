// SPDX-License-Identifier: MIT
#include "nvme/doorbell.h"

/*
 * Both pages mirror the doorbell registers (PCIe transport). The admin queue has no shadow
 * doorbells, nor do queues whose shadow would lie beyond the page.
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
		.sq_eventidx = (volatile uint32_t *)(ctrl->eventidx + sq),
		.cq_eventidx = (volatile uint32_t *)(ctrl->eventidx + cq),
	};
	/* An earlier queue with this ID may have left values there. */
	*nnvme_qp(qp)->shadow.sq = *nnvme_qp(qp)->shadow.cq = 0;
	*nnvme_qp(qp)->shadow.sq_eventidx = *nnvme_qp(qp)->shadow.cq_eventidx = 0;
	qp->ring_slow = 0;
}

void nnvme_cq_doorbell_now(struct nnvme_qpair *qp)
{
	uint32_t head = (uint32_t)(qp->cqe - qp->cq);

	/*
	 * Writing the same value twice is an error (Base 2.x, Asynchronous Event Information:
	 * Invalid Doorbell Write Value).
	 */
	if (nnvme_qp(qp)->cq_doorbell_last == qp->cqe)
		return;
	if (nnvme_qp(qp)->shadow.cq)
		*nnvme_qp(qp)->shadow.cq = nnvme_qp(qp)->shadow.cq_head = head;
	nnvme_cq_doorbell(qp, head);
}
