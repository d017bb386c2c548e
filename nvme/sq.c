// SPDX-License-Identifier: MIT
/*
 * The submission queue: slots, spare slots, the ring's wrap, and ringing where that is not inline.
 */
#include "nvme/sq.h"

#include "nvme/doorbell.h"

bool nnvme_sq_wrap(struct nnvme_qpair *qp)
{
	if (qp->tail == qp->end) {
		uint32_t n = 8 * qp->beyond;	/* never a whole ring: the depth is smaller */

		qp->tail = 0;
		qp->generation = (qp->generation + 1) & NNVME_CID_GENERATION;
		qp->stop = n;
		qp->beyond = 0;
		NNVME_COUNT(nnvme_qp(qp)->sq_wraps);
	}
	return qp->tail != qp->stop;
}

/* Of nnvme_slot.head, so that it is not 0: a bit of the CID, which in_flight.c does not read. */
#define KEPT (1ull << 16)

/*
 * Keep what in_flight.c cannot read in the queue, until the slot is free: a slow key leads
 * there.
 */
static void keep(struct nnvme_qpair *qp, uint32_t index, const struct nnvme_sqe *sqe)
{
	struct nnvme_slot *d = &nnvme_qp(qp)->slot[index / 8];

	__atomic_store_n(&d->prp1, sqe->prp1, __ATOMIC_RELAXED);
	__atomic_store_n(&d->prp2, sqe->prp2, __ATOMIC_RELAXED);
	__atomic_store_n(&d->cdw12, sqe->cdw12, __ATOMIC_RELAXED);
	__atomic_store_n(&d->head, sqe->cdw0_nsid | KEPT, __ATOMIC_RELEASE);
}

/* Release: in_flight.c, which acquires it, sees entry, lists and what was kept of this command. */
static void set_key(struct nnvme_req *req, int32_t key)
{
	__atomic_store_n(&req->key, key, __ATOMIC_RELEASE);
}

/* The entry at the tail is about to be overwritten while its command is still in flight. */
static void keep_displaced(struct nnvme_qpair *qp, struct nnvme_req *req)
{
	if (!nnvme_qp(qp)->slot[qp->tail / 8].head)
		keep(qp, qp->tail, nnvme_sqe_at(qp, qp->tail));
	if (req->key < 0x10000)
		set_key(req, nnvme_key_slow((uint32_t)req->key));
	/* For in_flight.c: visible before the entry changes. */
	__atomic_thread_fence(__ATOMIC_RELEASE);
}

/*
 * Take a spare slot. There are as many as commands in flight, so one is free. Each has a
 * generation of its own.
 */
static uint32_t take_spare(struct nnvme_qpair *qp, uint32_t *cid)
{
	struct nnvme_qpair_private *p = nnvme_qp(qp);
	uint32_t index = p->spare[--p->nr_spare];
	uint8_t *generation = &p->spare_generation[(index - qp->end) / 8];

	*generation = (*generation + 1) & NNVME_CID_GENERATION;
	*cid = index + *generation;
	NNVME_COUNT(nnvme_qp(qp)->spare_slots);
	return index;
}

/* The fields that the inline path writes. */
static void write_plain(struct nnvme_sqe *sqe, const struct nnvme_sqe *cmd, uint32_t cid)
{
	uint64_t cdw0_nsid = cmd->cdw0_nsid | (uint64_t)(cid & 0xffff) << 16;

	__atomic_store_n(&sqe->cdw0_nsid, cdw0_nsid, __ATOMIC_RELAXED);
	__atomic_store_n(&sqe->prp1, cmd->prp1, __ATOMIC_RELAXED);
	__atomic_store_n(&sqe->prp2, cmd->prp2, __ATOMIC_RELAXED);
	__atomic_store_n(&sqe->cdw12, cmd->cdw12, __ATOMIC_RELAXED);
	sqe->slba = cmd->slba;
}

/* The others: zero in every entry that the inline path may reuse. */
static void write_others(struct nnvme_sqe *sqe, const struct nnvme_sqe *cmd)
{
	sqe->cdw2 = cmd->cdw2;
	sqe->cdw3 = cmd->cdw3;
	sqe->mptr = cmd->mptr;
	sqe->cdw13 = cmd->cdw13;
	sqe->cdw14 = cmd->cdw14;
	sqe->cdw15 = cmd->cdw15;
}

static bool has_others(const struct nnvme_sqe *cmd)
{
	return cmd->cdw2 | cmd->cdw3 | cmd->mptr | cmd->cdw13 | cmd->cdw14 | cmd->cdw15;
}

/* in_flight.c reads it. */
static void keep_raw(struct nnvme_slot *slot, const struct nnvme_sqe *cmd,
		     const struct nnvme_raw *raw)
{
	slot->result = raw->result;
	__atomic_store_n(&slot->data_len, raw->data_len, __ATOMIC_RELAXED);
	__atomic_store_n(&slot->metadata_len, raw->metadata_len, __ATOMIC_RELAXED);
	__atomic_store_n(&slot->metadata, cmd->mptr, __ATOMIC_RELAXED);
	__atomic_store_n(&slot->raw, true, __ATOMIC_RELAXED);
}

static inline uint32_t submit(struct nnvme_qpair *qp, const struct nnvme_sqe *cmd, void *tag,
			      uint16_t list, uint16_t split, bool slow, const struct nnvme_raw *raw)
{
	struct nnvme_slot *slot, *at_tail;
	uint32_t index, cid;
	struct nnvme_req *req;
	struct nnvme_sqe *sqe;

	if (qp->tail == qp->stop)
		nnvme_sq_wrap(qp);
	index = qp->tail;
	req = nnvme_slot_at(qp, index);
	sqe = nnvme_sqe_at(qp, index);
	at_tail = slot = &nnvme_qp(qp)->slot[index / 8];
	cid = index + qp->generation;
	if (req->key >= 0) {
		keep_displaced(qp, req);
		index = take_spare(qp, &cid);
		req = nnvme_slot_at(qp, index);
		slot = &nnvme_qp(qp)->slot[index / 8];
		keep(qp, index, cmd);
		slow = true;	/* so that it comes back to the stack */
	}
	req->tag = tag;
	write_plain(sqe, cmd, cid);
	if (slow || at_tail->others) {
		write_others(sqe, cmd);
		at_tail->others = has_others(cmd);
	}
	__atomic_store_n(&slot->list, list, __ATOMIC_RELAXED);
	slot->split = split;
	if (raw)
		keep_raw(slot, cmd, raw);
	set_key(req, slow || list || split ? nnvme_key_slow(cid) : (int32_t)cid);
	qp->tail += 8;
	return index / 8;
}

uint32_t nnvme_submit(struct nnvme_qpair *qp, const struct nnvme_sqe *cmd, void *tag, uint16_t list,
		  uint16_t split, bool slow)
{
	return submit(qp, cmd, tag, list, split, slow, NULL);
}

void nnvme_submit_raw(struct nnvme_qpair *qp, const struct nnvme_sqe *cmd, void *tag, uint16_t list,
		      const struct nnvme_raw *raw)
{
	submit(qp, cmd, tag, list, 0, true, raw);
}

void nnvme_slot_free(struct nnvme_qpair *qp, uint32_t index)
{
	struct nnvme_qpair_private *p = nnvme_qp(qp);
	struct nnvme_slot *slot = &p->slot[index / 8];

	/*
	 * The entry may belong to another command, so it is left alone; the next user writes
	 * all of it.
	 */
	set_key(nnvme_slot_at(qp, index), slot->others ? NNVME_KEY_DIRTY : NNVME_KEY_FREE);
	/* For in_flight.c: visible before what follows. */
	__atomic_thread_fence(__ATOMIC_RELEASE);
	slot->result = NULL;
	__atomic_store_n(&slot->raw, false, __ATOMIC_RELAXED);
	__atomic_store_n(&slot->list, 0, __ATOMIC_RELAXED);
	slot->split = 0;
	__atomic_store_n(&slot->head, 0, __ATOMIC_RELAXED);
	if (index >= qp->end)
		p->spare[p->nr_spare++] = (uint16_t)index;
}

static __attribute__((noinline)) void wrap_and_ring(struct nnvme_qpair *qp)
{
	struct nnvme_qpair_private *p = nnvme_qp(qp);
	uint32_t old = qp->rung;

	nnvme_sq_wrap(qp);		/* the doorbell has no value for the ring's end */
	qp->rung = 0;
	if (!p->shadow.sq || nnvme_shadow_post(p->shadow.sq, p->shadow.sq_eventidx, old / 8, 0))
		nnvme_sq_doorbell(qp, 0);
}

void nnvme_ring_slow(struct nnvme_qpair *qp)
{
	struct nnvme_qpair_private *p = nnvme_qp(qp);
	uint32_t tail = qp->tail, old = qp->rung;

	if (tail == qp->end) {
		wrap_and_ring(qp);
		return;
	}
	qp->rung = tail;
	if (nnvme_shadow_post(p->shadow.sq, p->shadow.sq_eventidx, old / 8, tail / 8))
		nnvme_sq_doorbell(qp, tail / 8);
}
