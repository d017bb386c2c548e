// SPDX-License-Identifier: MIT
/*
 * Doorbells (PCIe transport, Submission Queue y Tail Doorbell and Completion Queue y Head
 * Doorbell). Of several stores between two looks the last one counts, as it does on a device
 * that is slower than its host.
 */

#include "model_private.h"

static uint32_t offset(const struct model *m, unsigned qid, bool cq)
{
	return MODEL_DOORBELLS + (2 * qid + cq) * (4u << m->config.dstrd);
}

void model_doorbells_clear(struct model *m, unsigned qid, bool cq)
{
	model_set_reg32(m, offset(m, qid, cq), 0);
}

static uint32_t distance(uint32_t from, uint32_t to, uint32_t size)
{
	return to >= from ? to - from : to + size - from;
}

static bool submission(struct model *m, struct model_sq *sq)
{
	uint32_t tail = model_reg32(m, offset(m, sq->q.id, false)), more;

	if (tail == sq->tail)
		return false;
	if (sq->q.id)
		m->counts.sq_doorbells++;
	if (tail >= sq->q.size) {
		model_violation(m, "SQ %u tail doorbell %u, its size is %u", sq->q.id, tail,
				sq->q.size);
		model_set_reg32(m, offset(m, sq->q.id, false), sq->tail);
		return false;
	}
	more = distance(sq->tail, tail, sq->q.size);
	if (distance(sq->head, sq->tail, sq->q.size) + more >= sq->q.size)
		model_violation(m, "SQ %u tail doorbell %u passes the head %u", sq->q.id, tail,
				sq->head);
	sq->tail = tail;
	return true;
}

static bool completion(struct model *m, struct model_cq *cq)
{
	uint32_t head = model_reg32(m, offset(m, cq->q.id, true)), taken;

	if (head == cq->head)
		return false;
	if (cq->q.id)
		m->counts.cq_doorbells++;
	if (head >= cq->q.size) {
		model_violation(m, "CQ %u head doorbell %u, its size is %u", cq->q.id, head,
				cq->q.size);
		model_set_reg32(m, offset(m, cq->q.id, true), cq->head);
		return false;
	}
	taken = distance(cq->head, head, cq->q.size);
	if (taken > cq->used) {
		model_violation(m, "CQ %u head doorbell %u frees %u entries of %u posted",
				cq->q.id, head, taken, cq->used);
		taken = cq->used;
	}
	cq->used -= taken;
	cq->head = head;
	return true;
}

/* Doorbells of queues that do not exist must be left alone. */
static void stray(struct model *m, unsigned qid, bool cq)
{
	uint32_t value = model_reg32(m, offset(m, qid, cq));

	if (!value)
		return;
	model_violation(m, "%s %u does not exist and its doorbell says %u", cq ? "CQ" : "SQ", qid,
			value);
	model_doorbells_clear(m, qid, cq);
}

bool model_doorbells(struct model *m)
{
	bool ready = NVME_CSTS_RDY(m->csts), changed = false;

	for (unsigned i = 0; i < m->queues; i++) {
		if (m->sq[i].q.exists && ready)
			changed |= submission(m, &m->sq[i]);
		else
			stray(m, i, false);
		if (m->cq[i].q.exists && ready)
			changed |= completion(m, &m->cq[i]);
		else
			stray(m, i, true);
	}
	return changed;
}
