// SPDX-License-Identifier: MIT
/*
 * Shadow doorbells: fewer doorbell writes, none missing, and no shadows where refused or unwanted.
 */
#include "driver_rig.h"

static bool in_use(struct rig *r)
{
	struct nnvme_ctrl_info info = { .size = sizeof(info) };

	nnvme_ctrl_info(r->ctrl, &info);
	return info.shadow_doorbells;
}

static void they_are_used_where_offered_and_wanted(void **state)
{
	struct rig r;

	rig_up(&r, "dbbuf=0", 4);
	assert_false(in_use(&r));
	rig_down(&r);
	rig_up(&r, "dbbuf=1", 4);
	assert_true(in_use(&r));
	rig_down(&r);
	rig_model(&r, "dbbuf=1");
	r.options.shadow_doorbells = NNVME_SHADOW_OFF;
	assert_int_equal(rig_open(&r), 0);
	assert_false(in_use(&r));
	rig_down(&r);
}

static void a_refusal_is_lived_with(void **state)
{
	struct model_rule refuse = model_rule(MODEL_FAIL);
	struct rig r;
	void *buf;

	rig_model(&r, "dbbuf=1");
	assert_int_equal(model_create(&r.config, &r.m, NULL), 0);
	refuse.qid = 0;
	refuse.opcode = nvme_admin_dbbuf;
	refuse.status = RIG_DNR(NVME_SC_INTERNAL);
	model_inject(r.m, &refuse);
	assert_int_equal(rig_open(&r), 0);
	assert_string_equal(r.err.text, "");	/* nothing failed */
	assert_int_equal(r.err.code, 0);
	assert_false(in_use(&r));
	r.ns = nnvme_ns_get(r.ctrl, 1, NULL);
	rig_queue(&r, 4);
	buf = rig_alloc(&r, 4096);
	for (int i = 0; i < 200; i++)
		assert_int_equal(rig_read(&r, buf, 0, 1), 0);
	rig_down(&r);
}

/* A busy controller is not rung again. */
static void a_busy_controller_is_left_alone(void **state)
{
	struct nnvme_completion done[32];
	struct model_counts counts;
	unsigned submitted = 0, back = 0, n;
	struct rig r;
	void *buf;

	buf = rig_up_by_hand(&r, "dbbuf=1", 32);
	while (back < 10000) {
		while (submitted < 10000 && !nnvme_read(r.qp, r.ns, buf, 0, 1, buf))
			submitted++;
		nnvme_ring(r.qp);
		model_step(r.m, 16);
		n = nnvme_poll(r.qp, done, 32);
		assert_true(n > 0);
		back += n;
	}
	model_counts(r.m, &counts);
	assert_true(counts.sq_doorbells < 20);
	assert_true(counts.cq_doorbells < 400);
	rig_down(&r);
}

/* The controller falls asleep after every command: each must be rung for. */
static void a_sleeping_controller_is_always_woken(void **state)
{
	struct model_counts counts;
	struct rig r;
	void *buf;

	buf = rig_up_by_hand(&r, "dbbuf=1", 5);
	for (int i = 0; i < 1000; i++)
		assert_int_equal(rig_read(&r, buf, 0, 1), 0);
	model_counts(r.m, &counts);
	assert_int_equal(counts.sq_doorbells, 1000);
	rig_down(&r);
}

/* Queue pair 1's part of the shadow page that Doorbell Buffer Config named. */
static volatile uint32_t *shadow(struct rig *r)
{
	struct model_log log;
	uint32_t *page = NULL;

	for (unsigned i = 0; model_log(r->m, i, &log); i++)
		if (!log.qid && log.opcode == nvme_admin_dbbuf)
			page = model_host(r->m, (nnvme_bus_t){ log.prp1 });
	assert_non_null(page);
	return page + 2;
}

/*
 * Doorbell writes of 1000 reads, one after the other; with @forge the controller also writes to the
 * shadows.
 */
static void count_doorbells(bool forge, struct model_counts *counts)
{
	struct nnvme_completion done;
	struct rig r;
	void *buf;

	buf = rig_up_by_hand(&r, "dbbuf=1", 5);
	for (unsigned i = 1; i <= 1000; i++) {
		volatile uint32_t *own = shadow(&r);

		assert_int_equal(nnvme_read(r.qp, r.ns, buf, 0, 1, buf), 0);
		if (forge)
			own[0] = r.qp->tail == r.qp->end ? 0 : r.qp->tail / 8;
		nnvme_ring(r.qp);
		model_drain(r.m);
		if (forge)
			own[1] = (uint32_t)(r.qp->cqe + 1 == r.qp->cq_end ? 0 :
					    r.qp->cqe + 1 - r.qp->cq);
		if (nnvme_poll(r.qp, &done, 1) != 1)
			fail_msg("the controller was not told of command %u", i);
	}
	model_counts(r.m, counts);
	rig_down(&r);
}

/* The device can write to that memory, too: the driver does not read back its own values there. */
static void what_the_controller_writes_hides_no_doorbell(void **state)
{
	struct model_counts plain, forged;

	count_doorbells(false, &plain);
	count_doorbells(true, &forged);
	assert_int_equal(plain.sq_doorbells, 1000);
	assert_int_equal(forged.sq_doorbells, plain.sq_doorbells);
	assert_true(plain.cq_doorbells > 0);
	assert_true(forged.cq_doorbells >= plain.cq_doorbells);
}

/* Nothing of an earlier queue of the same number is left in the pages. */
static void queues_come_and_go(void **state)
{
	struct rig r;
	void *buf;

	rig_up(&r, "dbbuf=1", 5);
	buf = rig_alloc(&r, 4096);
	for (unsigned depth = 1; depth < 40; depth++) {
		for (unsigned i = 0; i < 3 * depth % 17 + 1; i++)
			assert_int_equal(rig_read(&r, buf, 0, 1), 0);
		nnvme_qpair_destroy(r.qp);
		rig_queue(&r, depth);
	}
	rig_close(&r);
	rig_start(&r, 3);
	buf = rig_alloc(&r, 4096);
	assert_int_equal(rig_read(&r, buf, 0, 1), 0);
	rig_down(&r);
}

/* Doorbells so far apart that a page can't mirror them all. */
static void a_wide_stride_leaves_queues_out(void **state)
{
	struct nnvme_qpair *qp[6];
	struct nnvme_completion done;
	struct rig r;
	void *buf;

	rig_up(&r, "dbbuf=1,dstrd=8,queues=8", 5);	/* 1 KiB apart: one queue pair fits */
	buf = rig_alloc(&r, 4096);
	for (int i = 0; i < 6; i++)
		assert_int_equal(nnvme_qpair_create(r.ctrl, 3, &qp[i], &r.err), 0);
	for (int k = 0; k < 60; k++) {
		struct nnvme_qpair *q = k % 7 ? qp[k % 7 - 1] : r.qp;

		assert_int_equal(nnvme_read(q, r.ns, buf, 0, 1, buf), 0);
		nnvme_ring(q);
		while (!nnvme_poll(q, &done, 1))
			sched_yield();
		assert_int_equal(done.status, 0);
	}
	rig_down(&r);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(they_are_used_where_offered_and_wanted),
		cmocka_unit_test(a_refusal_is_lived_with),
		cmocka_unit_test(a_busy_controller_is_left_alone),
		cmocka_unit_test(a_sleeping_controller_is_always_woken),
		cmocka_unit_test(what_the_controller_writes_hides_no_doorbell),
		cmocka_unit_test(queues_come_and_go),
		cmocka_unit_test(a_wide_stride_leaves_queues_out),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
