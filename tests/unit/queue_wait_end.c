// SPDX-License-Identifier: MIT
/*
 * How a wait ends, on a clock of its own: each look at it lasts a millisecond, and at any of them
 * the controller can act. It takes the place of nnvme_now_ns(): link with --wrap=nnvme_now_ns. What
 * else takes time goes by the real clock.
 */
#include <sys/eventfd.h>

#include "wait_rig.h"
#include "nvme/private.h"

#define NS_PER_MS 1000000u
#define TIMEOUT 20		/* ms */

static struct {
	uint64_t ns;
	unsigned looks;
	unsigned complete_at;	/* this look, counted from 1; 0: none */
	struct rig *rig;
} now;

uint64_t __wrap_nnvme_now_ns(void);

uint64_t __wrap_nnvme_now_ns(void)
{
	if (++now.looks == now.complete_at)
		model_drain(now.rig->m);
	now.ns += NS_PER_MS;
	return now.ns;
}

static void clock_for(struct rig *r)
{
	memset(&now, 0, sizeof(now));
	now.rig = r;
}

/* A wait with a completion at that look at the clock; false: it had ended before. */
static bool comes_at_look(struct rig *r, void *buf, unsigned look, uint64_t spin_ns)
{
	int ready;

	submit(r, buf);
	now.looks = 0;
	now.complete_at = look;
	ready = nnvme_wait(r->qp, spin_ns, TIMEOUT);
	now.complete_at = 0;
	if (now.looks < look) {
		assert_int_equal(ready, 0);
		model_drain(r->m);
		return false;
	}
	assert_int_equal(ready, 1);
	take(r, buf);
	return true;
}

/* Also at the last look, by which the time is over. */
static void what_comes_before_the_end_is_reported(void **state)
{
	static const uint64_t spins[] = { 0, 3 * NS_PER_MS, UINT64_MAX };

	for (unsigned i = 0; i < 6; i++) {
		unsigned look = 1;
		struct rig r;
		void *buf;

		rig_model(&r, NULL);
		r.options.interrupts = i % 2;
		rig_start(&r, 4);
		moment.hasty = true;
		clock_for(&r);
		buf = rig_page_by_hand(&r);
		while (comes_at_look(&r, buf, look, spins[i / 2]))
			look++;
		assert_true(look > 5);
		wait_down(&r);
	}
}

static void complete(struct rig *r)
{
	model_drain(r->m);
}

/* Its interrupt may still be on its way: it is no longer waited for, and nobody has missed it. */
static void a_short_sleep_says_nothing_of_interrupts(void **state)
{
	static const int timeouts[] = { TIMEOUT, 900, 5000 };

	for (unsigned i = 0; i < 3; i++) {
		struct nnvme_qpair_private *qp;
		struct rig r;
		int own;
		void *buf;

		buf = wait_up_by_hand(&r, NULL, 4);
		clock_for(&r);
		moment.hasty = true;	/* as if it had taken all its time */
		moment.before_sleep = complete;
		moment.sleeps = 0;
		qp = nnvme_qp(r.qp);
		own = qp->eventfd;
		qp->eventfd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);	/* nobody raises it */
		submit(&r, buf);
		assert_int_equal(nnvme_wait(r.qp, 0, timeouts[i]), 1);
		assert_int_equal(moment.sleeps, 1);
		assert_int_equal(qp->missed_interrupts, timeouts[i] > 1000);
		take(&r, buf);
		close(qp->eventfd);
		qp->eventfd = own;
		wait_down(&r);
	}
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, wait_hook, wait_unhook)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(what_comes_before_the_end_is_reported),
		TEST(a_short_sleep_says_nothing_of_interrupts),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
