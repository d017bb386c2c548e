/* SPDX-License-Identifier: MIT */
#ifndef NNVME_NVME_DOORBELL_H
#define NNVME_NVME_DOORBELL_H

/*
 * Doorbells: the registers, and the shadow doorbells that save most writes to them (Base 2.x,
 * Doorbell Buffer Config command). shadow.c sends that command.
 */

#include "nvme/private.h"

/* Set up the shadow doorbells of a new queue pair, if the controller has any. */
void nnvme_shadow_attach(struct nnvme_qpair *qp);

/* Does going from @old to @new pass EventIdx, so that the controller wants the doorbell rung? */
static inline bool nnvme_shadow_passes(uint32_t eventidx, uint32_t new, uint32_t old)
{
	/* Rings are shorter than 2^16 and wrap earlier; then this errs on the side of ringing. */
	return (uint16_t)(new - eventidx - 1) < (uint16_t)(new - old);
}

/*
 * Post @new to a shadow doorbell; true when the controller also wants the register written.
 * @old is the value posted last, from our own records: the device can write to the page, too.
 */
static inline bool nnvme_shadow_post(volatile uint32_t *shadow, const volatile uint32_t *eventidx,
				     uint32_t old, uint32_t new)
{
	/* release: the queue entries are seen before the tail that announces them */
	__atomic_store_n(shadow, new, __ATOMIC_RELEASE);
	/*
	 * A full fence: if the controller last read the shadow before this store, the EventIdx
	 * that it wrote must be visible here. x86-64 also lets loads pass earlier stores, so
	 * this is an mfence there and a dmb on arm64.
	 */
	__atomic_thread_fence(__ATOMIC_SEQ_CST);
	return nnvme_shadow_passes(*eventidx, new, old);
}

/* The CQ head doorbell itself. */
static inline void nnvme_cq_doorbell(struct nnvme_qpair *qp, uint32_t head)
{
	/*
	 * The controller may reuse the entries after this store. x86-64 does not move loads
	 * behind a later store; arm64 needs the barrier.
	 */
#if defined(__x86_64__)
	__asm__ volatile("" ::: "memory");
#elif defined(__aarch64__)
	__asm__ volatile("dmb osh" ::: "memory");
#endif
	nnvme_qp(qp)->cq_doorbell_last = qp->cqe;
	*__atomic_load_n(&nnvme_qp(qp)->cq_doorbell, __ATOMIC_RELAXED) = head;
	NNVME_COUNT(nnvme_qp(qp)->cq_rings);
}

/* Before a sleep: write the CQ head to the register, whatever the shadow doorbell says. */
void nnvme_cq_doorbell_now(struct nnvme_qpair *qp);

#endif
