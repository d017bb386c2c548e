// SPDX-License-Identifier: MIT
/*
 * The order of death: stop the controller, then unmap, then free. The software controller records
 * every unmapping under a running one, so most of these tests just ask for a clean end.
 */
#include <pthread.h>

#include "driver_rig.h"
#include "nvme/private.h"

static void counts(struct rig *r, struct model_counts *c)
{
	model_counts(r->m, c);
}

static void a_clean_end_shuts_down_and_disables(void **state)
{
	struct model_counts c;
	struct model_log log;
	struct rig r;

	rig_up(&r, NULL, 16);
	rig_alloc(&r, 1 << 20);
	rig_close(&r);
	counts(&r, &c);
	assert_int_equal(c.shutdowns, 1);
	assert_int_equal(c.reset, 0);
	assert_int_equal(c.close, 1);
	assert_int_equal(c.map, c.unmap);
	assert_false(model_ready(r.m));
	assert_true(model_log(r.m, 1, &log));
	assert_int_equal(log.opcode, nvme_admin_delete_sq);
	assert_true(model_log(r.m, 0, &log));
	assert_int_equal(log.opcode, nvme_admin_delete_cq);
	assert_string_equal(r.log, "");
	rig_down(&r);
}

static void closing_nothing_is_allowed(void **state)
{
	assert_int_equal(nnvme_ctrl_close(NULL), 0);
	assert_int_equal(nnvme_qpair_destroy(NULL), 0);
}

/* The controller was left enabled by somebody else. */
static void a_running_controller_is_stopped_first(void **state)
{
	struct nnvme_device *dev;
	volatile uint32_t *cc;
	uint8_t *queues;
	uint64_t iova;
	nnvme_bus_t bus;
	size_t len = 8192;
	struct rig r;

	rig_model(&r, "run=512,ready=3");
	assert_int_equal(model_create(&r.config, &r.m, NULL), 0);
	dev = model_device(r.m);
	queues = aligned_alloc(4096, 8192);
	assert_int_equal(dev->ops->map(dev, queues, 8192, &iova, NULL), 0);
	assert_int_equal(dev->ops->bus_addr(dev, iova, &len, &bus, NULL), 0);
	dev->ops->bus_master(dev, true, NULL);
	*(volatile uint32_t *)((volatile char *)dev->bar + NVME_REG_AQA) = 15 << 16 | 15;
	*(volatile uint64_t *)((volatile char *)dev->bar + NVME_REG_ASQ) = bus.v;
	*(volatile uint64_t *)((volatile char *)dev->bar + NVME_REG_ACQ) = bus.v;
	cc = (volatile uint32_t *)((volatile char *)dev->bar + NVME_REG_CC);
	*cc = 0x460001;
	for (int i = 0; i < 10; i++)
		model_step(r.m, 0);
	assert_true(model_ready(r.m));
	dev->ops->bus_master(dev, false, NULL);
	assert_int_equal(rig_open(&r), 0);
	/* it has new queues; the former ones are nobody's now */
	assert_int_equal(dev->ops->unmap(dev, iova, 8192), 0);
	free(queues);
	rig_queue(&r, 4);
	rig_down(&r);
}

static void commands_in_flight_die_with_their_queue(void **state)
{
	struct model_rule hold = model_rule(MODEL_HOLD);
	struct rig r;
	void *buf;

	rig_up(&r, NULL, 16);
	buf = rig_alloc(&r, 4096);
	model_inject(r.m, &hold);
	for (int i = 0; i < 16; i++)
		assert_int_equal(nnvme_read(r.qp, r.ns, buf, 0, 8, buf), 0);
	nnvme_ring(r.qp);
	while (model_held(r.m) < 16)
		sched_yield();
	nnvme_qpair_destroy(r.qp);
	nnvme_mem_free(r.ctrl, buf);
	model_release(r.m, MODEL_FIFO);
	rig_queue(&r, 16);
	buf = rig_alloc(&r, 4096);
	model_inject_clear(r.m);
	assert_int_equal(rig_read(&r, buf, 0, 8), 0);
	rig_down(&r);
}

/* Written to the queue and never announced: nobody may fetch them later. */
static void commands_not_rung_are_forgotten(void **state)
{
	struct rig r;
	void *buf;

	rig_up(&r, NULL, 16);
	buf = rig_alloc(&r, 4096);
	for (int i = 0; i < 5; i++)
		assert_int_equal(nnvme_read(r.qp, r.ns, buf, 0, 8, buf), 0);
	nnvme_qpair_destroy(r.qp);
	rig_queue(&r, 16);
	assert_int_equal(rig_commands(&r), 0);
	assert_int_equal(rig_read(&r, buf, 0, 8), 0);
	assert_int_equal(rig_commands(&r), 1);
	rig_down(&r);
}

static void a_refused_queue_leaves_nothing(void **state)
{
	static const uint8_t opcode[] = { nvme_admin_create_cq, nvme_admin_create_sq };
	struct model_rule rule = model_rule(MODEL_FAIL);
	struct nnvme_qpair *qp;
	struct rig r;

	rig_up(&r, NULL, 4);
	for (unsigned i = 0; i < 2; i++) {
		rule.qid = 0;
		rule.opcode = opcode[i];
		rule.times = 1;
		rule.status = RIG_DNR(0x102);	/* Invalid Queue Size */
		model_inject(r.m, &rule);
		assert_int_equal(nnvme_qpair_create(r.ctrl, 8, &qp, &r.err), -EIO);
		assert_non_null(strstr(r.err.text, i ? "Submission" : "Completion"));
		assert_non_null(strstr(r.err.text, "0x4102"));
		assert_int_equal(nnvme_qpair_create(r.ctrl, 8, &qp, &r.err), 0);
		nnvme_qpair_destroy(qp);
	}
	rig_down(&r);
}

/*
 * It failed while it was told of a queue, and may know of it: the queue's memory is not given to
 * anybody else before the controller has stopped.
 */
static void a_queue_that_may_be_known_is_kept(void **state)
{
	struct nnvme_qpair *qp = NULL;
	struct rig r;

	rig_up(&r, NULL, 4);
	model_fatal(r.m);
	assert_int_equal(nnvme_qpair_create(r.ctrl, 8, &qp, &r.err), -EIO);
	assert_null(qp);
	assert_non_null(r.ctrl->qpairs[1]);
	rig_down(&r);
}

/* The controller does not delete the completion queue: only stopping it frees that memory. */
static void a_queue_that_cannot_be_taken_back_stops_the_controller(void **state)
{
	struct model_rule rule = model_rule(MODEL_FAIL);
	struct nnvme_qpair *qp;
	struct rig r;

	rig_up(&r, NULL, 4);
	rule.qid = 0;
	rule.status = RIG_DNR(NVME_SC_INTERNAL);
	rule.opcode = nvme_admin_create_sq;
	model_inject(r.m, &rule);
	rule.opcode = nvme_admin_delete_cq;
	model_inject(r.m, &rule);
	assert_int_equal(nnvme_qpair_create(r.ctrl, 8, &qp, &r.err), -EIO);
	assert_false(model_ready(r.m));
	assert_int_equal(nnvme_ctrl_check(r.ctrl, &r.err), -EIO);
	assert_int_equal(nnvme_qpair_create(r.ctrl, 8, &qp, &r.err), -EIO);
	rig_down(&r);
}

static void a_refused_deletion_stops_the_controller(void **state)
{
	static const uint8_t opcode[] = { nvme_admin_delete_sq, nvme_admin_delete_cq };
	struct model_rule rule = model_rule(MODEL_FAIL);
	struct rig r;

	for (unsigned i = 0; i < 2; i++) {
		rig_up(&r, NULL, 4);
		rule.qid = 0;
		rule.status = RIG_DNR(NVME_SC_INTERNAL);
		rule.opcode = opcode[i];
		model_inject(r.m, &rule);
		nnvme_qpair_destroy(r.qp);
		assert_non_null(strstr(r.log, "Delete I/O"));
		assert_false(model_ready(r.m));
		rig_down(&r);
	}
}

static void a_controller_that_is_never_ready_is_given_up(void **state)
{
	struct rig r;

	rig_model(&r, "never_ready=1,to=1");
	assert_int_equal(rig_open(&r), -ETIMEDOUT);
	assert_non_null(strstr(r.err.text, "CSTS.RDY=1"));
	rig_down(&r);
}

/* Raises CSTS.CFS as soon as the host has enabled the controller. */
static void *fail_to_start(void *arg)
{
	struct rig *r = arg;
	struct model_counts c;

	do {
		sched_yield();
		counts(r, &c);
	} while (!c.enables);
	model_fatal(r->m);
	return NULL;
}

static void a_controller_that_fails_to_start_is_told_by_its_status(void **state)
{
	pthread_t thread;
	struct rig r;

	rig_model(&r, "never_ready=1,to=2");
	assert_int_equal(model_create(&r.config, &r.m, NULL), 0);
	assert_int_equal(pthread_create(&thread, NULL, fail_to_start, &r), 0);
	assert_int_equal(rig_open(&r), -EIO);
	assert_non_null(strstr(r.err.text, "CSTS.CFS"));
	pthread_join(thread, NULL);
	rig_down(&r);
}

static void limits_that_do_not_fit_are_refused_untouched(void **state)
{
	static const char *settings[] = { "mpsmin=1", "mqes=0" };
	static const char *word[] = { "MPSMIN", "MQES" };
	struct model_counts c;
	struct rig r;

	for (unsigned i = 0; i < 2; i++) {
		rig_model(&r, settings[i]);
		assert_true(rig_open(&r) < 0);
		assert_non_null(strstr(r.err.text, word[i]));
		counts(&r, &c);
		assert_int_equal(c.enables, 0);
		assert_int_equal(c.map, 0);
		assert_false(model_bus_mastering(r.m));
		rig_down(&r);
	}
}

static void a_fatal_status_is_told_and_survived(void **state)
{
	struct nnvme_qpair *qp;
	struct rig r;

	rig_up(&r, NULL, 4);
	assert_int_equal(nnvme_ctrl_check(r.ctrl, &r.err), 0);
	model_fatal(r.m);
	assert_int_equal(nnvme_ctrl_check(r.ctrl, &r.err), -EIO);
	assert_non_null(strstr(r.err.text, "CFS"));
	assert_int_equal(nnvme_qpair_create(r.ctrl, 4, &qp, &r.err), -EIO);
	rig_close(&r);
	rig_down(&r);
}

/* Gone from the bus: the device is closed, and can be opened when it is back. */
static void a_vanished_controller_is_let_go(void **state)
{
	struct model_counts c;
	struct rig r;

	rig_up(&r, NULL, 4);
	rig_alloc(&r, 4096);
	model_vanish(r.m);
	assert_int_equal(nnvme_ctrl_check(r.ctrl, &r.err), -ENODEV);
	assert_non_null(strstr(r.err.text, "all ones"));
	rig_close(&r);
	counts(&r, &c);
	assert_int_equal(c.mapped, 0);
	assert_int_equal(c.close, 1);
	assert_int_equal(c.reset, 0);	/* which could take a minute, for nothing */
	assert_int_equal(rig_open(&r), -ENODEV);
	model_return(r.m);
	assert_int_equal(rig_open(&r), 0);
	rig_queue(&r, 4);
	rig_down(&r);
}

/* Registers all ones, and an error from configuration space that proves nothing. */
static void a_controller_without_registers_is_not_taken_for_gone(void **state)
{
	struct model_counts c;
	struct rig r;

	rig_up(&r, NULL, 4);
	rig_alloc(&r, 4096);
	model_vanish(r.m);
	model_fail_call(r.m, MODEL_BUS_MASTER, 0, 0, -EIO);
	assert_int_equal(nnvme_qpair_destroy(r.qp), -EBUSY);
	assert_int_equal(nnvme_ctrl_close(r.ctrl), -EBUSY);
	counts(&r, &c);
	assert_int_equal(c.unmap, 0);
	assert_int_equal(c.close, 0);
	assert_non_null(strstr(r.log, "not given back"));
	model_inject_clear(r.m);	/* and now it is gone */
	rig_down(&r);
}

/* Its registers do nothing; what else works decides what happens to the memory. */
static void freeze_and_close(struct rig *r, bool reset_works, bool bus_master_works,
			     struct model_counts *c)
{
	rig_up(r, "to=1", 4);
	nnvme_qpair_destroy(r->qp);
	rig_alloc(r, 4096);
	model_freeze(r->m, true);
	if (!reset_works)
		model_fail_call(r->m, MODEL_RESET, 0, 0, -EIO);
	if (!bus_master_works)
		model_fail_call(r->m, MODEL_BUS_MASTER, 0, 0, -EIO);
	rig_close(r);
	counts(r, c);
}

static void a_frozen_controller_is_reset(void **state)
{
	struct model_counts c;
	struct rig r;

	freeze_and_close(&r, true, true, &c);
	assert_int_equal(c.reset, 1);
	assert_non_null(strstr(r.log, "shutdown"));
	rig_down(&r);
}

static void bus_mastering_off_is_the_last_resort(void **state)
{
	struct model_counts c;
	struct rig r;

	freeze_and_close(&r, false, true, &c);
	assert_int_equal(c.unmap, c.map);
	assert_false(model_bus_mastering(r.m));
	rig_down(&r);
}

/* Failed, its registers do nothing, and the kernel can't help. */
static void make_unstoppable(struct rig *r)
{
	model_fatal(r->m);
	model_freeze(r->m, true);
	model_fail_call(r->m, MODEL_RESET, 0, 0, -EIO);
	model_fail_call(r->m, MODEL_BUS_MASTER, 0, 0, -EIO);
}

static void make_stoppable(struct rig *r)
{
	model_inject_clear(r->m);
	model_freeze(r->m, false);
}

/* Calls that would give memory back return -EBUSY, until the controller has stopped after all. */
static void what_cannot_be_stopped_keeps_its_memory(void **state)
{
	struct model_rule hold = model_rule(MODEL_HOLD);
	char *own = aligned_alloc(4096, 8192);
	struct model_counts before, c;
	struct rig r;
	void *buf;

	rig_up(&r, "to=1", 4);
	buf = rig_alloc(&r, 1 << 20);
	assert_int_equal(nnvme_mem_register(r.ctrl, own, 8192, &r.err), 0);
	model_inject(r.m, &hold);
	assert_int_equal(nnvme_read(r.qp, r.ns, buf, 0, 8, buf), 0);
	assert_int_equal(nnvme_read(r.qp, r.ns, own, 0, 8, own), 0);
	nnvme_ring(r.qp);
	while (model_held(r.m) < 2)
		sched_yield();
	counts(&r, &before);
	make_unstoppable(&r);
	assert_int_equal(nnvme_qpair_destroy(r.qp), -EBUSY);
	assert_non_null(strstr(r.log, "not given back"));
	assert_int_equal(nnvme_mem_free(r.ctrl, buf), -EBUSY);
	assert_ptr_not_equal(nnvme_mem_alloc(r.ctrl, 4096, &r.err), buf);
	assert_int_equal(nnvme_mem_unregister(r.ctrl, own, 8192, &r.err), -EBUSY);
	assert_non_null(strstr(r.err.text, "may still write"));
	assert_int_equal(nnvme_ctrl_close(r.ctrl), -EBUSY);
	counts(&r, &c);
	assert_int_equal(c.unmap, before.unmap);
	assert_int_equal(c.close, 0);
	assert_true(c.mapped >= before.mapped);
	make_stoppable(&r);
	rig_close(&r);
	counts(&r, &c);
	assert_int_equal(c.close, 1);
	assert_int_equal(c.mapped, 0);
	rig_down(&r);
	free(own);
}

/* Each attempt takes CAP.TO: one for all queue pairs, and one more to close. */
static void a_failed_stop_is_not_repeated_for_each_queue_pair(void **state)
{
	struct nnvme_qpair *qp[8];
	struct model_counts c;
	struct rig r;

	rig_up(&r, "to=1", 4);
	for (int i = 0; i < 8; i++)
		assert_int_equal(nnvme_qpair_create(r.ctrl, 4, &qp[i], &r.err), 0);
	make_unstoppable(&r);
	assert_int_equal(nnvme_qpair_destroy(qp[0]), -EBUSY);
	assert_int_equal(nnvme_qpair_destroy(qp[1]), -EBUSY);
	assert_int_equal(nnvme_ctrl_close(r.ctrl), -EBUSY);
	counts(&r, &c);
	assert_int_equal(c.reset, 2);
	make_stoppable(&r);
	rig_down(&r);
}

/* Nobody has a handle to a controller that failed to open: opening it again closes it first. */
static void what_was_neither_opened_nor_stopped_can_be_opened_again(void **state)
{
	struct model_counts c;
	struct rig r;

	rig_model(&r, "never_ready=1,to=1");
	assert_int_equal(model_create(&r.config, &r.m, NULL), 0);
	model_fail_call(r.m, MODEL_RESET, 0, 0, -EIO);
	model_fail_call(r.m, MODEL_BUS_MASTER, 1, 0, -EIO);	/* it can be switched on */
	assert_int_equal(rig_open(&r), -ETIMEDOUT);
	counts(&r, &c);
	assert_int_equal(c.close, 0);
	assert_int_equal(rig_open(&r), -EBUSY);
	model_inject_clear(r.m);
	assert_int_equal(rig_open(&r), -ETIMEDOUT);
	counts(&r, &c);
	assert_int_equal(c.close, 2);
	rig_down(&r);
}

/* Each call to the device that bring-up makes fails once. */
static void a_failing_call_in_bring_up_leaves_nothing(void **state)
{
	static const enum model_call calls[] = { MODEL_MAP, MODEL_BUS_ADDR, MODEL_BUS_MASTER };
	struct rig r;

	for (unsigned i = 0; i < 3; i++)
		for (unsigned skip = 0;; skip++) {
			int ret;

			rig_model(&r, "to=1");
			assert_int_equal(model_create(&r.config, &r.m, NULL), 0);
			model_fail_call(r.m, calls[i], skip, 1, -ENOMEM);
			ret = rig_open(&r);
			if (ret) {
				assert_true(strlen(r.err.text) > 5);
				r.ctrl = NULL;
			}
			rig_down(&r);
			if (!ret)
				break;
		}
}

static void one_opener_at_a_time(void **state)
{
	struct nnvme_ctrl *second;
	struct rig r;

	rig_up(&r, NULL, 4);
	assert_int_equal(nnvme_ctrl_open(RIG_NAME, NULL, &second, &r.err), -EBUSY);
	rig_close(&r);
	assert_int_equal(rig_open(&r), 0);
	rig_down(&r);
}

static void every_life_begins_anew(void **state)
{
	struct rig r;

	rig_up(&r, NULL, 4);
	for (int life = 0; life < 20; life++) {
		uint8_t *buf = rig_alloc(&r, 4096);

		buf[0] = (uint8_t)life;
		assert_int_equal(rig_write(&r, buf, 0, 1), 0);
		rig_close(&r);
		assert_int_equal(rig_mapped(&r), 0);
		rig_start(&r, 1 + (unsigned)life * 3);
		buf = rig_alloc(&r, 4096);
		assert_int_equal(rig_read(&r, buf, 0, 1), 0);
		assert_int_equal(buf[0], life);
	}
	rig_down(&r);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_clean_end_shuts_down_and_disables),
		cmocka_unit_test(closing_nothing_is_allowed),
		cmocka_unit_test(a_running_controller_is_stopped_first),
		cmocka_unit_test(commands_in_flight_die_with_their_queue),
		cmocka_unit_test(commands_not_rung_are_forgotten),
		cmocka_unit_test(a_refused_queue_leaves_nothing),
		cmocka_unit_test(a_queue_that_may_be_known_is_kept),
		cmocka_unit_test(a_queue_that_cannot_be_taken_back_stops_the_controller),
		cmocka_unit_test(a_refused_deletion_stops_the_controller),
		cmocka_unit_test(a_controller_that_is_never_ready_is_given_up),
		cmocka_unit_test(a_controller_that_fails_to_start_is_told_by_its_status),
		cmocka_unit_test(limits_that_do_not_fit_are_refused_untouched),
		cmocka_unit_test(a_fatal_status_is_told_and_survived),
		cmocka_unit_test(a_vanished_controller_is_let_go),
		cmocka_unit_test(a_controller_without_registers_is_not_taken_for_gone),
		cmocka_unit_test(a_frozen_controller_is_reset),
		cmocka_unit_test(bus_mastering_off_is_the_last_resort),
		cmocka_unit_test(what_cannot_be_stopped_keeps_its_memory),
		cmocka_unit_test(a_failed_stop_is_not_repeated_for_each_queue_pair),
		cmocka_unit_test(what_was_neither_opened_nor_stopped_can_be_opened_again),
		cmocka_unit_test(a_failing_call_in_bring_up_leaves_nothing),
		cmocka_unit_test(one_opener_at_a_time),
		cmocka_unit_test(every_life_begins_anew),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
