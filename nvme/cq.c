// SPDX-License-Identifier: MIT
/* The completion queue: the work of nnvme_poll(). */
#include "nvme/abort.h"
#include "nvme/doorbell.h"
#include "nvme/log.h"
#include "nvme/private.h"
#include "nvme/prp_pool.h"
#include "nvme/sq.h"

_Static_assert(sizeof(struct nnvme_completion) == sizeof(struct nnvme_cqe), "see take_plain()");

/* Logged once: a controller could fill a log with these. */
static void note_bad(struct nnvme_qpair *qp, uint32_t cid)
{
	struct nnvme_qpair_private *p = nnvme_qp(qp);

	NNVME_COUNT(p->bad_completions);
	if (p->bad_completions == 1)
		nnvme_log(p->ctrl, NNVME_LOG_ERROR, "queue %u: the controller completed CID %#x, "
			  "which is not in flight; ignored, and so will be any further ones",
			  p->id, cid);
}

/*
 * Completions that are not plain: failures, parts of a split transfer, commands with list pages
 * or in a spare slot, CIDs that name no command, and the notice that the controller was stopped
 * (abort.c). True when @out was filled.
 */
static bool reap_slow(struct nnvme_qpair *qp, const struct nnvme_cqe *cqe, uint32_t dw3,
		      struct nnvme_completion *out)
{
	struct nnvme_qpair_private *p = nnvme_qp(qp);
	uint32_t cid = dw3 & 0xffff, index = cid & NNVME_CID_SLOT;
	struct nnvme_req *req = nnvme_slot_at(qp, index);
	uint16_t split, status = (uint16_t)(dw3 >> 17);
	const struct nnvme_slot *slot;

	if (req->key != (int32_t)cid && req->key != nnvme_key_slow(cid)) {
		if (p->ctrl->stopped)
			nnvme_abort_in_flight(qp, cqe + 1);
		else
			note_bad(qp, cid);
		return false;
	}
	slot = &p->slot[index / 8];	/* not before: slots beyond those in use have none */
	/*
	 * Successful I/O commands that are not raw report no result, on the slow path as on the
	 * inline one; admin commands do.
	 */
	*out = (struct nnvme_completion){
		.tag = req->tag, .status = status,
		.result = status || slot->raw || !p->id ? cqe->result : 0,
	};
	split = slot->split;
	if (slot->result)
		*slot->result = cqe->result | (uint64_t)cqe->result2 << 32;
	nnvme_prp_pool_put(qp, slot->list);
	nnvme_slot_free(qp, index);
	nnvme_sq_add_space(qp, 1);
	return split ? p->split_ended(qp, split, out) : true;
}

static inline bool is_new(uint32_t dw3, uint32_t phase)
{
	return !((dw3 ^ phase) & 0x10000);
}

/*
 * Take completions from @cqe to @end while they are plain; each fills one of @out. Returns the
 * first entry that is not plain or not there yet, or @end. One offset serves both arrays,
 * because their elements have the same size.
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
		struct nnvme_req *req =
			(struct nnvme_req *)(slots + 2 * (size_t)(cid & NNVME_CID_SLOT));

		/* The bits above the CID are 0 if the phase is right and the status is 0. */
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
 * Ring the CQ doorbell, or post to its shadow, how far the queue has been read. @n is passed
 * through so that nnvme_poll() ends in a tail call.
 */
static __attribute__((noinline)) unsigned ring_cq_doorbell(struct nnvme_qpair *qp, unsigned n)
{
	struct nnvme_qpair_private *p = nnvme_qp(qp);
	const struct nnvme_cqe *next;
	uint32_t head;

	if (__builtin_expect(qp->cqe == qp->cq_end, 0)) {
		qp->cqe = qp->cq;
		qp->phase ^= 0x10000;
	}
	next = (const struct nnvme_cqe *)((const char *)qp->cqe + p->cq_doorbell_step);
	qp->cq_doorbell_at = next < qp->cq_end ? next : qp->cq_end;
	head = (uint32_t)(qp->cqe - qp->cq);
	if (p->shadow.cq) {
		uint32_t old = p->shadow.cq_head;

		p->shadow.cq_head = head;
		if (!nnvme_shadow_post(p->shadow.cq, p->shadow.cq_eventidx, old, head)) {
			/*
			 * The register now lags, even if a round later the value is the same
			 * again.
			 */
			p->cq_doorbell_last = NULL;
			return n;
		}
	}
	nnvme_cq_doorbell(qp, head);
	return n;
}

/*
 * All entries before @cqe have been taken. The controller must learn in time that it may reuse
 * them, not at once: see choose_step(). Returns @n.
 */
static inline unsigned advance(struct nnvme_qpair *qp, const struct nnvme_cqe *cqe, unsigned n)
{
	qp->cqe = cqe;
	return cqe < qp->cq_doorbell_at ? n : ring_cq_doorbell(qp, n);
}

/* Up to @max entries from @cqe, but not beyond the end of the ring. */
static inline const struct nnvme_cqe *horizon(const struct nnvme_qpair *qp,
					      const struct nnvme_cqe *cqe, unsigned max)
{
	const struct nnvme_cqe *end = cqe + max;

	return end < qp->cq_end ? end : qp->cq_end;
}

/* All of nnvme_reap(), for unusual cases: @n completions were taken, the next entry is @cqe. */
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
