/* SPDX-License-Identifier: MIT */
#ifndef NNVME_WAIT_H
#define NNVME_WAIT_H

/**
 * @file
 * Waiting for completions.
 *
 * By polling, by sleeping until the controller interrupts, or by the one and then the other. A
 * queue pair can be slept on when its controller was opened with nnvme_options.interrupts; each
 * then has an interrupt vector and an eventfd of its own. nnvme_poll() is the same for all.
 *
 *	nnvme_ring(qp);
 *	while (!(n = nnvme_poll(qp, done, 32)))
 *		if ((ret = nnvme_wait(qp, NNVME_SPIN_NS, -1)) < 0)
 *			return ret;
 *
 * A thread with several queue pairs waits for all of them with nnvme_wait_many().
 *
 * A program with a loop of its own puts nnvme_qpair_fd() into its epoll set, and before each sleep
 * takes what there is and arms:
 *
 *	do {
 *		while ((n = nnvme_poll(qp, done, 32)))
 *			...
 *	} while ((ret = nnvme_arm(qp)) > 0);
 *	if (!ret)
 *		epoll_wait(...);
 *
 * Costs: a sleep is two system calls and one read of a register, beside the interrupt itself. With
 * several queue pairs it is a system call more for each, and a read more for each controller if
 * its queue pairs stand together. The controller interrupts while it is polled, too: that is the
 * kernel's work, on whichever CPU the interrupt's affinity says. Queue pairs of a controller that
 * was opened without interrupts have none of it.
 *
 * @threads the thread that the queue pair belongs to, as for nnvme_poll().
 */

#include <stdint.h>

#include "qpair.h"

#ifdef __cplusplus
extern "C" {
#endif
#pragma GCC visibility push(default)

/**
 * A spin for nnvme_wait() that outlasts a read of most flash: sleeps are for when there is little
 * to do.
 */
#define NNVME_SPIN_NS 100000u

/**
 * Wait until nnvme_poll() would find something.
 *
 * Rings, looks at the queue for a while, then sleeps. A controller that does not interrupt is found
 * out: it is looked at once a second.
 *
 * After -EIO or -ENODEV: nnvme_qpair_destroy(), nnvme_ctrl_close(), and open it again when it is
 * back; a device that was plugged in again has to be bound first (nnvme_pci_bind()).
 *
 * @param qp          the queue pair
 * @param spin_ns     nanoseconds to look for before it sleeps; 0: sleeps at once; UINT64_MAX: never
 *                    sleeps, as is the case without interrupts
 * @param timeout_ms  milliseconds after which it gives up; negative: never; 0: after a look
 *                    at the queue alone
 * @retval 1        something is there
 * @retval 0        the time is over
 * @retval -EINTR   a signal came while it slept
 * @retval -EIO     nothing will come, the controller was stopped or reports a fatal status: see
 *                  nnvme_ctrl_check()
 * @retval -ENODEV  nothing will come, the controller was removed
 * @example
 * @snippet example.c read
 */
int nnvme_wait(struct nnvme_qpair *qp, uint64_t spin_ns, int timeout_ms);

/** The most queue pairs that one call can wait for. */
#define NNVME_WAIT_MAX 1024u

/**
 * Wait until nnvme_poll() would find something on any of several queue pairs.
 *
 * They are of one controller or of several, and each is this thread's. It sleeps only if all of
 * them have interrupts, and polls all otherwise. The rest is as for nnvme_wait().
 *
 * @param qp          the queue pairs
 * @param n           how many, 1 to NNVME_WAIT_MAX
 * @param spin_ns     as for nnvme_wait()
 * @param timeout_ms  as for nnvme_wait()
 * @return Above 0: something is there on qp[result - 1], the first such. Others may have something
 *         too, so poll all of them to be fair. 0: the time is over.
 * @retval -EINTR   a signal came while it slept
 * @retval -EIO, -ENODEV
 *                  nothing is there, and a controller is gone: find it with nnvme_ctrl_check(), and
 *                  leave its queue pairs out
 * @retval -EINVAL  `n` is 0 or too large
 * @example
 * @code
 *	int ret = nnvme_wait_many(qp, n, NNVME_SPIN_NS, 1000);
 *
 *	if (ret < 0 && ret != -EINTR)
 *		return ret;
 *	for (unsigned i = 0; ret > 0 && i < n; i++)
 *		take(qp[i], done, nnvme_poll(qp[i], done, 32));
 * @endcode
 */
int nnvme_wait_many(struct nnvme_qpair *const *qp, unsigned n, uint64_t spin_ns, int timeout_ms);

/**
 * Get the descriptor that becomes readable when a queue pair has completions.
 *
 * For poll(2) and its like, after nnvme_arm(). It is an eventfd and belongs to the queue pair.
 *
 * @param qp  the queue pair
 * @return The descriptor, or -1: this queue pair can only be polled.
 */
int nnvme_qpair_fd(const struct nnvme_qpair *qp);

/**
 * Prepare for sleeping on nnvme_qpair_fd(): what comes from now on makes it readable.
 *
 * Rings, and makes it unreadable before.
 *
 * @param qp  the queue pair
 * @retval 1            don't sleep, nnvme_poll() would find something
 * @retval 0            sleep
 * @retval -EOPNOTSUPP  there is no descriptor
 * @retval -EIO, -ENODEV
 *                      as for nnvme_wait()
 * @example
 * @snippet epoll.c arm
 */
int nnvme_arm(struct nnvme_qpair *qp);

#pragma GCC visibility pop
#ifdef __cplusplus
}
#endif
#endif
