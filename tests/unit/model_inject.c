// SPDX-License-Identifier: MIT
/* The software controller misbehaves exactly as told. */
#include "model_host.h"

/* Write @n flushes with CIDs 1 to @n, ring, and let the model have them. */
static void flushes(struct host *h, unsigned n)
{
	for (unsigned i = 1; i <= n; i++)
		host_write(h, 1, &(struct nnvme_sqe){ .nsid = 1, .cid = (uint16_t)i });
	host_ring(h, 1);
	model_step(h->m, n);
}

/* The CIDs that completed, in order. */
static unsigned reaped(struct host *h, uint16_t *cid)
{
	unsigned n = 0;

	while (host_reap(h, 1))
		cid[n++] = host_last_cid(h);
	host_ack(h, 1);
	model_step(h->m, 0);
	return n;
}

static void up_with(struct host *h, enum model_act act, unsigned skip, unsigned times,
		    unsigned count)
{
	struct model_rule r = model_rule(act);

	host_up(h, NULL);
	r.skip = skip;
	r.times = times;
	r.count = count;
	r.cid = 0x5678;
	r.status = NVME_SC_INTERNAL;
	model_inject(h->m, &r);
}

static void failing_the_nth_fails_no_other(void **state)
{
	struct host h;
	uint16_t cid[16];

	up_with(&h, MODEL_FAIL, 2, 1, 0);
	flushes(&h, 5);
	for (int i = 1; i <= 5; i++) {
		assert_true(host_reap(&h, 1));
		assert_int_equal(host_status(&h), i == 3 ? NVME_SC_INTERNAL : 0);
	}
	assert_int_equal(reaped(&h, cid), 0);
	host_close(&h);
}

static void rules_select_by_opcode_and_block(void **state)
{
	struct model_rule r = model_rule(MODEL_FAIL);
	struct nnvme_sqe read, write;
	struct host h;
	uint64_t bus;

	host_up(&h, NULL);
	bus = host_bus(&h, host_pages(&h, 1));
	r.opcode = NNVME_OP_READ;
	r.lba = 100;
	r.blocks = 10;
	r.status = 0x281;
	model_inject(h.m, &r);
	read = host_rw(NNVME_OP_READ, 96, 4, bus, 0);
	write = host_rw(NNVME_OP_WRITE, 100, 1, bus, 0);
	assert_int_equal(host_run(&h, 1, &read), 0);
	assert_int_equal(host_run(&h, 1, &write), 0);
	read = host_rw(NNVME_OP_READ, 96, 5, bus, 0);
	assert_int_equal(host_run(&h, 1, &read), 0x281);
	read = host_rw(NNVME_OP_READ, 109, 1, bus, 0);
	assert_int_equal(host_run(&h, 1, &read), 0x281);
	read = host_rw(NNVME_OP_READ, 110, 1, bus, 0);
	assert_int_equal(host_run(&h, 1, &read), 0);
	host_close(&h);
}

static void admin_commands_need_to_be_named(void **state)
{
	struct model_rule r = model_rule(MODEL_FAIL);
	struct host h;

	host_up(&h, NULL);
	r.status = NVME_SC_INTERNAL;
	model_inject(h.m, &r);
	assert_int_equal(host_admin(&h, nvme_admin_get_features, NVME_FEAT_FID_NUM_QUEUES, 0, 0),
			 0);
	r.qid = 0;
	r.opcode = nvme_admin_get_features;
	model_inject(h.m, &r);
	assert_int_equal(host_admin(&h, nvme_admin_get_features, NVME_FEAT_FID_NUM_QUEUES, 0, 0),
			 NVME_SC_INTERNAL);
	host_close(&h);
}

static void held_completions_come_when_released(void **state)
{
	struct host h;
	uint16_t cid[16];

	up_with(&h, MODEL_HOLD, 0, 0, 0);
	flushes(&h, 4);
	assert_int_equal(reaped(&h, cid), 0);
	assert_int_equal(model_held(h.m), 4);
	assert_int_equal(model_release(h.m, MODEL_LIFO), 4);
	model_drain(h.m);
	assert_int_equal(reaped(&h, cid), 4);
	for (int i = 0; i < 4; i++)
		assert_int_equal(cid[i], 4 - i);
	flushes(&h, 3);
	assert_int_equal(model_release(h.m, MODEL_FIFO), 3);
	model_drain(h.m);
	assert_int_equal(reaped(&h, cid), 3);
	assert_int_equal(cid[0], 1);
	host_close(&h);
}

static void random_release_loses_none(void **state)
{
	struct host h;
	uint16_t cid[16];
	unsigned seen = 0, moved = 0;

	up_with(&h, MODEL_HOLD, 0, 0, 0);
	flushes(&h, 12);
	assert_int_equal(model_release(h.m, MODEL_RANDOM), 12);
	model_drain(h.m);
	assert_int_equal(reaped(&h, cid), 12);
	for (int i = 0; i < 12; i++) {
		seen |= 1u << cid[i];
		moved += cid[i] != i + 1;
	}
	assert_int_equal(seen, 0x1ffe);
	assert_true(moved);
	host_close(&h);
}

static void released_completions_wait_for_room(void **state)
{
	struct model_rule hold = model_rule(MODEL_HOLD);
	struct host h;
	uint16_t cid[16];
	unsigned n = 0, now;

	host_open(&h, NULL);
	host_enable(&h);
	host_queue_memory(&h, 1, 16);
	assert_int_equal(host_admin(&h, nvme_admin_create_cq, 3 << 16 | 1, 1,
				    host_bus(&h, h.q[1].cq)), 0);
	assert_int_equal(host_admin(&h, nvme_admin_create_sq, 15 << 16 | 1, 1 << 16 | 1,
				    host_bus(&h, h.q[1].sq)), 0);
	model_inject(h.m, &hold);
	flushes(&h, 10);
	h.q[1].entries = 4;
	assert_int_equal(model_release(h.m, MODEL_FIFO), 10);
	for (; n < 10; n += now) {
		model_drain(h.m);
		now = reaped(&h, cid);
		assert_int_equal(now, n < 9 ? 3 : 1);
		assert_int_equal(cid[0], n + 1);
	}
	host_close(&h);
}

static void delayed_completions_come_by_looking(void **state)
{
	struct host h;
	uint16_t cid[16];

	up_with(&h, MODEL_DELAY, 0, 1, 3);
	flushes(&h, 2);
	assert_int_equal(reaped(&h, cid), 1);
	assert_int_equal(cid[0], 2);
	model_step(h.m, 0);
	model_step(h.m, 0);
	model_step(h.m, 0);
	assert_int_equal(reaped(&h, cid), 1);
	assert_int_equal(cid[0], 1);
	host_close(&h);
}

static void a_burst_comes_at_once(void **state)
{
	struct host h;
	uint16_t cid[16];

	host_up(&h, "burst=1");
	for (int round = 0; round < 20; round++) {	/* also over the ring's end */
		flushes(&h, 5);
		assert_int_equal(reaped(&h, cid), 0);
		model_drain(h.m);
		assert_int_equal(reaped(&h, cid), 5);
		for (int i = 0; i < 5; i++)
			assert_int_equal(cid[i], i + 1);
	}
	host_close(&h);
}

static void shuffled_completions_all_come(void **state)
{
	struct host h;
	uint16_t cid[16];
	unsigned seen = 0, moved = 0;

	up_with(&h, MODEL_SHUFFLE, 0, 0, 8);
	flushes(&h, 11);
	model_drain(h.m);
	assert_int_equal(reaped(&h, cid), 11);
	for (int i = 0; i < 11; i++) {
		seen |= 1u << cid[i];
		moved += cid[i] != i + 1;
	}
	assert_int_equal(seen, 0xffe);
	assert_true(moved);
	flushes(&h, 3);		/* fewer than a group: they come when nothing else does */
	model_drain(h.m);
	assert_int_equal(reaped(&h, cid), 3);
	host_close(&h);
}

static void silence_is_kept(void **state)
{
	struct host h;
	uint16_t cid[16];

	up_with(&h, MODEL_SILENT, 1, 1, 0);
	flushes(&h, 3);
	model_drain(h.m);
	assert_int_equal(reaped(&h, cid), 2);
	assert_int_equal(cid[1], 3);
	host_close(&h);

	up_with(&h, MODEL_DROP, 1, 1, 0);
	flushes(&h, 3);
	model_drain(h.m);
	assert_int_equal(reaped(&h, cid), 2);
	host_close(&h);
}

static void repeats_come_after_the_true_one(void **state)
{
	struct host h;
	uint16_t cid[16];

	up_with(&h, MODEL_REPEAT, 0, 1, 2);
	flushes(&h, 2);
	model_drain(h.m);
	assert_int_equal(reaped(&h, cid), 4);
	assert_int_equal(cid[0], 1);
	assert_int_equal(cid[1], 1);
	assert_int_equal(cid[2], 1);
	assert_int_equal(cid[3], 2);
	host_close(&h);
}

static void wrong_cids_are_sent(void **state)
{
	struct host h;
	uint16_t cid[16];

	up_with(&h, MODEL_CID, 0, 1, 0);
	flushes(&h, 2);
	assert_int_equal(reaped(&h, cid), 2);
	assert_int_equal(cid[0], 0x5678);
	assert_int_equal(cid[1], 2);
	host_close(&h);

	up_with(&h, MODEL_GHOST, 0, 1, 0);
	flushes(&h, 1);
	assert_int_equal(reaped(&h, cid), 2);
	assert_int_equal(cid[0], 0x5678);
	assert_int_equal(cid[1], 1);
	host_close(&h);
}

static void a_wrong_phase_hides_the_entry(void **state)
{
	struct host h;
	uint16_t cid[16];

	up_with(&h, MODEL_PHASE, 1, 1, 0);
	flushes(&h, 3);
	assert_int_equal(reaped(&h, cid), 1);
	assert_int_equal(h.q[1].cq[1].dw3 & 0xffff, 2);
	assert_int_equal(h.q[1].cq[2].dw3 & 0x1ffff, 0x10003);
	host_close(&h);
}

static void anything_can_be_posted(void **state)
{
	struct host h;

	host_up(&h, NULL);
	assert_int_equal(model_post(h.m, 1, 9, 0xfff0, 0x281), 0);
	assert_true(host_reap(&h, 1));
	assert_int_equal(host_last_cid(&h), 0xfff0);
	assert_int_equal(host_status(&h), 0x281);
	assert_int_equal(h.last.sq_id, 9);
	assert_int_not_equal(model_post(h.m, 2, 0, 0, 0), 0);
	host_close(&h);
}

static void a_frozen_controller_looks_at_nothing(void **state)
{
	struct host h;
	uint16_t cid[16];

	host_up(&h, NULL);
	model_freeze(h.m, true);
	flushes(&h, 1);
	host_set(&h, NVME_REG_CC, CC_ON & ~1u);
	host_settle(&h);
	assert_int_equal(host_get(&h, NVME_REG_CSTS), 1);
	host_set(&h, NVME_REG_CC, CC_ON);
	model_freeze(h.m, false);
	model_drain(h.m);
	assert_int_equal(reaped(&h, cid), 1);
	host_close(&h);
}

static void the_thread_does_what_steps_do(void **state)
{
	struct nnvme_sqe flush = { .nsid = 1 };
	struct model_counts counts;
	struct host h;

	host_up(&h, NULL);
	model_start(h.m);
	model_start(h.m);
	for (int i = 0; i < 10000; i++) {
		host_write(&h, 1, &flush);
		__atomic_thread_fence(__ATOMIC_RELEASE);
		host_ring(&h, 1);
		while (!host_reap(&h, 1))
			;
		host_ack(&h, 1);
	}
	model_stop(h.m);
	model_stop(h.m);
	model_counts(h.m, &counts);
	assert_int_equal(counts.flushes, 10000);
	assert_int_equal(counts.sq_doorbells, 10000);
	host_close(&h);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(failing_the_nth_fails_no_other),
		cmocka_unit_test(rules_select_by_opcode_and_block),
		cmocka_unit_test(admin_commands_need_to_be_named),
		cmocka_unit_test(held_completions_come_when_released),
		cmocka_unit_test(random_release_loses_none),
		cmocka_unit_test(released_completions_wait_for_room),
		cmocka_unit_test(delayed_completions_come_by_looking),
		cmocka_unit_test(a_burst_comes_at_once),
		cmocka_unit_test(shuffled_completions_all_come),
		cmocka_unit_test(silence_is_kept),
		cmocka_unit_test(repeats_come_after_the_true_one),
		cmocka_unit_test(wrong_cids_are_sent),
		cmocka_unit_test(a_wrong_phase_hides_the_entry),
		cmocka_unit_test(anything_can_be_posted),
		cmocka_unit_test(a_frozen_controller_looks_at_nothing),
		cmocka_unit_test(the_thread_does_what_steps_do),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
