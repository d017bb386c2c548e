// SPDX-License-Identifier: MIT
/*
 * One thread's queue can't be deleted, which stops the controller for all: what the owners of the
 * other queue pairs see.
 */
#include <poll.h>
#include <pthread.h>

#include "wait_rig.h"
#include "nvme/private.h"

#define ABORTED 8u	/* Base 2.x, Generic Command Status: Command Aborted due to SQ Deletion */

struct stop {
	struct rig r;
	struct nnvme_qpair *other;	/* whose deletion fails */
	uint8_t *buf;			/* 1 MiB */
	unsigned seen[256];		/* by tag */
	unsigned status[256];
};

static void up(struct stop *s, const char *settings, unsigned depth)
{
	memset(s, 0, sizeof(*s));
	wait_up(&s->r, settings, depth);
	assert_int_equal(nnvme_qpair_create(s->r.ctrl, 1, &s->other, &s->r.err), 0);
	s->buf = rig_alloc(&s->r, 1 << 20);
}

static void hold_everything(struct stop *s)
{
	struct model_rule hold = model_rule(MODEL_HOLD);

	model_inject(s->r.m, &hold);
}

/* The deletion fails, which usually stops the controller. */
static void stop(struct stop *s)
{
	struct model_rule rule = model_rule(MODEL_FAIL);

	rule.qid = 0;
	rule.opcode = nvme_admin_delete_sq;
	rule.status = RIG_DNR(NVME_SC_INTERNAL);
	model_inject(s->r.m, &rule);
	assert_int_equal(nnvme_qpair_destroy(s->other), 0);
	assert_false(model_ready(s->r.m));
}

static void read_blocks(struct stop *s, uintptr_t tag, uint32_t blocks)
{
	assert_int_equal(nnvme_read(s->r.qp, s->r.ns, s->buf, 0, blocks, (void *)tag), 0);
}

/* All there is, a few at a time. */
static void take_all(struct stop *s, unsigned max)
{
	struct nnvme_completion done[8];
	unsigned n;

	/* the first poll may find only the notice */
	for (int empty = 0; empty < 2; empty += !n) {
		n = nnvme_poll(s->r.qp, done, max);
		for (unsigned i = 0; i < n; i++) {
			s->seen[(uintptr_t)done[i].tag]++;
			s->status[(uintptr_t)done[i].tag] = done[i].status;
		}
	}
}

static void expect(struct stop *s, unsigned from, unsigned to, unsigned status)
{
	for (unsigned i = from; i < to; i++) {
		assert_int_equal(s->seen[i], 1);
		assert_int_equal(s->status[i], status);
	}
}

static void nothing_goes_any_more(struct stop *s)
{
	struct rig *r = &s->r;
	struct iovec iov[2] = { { s->buf, 4096 }, { s->buf + 8192, 4096 } };
	struct nnvme_batch b;

	assert_int_equal(nnvme_read(r->qp, r->ns, s->buf, 0, 1, s), -EIO);
	assert_int_equal(nnvme_write(r->qp, r->ns, s->buf, 0, 2048, s), -EIO);
	assert_int_equal(nnvme_readv(r->qp, r->ns, iov, 2, 0, s), -EIO);
	assert_int_equal(nnvme_readv(r->qp, r->ns, iov, 1, 0, s), -EIO);
	assert_int_equal(nnvme_flush(r->qp, r->ns, s), -EIO);
	assert_int_equal(nnvme_write_zeroes(r->qp, r->ns, 0, 1, s), -EIO);
	assert_int_equal(nnvme_deallocate(r->qp, r->ns, 0, 1, s), -EIO);
	b = nnvme_batch_begin(r->qp, r->ns);
	assert_int_equal(nnvme_batch_read(&b, s->buf, 0, 1, s), -EIO);
	nnvme_batch_end(&b);
	assert_int_equal(nnvme_ctrl_check(r->ctrl, &r->err), -EIO);
}

static void all_is_over(struct stop *s)
{
	assert_int_equal(nnvme_in_flight(s->r.qp), 0);
	assert_int_equal(nnvme_qp(s->r.qp)->bad_completions, 0);
	assert_int_equal(nnvme_wait(s->r.qp, 0, FOR_EVER), -EIO);
	nothing_goes_any_more(s);
	wait_down(&s->r);
}

/* From every place in the rings, full and not, on long completion queues and the shortest. */
static void commands_come_back_aborted(const char *settings, unsigned depth, unsigned flying,
				       unsigned max)
{
	for (unsigned before = 0; before < 150; before += 1 + depth / 2) {
		struct stop s;

		up(&s, settings, depth);
		for (unsigned i = 0; i < before; i++)
			assert_int_equal(rig_read(&s.r, s.buf, 0, 1), 0);
		hold_everything(&s);
		for (unsigned i = 0; i < flying; i++)
			read_blocks(&s, i, 1);
		nnvme_ring(s.r.qp);
		while (model_held(s.r.m) < flying)
			sched_yield();
		stop(&s);
		take_all(&s, max);
		expect(&s, 0, flying, ABORTED);
		all_is_over(&s);
	}
}

static void commands_in_flight_come_back_aborted(void **state)
{
	commands_come_back_aborted(NULL, 16, 0, 1);
	commands_come_back_aborted(NULL, 16, 9, 1);
	commands_come_back_aborted("dbbuf=1", 16, 16, 3);
	commands_come_back_aborted("mqes=15", 15, 15, 8);
	commands_come_back_aborted("mqes=1", 1, 1, 8);
	commands_come_back_aborted("mqes=1", 1, 1, 1);
}

/* Half of them are completed and not yet polled: they are told apart. */
static void what_was_completed_was_completed(void **state)
{
	struct model_rule hold = model_rule(MODEL_HOLD);
	struct stop s;

	hold.skip = 5;
	up(&s, NULL, 16);
	model_inject(s.r.m, &hold);
	for (unsigned i = 0; i < 12; i++)
		read_blocks(&s, i, 1);
	nnvme_ring(s.r.qp);
	while (model_held(s.r.m) < 7)
		sched_yield();
	stop(&s);
	take_all(&s, 4);
	expect(&s, 0, 5, 0);
	expect(&s, 5, 12, ABORTED);
	all_is_over(&s);
}

/* In slots where earlier commands had lists; these commands have none. */
static void there_is_no_result(void **state)
{
	struct model_rule fail = model_rule(MODEL_FAIL);
	struct nnvme_completion done;
	struct stop s;

	up(&s, "mqes=7", 4);
	fail.status = RIG_DNR(NVME_SC_INTERNAL);
	fail.result = 0x1234;
	model_inject(s.r.m, &fail);
	for (unsigned i = 0; i < 16; i++) {
		read_blocks(&s, 0, 1);
		done = rig_wait(&s.r);
		assert_int_equal(done.status, fail.status);
		assert_int_equal(done.result, fail.result);
	}
	model_inject_clear(s.r.m);
	hold_everything(&s);
	read_blocks(&s, 0, 1);
	stop(&s);
	while (!nnvme_poll(s.r.qp, &done, 1))
		;
	assert_int_equal(done.status, ABORTED);
	assert_int_equal(done.result, 0);
	all_is_over(&s);
}

/* Split transfers, own lists, a spare slot; and entries written but not announced. */
static void all_kinds_come_back(void **state)
{
	struct iovec iov[8];
	struct stop s;

	up(&s, "mdts=2", 16);
	hold_everything(&s);
	read_blocks(&s, 0, 1);
	read_blocks(&s, 1, 2048);	/* 64 commands, as many at a time as there is room for */
	nnvme_ring(s.r.qp);
	while (model_held(s.r.m) < 16)
		sched_yield();
	stop(&s);
	take_all(&s, 1);
	expect(&s, 0, 2, ABORTED);
	all_is_over(&s);

	up(&s, NULL, 16);
	hold_everything(&s);
	for (unsigned i = 0; i < 8; i++)
		iov[i] = (struct iovec){ s.buf + 8192 * i, 4096 };
	assert_int_equal(nnvme_readv(s.r.qp, s.r.ns, iov, 8, 0, (void *)0), 0);
	assert_int_equal(nnvme_deallocate(s.r.qp, s.r.ns, 0, 8, (void *)1), 0);
	nnvme_ring(s.r.qp);
	while (model_held(s.r.m) < 2)
		sched_yield();
	assert_int_equal(nnvme_flush(s.r.qp, s.r.ns, (void *)2), 0);
	stop(&s);
	nnvme_ring(s.r.qp);	/* which the model would take for a doorbell of no queue */
	take_all(&s, 8);
	expect(&s, 0, 3, ABORTED);
	all_is_over(&s);
}

/* The queue is full: submission must report the reason, not -EAGAIN. */
static void a_full_queue_says_so_too(void **state)
{
	struct stop s;

	up(&s, NULL, 4);
	hold_everything(&s);
	for (unsigned i = 0; i < 4; i++)
		read_blocks(&s, i, 1);
	nnvme_ring(s.r.qp);
	while (model_held(s.r.m) < 4)
		sched_yield();
	assert_int_equal(nnvme_read(s.r.qp, s.r.ns, s.buf, 0, 1, &s), -EAGAIN);
	stop(&s);
	nothing_goes_any_more(&s);
	take_all(&s, 1);
	expect(&s, 0, 4, ABORTED);
	all_is_over(&s);
}

static void a_sleeper_wakes_up(void **state)
{
	struct pollfd fd = { .events = POLLIN };
	struct stop s;

	up(&s, "interrupts=1", 4);
	hold_everything(&s);
	read_blocks(&s, 7, 1);
	assert_int_equal(nnvme_arm(s.r.qp), 0);
	while (model_held(s.r.m) < 1)
		sched_yield();
	fd.fd = nnvme_qpair_fd(s.r.qp);
	assert_int_equal(poll(&fd, 1, 0), 0);
	stop(&s);
	assert_int_equal(poll(&fd, 1, 0), 1);
	assert_int_equal(nnvme_arm(s.r.qp), 1);
	assert_int_equal(nnvme_wait(s.r.qp, 0, FOR_EVER), 1);
	take_all(&s, 8);
	expect(&s, 7, 8, ABORTED);
	assert_int_equal(nnvme_arm(s.r.qp), -EIO);
	all_is_over(&s);
}

static void *poll_to_the_end(void *arg)
{
	struct stop *s = arg;
	struct nnvme_completion done[3];
	unsigned back = 0;

	while (back < 16) {
		unsigned n = nnvme_poll(s->r.qp, done, 3);

		for (unsigned i = 0; i < n; i++) {
			s->seen[(uintptr_t)done[i].tag]++;
			s->status[(uintptr_t)done[i].tag] = done[i].status;
		}
		back += n;
		if (!n)
			sched_yield();
	}
	return NULL;
}

static void a_polling_thread_comes_to_its_end(void **state)
{
	pthread_t thread;
	struct stop s;

	for (int round = 0; round < 50; round++) {
		up(&s, round % 2 ? "dbbuf=1" : NULL, 16);
		hold_everything(&s);
		for (unsigned i = 0; i < 16; i++)
			read_blocks(&s, i, 1);
		nnvme_ring(s.r.qp);
		while (model_held(s.r.m) < 16)
			sched_yield();
		assert_int_equal(pthread_create(&thread, NULL, poll_to_the_end, &s), 0);
		stop(&s);
		pthread_join(thread, NULL);
		expect(&s, 0, 16, ABORTED);
		all_is_over(&s);
	}
}

/*
 * The controller may still execute them: nothing is returned, but nothing new is accepted either.
 */
static void a_controller_that_goes_on_keeps_its_commands(void **state)
{
	struct stop s;

	up(&s, "to=1", 4);
	hold_everything(&s);
	read_blocks(&s, 0, 1);
	nnvme_ring(s.r.qp);
	while (model_held(s.r.m) < 1)
		sched_yield();
	model_fatal(s.r.m);
	model_freeze(s.r.m, true);
	model_fail_call(s.r.m, MODEL_RESET, 0, 0, -EIO);
	model_fail_call(s.r.m, MODEL_BUS_MASTER, 0, 0, -EIO);
	assert_int_equal(nnvme_qpair_destroy(s.other), -EBUSY);
	take_all(&s, 8);
	assert_int_equal(s.seen[0], 0);
	assert_int_equal(nnvme_in_flight(s.r.qp), 1);
	nothing_goes_any_more(&s);
	assert_int_equal(nnvme_wait(s.r.qp, 0, FOR_EVER), -EIO);
	model_inject_clear(s.r.m);
	model_freeze(s.r.m, false);
	wait_down(&s.r);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, wait_hook, wait_unhook)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(commands_in_flight_come_back_aborted), TEST(what_was_completed_was_completed),
		TEST(there_is_no_result),
		TEST(all_kinds_come_back), TEST(a_full_queue_says_so_too), TEST(a_sleeper_wakes_up),
		TEST(a_polling_thread_comes_to_its_end),
		TEST(a_controller_that_goes_on_keeps_its_commands),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
