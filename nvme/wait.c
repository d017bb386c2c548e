// SPDX-License-Identifier: MIT
/*
 * Sleeping without missing the interrupt.
 *
 * A controller need not interrupt for each completion: it has to when the entries of a queue were all
 * acknowledged (the head doorbell says so) and a new one comes (PCIe transport, Interrupts: the status
 * of a vector is set while entries are unacknowledged, and a message is sent when it becomes set).
 * Between the last look at the queue and the sleep an entry may come while the doorbell is still on
 * its way: no interrupt. So nnvme_arm() does, in this order:
 *
 *	1. forget old interrupts: whatever they announced lies in the queue, since an entry is written
 *	   before its interrupt and neither overtakes the other (PCI Express Base, Transaction Ordering);
 *	2. read a register. The read pushes the doorbell ahead of itself, and its answer pushes ahead what
 *	   the controller had written before it knew the doorbell;
 *	3. look at the queue.
 *
 * An entry that step 3 does not see came after the doorbell, so it sets the status anew, and its
 * interrupt comes after step 1: the eventfd counts it, and the sleep ends or does not begin. No vector
 * needs masking for that: an interrupt too many costs one more round.
 */
#include <errno.h>

#include "kernel/eventfd.h"
#include "noiommu_nvme/wait.h"
#include "nvme/clock.h"
#include "nvme/doorbell.h"
#include "nvme/log.h"
#include "nvme/private.h"

#define SLICE_MS 1000	/* of a sleep; then it is seen whether the controller lives and interrupts */
#define NS_PER_MS 1000000u

int nnvme_qpair_fd(const struct nnvme_qpair *qp)
{
	return nnvme_qp(qp)->eventfd;
}

int nnvme_arm(struct nnvme_qpair *qp)
{
	int ret;

	if (nnvme_qp(qp)->eventfd < 0)
		return -EOPNOTSUPP;
	nnvme_ring(qp);
	nnvme_eventfd_clear(nnvme_qp(qp)->eventfd);
	nnvme_cq_doorbell_now(qp);
	/* Where the registers are memory (the software controller), this is what the read does elsewhere. */
	__atomic_thread_fence(__ATOMIC_SEQ_CST);
	ret = nnvme_ctrl_check(nnvme_qp(qp)->ctrl, NULL);
	return nnvme_ready(qp) ? 1 : ret;
}

static inline void relax(void)
{
#if defined(__x86_64__)
	__builtin_ia32_pause();
#elif defined(__aarch64__)
	__asm__ volatile("yield");
#endif
}

/* Look for something to poll until @end. */
static bool spin(const struct nnvme_qpair *qp, uint64_t end)
{
	do {
		for (unsigned i = 0; i < 64; i++) {
			if (nnvme_ready(qp))
				return true;
			relax();
		}
	} while (nnvme_now_ns() < end);
	return false;
}

static void note_silence(struct nnvme_qpair *qp)
{
	NNVME_COUNT(nnvme_qp(qp)->missed_interrupts);
	if (nnvme_qp(qp)->missed_interrupts == 1)
		nnvme_log(nnvme_qp(qp)->ctrl, NNVME_LOG_WARNING, "queue %u: a command was completed and no "
			  "interrupt came (vector %u) while it was waited for", nnvme_qp(qp)->id, nnvme_qp(qp)->vector);
}

/* Some of the time until @end, asleep. 0 or -errno. */
static int sleep_some(struct nnvme_qpair *qp, uint64_t end)
{
	int ret = nnvme_arm(qp);
	uint64_t now, left;

	if (ret)
		return ret < 0 ? ret : 0;
	now = nnvme_now_ns();
	left = now < end ? (end - now + NS_PER_MS - 1) / NS_PER_MS : 0;
	if (!left)
		return 0;
	ret = nnvme_eventfd_wait(nnvme_qp(qp)->eventfd, left < SLICE_MS ? (unsigned)left : SLICE_MS);
	/* At the end of a short sleep an interrupt may just be on its way. */
	if (!ret && left >= SLICE_MS && nnvme_ready(qp))
		note_silence(qp);
	return ret < 0 ? ret : 0;
}

/* The same without interrupts. */
static int spin_some(struct nnvme_qpair *qp, uint64_t end)
{
	uint64_t slice = nnvme_now_ns() + SLICE_MS / 10 * (uint64_t)NS_PER_MS;

	if (spin(qp, slice < end ? slice : end))
		return 0;
	return nnvme_ctrl_check(nnvme_qp(qp)->ctrl, NULL);
}

/* @a + @b, and never past the end of time. */
static uint64_t later(uint64_t a, uint64_t b)
{
	return a + b < a ? UINT64_MAX : a + b;
}

int nnvme_wait(struct nnvme_qpair *qp, uint64_t spin_ns, int timeout_ms)
{
	uint64_t start, end, until;
	int ret;

	nnvme_ring(qp);
	if (nnvme_ready(qp))
		return 1;
	start = nnvme_now_ns();
	end = timeout_ms < 0 ? UINT64_MAX : later(start, (uint64_t)timeout_ms * NS_PER_MS);
	until = later(start, spin_ns);
	if (spin_ns && spin_ns != UINT64_MAX && spin(qp, until < end ? until : end))
		return 1;
	for (;;) {
		if (nnvme_ready(qp))
			return 1;
		if (nnvme_now_ns() >= end)
			return 0;
		ret = nnvme_qp(qp)->eventfd < 0 || spin_ns == UINT64_MAX ? spin_some(qp, end) : sleep_some(qp, end);
		if (ret)
			return nnvme_ready(qp) ? 1 : ret;
	}
}
