// SPDX-License-Identifier: MIT
/*
 * Doorbells (PCIe transport, Submission Queue y Tail Doorbell and Completion Queue y Head Doorbell)
 * and shadow doorbells in memory (Base 2.x, Doorbell Buffer Config command).
 *
 * After a look, a doorbell register gets a value that no host stores, so that each store is seen,
 * even of the same value. Of several stores between two looks the last one counts, as with a device
 * that is slower than its host.
 *
 * Where a queue has shadow doorbells, its register only wakes the controller. The controller looks
 * at a shadow tail while it is busy with that queue, and at a shadow head when that queue is full.
 * Before it stops looking, it says by EventIdx from which value on it wants to be rung. A host that
 * then does not ring is not heard.
 */

#include "model_private.h"

#define SEEN 0xffffffffu

static uint32_t doorbell_offset(const struct model *m, unsigned qid, bool cq)
{
	return (2 * qid + cq) * (4u << m->config.dstrd);
}

void model_doorbell_clear(struct model *m, unsigned qid, bool cq)
{
	model_set_reg32(m, MODEL_DOORBELLS + doorbell_offset(m, qid, cq), SEEN);
}

void model_doorbells_reset(struct model *m)
{
	m->shadow = m->eventidx = 0;
	for (unsigned i = 0; i < m->queues; i++) {
		model_doorbell_clear(m, i, false);
		model_doorbell_clear(m, i, true);
	}
}

/* The value stored since the last look, if any. */
static bool rung(struct model *m, unsigned qid, bool cq, uint32_t *value)
{
	uint32_t *reg = (uint32_t *)(void *)(m->bar + MODEL_DOORBELLS + doorbell_offset(m, qid,
											cq));

	if (__atomic_load_n(reg, __ATOMIC_ACQUIRE) == SEEN)
		return false;
	*value = __atomic_exchange_n(reg, SEEN, __ATOMIC_ACQ_REL);
	return true;
}

/* A word of the shadow or EventIdx page; NULL and a fault if the page went away. */
static uint32_t *word(struct model *m, uint64_t page, unsigned qid, bool cq)
{
	uint64_t bus = page + doorbell_offset(m, qid, cq);

	return (uint32_t *)(void *)model_dma_at(m, bus, "shadow doorbell");
}

/* The admin queue keeps its doorbells, as hosts leave it out. */
static bool has_shadow(const struct model *m, unsigned qid)
{
	return m->shadow && qid && doorbell_offset(m, qid, true) < m->page;
}

static uint32_t look(struct model *m, unsigned qid, bool cq, uint32_t value)
{
	uint32_t *shadow = word(m, m->shadow, qid, cq);

	return shadow ? __atomic_load_n(shadow, __ATOMIC_ACQUIRE) : value;
}

/*
 * Ask to be rung when the host goes past @eventidx, then look at what it has done so far (@value if
 * that can't be seen). The fence is one half of the protocol: the host stores its value, fences,
 * and loads EventIdx.
 */
static uint32_t last_look(struct model *m, unsigned qid, bool cq, uint32_t eventidx, uint32_t value)
{
	uint32_t *at = word(m, m->eventidx, qid, cq);

	if (!at)
		return value;
	__atomic_store_n(at, eventidx, __ATOMIC_RELAXED);
	__atomic_thread_fence(__ATOMIC_SEQ_CST);
	return look(m, qid, cq, value);
}

static uint32_t distance(uint32_t from, uint32_t to, uint32_t size)
{
	return to >= from ? to - from : to + size - from;
}

static bool set_tail(struct model *m, struct model_sq *sq, uint32_t tail)
{
	uint32_t more;

	if (tail == sq->tail)
		return false;
	if (tail >= sq->q.size) {
		model_violation(m, "SQ %u tail doorbell %u, its size is %u", sq->q.id, tail,
				sq->q.size);
		return false;
	}
	more = distance(sq->tail, tail, sq->q.size);
	if (distance(sq->head, sq->tail, sq->q.size) + more >= sq->q.size)
		model_violation(m, "SQ %u tail doorbell %u passes the head %u", sq->q.id, tail,
				sq->head);
	sq->tail = tail;
	return true;
}

static bool set_head(struct model *m, struct model_cq *cq, uint32_t head)
{
	uint32_t taken;

	if (head == cq->head)
		return false;
	if (head >= cq->q.size) {
		model_violation(m, "CQ %u head doorbell %u, its size is %u", cq->q.id, head,
				cq->q.size);
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

static bool submission(struct model *m, struct model_sq *sq)
{
	uint32_t value = sq->tail;
	bool ring = rung(m, sq->q.id, false, &value);

	if (ring && sq->q.id)
		m->counts.sq_doorbells++;
	if (!has_shadow(m, sq->q.id))
		return ring && set_tail(m, sq, value);
	sq->awake |= ring;
	if (!sq->awake)
		return false;
	/* busy: an EventIdx that the host has passed already, so that it need not ring */
	if (sq->head != sq->tail)
		return set_tail(m, sq, last_look(m, sq->q.id, false, sq->head, sq->tail));
	sq->awake = set_tail(m, sq, last_look(m, sq->q.id, false, sq->tail, sq->tail));
	return sq->awake;
}

static bool completion(struct model *m, struct model_cq *cq)
{
	uint32_t value = cq->head;

	if (!rung(m, cq->q.id, true, &value))
		return false;
	if (cq->q.id)
		m->counts.cq_doorbells++;
	if (has_shadow(m, cq->q.id))
		value = look(m, cq->q.id, true, cq->head);
	cq->deaf = false;
	return set_head(m, cq, value);
}

void model_cq_look(struct model *m, struct model_cq *cq)
{
	completion(m, cq);
}

bool model_cq_has_space(struct model *m, struct model_cq *cq)
{
	if (cq->used < cq->q.size - 1)
		return true;
	if (!has_shadow(m, cq->q.id) || cq->deaf)
		return false;
	cq->deaf = !set_head(m, cq, last_look(m, cq->q.id, true, cq->head, cq->head));
	return !cq->deaf;
}

/* Doorbells of queues that do not exist must be left alone. */
static void stray(struct model *m, unsigned qid, bool cq)
{
	uint32_t value;

	if (rung(m, qid, cq, &value))
		model_violation(m, "%s %u does not exist and its doorbell says %u",
				cq ? "CQ" : "SQ", qid, value);
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

/* PRP1: shadows, PRP2: EventIdx values; a memory page each. They hold until the next reset. */
uint16_t model_doorbell_buffer(struct model *m, const struct nnvme_sqe *sqe)
{
	if (!m->config.dbbuf)
		return MODEL_DNR(NVME_SC_INVALID_OPCODE);
	if (!sqe->prp1 || !sqe->prp2 || sqe->prp1 % m->page || sqe->prp2 % m->page)
		return MODEL_DNR(NVME_SC_INVALID_FIELD);
	if (!model_dma_at(m, sqe->prp1, "shadow doorbells") ||
	    !model_dma_at(m, sqe->prp2, "shadow doorbell EventIdx"))
		return NVME_SC_DATA_XFER_ERROR;
	m->shadow = sqe->prp1;
	m->eventidx = sqe->prp2;
	return 0;
}
