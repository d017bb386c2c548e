// SPDX-License-Identifier: MIT
/*
 * A controller that completes what it should not: twice, late, under CIDs that mean nothing. Every
 * submitted command is returned once or never, and nothing else ever is.
 */
#include "driver_rig.h"
#include "nvme/private.h"

#define DEPTH 32
#define BAD_CID 0x7fff

static void inject(struct rig *r, enum model_act act, unsigned skip, unsigned times, uint16_t cid)
{
	struct model_rule rule = model_rule(act);

	rule.skip = skip;
	rule.times = times;
	rule.cid = cid;
	model_inject(r->m, &rule);
}

static void submit(struct rig *r, void *buf, unsigned n)
{
	for (unsigned i = 0; i < n; i++)
		assert_int_equal(nnvme_read(r->qp, r->ns, buf, i, 1, (void *)(uintptr_t)(i + 1)),
				 0);
	nnvme_ring(r->qp);
}

/* Which tags came back, as bits; none twice. */
static uint64_t collect(struct rig *r)
{
	struct nnvme_completion done[8];
	uint64_t tags = 0;
	unsigned n;

	while ((n = rig_poll(r, done, 8)))
		for (unsigned i = 0; i < n; i++) {
			uint64_t bit = 1ull << (uintptr_t)done[i].tag;

			assert_true((uintptr_t)done[i].tag <= DEPTH);
			assert_false(tags & bit);
			tags |= bit;
		}
	return tags;
}

static void a_repeated_completion_counts_once(void **state)
{
	struct rig r;
	void *buf;

	buf = rig_up_by_hand(&r, NULL, DEPTH);
	inject(&r, MODEL_REPEAT, 0, 0, 0);
	submit(&r, buf, 10);
	assert_int_equal(collect(&r), 0x7fe);
	assert_int_equal(nnvme_qp(r.qp)->bad_completions, 10);
	assert_int_equal(nnvme_in_flight(r.qp), 0);
	assert_non_null(strstr(r.log, "not in flight"));
	rig_down(&r);
}

/* Since then the slot has another command, whose CID has another generation. */
static void a_late_repetition_does_not_complete_the_next_command(void **state)
{
	struct model_log log;
	struct rig r;
	void *buf;

	buf = rig_up_by_hand(&r, NULL, DEPTH);
	submit(&r, buf, 1);
	assert_int_equal(collect(&r), 2);
	assert_true(model_log(r.m, 0, &log));
	inject(&r, MODEL_HOLD, 0, 0, 0);
	submit(&r, buf, DEPTH);
	assert_int_equal(collect(&r), 0);
	assert_int_equal(model_post(r.m, 1, 1, log.cid, 0), 0);
	assert_int_equal(collect(&r), 0);
	assert_int_equal(nnvme_in_flight(r.qp), DEPTH);
	assert_int_equal(nnvme_qp(r.qp)->bad_completions, 1);
	model_release(r.m, MODEL_FIFO);
	assert_int_equal(collect(&r), 0x1fffffffe);
	rig_down(&r);
}

/* Not soon, anyway: a late completion of any of the last commands must match none of these. */
static void cids_are_not_used_again_soon(void **state)
{
	enum { OLD = 4 * DEPTH };
	struct model_log log;
	uint16_t old[OLD];
	struct rig r;
	void *buf;

	buf = rig_up_by_hand(&r, NULL, DEPTH);
	for (unsigned i = 0; i < OLD; i++) {
		submit(&r, buf, 1);
		assert_int_equal(collect(&r), 2);
		assert_true(model_log(r.m, 0, &log));
		old[i] = log.cid;
	}
	inject(&r, MODEL_HOLD, 0, 0, 0);
	for (unsigned i = 0; i < DEPTH; i++) {
		submit(&r, buf, 1);
		model_drain(r.m);
	}
	for (unsigned i = 0; i < OLD; i++) {
		assert_false(model_in_flight(r.m, 1, old[i]));
		assert_int_equal(model_post(r.m, 1, 1, old[i], 0), 0);
		assert_int_equal(collect(&r), 0);
	}
	assert_int_equal(nnvme_in_flight(r.qp), DEPTH);
	rig_down(&r);
}

/* Nor when slow commands keep their slots and others take the spare ones. */
static void cids_beside_stragglers_are_not_used_again_at_once(void **state)
{
	struct model_log log;
	uint16_t last[4] = { 0 };
	struct rig r;
	void *buf;

	buf = rig_up_by_hand(&r, NULL, DEPTH);
	inject(&r, MODEL_HOLD, 0, DEPTH - 1, 0);
	submit(&r, buf, DEPTH - 1);
	model_drain(r.m);
	for (unsigned i = 0; i < 1000; i++) {
		submit(&r, buf, 1);
		assert_int_equal(collect(&r), 2);
		assert_true(model_log(r.m, 0, &log));
		for (unsigned k = 0; k < 4 && i >= 4; k++)
			assert_int_not_equal(log.cid, last[k]);
		last[i % 4] = log.cid;
	}
	rig_down(&r);
}

static void unknown_cids_are_dropped(void **state)
{
	static const uint16_t cids[] = { 0xffff, 0x8000, BAD_CID, DEPTH, DEPTH + 1, DEPTH - 1, 0,
					 1 };
	struct rig r;
	void *buf;

	buf = rig_up_by_hand(&r, NULL, DEPTH);
	for (unsigned i = 0; i < sizeof(cids) / sizeof(cids[0]); i++) {
		assert_int_equal(model_post(r.m, 1, 1, cids[i], 0), 0);
		assert_int_equal(collect(&r), 0);
		assert_int_equal(nnvme_qp(r.qp)->bad_completions, i + 1);
		assert_int_equal(nnvme_sq_space_left(r.qp), DEPTH);
	}
	submit(&r, buf, DEPTH);
	assert_int_equal(collect(&r), 0x1fffffffe);
	rig_down(&r);
}

/* Depths that are no power of two have slots that no command ever uses. */
static void slots_past_the_depth_are_never_in_flight(void **state)
{
	struct rig r;

	rig_up(&r, NULL, 5);
	rig_step_by_hand(&r);
	for (unsigned cid = 0; cid < 0x10000; cid += 7) {
		assert_int_equal(model_post(r.m, 1, 1, (uint16_t)cid, 0), 0);
		assert_int_equal(collect(&r), 0);
	}
	assert_int_equal(nnvme_sq_space_left(r.qp), 5);
	rig_down(&r);
}

static void a_command_completed_under_a_wrong_cid_stays_in_flight(void **state)
{
	struct rig r;
	void *buf;

	buf = rig_up_by_hand(&r, NULL, DEPTH);
	inject(&r, MODEL_CID, 3, 1, BAD_CID);
	submit(&r, buf, 8);
	assert_int_equal(collect(&r), 0x1fe & ~(1u << 4));
	assert_int_equal(nnvme_in_flight(r.qp), 1);
	submit(&r, buf, DEPTH - 1);
	assert_int_equal(nnvme_sq_space_left(r.qp), 0);
	assert_int_equal(collect(&r), 0xfffffffe);
	rig_down(&r);
}

static void ghosts_between_true_completions_change_nothing(void **state)
{
	struct rig r;
	void *buf;

	buf = rig_up_by_hand(&r, NULL, DEPTH);
	inject(&r, MODEL_GHOST, 0, 0, BAD_CID);
	for (int round = 0; round < 20; round++) {
		submit(&r, buf, DEPTH);
		assert_int_equal(collect(&r), 0x1fffffffe);
	}
	assert_int_equal(nnvme_qp(r.qp)->bad_completions, 20 * DEPTH);
	rig_down(&r);
}

/* nnvme_poll() must end, and the doorbell advance, when it finds nothing but rubbish. */
static void a_queue_full_of_rubbish_is_drained(void **state)
{
	struct nnvme_completion done;
	struct model_counts before, after;
	unsigned posted = 0;
	struct rig r;

	rig_up(&r, NULL, DEPTH);
	rig_step_by_hand(&r);
	model_counts(r.m, &before);
	while (!model_post(r.m, 1, 1, BAD_CID, 0))
		posted++;
	assert_true(posted >= DEPTH);
	assert_int_equal(nnvme_poll(r.qp, &done, 1), 0);
	assert_int_equal(nnvme_qp(r.qp)->bad_completions, posted);
	model_step(r.m, 0);
	model_counts(r.m, &after);
	assert_int_equal(after.cq_doorbells, before.cq_doorbells + 1);
	assert_int_equal(model_post(r.m, 1, 1, BAD_CID, 0), 0);
	rig_down(&r);
}

static void a_wrong_phase_is_not_looked_at(void **state)
{
	struct rig r;
	void *buf;

	buf = rig_up_by_hand(&r, NULL, DEPTH);
	inject(&r, MODEL_PHASE, 2, 1, 0);
	submit(&r, buf, 5);
	assert_int_equal(collect(&r), 6);
	assert_int_equal(nnvme_in_flight(r.qp), 3);
	rig_down(&r);
}

/* A piece of a transfer completed twice must not stand for another piece. */
static void repeated_pieces_do_not_end_a_transfer_early(void **state)
{
	struct nnvme_completion done;
	struct model_log log;
	struct rig r;
	void *buf;

	rig_up(&r, "mdts=1", 8);
	buf = rig_alloc(&r, 8 * 8192);
	rig_step_by_hand(&r);
	inject(&r, MODEL_HOLD, 0, 0, 0);
	assert_int_equal(nnvme_read(r.qp, r.ns, buf, 0, 128, buf), 0);
	nnvme_ring(r.qp);
	assert_int_equal(rig_poll(&r, &done, 1), 0);
	assert_int_equal(model_held(r.m), 8);
	assert_true(model_log(r.m, 0, &log));
	/*
	 * the last piece again and again: the first completion is as good as true, the rest is not
	 */
	for (int i = 0; i < 8; i++)
		assert_int_equal(model_post(r.m, 1, 1, log.cid, 0), 0);
	assert_int_equal(rig_poll(&r, &done, 1), 0);
	assert_int_equal(nnvme_in_flight(r.qp), 7);
	model_release(r.m, MODEL_FIFO);
	assert_int_equal(rig_poll(&r, &done, 1), 1);
	assert_ptr_equal(done.tag, buf);
	assert_int_equal(nnvme_in_flight(r.qp), 0);
	assert_int_equal(rig_poll(&r, &done, 1), 0);
	rig_down(&r);
}

static void statuses_arrive_as_they_were_sent(void **state)
{
	static const uint16_t sent[] = { 0x281, RIG_DNR(0x02), 0x7fff, 0x700, 1 };
	struct model_rule rule = model_rule(MODEL_FAIL);
	struct rig r;
	void *buf;

	rig_up(&r, NULL, DEPTH);
	buf = rig_alloc(&r, 4096);
	for (unsigned i = 0; i < sizeof(sent) / sizeof(sent[0]); i++) {
		rule.status = sent[i];
		model_inject_clear(r.m);
		model_inject(r.m, &rule);
		assert_int_equal(rig_read(&r, buf, 0, 1), sent[i]);
		assert_true(strlen(nnvme_status_text(sent[i])) > 3);
		assert_true(nnvme_status_errno(sent[i]) > 0);
	}
	assert_int_equal(nnvme_status_errno(0), 0);
	assert_non_null(strstr(nnvme_status_text(0x281), "ead"));
	rig_down(&r);
}

/* Random I/O, random order, repetitions, and rubbish of every kind posted in between. */
static void nothing_is_lost_or_doubled_in_a_storm(void **state)
{
	enum { COMMANDS = 60000, TAGS = 64 };
	struct nnvme_completion done[16];
	unsigned submitted = 0, back = 0;
	uint8_t in_flight[TAGS] = { 0 };
	uint32_t seed = 1;
	uint16_t cid;
	struct rig r;
	void *buf;

	rig_up(&r, "mdts=1", 48);
	buf = rig_alloc(&r, 65536);
	rig_step_by_hand(&r);
	inject(&r, MODEL_REPEAT, 0, 5000, 0);
	inject(&r, MODEL_SHUFFLE, 0, 0, 0);
	while (back < COMMANDS) {
		uint32_t tag = rig_random(&seed) % TAGS;
		unsigned n;

		if (submitted < COMMANDS && !in_flight[tag] &&
		    !nnvme_read(r.qp, r.ns, buf, rig_random(&seed) % 1000,
				1 + rig_random(&seed) % 100, (void *)(uintptr_t)(tag + 1))) {
			in_flight[tag] = 1;
			submitted++;
		}
		if (rig_random(&seed) % 4)
			continue;
		nnvme_ring(r.qp);
		model_step(r.m, 1000);
		/* a CID that is in flight would be an early answer: not here */
		cid = (uint16_t)rig_random(&seed);
		if (cid % 8 == 0 && !model_in_flight(r.m, 1, cid))
			model_post(r.m, 1, 1, cid, 0);
		n = nnvme_poll(r.qp, done, 16);
		for (unsigned i = 0; i < n; i++) {
			tag = (uint32_t)(uintptr_t)done[i].tag - 1;
			assert_true(tag < TAGS && in_flight[tag % TAGS]);
			assert_int_equal(done[i].status, 0);
			in_flight[tag % TAGS] = 0;
			back++;
		}
	}
	assert_int_equal(nnvme_in_flight(r.qp), 0);
	assert_true(nnvme_qp(r.qp)->bad_completions > 5000);
	rig_down(&r);
}

/* Any 16 bits as CID: early answers are possible now, a tag twice still is not. */
static void random_cids_never_give_a_tag_twice(void **state)
{
	struct nnvme_completion done[16];
	unsigned in_flight = 0;
	bool known[1024] = { false };
	uint32_t seed = 7, tag = 0;
	struct rig r;
	void *buf;

	buf = rig_up_by_hand(&r, NULL, 20);
	inject(&r, MODEL_HOLD, 0, 0, 0);
	for (int round = 0; round < 100000; round++) {
		unsigned n;

		while (known[tag])
			tag = (tag + 1) % 1024;
		if (!nnvme_read(r.qp, r.ns, buf, 0, 1, (void *)(uintptr_t)(tag + 1))) {
			known[tag] = true;
			in_flight++;
		}
		nnvme_ring(r.qp);
		model_drain(r.m);
		if (rig_random(&seed) % 8 == 0)
			model_release(r.m, MODEL_RANDOM);
		model_post(r.m, 1, (uint16_t)rig_random(&seed), (uint16_t)rig_random(&seed),
			   (uint16_t)(rig_random(&seed) & 0x7fff));
		n = nnvme_poll(r.qp, done, 16);
		for (unsigned i = 0; i < n; i++) {
			uint32_t t = (uint32_t)(uintptr_t)done[i].tag - 1;

			assert_true(t < 1024 && known[t]);
			known[t] = false;
			in_flight--;
		}
		assert_int_equal(nnvme_in_flight(r.qp), in_flight);
	}
	rig_down(&r);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_repeated_completion_counts_once),
		cmocka_unit_test(a_late_repetition_does_not_complete_the_next_command),
		cmocka_unit_test(cids_are_not_used_again_soon),
		cmocka_unit_test(cids_beside_stragglers_are_not_used_again_at_once),
		cmocka_unit_test(unknown_cids_are_dropped),
		cmocka_unit_test(slots_past_the_depth_are_never_in_flight),
		cmocka_unit_test(a_command_completed_under_a_wrong_cid_stays_in_flight),
		cmocka_unit_test(ghosts_between_true_completions_change_nothing),
		cmocka_unit_test(a_queue_full_of_rubbish_is_drained),
		cmocka_unit_test(a_wrong_phase_is_not_looked_at),
		cmocka_unit_test(repeated_pieces_do_not_end_a_transfer_early),
		cmocka_unit_test(statuses_arrive_as_they_were_sent),
		cmocka_unit_test(nothing_is_lost_or_doubled_in_a_storm),
		cmocka_unit_test(random_cids_never_give_a_tag_twice),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
