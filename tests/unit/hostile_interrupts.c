// SPDX-License-Identifier: MIT
/* A controller that never interrupts, that does nothing else, or that dies during a wait. */
#include "wait_rig.h"
#include "nvme/private.h"

static void complete_once(struct rig *r)
{
	moment.before_sleep = NULL;
	model_drain(r->m);
}

static void silence_is_found_out(void **state)
{
	struct rig r;
	void *buf;

	buf = wait_up_by_hand(&r, "interrupts=2", 4);
	moment.hasty = true;	/* instead of a second */
	for (unsigned i = 1; i <= 3; i++) {
		moment.sleeps = 0;
		submit(&r, buf);
		moment.before_sleep = complete_once;
		assert_int_equal(nnvme_wait(r.qp, 0, FOR_EVER), 1);
		assert_int_equal(moment.sleeps, 1);
		assert_int_equal(moment.woken, 0);
		take(&r, buf);
		assert_int_equal(nnvme_qp(r.qp)->missed_interrupts, i);
	}
	assert_non_null(strstr(r.log, "no interrupt came"));
	/* said once */
	assert_null(strstr(strstr(r.log, "no interrupt came") + 1, "no interrupt came"));
	wait_down(&r);
}

/* In real time: the end of the wait is also a look. */
static void silence_ends_with_the_timeout(void **state)
{
	struct rig r;
	void *buf;

	buf = wait_up_by_hand(&r, "interrupts=2", 4);
	assert_int_equal(nnvme_wait(r.qp, 0, 20), 0);
	submit(&r, buf);
	moment.before_sleep = complete_once;
	assert_int_equal(nnvme_wait(r.qp, 0, BEFORE_OVER), 1);
	take(&r, buf);
	wait_down(&r);
}

static void raise_many(struct rig *r)
{
	model_interrupt(r->m, 1, 1000);
}

static void a_storm_means_nothing(void **state)
{
	struct rig r;
	void *buf;

	buf = wait_up_by_hand(&r, NULL, 4);
	moment.before_sleep = raise_many;
	assert_int_equal(nnvme_wait(r.qp, 0, 20), 0);
	assert_int_equal(moment.woken, moment.sleeps);
	submit(&r, buf);
	moment.after_clear = complete_once;
	assert_int_equal(nnvme_wait(r.qp, 0, FOR_EVER), 1);
	take(&r, buf);
	moment.after_clear = NULL;
	assert_int_equal(nnvme_in_flight(r.qp), 0);
	wait_down(&r);
}

/* Endless interrupts and completions that mean nothing: the wait times out all the same. */
static void post_nonsense(struct rig *r)
{
	struct nnvme_completion done;

	assert_int_equal(model_post(r->m, 1, 1, 0x7fff, 0), 0);
	assert_int_equal(nnvme_poll(r->qp, &done, 1), 0);
}

static void nonsense_means_nothing(void **state)
{
	struct rig r;

	wait_up(&r, "interrupts=1", 4);
	rig_step_by_hand(&r);
	moment.before_sleep = post_nonsense;
	assert_int_equal(nnvme_wait(r.qp, 0, BEFORE_OVER), 0);
	assert_true(nnvme_qp(r.qp)->bad_completions > 0);
	wait_down(&r);
}

static void die_fatally(struct rig *r)
{
	moment.before_sleep = NULL;
	model_fatal(r->m);
}

static void a_fatal_status_ends_the_wait(void **state)
{
	struct rig r;
	void *buf;

	buf = wait_up_by_hand(&r, NULL, 4);
	submit(&r, buf);
	moment.hasty = true;
	moment.before_sleep = die_fatally;
	assert_int_equal(nnvme_wait(r.qp, 0, FOR_EVER), -EIO);
	assert_int_equal(nnvme_arm(r.qp), -EIO);
	wait_down(&r);
}

/* What had completed before the death is returned first. */
static void the_last_completions_count(void **state)
{
	struct rig r;
	void *buf;

	buf = wait_up_by_hand(&r, NULL, 4);
	submit(&r, buf);
	nnvme_ring(r.qp);
	model_drain(r.m);
	model_fatal(r.m);
	assert_int_equal(nnvme_arm(r.qp), 1);
	assert_int_equal(nnvme_wait(r.qp, 0, FOR_EVER), 1);
	take(&r, buf);
	assert_int_equal(nnvme_wait(r.qp, 0, FOR_EVER), -EIO);
	wait_down(&r);
}

static void vanish(struct rig *r)
{
	moment.before_sleep = NULL;
	model_vanish(r->m);
}

static void a_removed_controller_ends_the_wait(void **state)
{
	struct rig r;

	wait_up(&r, NULL, 4);
	rig_step_by_hand(&r);
	moment.hasty = true;
	moment.before_sleep = vanish;
	assert_int_equal(nnvme_wait(r.qp, 0, FOR_EVER), -ENODEV);
	rig_close(&r);
	rig_clean(&r);
	model_destroy(r.m);
	rig_up(&r, NULL, 4);
	model_vanish(r.m);
	assert_int_equal(nnvme_wait(r.qp, 0, FOR_EVER), -ENODEV);	/* spinning */
	rig_close(&r);
	model_destroy(r.m);
}

/*
 * Stopped by a reset or by switching off bus mastering, and only then are the interrupts switched
 * off: else the model would complain.
 */
static void interrupts_go_last(void **state)
{
	for (int reset_works = 0; reset_works < 2; reset_works++) {
		struct rig r;

		wait_up(&r, "to=1", 4);
		nnvme_qpair_destroy(r.qp);
		model_freeze(r.m, true);
		if (!reset_works)
			model_fail_call(r.m, MODEL_RESET, 0, 0, -EIO);
		rig_close(&r);
		assert_int_equal(rig_mapped(&r), 0);
		rig_clean(&r);
		model_destroy(r.m);
	}
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, wait_hook, wait_unhook)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(silence_is_found_out), TEST(silence_ends_with_the_timeout),
		TEST(a_storm_means_nothing), TEST(nonsense_means_nothing),
		TEST(a_fatal_status_ends_the_wait), TEST(the_last_completions_count),
		TEST(a_removed_controller_ends_the_wait), TEST(interrupts_go_last),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
