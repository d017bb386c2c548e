/* SPDX-License-Identifier: MIT */
#ifndef NNVME_NVME_DOORBELL_H
#define NNVME_NVME_DOORBELL_H

/*
 * Doorbells: the registers, and the shadow doorbells that save most writes to them (Base 2.x, Doorbell
 * Buffer Config command). What the controller offers and is told about them is in shadow.c.
 */

#include "nvme/private.h"

/* Set up a new queue pair's shadow doorbells, where the controller has been given any. */
void nnvme_shadow_attach(struct nnvme_qpair *qp);

/* Whether going from @old to @new passes the value that the controller wants to be told of. */
static inline bool nnvme_shadow_passes(uint32_t eventidx, uint32_t new, uint32_t old)
{
	/* Rings are shorter than 2^16 and wrap before it; then this errs on the side of ringing. */
	return (uint16_t)(new - eventidx - 1) < (uint16_t)(new - old);
}

/*
 * Post a position; true when the controller wants the doorbell as well. @old is what was posted
 * last, by our own book: the page is the device's to write as well.
 */
static inline bool nnvme_shadow_post(volatile uint32_t *shadow, const volatile uint32_t *eventidx, uint32_t old,
				     uint32_t new)
{
	/* release: the queue entries are seen before the tail that announces them */
	__atomic_store_n(shadow, new, __ATOMIC_RELEASE);
	/*
	 * A full fence: if the controller's last look at the shadow came before this store, its wish must be
	 * seen here. Loads pass earlier stores on x86-64 as well, so it is an mfence there and a dmb on arm64.
	 */
	__atomic_thread_fence(__ATOMIC_SEQ_CST);
	return nnvme_shadow_passes(*eventidx, new, old);
}

/* The CQ head doorbell itself. */
static inline void nnvme_cq_doorbell(struct nnvme_qpair *qp, uint32_t head)
{
	/*
	 * The controller may reuse the entries after this store. Loads are not moved behind a later
	 * store on x86-64; arm64 orders them with the barrier.
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

/* Before a sleep: tell the controller by the register how far the completion queue was read. */
void nnvme_cq_doorbell_now(struct nnvme_qpair *qp);

#endif
