// SPDX-License-Identifier: MIT
#include "nvme/private.h"

/*
 * The slot at the queue's tail, or, while an earlier command still has that, a spare one: there are as
 * many spares as commands in flight, so one is free. Spare slots count their own laps.
 */
static struct nnvme_req *take_slot(struct nnvme_qpair *qp, uint32_t *cid)
{
	struct nnvme_req *req = (struct nnvme_req *)(qp->req + 2 * qp->tail);
	uint32_t place;
	uint8_t *lap;

	if (req->key < 0) {
		*cid = qp->tail + qp->lap;
		req->key = (int32_t)*cid;
		return req;
	}
	place = qp->spare[--qp->nr_spare];
	lap = &qp->spare_lap[(place - qp->end) / 8];
	*lap = (*lap + 1) & NNVME_CID_LAP;
	*cid = place + *lap;
	req = (struct nnvme_req *)(qp->req + 2 * place);
	req->key = nnvme_key_slow(*cid);	/* so that it comes back to the stack */
	return req;
}

struct nnvme_req *nnvme_submit(struct nnvme_qpair *qp, const struct nnvme_sqe *cmd, void *tag)
{
	struct nnvme_sqe *sqe;
	struct nnvme_req *req;
	uint32_t cid;

	if (qp->tail == qp->stop)
		nnvme_turn(qp);
	req = take_slot(qp, &cid);
	req->tag = tag;
	sqe = (struct nnvme_sqe *)(qp->sq + 8 * (size_t)qp->tail);
	*sqe = *cmd;
	sqe->cid = (uint16_t)cid;
	qp->tail += 8;
	return req;
}

void nnvme_needs_more(struct nnvme_req *req, uint16_t list, uint16_t split)
{
	if (req->key < 0x10000)
		req->key = nnvme_key_slow((uint32_t)req->key);
	req->list = list;
	req->split = split;
}
