// SPDX-License-Identifier: MIT
/*
 * Sleeping until any of several queue pairs has something. As in queue_wait.c, the controller acts
 * at each moment in turn: at each of the driver's system calls, for each queue pair.
 */
#include "wait_rig.h"
#include "nvme/private.h"

#define QUEUES 3u
#define OTHER "0000:0b:00.0"

struct many {
	struct rig r;
	struct nnvme_qpair *qp[QUEUES];
	char *buf;
};

static void many_up(struct many *m, const char *settings)
{
	wait_up(&m->r, settings, 4);
	m->qp[0] = m->r.qp;
	for (unsigned i = 1; i < QUEUES; i++)
		assert_int_equal(nnvme_qpair_create(m->r.ctrl, 4, &m->qp[i], &m->r.err), 0);
	m->buf = rig_alloc(&m->r, QUEUES * 4096);
}

static void many_submit(struct many *m, unsigned queue)
{
	char *buf = m->buf + queue * 4096;

	assert_int_equal(nnvme_read(m->qp[queue], m->r.ns, buf, 0, 1, buf), 0);
}

static void many_take(struct many *m, unsigned queue)
{
	struct nnvme_completion done;

	assert_int_equal(nnvme_poll(m->qp[queue], &done, 1), 1);
	assert_ptr_equal(done.tag, m->buf + queue * 4096);
	assert_int_equal(done.status, 0);
}

/* As many as fit, up to @most. */
static unsigned fill(struct many *m, unsigned most)
{
	unsigned n = 0;

	for (unsigned i = 0; i < QUEUES; i++)
		while (n < most && !nnvme_read(m->qp[i], m->r.ns, m->buf, 0, 1, m->buf))
			n++;
	return n;
}

static uint64_t missed(struct many *m)
{
	uint64_t sum = 0;

	for (unsigned i = 0; i < QUEUES; i++)
		sum += nnvme_qp(m->qp[i])->missed_interrupts;
	return sum;
}

static unsigned calls_left;

/* The command ends at the last of so many system calls. */
static void complete_at_call(struct rig *r)
{
	if (calls_left-- != 1)
		return;
	moment.before_clear = moment.after_clear = moment.before_sleep = NULL;
	model_drain(r->m);
}

/* At the call with that number, over the rings' ends; @sleeps: does the driver sleep before? */
static void comes_at(void (**when)(struct rig *r), unsigned call, const char *setting,
		     unsigned sleeps)
{
	struct many m;

	many_up(&m, setting);
	rig_step_by_hand(&m.r);
	for (unsigned i = 0; i < 100 * QUEUES; i++) {
		unsigned queue = i % QUEUES;

		moment.sleeps = moment.woken = 0;
		many_submit(&m, queue);
		calls_left = call;
		*when = complete_at_call;
		assert_int_equal(nnvme_wait_many(m.qp, QUEUES, 0, FOR_EVER), queue + 1);
		many_take(&m, queue);
		assert_int_equal(moment.sleeps, sleeps);
		assert_int_equal(moment.woken, sleeps);
	}
	assert_int_equal(missed(&m), 0);
	wait_down(&m.r);
}

static const char *const settings[] = {
	NULL, "interrupts=1", "interrupts=1,dbbuf=1", "interrupts=1,mode=iommu",
};
#define EACH_SETTING(s) for (unsigned s = 0; s < sizeof(settings) / sizeof(settings[0]); s++)

static void it_comes_before_old_ones_are_forgotten(void **state)
{
	EACH_SETTING(s)
		for (unsigned call = 1; call <= QUEUES; call++)
			comes_at(&moment.before_clear, call, settings[s], 0);
}

static void it_comes_before_the_last_look(void **state)
{
	EACH_SETTING(s)
		for (unsigned call = 1; call <= QUEUES; call++)
			comes_at(&moment.after_clear, call, settings[s], 0);
}

static void it_comes_after_the_last_look(void **state)
{
	EACH_SETTING(s)
		comes_at(&moment.before_sleep, 1, settings[s], 1);
}

static void step_one(struct rig *r)
{
	model_step(r->m, 1);
}

/* Four in flight on each; one ends each sleep. The controller interrupts as rarely as it may. */
static void the_rarest_interrupts_are_enough(void **state)
{
	EACH_SETTING(s) {
		struct nnvme_completion done[4];
		unsigned submitted = 0, back = 0;
		struct many m;

		many_up(&m, settings[s]);
		rig_step_by_hand(&m.r);
		moment.before_sleep = step_one;
		while (back < 1000) {
			int ready;

			submitted += fill(&m, 1000 - submitted);
			moment.sleeps = moment.woken = 0;
			ready = nnvme_wait_many(m.qp, QUEUES, 0, FOR_EVER);
			assert_in_range(ready, 1, QUEUES);
			assert_int_equal(moment.woken, moment.sleeps);
			back += nnvme_poll(m.qp[ready - 1], done, 4);
		}
		assert_int_equal(back, submitted);
		assert_int_equal(missed(&m), 0);
		wait_down(&m.r);
	}
}

static void all_are_rung_and_the_first_is_named(void **state)
{
	struct many m;

	many_up(&m, NULL);	/* the controller's thread runs */
	for (unsigned i = 0; i < QUEUES; i++)
		many_submit(&m, i);
	for (unsigned i = 0; i < QUEUES; i++)
		while (!nnvme_ready(m.qp[i]))
			assert_in_range(nnvme_wait_many(m.qp, QUEUES, 0, FOR_EVER), 1, QUEUES);
	for (unsigned i = 0; i < QUEUES; i++) {
		assert_int_equal(nnvme_wait_many(m.qp, QUEUES, 0, FOR_EVER), i + 1);
		many_take(&m, i);
	}
	wait_down(&m.r);
}

static void nothing_comes(void **state)
{
	struct many m;

	many_up(&m, NULL);
	rig_step_by_hand(&m.r);
	assert_int_equal(nnvme_wait_many(m.qp, QUEUES, 0, 0), 0);
	assert_int_equal(moment.sleeps, 0);
	assert_int_equal(nnvme_wait_many(m.qp, QUEUES, 0, BEFORE_OVER), 0);
	assert_in_range(moment.sleeps, 1, 3);	/* asleep all the time, without looking around */
	assert_int_equal(nnvme_wait_many(m.qp, QUEUES, 1000, 20), 0);
	moment.sleeps = 0;
	assert_int_equal(nnvme_wait_many(m.qp, QUEUES, UINT64_MAX, 20), 0);
	assert_int_equal(moment.sleeps, 0);
	moment.fail_sleep = EINTR;
	assert_int_equal(nnvme_wait_many(m.qp, QUEUES, 0, FOR_EVER), -EINTR);
	wait_down(&m.r);
}

static void numbers_that_make_no_sense(void **state)
{
	struct nnvme_qpair *qp[NNVME_WAIT_MAX + 1];
	struct many m;

	many_up(&m, NULL);
	for (unsigned i = 0; i <= NNVME_WAIT_MAX; i++)
		qp[i] = m.qp[0];
	assert_int_equal(nnvme_wait_many(qp, 0, 0, 0), -EINVAL);
	assert_int_equal(nnvme_wait_many(qp, NNVME_WAIT_MAX + 1, 0, 0), -EINVAL);
	many_submit(&m, 0);
	/* all are the same: the completion may come while any of them is looked at */
	assert_in_range(nnvme_wait_many(qp, NNVME_WAIT_MAX, UINT64_MAX, FOR_EVER), 1,
			NNVME_WAIT_MAX);
	wait_down(&m.r);
}

/* One more queue pair, of its own controller. */
struct other {
	struct model_config config;
	struct model *m;
	struct nnvme_ctrl *ctrl;
	struct nnvme_qpair *qp;
};

static void other_up(struct other *o, bool interrupts)
{
	struct nnvme_options options = {
		.size = sizeof(options), .hugepages = NNVME_HUGEPAGES_OFF, .interrupts = interrupts,
	};

	model_defaults(&o->config);
	o->config.name = OTHER;
	o->config.ready = 0;
	assert_int_equal(model_create(&o->config, &o->m, NULL), 0);
	assert_int_equal(nnvme_ctrl_open(OTHER, &options, &o->ctrl, NULL), 0);
	assert_int_equal(nnvme_qpair_create(o->ctrl, 4, &o->qp, NULL), 0);
}

static void other_down(struct other *o)
{
	assert_int_equal(nnvme_ctrl_close(o->ctrl), 0);
	model_destroy(o->m);
}

static void several_controllers(void **state)
{
	struct nnvme_qpair *qp[3];
	struct nnvme_completion done;
	const struct nnvme_ns *ns;
	struct other o;
	struct many m;
	void *buf;

	many_up(&m, "interrupts=1");
	other_up(&o, true);
	ns = nnvme_ns_get(o.ctrl, 1, NULL);
	buf = nnvme_mem_alloc(o.ctrl, 4096, NULL);
	qp[0] = m.qp[0];
	qp[1] = o.qp;
	qp[2] = m.qp[2];
	for (int i = 0; i < 500; i++) {
		many_submit(&m, 2);
		assert_int_equal(nnvme_wait_many(qp, 3, 0, FOR_EVER), 3);
		many_take(&m, 2);
		assert_int_equal(nnvme_read(o.qp, ns, buf, 0, 1, buf), 0);
		assert_int_equal(nnvme_wait_many(qp, 3, 0, FOR_EVER), 2);
		assert_int_equal(nnvme_poll(o.qp, &done, 1), 1);
	}
	assert_int_equal(missed(&m) + nnvme_qp(o.qp)->missed_interrupts, 0);
	other_down(&o);
	wait_down(&m.r);
}

/* One that can only be polled: all are polled, and none is slept on. */
static void some_without_interrupts(void **state)
{
	struct nnvme_completion done;
	struct nnvme_qpair *qp[2];
	const struct nnvme_ns *ns;
	struct other o;
	struct many m;
	void *buf;

	many_up(&m, NULL);
	other_up(&o, false);
	ns = nnvme_ns_get(o.ctrl, 1, NULL);
	buf = nnvme_mem_alloc(o.ctrl, 4096, NULL);
	for (unsigned i = 0; i < 100; i++) {
		unsigned polled = i % 2;

		qp[polled] = o.qp;
		qp[!polled] = m.qp[0];
		assert_int_equal(nnvme_read(o.qp, ns, buf, 0, 1, buf), 0);
		assert_int_equal(nnvme_wait_many(qp, 2, 0, FOR_EVER), polled + 1);
		assert_int_equal(nnvme_poll(o.qp, &done, 1), 1);
		many_submit(&m, 0);
		assert_int_equal(nnvme_wait_many(qp, 2, 0, FOR_EVER), !polled + 1);
		many_take(&m, 0);
	}
	assert_int_equal(nnvme_wait_many(qp, 2, 0, 5), 0);
	assert_int_equal(moment.sleeps, 0);
	other_down(&o);
	wait_down(&m.r);
}

/* A dead controller is reported before a sleep, even if it is the last; completions come first. */
static void a_controller_is_gone(void **state)
{
	struct nnvme_qpair *qp[QUEUES];
	struct other o;
	struct many m;

	for (unsigned at = 0; at < 4; at++) {
		bool interrupts = at % 2;

		moment.sleeps = 0;
		many_up(&m, NULL);
		other_up(&o, interrupts);
		memcpy(qp, m.qp, sizeof(qp));
		qp[at / 2 ? 2 : 0] = o.qp;
		model_fatal(o.m);
		assert_int_equal(nnvme_wait_many(qp, QUEUES, 0, FOR_EVER), -EIO);
		many_submit(&m, 1);
		nnvme_ring(m.qp[1]);
		while (!nnvme_ready(m.qp[1]))
			sched_yield();
		assert_int_equal(nnvme_wait_many(qp, QUEUES, 0, FOR_EVER), 2);
		many_take(&m, 1);
		model_vanish(o.m);
		assert_int_equal(nnvme_wait_many(qp, QUEUES, 0, FOR_EVER), -ENODEV);
		assert_int_equal(moment.sleeps, 0);
		if (interrupts) {	/* also what comes at the last moment */
			rig_step_by_hand(&m.r);
			many_submit(&m, 1);
			calls_left = 2;
			moment.after_clear = complete_at_call;
			assert_int_equal(nnvme_wait_many(qp, QUEUES, 0, FOR_EVER), 2);
			many_take(&m, 1);
			model_start(m.r.m);
			m.r.by_hand = false;
		}
		/* the others live on without it */
		many_submit(&m, 1);
		assert_int_equal(nnvme_wait_many(m.qp, QUEUES, 0, FOR_EVER), 2);
		many_take(&m, 1);
		other_down(&o);
		wait_down(&m.r);
	}
}

/* A wait that is over with its spin learns of it, too. */
static void a_controller_is_gone_in_a_short_wait(void **state)
{
	struct rig r;

	for (unsigned interrupts = 0; interrupts < 2; interrupts++) {
		rig_model(&r, NULL);
		r.options.interrupts = interrupts;
		assert_int_equal(rig_open(&r), 0);
		rig_queue(&r, 4);
		assert_int_equal(nnvme_wait(r.qp, UINT32_MAX, 1), 0);
		model_fatal(r.m);
		assert_int_equal(nnvme_wait(r.qp, UINT32_MAX, 1), -EIO);
		assert_int_equal(nnvme_wait(r.qp, 0, 0), 0);
		model_vanish(r.m);
		assert_int_equal(nnvme_wait(r.qp, UINT32_MAX, 1), -ENODEV);
		wait_down(&r);
	}
}

/*
 * A controller that does not interrupt is found out, with those of its queues that waited in vain.
 */
static void a_missed_interrupt_is_counted_where_it_was_missed(void **state)
{
	struct many m;

	many_up(&m, NULL);
	rig_step_by_hand(&m.r);
	moment.before_sleep = complete_at_call;
	calls_left = 1;
	/* nobody raises those of the other two */
	for (unsigned i = 0; i < QUEUES; i++)
		nnvme_qp(m.qp[i])->eventfd = nnvme_qp(m.qp[0])->eventfd;
	many_submit(&m, 2);
	assert_int_equal(nnvme_wait_many(m.qp, QUEUES, 0, FOR_EVER), 3);
	assert_int_equal(nnvme_qp(m.qp[2])->missed_interrupts, 1);
	assert_int_equal(missed(&m), 1);
	assert_non_null(strstr(m.r.log, "no interrupt came"));
	many_take(&m, 2);
	wait_down(&m.r);
}

static void none_is_lost_of_many(void **state)
{
	EACH_SETTING(s) {
		unsigned submitted = 0, back = 0;
		struct nnvme_completion done[4];
		struct many m;

		many_up(&m, settings[s]);
		while (back < 10000) {
			int ready;

			submitted += fill(&m, 10000 - submitted);
			ready = nnvme_wait_many(m.qp, QUEUES, s % 2 ? 2000 : 0, 10000);
			assert_in_range(ready, 1, QUEUES);
			for (unsigned i = (unsigned)ready - 1; i < QUEUES; i++)
				back += nnvme_poll(m.qp[i], done, 4);
		}
		assert_int_equal(back, submitted);
		assert_int_equal(missed(&m), 0);
		wait_down(&m.r);
	}
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, wait_hook, wait_unhook)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(it_comes_before_old_ones_are_forgotten), TEST(it_comes_before_the_last_look),
		TEST(it_comes_after_the_last_look), TEST(the_rarest_interrupts_are_enough),
		TEST(all_are_rung_and_the_first_is_named), TEST(nothing_comes),
		TEST(numbers_that_make_no_sense), TEST(several_controllers),
		TEST(some_without_interrupts),
		TEST(a_controller_is_gone), TEST(a_controller_is_gone_in_a_short_wait),
		TEST(a_missed_interrupt_is_counted_where_it_was_missed),
		TEST(none_is_lost_of_many),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
