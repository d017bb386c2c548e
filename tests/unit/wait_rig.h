/* SPDX-License-Identifier: MIT */
#ifndef NNVME_TESTS_WAIT_RIG_H
#define NNVME_TESTS_WAIT_RIG_H

/*
 * The rig with interrupts. The driver clears its eventfd and goes to sleep through nnvme_sys, so a
 * test can let the controller act right before either: setup wait_hook(), teardown wait_unhook().
 */
#include "driver_rig.h"
#include "kernel/sys.h"
#include "noiommu_nvme/wait.h"

#define FOR_EVER (-1)
/* ms: a wait that times out, long enough to sleep before that on a busy machine, too */
#define BEFORE_OVER 900

/* What happens at the driver's system calls. */
static struct moments {
	struct rig *rig;
	void (*before_clear)(struct rig *r);
	void (*after_clear)(struct rig *r);
	void (*before_sleep)(struct rig *r);
	bool hasty;		/* a sleep ends at once, interrupted or not */
	int fail_sleep;		/* with this errno */
	unsigned sleeps, woken;
	int events_left;	/* eventfds available; -1: any number */
} moment;
static struct nnvme_sys real;

static inline ssize_t wait_read(int fd, void *buf, size_t len)
{
	ssize_t n;

	if (moment.before_clear)
		moment.before_clear(moment.rig);
	n = real.read(fd, buf, len);
	if (moment.after_clear)
		moment.after_clear(moment.rig);
	return n;
}

static inline int wait_ppoll(struct pollfd *fds, nfds_t count, const struct timespec *timeout,
			     const sigset_t *mask)
{
	const struct timespec none = { 0 };
	int n;

	moment.sleeps++;
	if (moment.before_sleep)
		moment.before_sleep(moment.rig);
	if (moment.fail_sleep) {
		errno = moment.fail_sleep;
		return -1;
	}
	n = real.ppoll(fds, count, moment.hasty ? &none : timeout, mask);
	moment.woken += n > 0;
	return n;
}

static inline int wait_eventfd(unsigned count, int flags)
{
	if (!moment.events_left) {
		errno = EMFILE;
		return -1;
	}
	moment.events_left--;
	return real.eventfd(count, flags);
}

static inline int wait_hook(void **state)
{
	real = nnvme_sys;
	nnvme_sys.read = wait_read;
	nnvme_sys.ppoll = wait_ppoll;
	nnvme_sys.eventfd = wait_eventfd;
	moment = (struct moments){ .events_left = -1 };
	return 0;
}

static inline int wait_unhook(void **state)
{
	nnvme_sys = real;
	return 0;
}

static inline void wait_up(struct rig *r, const char *settings, unsigned depth)
{
	rig_model(r, settings);
	r->options.interrupts = true;
	rig_start(r, depth);
	moment.rig = r;
}

static inline void *wait_up_by_hand(struct rig *r, const char *settings, unsigned depth)
{
	wait_up(r, settings, depth);
	return rig_page_by_hand(r);
}

/* A read whose tag is its buffer, and its good end. */
static inline void submit(struct rig *r, void *buf)
{
	assert_int_equal(nnvme_read(r->qp, r->ns, buf, 0, 1, buf), 0);
}

static inline void take(struct rig *r, void *buf)
{
	struct nnvme_completion done;

	assert_int_equal(nnvme_poll(r->qp, &done, 1), 1);
	assert_ptr_equal(done.tag, buf);
	assert_int_equal(done.status, 0);
}

/* The end; the hooks must not act on closing. */
static inline void wait_down(struct rig *r)
{
	moment.before_clear = moment.after_clear = moment.before_sleep = NULL;
	rig_down(r);
}

#endif
