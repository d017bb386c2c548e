// SPDX-License-Identifier: MIT
/* When the CQ head doorbell is written: rarely, and never too late. */
#include "driver_rig.h"
#include "nvme/private.h"
#include "noiommu_nvme/wait.h"

#define RUNS 1280

/* CQ doorbells of so many commands, one at a time. */
static uint64_t doorbells(const char *settings, unsigned depth, bool each_poll)
{
	struct model_counts counts;
	struct rig r;
	void *buf;

	rig_model(&r, settings);
	r.options.quirks = each_poll ? NNVME_QUIRK_CQ_DOORBELL_EACH_POLL : 0;
	rig_start(&r, depth);
	buf = rig_alloc(&r, 4096);
	rig_step_by_hand(&r);
	for (int i = 0; i < RUNS; i++)
		assert_int_equal(rig_read(&r, buf, 0, 1), 0);
	model_drain(r.m);
	model_counts(r.m, &counts);
	assert_int_equal(counts.sq_doorbells, RUNS);
	assert_int_equal(counts.cq_doorbells, nnvme_qp(r.qp)->cq_rings);
	rig_down(&r);
	return counts.cq_doorbells;
}

/*
 * A queue has at least 128 entries, and four times the depth; the doorbell is written after half of
 * it.
 */
static void the_head_is_told_seldom(void **state)
{
	assert_int_equal(doorbells(NULL, 1, false), RUNS / 64);
	assert_int_equal(doorbells(NULL, 32, false), RUNS / 64);
	assert_int_equal(doorbells("mqes=1023,run=512", 64, false), RUNS / 128);
}

static void and_with_each_poll_where_that_is_wanted(void **state)
{
	assert_int_equal(doorbells(NULL, 1, true), RUNS);
	assert_int_equal(doorbells(NULL, 32, true), RUNS);
}

/* A queue with no more entries than the depth needs: each must be returned at once. */
static void a_short_queue_leaves_no_choice(void **state)
{
	assert_int_equal(doorbells("mqes=7", 7, false), RUNS);
	assert_int_equal(doorbells("mqes=7", 6, false), RUNS / 2);
	assert_int_equal(doorbells("mqes=1", 1, false), RUNS);
}

/*
 * However many entries the doorbell lags behind, there is space for all that is in flight: with an
 * idle controller, polls find everything that was submitted.
 */
static void there_is_always_room(const char *settings, unsigned depth)
{
	struct nnvme_completion done[64];
	unsigned flying = 0, found, n;
	uint32_t seed = depth;
	struct rig r;
	void *buf;

	buf = rig_up_by_hand(&r, settings, depth);
	for (int round = 0; round < 400; round++) {
		for (unsigned more = rig_random(&seed) % 4 ? depth : depth / 2; more; more--)
			flying += !nnvme_read(r.qp, r.ns, buf, 0, 1, buf);
		nnvme_ring(r.qp);
		model_drain(r.m);
		for (found = 0; found < flying; found += n) {
			n = nnvme_poll(r.qp, done, 1 + rig_random(&seed) % 64);
			assert_true(n > 0);
		}
		/* and leave some, so that rounds begin everywhere */
		flying = 0;
		for (unsigned i = rig_random(&seed) % depth; i; i--)
			flying += !nnvme_read(r.qp, r.ns, buf, 0, 1, buf);
	}
	rig_down(&r);
}

static void a_full_queue_never_stops_the_controller(void **state)
{
	static const unsigned depths[] = { 1, 2, 3, 31, 32, 33, 63, 100 };

	for (unsigned i = 0; i < sizeof(depths) / sizeof(depths[0]); i++) {
		there_is_always_room("mqes=1023,run=512", depths[i]);
		there_is_always_room("mqes=1023,run=512,dbbuf=1", depths[i]);
	}
	there_is_always_room("mqes=1", 1);
	there_is_always_room("mqes=7", 5);
	there_is_always_room("mqes=7", 7);
	there_is_always_room("mqes=100,run=512,dbbuf=1", 60);
	there_is_always_room("mqes=100,run=512", 100);
}

/* Before a sleep the doorbell is up to date; and the same value is never written twice. */
static void arming_tells(const char *settings)
{
	struct rig r;
	void *buf;

	rig_model(&r, settings);
	r.options.interrupts = true;
	rig_start(&r, 4);
	buf = rig_alloc(&r, 4096);
	rig_step_by_hand(&r);
	assert_int_equal(nnvme_arm(r.qp), 0);
	assert_int_equal(nnvme_qp(r.qp)->cq_rings, 0);
	for (unsigned i = 0; i < 300; i++) {	/* over the rings' ends */
		uint64_t before = nnvme_qp(r.qp)->cq_rings;

		assert_int_equal(rig_read(&r, buf, 0, 1), 0);
		assert_int_equal(nnvme_arm(r.qp), 0);
		assert_int_equal(nnvme_arm(r.qp), 0);
		assert_int_equal(nnvme_qp(r.qp)->cq_rings - before, 1);
	}
	rig_down(&r);
}

static void the_head_is_told_before_a_sleep(void **state)
{
	arming_tells(NULL);
	arming_tells("dbbuf=1");
	arming_tells("vectors=1,interrupts=1");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_head_is_told_seldom),
		cmocka_unit_test(and_with_each_poll_where_that_is_wanted),
		cmocka_unit_test(a_short_queue_leaves_no_choice),
		cmocka_unit_test(a_full_queue_never_stops_the_controller),
		cmocka_unit_test(the_head_is_told_before_a_sleep),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
