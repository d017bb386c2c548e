// SPDX-License-Identifier: MIT
/*
 * A controller may have to be stopped while other threads use their queue pairs: when it does
 * not delete a queue, nothing else frees the queue's memory. The owners of the other queue
 * pairs learn of the stop without a check on the hot path:
 *
 * - namespaces no longer take the inline path, and the slow path refuses new commands;
 * - doorbell pointers lead to memory of the library (a doorbell write already on its way
 *   means nothing to a controller with CC.EN clear);
 * - each completion queue gets an entry that names no command; it takes nnvme_poll() to the
 *   slow path, where the owning thread ends its commands itself;
 * - each eventfd is raised.
 */
#include "nvme/abort.h"

#include "kernel/eventfd.h"
#include "nvme/sq.h"

#define PHASE 0x10000u
/* The status of commands whose queue is deleted (Base 2.x, Generic Command Status Values). */
#define ABORTED ((uint32_t)NVME_SC_ABORT_QUEUE << 17)
#define NO_COMMAND 0xffffu	/* no queue pair has so many slots */

_Static_assert(NNVME_CID_SLOT / 8 == NNVME_SLOTS - 1, "NO_COMMAND names the last slot");

static struct nnvme_qpair *next_qpair(const struct nnvme_ctrl *ctrl, uint32_t *i)
{
	while (ctrl->qpairs && *i < ctrl->max_qpairs) {
		struct nnvme_qpair *qp = ctrl->qpairs[(*i)++];

		if (qp)
			return qp;
	}
	return NULL;
}

void nnvme_halt(struct nnvme_ctrl *ctrl)
{
	struct nnvme_qpair *qp;
	uint32_t i = 0;

	ctrl->halted = true;
	for (size_t n = 0; n < ctrl->nr_ns; n++)
		__atomic_store_n(&ctrl->ns[n].ns.fast_blocks, 0, __ATOMIC_RELAXED);
	while ((qp = next_qpair(ctrl, &i))) {
		__atomic_store_n(&qp->sq_doorbell, &ctrl->nowhere, __ATOMIC_RELAXED);
		__atomic_store_n(&nnvme_qp(qp)->cq_doorbell, &ctrl->nowhere, __ATOMIC_RELAXED);
	}
}

static uint32_t phase_of(const struct nnvme_cqe *cqe)
{
	return __atomic_load_n(&cqe->dw3, __ATOMIC_ACQUIRE) & PHASE;
}

/*
 * Write to the entry that the controller would have written next: all entries before it have the
 * phase of the first.
 */
static void post_notice(struct nnvme_qpair *qp)
{
	struct nnvme_cqe *cqe = (struct nnvme_cqe *)(uintptr_t)qp->cq;
	uint32_t phase = phase_of(cqe);

	while (cqe != qp->cq_end && phase_of(cqe) == phase)
		cqe++;
	if (cqe == qp->cq_end) {
		cqe = (struct nnvme_cqe *)(uintptr_t)qp->cq;
		phase ^= PHASE;
	}
	__atomic_store_n(&cqe->dw3, ABORTED | phase | NO_COMMAND, __ATOMIC_RELEASE);
}

void nnvme_announce_halt(struct nnvme_ctrl *ctrl)
{
	struct nnvme_qpair *qp;
	uint32_t i = 0;

	while ((qp = next_qpair(ctrl, &i))) {
		if (ctrl->stopped)
			post_notice(qp);
		if (nnvme_qp(qp)->eventfd >= 0)
			nnvme_eventfd_raise(nnvme_qp(qp)->eventfd);
	}
}

/*
 * The entries fit: a completion queue is longer than the depth, and all entries before @cqe
 * have been read. The completions are then handled like any other failure: lists are given back
 * and split transfers end.
 */
void nnvme_abort_in_flight(struct nnvme_qpair *qp, const struct nnvme_cqe *cqe)
{
	uint32_t phase = qp->phase;

	for (uint32_t slot = 0; slot < qp->end / 8 + qp->depth; slot++) {
		int32_t key = nnvme_slot_at(qp, 8 * slot)->key;
		uint32_t cid = (uint32_t)key & 0xffff;

		if (key < 0)
			continue;
		if (key >= 0x10000)
			cid ^= NNVME_CID_SLOT;	/* nnvme_key_slow() */
		if (cqe == qp->cq_end) {
			cqe = qp->cq;
			phase ^= PHASE;
		}
		*(struct nnvme_cqe *)(uintptr_t)cqe++ = (struct nnvme_cqe){
			.dw3 = ABORTED | phase | cid,
		};
	}
}
