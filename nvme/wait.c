// SPDX-License-Identifier: MIT
/*
 * Sleeping without missing the interrupt.
 *
 * A controller need not interrupt for each completion: it has to when the entries of a queue were
 * all acknowledged (the head doorbell says so) and a new one comes (PCIe transport, Interrupts: the
 * status of a vector is set while entries are unacknowledged, and a message is sent when it becomes
 * set). Between the last look at the queue and the sleep an entry may come while the doorbell is
 * still on its way: no interrupt. So nnvme_arm() does, in this order:
 *
 *	1. forget old interrupts: whatever they announced lies in the queue, since an entry is
 *	   written before its interrupt and neither overtakes the other (PCI Express Base,
 *	   Transaction Ordering);
 *	2. read a register. The read pushes the doorbell ahead of itself, and its answer pushes
 *	   ahead what the controller had written before it knew the doorbell;
 *	3. look at the queue.
 *
 * An entry that step 3 does not see came after the doorbell, so it sets the status anew, and its
 * interrupt comes after step 1: the eventfd counts it, and the sleep ends or does not begin. No
 * vector needs masking for that: an interrupt too many costs one more round.
 *
 * Of several queue pairs each goes through the same steps in the same order, so what holds for one
 * holds for each. All are through the first step before the next begins: so one register read
 * serves all queue pairs of a controller, since it pushes all their doorbells ahead of itself.
 */
#include <errno.h>

#include "kernel/eventfd.h"
#include "noiommu_nvme/wait.h"
#include "nvme/clock.h"
#include "nvme/doorbell.h"
#include "nvme/log.h"
#include "nvme/private.h"

#define SLICE_MS 1000	/* longest sleep; then check that the controller lives and interrupts */
#define NS_PER_MS 1000000u

/* The queue pairs that one call waits for. */
struct waiting {
	struct nnvme_qpair *const *qp;
	unsigned n;
};

int nnvme_qpair_fd(const struct nnvme_qpair *qp)
{
	return nnvme_qp(qp)->eventfd;
}

/* The first that has something to poll, counted from 1; 0: none. */
static inline int find_ready(const struct waiting *w)
{
	for (unsigned i = 0; i < w->n; i++)
		if (nnvme_ready(w->qp[i]))
			return (int)i + 1;
	return 0;
}

/* Are the controllers alive? Adjacent queue pairs of one controller need one check. */
static int check(const struct waiting *w)
{
	const struct nnvme_ctrl *last = NULL;
	int ret = 0;

	for (unsigned i = 0; i < w->n && !ret; i++) {
		struct nnvme_ctrl *ctrl = nnvme_qp(w->qp[i])->ctrl;

		if (ctrl != last)
			ret = nnvme_ctrl_check(ctrl, NULL);
		last = ctrl;
	}
	return ret;
}

/* As nnvme_arm(), for all of them: see the top. */
static int arm(const struct waiting *w)
{
	int ret, ready;

	for (unsigned i = 0; i < w->n; i++) {
		nnvme_ring(w->qp[i]);
		nnvme_eventfd_clear(nnvme_qp(w->qp[i])->eventfd);
		nnvme_cq_doorbell_now(w->qp[i]);
	}
	/*
	 * If the registers are memory (the software controller), this does what the read does
	 * elsewhere.
	 */
	__atomic_thread_fence(__ATOMIC_SEQ_CST);
	ret = check(w);
	ready = find_ready(w);
	return ready ? ready : ret;
}

int nnvme_arm(struct nnvme_qpair *qp)
{
	const struct waiting w = { .qp = &qp, .n = 1 };

	return nnvme_qp(qp)->eventfd < 0 ? -EOPNOTSUPP : arm(&w);
}

static inline void relax(void)
{
#if defined(__x86_64__)
	__builtin_ia32_pause();
#elif defined(__aarch64__)
	__asm__ volatile("yield");
#endif
}

/* Look for something to poll until @end; as find_ready(). */
static int spin(const struct waiting *w, uint64_t end)
{
	do {
		for (unsigned i = 0; i < 64; i++) {
			int ready = find_ready(w);

			if (ready)
				return ready;
			relax();
		}
	} while (nnvme_now_ns() < end);
	return 0;
}

/* No interrupt came in a whole slice: queue pairs that have something by now have missed theirs. */
static void note_missed(const struct waiting *w)
{
	for (unsigned i = 0; i < w->n; i++) {
		struct nnvme_qpair_private *qp = nnvme_qp(w->qp[i]);

		if (!nnvme_ready(w->qp[i]))
			continue;
		NNVME_COUNT(qp->missed_interrupts);
		if (qp->missed_interrupts == 1)
			nnvme_log(qp->ctrl, NNVME_LOG_WARNING,
				  "queue %u: a command was completed "
				  "and no interrupt came (vector %u) while it was waited for",
				  qp->id, qp->vector);
	}
}

/* An interrupt of any: above 0. */
static int sleep_on(const struct waiting *w, unsigned ms)
{
	struct pollfd events[NNVME_WAIT_MAX];

	for (unsigned i = 0; i < w->n; i++)
		events[i] = (struct pollfd){ .fd = nnvme_qp(w->qp[i])->eventfd, .events = POLLIN };
	return nnvme_eventfd_wait(events, w->n, ms);
}

/* Sleep for some of the time until @end. 0 or -errno. */
static int sleep_some(const struct waiting *w, uint64_t end)
{
	int ret = arm(w);
	uint64_t now, left;

	if (ret)
		return ret < 0 ? ret : 0;
	now = nnvme_now_ns();
	left = now < end ? (end - now + NS_PER_MS - 1) / NS_PER_MS : 0;
	if (!left)
		return 0;
	ret = sleep_on(w, left < SLICE_MS ? (unsigned)left : SLICE_MS);
	/* At the end of a short sleep, an interrupt may still be on its way. */
	if (!ret && left >= SLICE_MS)
		note_missed(w);
	return ret < 0 ? ret : 0;
}

/* The same without interrupts. */
static int spin_some(const struct waiting *w, uint64_t end)
{
	uint64_t slice = nnvme_now_ns() + SLICE_MS / 10 * (uint64_t)NS_PER_MS;

	if (spin(w, slice < end ? slice : end))
		return 0;
	return check(w);
}

/* A queue pair without interrupts would not end a sleep. */
static bool can_sleep(const struct waiting *w)
{
	for (unsigned i = 0; i < w->n; i++)
		if (nnvme_qp(w->qp[i])->eventfd < 0)
			return false;
	return true;
}

/* @a + @b, and never past the end of time. */
static uint64_t later(uint64_t a, uint64_t b)
{
	return a + b < a ? UINT64_MAX : a + b;
}

int nnvme_wait_many(struct nnvme_qpair *const *qp, unsigned n, uint64_t spin_ns, int timeout_ms)
{
	const struct waiting w = { .qp = qp, .n = n };
	uint64_t start, end, until;
	bool sleeps;
	int ret = 0, ready;

	if (!n || n > NNVME_WAIT_MAX)
		return -EINVAL;
	for (unsigned i = 0; i < n; i++)
		nnvme_ring(qp[i]);
	ready = find_ready(&w);
	if (ready)
		return ready;
	start = nnvme_now_ns();
	end = timeout_ms < 0 ? UINT64_MAX : later(start, (uint64_t)timeout_ms * NS_PER_MS);
	until = later(start, spin_ns);
	if (spin_ns && spin_ns != UINT64_MAX)
		spin(&w, until < end ? until : end);
	sleeps = spin_ns != UINT64_MAX && can_sleep(&w);
	while (!(ready = find_ready(&w)) && !ret && nnvme_now_ns() < end)
		ret = sleeps ? sleep_some(&w, end) : spin_some(&w, end);
	if (!ready && !ret && timeout_ms) {
		ret = check(&w);	/* the spin may have taken all the time */
		ready = find_ready(&w);
	}
	return ready ? ready : ret;
}

int nnvme_wait(struct nnvme_qpair *qp, uint64_t spin_ns, int timeout_ms)
{
	return nnvme_wait_many(&qp, 1, spin_ns, timeout_ms);
}
