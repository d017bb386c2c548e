// SPDX-License-Identifier: MIT
/* The completion queue: the work of nnvme_poll(). */
#include "nvme/abort.h"
#include "nvme/doorbell.h"
#include "nvme/log.h"
#include "nvme/private.h"
#include "nvme/prp_pool.h"
#include "nvme/sq.h"

_Static_assert(sizeof(struct nnvme_completion) == sizeof(struct nnvme_cqe), "see take_plain()");

/* Said once: a controller could fill a log with them. */
static void note_bad(struct nnvme_qpair *qp, uint32_t cid)
{
	NNVME_COUNT(nnvme_qp(qp)->bad_completions);
	if (nnvme_qp(qp)->bad_completions == 1)
		nnvme_log(nnvme_qp(qp)->ctrl, NNVME_LOG_ERROR, "queue %u: the controller completed CID %#x, which is "
			  "not in flight; ignored, and so will be any further ones", nnvme_qp(qp)->id, cid);
}

/*
 * Completions that aren't plain: failures, pieces of a split transfer, commands with list pages
 * of their own or in a spare slot, CIDs that mean nothing, or that the controller was stopped
 * (abort.c). True when @out was filled.
 */
static bool reap_slow(struct nnvme_qpair *qp, const struct nnvme_cqe *cqe, uint32_t dw3,
		      struct nnvme_completion *out)
{
	uint32_t cid = dw3 & 0xffff, index = cid & NNVME_CID_SLOT;
	struct nnvme_req *req = (struct nnvme_req *)(qp->req + 2 * index);
	uint16_t split, status = (uint16_t)(dw3 >> 17);
	const struct nnvme_slot *slot;

	if (req->key != (int32_t)cid && req->key != nnvme_key_slow(cid)) {
		if (nnvme_qp(qp)->ctrl->stopped)
			nnvme_abort_in_flight(qp, cqe + 1);
		else
			note_bad(qp, cid);
		return false;
	}
	slot = &nnvme_qp(qp)->slot[index / 8];	/* not before: slots beyond those in use have none */
	/* Of good commands admin and raw ones alone have a result, others like those that are plain. */
	*out = (struct nnvme_completion){
		.tag = req->tag, .status = status,
		.result = status || slot->raw || !nnvme_qp(qp)->id ? cqe->result : 0,
	};
	split = slot->split;
	if (slot->result)
		*slot->result = cqe->result | (uint64_t)cqe->result2 << 32;
	nnvme_prp_pool_put(qp, slot->list);
	nnvme_slot_free(qp, index);
	nnvme_sq_add_space(qp, 1);
	return split ? nnvme_qp(qp)->split_ended(qp, split, out) : true;
}

static inline bool is_new(uint32_t dw3, uint32_t phase)
{
	return !((dw3 ^ phase) & 0x10000);
}

/*
 * Take completions from @cqe to @end while they are plain; each fills one of @out. Returns the entry
 * that isn't plain, or isn't there yet, or @end. One offset serves both arrays, their elements being of
 * one size.
 */
static inline const struct nnvme_cqe *take_plain(const struct nnvme_qpair *qp,
						 const struct nnvme_cqe *cqe,
						 const struct nnvme_cqe *end, uint32_t phase,
						 struct nnvme_completion *out)
{
	uintptr_t out_from_cqe = (uintptr_t)out - (uintptr_t)cqe;
	char *const slots = qp->req;

	for (; cqe != end; cqe++) {
		/* acquire: DW0..DW2 and the data are read after the phase bit that covers them */
		uint32_t cid = phase ^ __atomic_load_n(&cqe->dw3, __ATOMIC_ACQUIRE);
		struct nnvme_req *req = (struct nnvme_req *)(slots + 2 * (size_t)(cid & NNVME_CID_SLOT));

		/* Nothing is left above the CID when the phase is right and the status is 0. */
		if (__builtin_expect((uint32_t)req->key != cid, 0))
			break;
		out = (struct nnvme_completion *)((uintptr_t)cqe + out_from_cqe);
		out->tag = req->tag;
		out->status_result = 0;
		__atomic_store_n(&req->key, NNVME_KEY_FREE, __ATOMIC_RELAXED);
	}
	return cqe;
}

/*
 * Ring the CQ doorbell, or its shadow, with how far the queue was read. @n is handed through, so that
 * nnvme_poll() ends with a jump.
 */
static __attribute__((noinline)) unsigned ring_cq_doorbell(struct nnvme_qpair *qp, unsigned n)
{
	const struct nnvme_cqe *next;
	uint32_t head;

	if (__builtin_expect(qp->cqe == qp->cq_end, 0)) {
		qp->cqe = qp->cq;
		qp->phase ^= 0x10000;
	}
	next = (const struct nnvme_cqe *)((const char *)qp->cqe + nnvme_qp(qp)->cq_doorbell_step);
	qp->cq_doorbell_at = next < qp->cq_end ? next : qp->cq_end;
	head = (uint32_t)(qp->cqe - qp->cq);
	if (nnvme_qp(qp)->shadow.cq) {
		uint32_t old = nnvme_qp(qp)->shadow.cq_head;

		nnvme_qp(qp)->shadow.cq_head = head;
		if (!nnvme_shadow_post(nnvme_qp(qp)->shadow.cq, nnvme_qp(qp)->shadow.cq_eventidx, old, head)) {
			/* The doorbell is behind now, even where a round later it has the same value. */
			nnvme_qp(qp)->cq_doorbell_last = NULL;
			return n;
		}
	}
	nnvme_cq_doorbell(qp, head);
	return n;
}

/*
 * All entries before @cqe were taken. The controller has to know in time that it may reuse them, not at
 * once: see choose_step(). Returns @n.
 */
static inline unsigned advance(struct nnvme_qpair *qp, const struct nnvme_cqe *cqe, unsigned n)
{
	qp->cqe = cqe;
	return cqe < qp->cq_doorbell_at ? n : ring_cq_doorbell(qp, n);
}

/* As many as @max entries from @cqe, but not beyond the ring's end. */
static inline const struct nnvme_cqe *horizon(const struct nnvme_qpair *qp,
					      const struct nnvme_cqe *cqe, unsigned max)
{
	const struct nnvme_cqe *end = cqe + max;

	return end < qp->cq_end ? end : qp->cq_end;
}

/* The whole of nnvme_reap(), for when something is unusual: @n were taken, the next entry is @cqe. */
static __attribute__((noinline)) unsigned reap_any(struct nnvme_qpair *qp,
						   struct nnvme_completion *out, unsigned max,
						   const struct nnvme_cqe *cqe, unsigned n)
{
	nnvme_sq_add_space(qp, n);
	while (n < max) {
		const struct nnvme_cqe *from = cqe;
		uint32_t dw3;

		if (cqe == qp->cq_end) {
			cqe = from = qp->cq_doorbell_at = qp->cq;
			qp->phase ^= 0x10000;
		}
		cqe = take_plain(qp, cqe, horizon(qp, cqe, max - n), qp->phase, out + n);
		nnvme_sq_add_space(qp, (uint32_t)(cqe - from));
		n += (unsigned)(cqe - from);
		if (n == max || cqe == qp->cq_end)
			continue;
		dw3 = __atomic_load_n(&cqe->dw3, __ATOMIC_ACQUIRE);
		if (!is_new(dw3, qp->phase))
			break;
		n += reap_slow(qp, cqe++, dw3, out + n);
	}
	return advance(qp, cqe, n);
}

unsigned nnvme_reap(struct nnvme_qpair *qp, struct nnvme_completion *out, unsigned max)
{
	const struct nnvme_cqe *first = qp->cqe, *end = horizon(qp, first, max);
	const struct nnvme_cqe *cqe = take_plain(qp, first, end, qp->phase, out);
	unsigned n = (unsigned)(cqe - first);

	if (n < max && (cqe == qp->cq_end || is_new(cqe->dw3, qp->phase)))
		return reap_any(qp, out, max, cqe, n);
	if (!n)
		return 0;
	nnvme_sq_add_space(qp, n);
	return advance(qp, cqe, n);
}
