// SPDX-License-Identifier: MIT
/*
 * Sleeping until the controller interrupts. Each moment at which an interrupt could get lost is
 * tested: the driver clears its eventfd and goes to sleep through nnvme_sys, so a test can let the
 * controller act right before either.
 */
#include <dirent.h>
#include <sys/epoll.h>

#include "wait_rig.h"
#include "nvme/private.h"

/* One command from submission to completion, exactly once. */
static void complete_one(struct rig *r)
{
	moment.before_clear = moment.after_clear = moment.before_sleep = NULL;
	model_drain(r->m);
}

static uint64_t interrupts(struct rig *r)
{
	struct model_counts counts;

	model_counts(r->m, &counts);
	return counts.interrupts;
}

/* At which moment the controller acts, and whether the driver gets to sleep at all. */
static void comes_at(void (**when)(struct rig *r), const char *settings, unsigned sleeps)
{
	struct rig r;
	void *buf;

	buf = wait_up_by_hand(&r, settings, 4);
	for (int i = 0; i < 300; i++) {	/* over the rings' ends */
		moment.sleeps = moment.woken = 0;
		submit(&r, buf);
		*when = complete_one;
		assert_int_equal(nnvme_wait(r.qp, 0, FOR_EVER), 1);
		take(&r, buf);
		assert_int_equal(moment.sleeps, sleeps);
		assert_int_equal(moment.woken, sleeps);
	}
	assert_int_equal(nnvme_qp(r.qp)->missed_interrupts, 0);
	wait_down(&r);
}

static void it_comes_before_old_ones_are_forgotten(void **state)
{
	comes_at(&moment.before_clear, NULL, 0);
	comes_at(&moment.before_clear, "interrupts=1", 0);
	comes_at(&moment.before_clear, "interrupts=1,dbbuf=1", 0);
}

static void it_comes_before_the_last_look(void **state)
{
	comes_at(&moment.after_clear, NULL, 0);
	comes_at(&moment.after_clear, "interrupts=1", 0);
	comes_at(&moment.after_clear, "interrupts=1,dbbuf=1", 0);
}

static void it_comes_after_the_last_look(void **state)
{
	comes_at(&moment.before_sleep, NULL, 1);
	comes_at(&moment.before_sleep, "interrupts=1", 1);
	comes_at(&moment.before_sleep, "interrupts=1,dbbuf=1", 1);
	comes_at(&moment.before_sleep, "interrupts=1,vectors=1", 1);
	comes_at(&moment.before_sleep, "interrupts=1,mode=iommu", 1);
}

static void step_one(struct rig *r)
{
	model_step(r->m, 1);
}

/*
 * Eight in flight, one completion per sleep, on a controller that interrupts only for the first
 * entry after all were acknowledged.
 */
static void one_at_a_time(const char *settings)
{
	struct nnvme_completion done[8];
	unsigned submitted = 0, back = 0, n;
	struct rig r;
	void *buf;

	buf = wait_up_by_hand(&r, settings, 8);
	moment.before_sleep = step_one;
	while (back < 1000) {
		while (submitted < 1000 && !nnvme_read(r.qp, r.ns, buf, 0, 1, buf))
			submitted++;
		moment.sleeps = moment.woken = 0;
		assert_int_equal(nnvme_wait(r.qp, 0, FOR_EVER), 1);
		assert_int_equal(moment.woken, moment.sleeps);
		n = nnvme_poll(r.qp, done, 8);
		assert_true(n > 0);
		back += n;
	}
	assert_int_equal(nnvme_qp(r.qp)->missed_interrupts, 0);
	wait_down(&r);
}

static void the_rarest_interrupts_are_enough(void **state)
{
	one_at_a_time("interrupts=1");
	one_at_a_time("interrupts=1,dbbuf=1");
	one_at_a_time("interrupts=1,vectors=1,dbbuf=1");
	one_at_a_time("interrupts=0,dbbuf=1");
}

/*
 * The doorbell's value is 10; the queue is read once round to the same index, with a busy
 * controller's shadow alone; then the host sleeps. It must write the doorbell, or the next
 * completion does not interrupt.
 */
static void a_round_since_the_last_doorbell_is_acknowledged(void **state)
{
	struct model_counts before, after;
	struct pollfd pfd = { .events = POLLIN };
	struct rig r;
	uint32_t entries;
	void *buf;

	buf = wait_up_by_hand(&r, "interrupts=1,dbbuf=1", 8);
	entries = (uint32_t)(r.qp->cq_end - r.qp->cq);
	for (int i = 0; i < 10; i++)
		assert_int_equal(rig_read(&r, buf, 0, 1), 0);
	assert_int_equal(nnvme_arm(r.qp), 0);
	model_drain(r.m);
	model_counts(r.m, &before);
	for (uint32_t i = 11; i <= 10 + entries; i++) {
		/*
		 * the controller has already passed the head that the host is about to write: no
		 * need to ring
		 */
		*nnvme_qp(r.qp)->shadow.cq_eventidx = i % entries;
		assert_int_equal(rig_read(&r, buf, 0, 1), 0);
	}
	model_counts(r.m, &after);
	assert_int_equal(after.cq_doorbells, before.cq_doorbells);
	submit(&r, buf);
	assert_int_equal(nnvme_arm(r.qp), 0);
	model_drain(r.m);
	model_counts(r.m, &after);
	assert_int_equal(after.cq_doorbells, before.cq_doorbells + 1);
	pfd.fd = nnvme_qpair_fd(r.qp);
	assert_int_equal(poll(&pfd, 1, 0), 1);
	take(&r, buf);
	/* once is enough: the same value again would be an error */
	assert_int_equal(nnvme_arm(r.qp), 0);
	assert_int_equal(nnvme_arm(r.qp), 0);
	model_drain(r.m);
	model_counts(r.m, &after);
	assert_int_equal(after.cq_doorbells, before.cq_doorbells + 2);
	wait_down(&r);
}

/* An interrupt raised during polling ends one sleep early, no more. */
static void old_interrupts_are_harmless(void **state)
{
	struct rig r;
	void *buf;

	buf = wait_up_by_hand(&r, NULL, 4);
	for (int i = 0; i < 10; i++)
		assert_int_equal(rig_read(&r, buf, 0, 1), 0);
	assert_true(interrupts(&r) >= 10);
	submit(&r, buf);
	moment.before_sleep = complete_one;
	assert_int_equal(nnvme_wait(r.qp, 0, FOR_EVER), 1);
	assert_int_equal(moment.sleeps, 1);
	take(&r, buf);
	wait_down(&r);
}

static void nothing_comes(void **state)
{
	struct rig r;

	wait_up(&r, NULL, 4);
	rig_step_by_hand(&r);
	assert_int_equal(nnvme_wait(r.qp, 0, 0), 0);
	assert_int_equal(moment.sleeps, 0);
	assert_int_equal(nnvme_wait(r.qp, 0, BEFORE_OVER), 0);
	assert_in_range(moment.sleeps, 1, 3);	/* asleep all the time, without looking around */
	assert_int_equal(nnvme_wait(r.qp, 1000, 20), 0);
	assert_int_equal(nnvme_wait(r.qp, UINT64_MAX, 20), 0);
	assert_int_equal(moment.woken, 0);
	wait_down(&r);
}

static void a_spin_that_succeeds_does_not_sleep(void **state)
{
	struct rig r;
	void *buf;

	wait_up(&r, NULL, 4);	/* the controller's thread runs */
	buf = rig_alloc(&r, 4096);
	for (int i = 0; i < 100; i++) {
		submit(&r, buf);
		assert_int_equal(nnvme_wait(r.qp, 10000000000, FOR_EVER), 1);
		take(&r, buf);
		submit(&r, buf);
		assert_int_equal(nnvme_wait(r.qp, UINT64_MAX, FOR_EVER), 1);
		take(&r, buf);
	}
	assert_int_equal(moment.sleeps, 0);
	wait_down(&r);
}

static void a_signal_ends_a_sleep(void **state)
{
	struct rig r;

	wait_up(&r, NULL, 4);
	moment.fail_sleep = EINTR;
	assert_int_equal(nnvme_wait(r.qp, 0, FOR_EVER), -EINTR);
	wait_down(&r);
}

/* Without interrupts, only spinning is possible; and the controller raises none. */
static void without_interrupts(void **state)
{
	struct rig r;
	void *buf;

	rig_up(&r, NULL, 4);
	buf = rig_alloc(&r, 4096);
	assert_int_equal(nnvme_qpair_fd(r.qp), -1);
	assert_int_equal(nnvme_arm(r.qp), -EOPNOTSUPP);
	for (int i = 0; i < 100; i++) {
		submit(&r, buf);
		assert_int_equal(nnvme_wait(r.qp, 0, FOR_EVER), 1);
		take(&r, buf);
	}
	assert_int_equal(nnvme_wait(r.qp, 0, 5), 0);
	assert_int_equal(interrupts(&r), 0);
	rig_down(&r);
}

/* ---- vectors ---- */

static void each_queue_pair_has_its_vector(void **state)
{
	struct nnvme_qpair *qp[3];
	struct nnvme_ctrl_info info = { .size = sizeof(info) };
	struct rig r;

	wait_up(&r, "vectors=4", 4);
	nnvme_ctrl_info(r.ctrl, &info);
	assert_int_equal(info.max_qpairs, 3);
	for (int i = 0; i < 2; i++)
		assert_int_equal(nnvme_qpair_create(r.ctrl, 4, &qp[i], &r.err), 0);
	assert_int_not_equal(nnvme_qpair_fd(qp[0]), nnvme_qpair_fd(qp[1]));
	assert_int_not_equal(nnvme_qpair_fd(qp[0]), nnvme_qpair_fd(r.qp));
	assert_int_equal(nnvme_qpair_create(r.ctrl, 4, &qp[2], &r.err), -ENOSPC);
	assert_non_null(strstr(r.err.text, "each takes a vector"));
	nnvme_qpair_destroy(qp[0]);
	assert_int_equal(nnvme_qpair_create(r.ctrl, 4, &qp[2], &r.err), 0);
	wait_down(&r);
}

static void fewer_vectors_than_the_device_has(void **state)
{
	struct nnvme_ctrl_info info = { .size = sizeof(info) };
	struct rig r;
	void *buf;

	wait_up(&r, "vectors_given=2", 4);
	nnvme_ctrl_info(r.ctrl, &info);
	assert_int_equal(info.max_qpairs, 1);
	buf = rig_alloc(&r, 4096);
	submit(&r, buf);
	assert_int_equal(nnvme_wait(r.qp, 0, FOR_EVER), 1);
	take(&r, buf);
	wait_down(&r);
}

static int open_files(void)
{
	struct dirent **names;
	int n = scandir("/proc/self/fd", &names, NULL, NULL);

	for (int i = 0; i < n; i++)
		free(names[i]);
	free(names);
	return n;
}

static void no_interrupts_to_be_had(void **state)
{
	int files = open_files();
	struct rig r;

	rig_model(&r, "vectors=0");
	r.options.interrupts = true;
	assert_int_equal(rig_open(&r), -EOPNOTSUPP);
	assert_non_null(strstr(r.err.text, "no interrupts"));
	rig_down(&r);
	rig_model(&r, NULL);
	r.options.interrupts = true;
	assert_int_equal(model_create(&r.config, &r.m, NULL), 0);
	model_fail_call(r.m, MODEL_INTERRUPTS_ON, 0, 1, -EIO);
	assert_int_equal(rig_open(&r), -EIO);
	for (int left = 0; left < 17; left += 4) {
		moment.events_left = left;
		assert_int_equal(rig_open(&r), -EMFILE);
		assert_non_null(strstr(r.err.text, "ulimit -n"));
	}
	moment.events_left = -1;
	assert_int_equal(rig_open(&r), 0);
	rig_down(&r);
	assert_int_equal(open_files(), files);
}

/* A queue's last interrupts are still counted when the next queue gets its vector. */
static void queues_come_and_go(void **state)
{
	int files = open_files();
	struct rig r;
	void *buf;

	wait_up(&r, "interrupts=1,vectors=2", 4);
	buf = rig_alloc(&r, 4096);
	for (int i = 0; i < 50; i++) {
		submit(&r, buf);
		if (i % 3)
			assert_int_equal(nnvme_wait(r.qp, 0, FOR_EVER), 1);
		nnvme_qpair_destroy(r.qp);
		rig_queue(&r, 1 + (unsigned)i % 4);
		submit(&r, buf);
		assert_int_equal(nnvme_wait(r.qp, 0, FOR_EVER), 1);
		take(&r, buf);
		assert_int_equal(nnvme_wait(r.qp, 0, 1), 0);
	}
	assert_int_equal(nnvme_qp(r.qp)->missed_interrupts, 0);
	wait_down(&r);
	assert_int_equal(open_files(), files);
}

/* ---- a loop of one's own ---- */

static unsigned drain(struct nnvme_qpair *const qp[2], bool *ready)
{
	struct nnvme_completion done[8];
	unsigned n = 0, k;

	*ready = false;
	for (int i = 0; i < 2; i++) {
		while ((k = nnvme_poll(qp[i], done, 8)))
			n += k;
		*ready |= nnvme_arm(qp[i]) > 0;
	}
	return n;
}

static void two_queues_in_an_epoll_set(void **state)
{
	int set = epoll_create1(EPOLL_CLOEXEC);
	unsigned submitted = 0, back = 0;
	struct epoll_event event = { .events = EPOLLIN };
	struct nnvme_qpair *qp[2];
	struct rig r;
	bool ready;
	void *buf;

	wait_up(&r, "interrupts=1", 8);
	buf = rig_alloc(&r, 4096);
	qp[0] = r.qp;
	assert_int_equal(nnvme_qpair_create(r.ctrl, 3, &qp[1], &r.err), 0);
	for (int i = 0; i < 2; i++)
		assert_int_equal(epoll_ctl(set, EPOLL_CTL_ADD, nnvme_qpair_fd(qp[i]), &event), 0);
	while (back < 3000) {
		for (int i = 0; i < 2; i++)
			while (submitted < 3000 && !nnvme_read(qp[i], r.ns, buf, 0, 1, buf))
				submitted++;
		back += drain(qp, &ready);
		if (!ready && back < submitted)
			assert_int_equal(epoll_wait(set, &event, 1, 10000), 1);
	}
	assert_int_equal(back, submitted);
	close(set);
	wait_down(&r);
}

/* ---- as a thread, at full speed ---- */

static void run_many(const char *settings, unsigned depth, unsigned count, uint64_t spin_ns)
{
	struct nnvme_completion done[32];
	unsigned submitted = 0, back = 0, n;
	struct rig r;
	void *buf;

	wait_up(&r, settings, depth);
	buf = rig_alloc(&r, 4096);
	while (back < count) {
		while (submitted < count && !nnvme_read(r.qp, r.ns, buf, submitted % 100, 1, buf))
			submitted++;
		assert_int_equal(nnvme_wait(r.qp, spin_ns, 10000), 1);
		n = nnvme_poll(r.qp, done, 1 + submitted % 32);
		assert_true(n > 0);
		for (unsigned i = 0; i < n; i++)
			assert_int_equal(done[i].status, 0);
		back += n;
	}
	assert_int_equal(nnvme_in_flight(r.qp), 0);
	assert_int_equal(nnvme_qp(r.qp)->missed_interrupts, 0);
	assert_true(interrupts(&r) > 0);
	wait_down(&r);
}

static void none_is_lost_of_many(void **state)
{
	run_many(NULL, 1, 5000, 0);
	run_many(NULL, 32, 20000, 0);
	run_many("interrupts=1", 1, 5000, 0);
	run_many("interrupts=1", 32, 20000, 0);
	run_many("interrupts=1", 32, 20000, 5000);
	run_many("interrupts=1,dbbuf=1", 32, 20000, 0);
	run_many("interrupts=1,dbbuf=1,vectors=1,mode=iommu", 3, 5000, 2000);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, wait_hook, wait_unhook)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(it_comes_before_old_ones_are_forgotten),
		TEST(it_comes_before_the_last_look), TEST(it_comes_after_the_last_look),
		TEST(the_rarest_interrupts_are_enough),
		TEST(a_round_since_the_last_doorbell_is_acknowledged),
		TEST(old_interrupts_are_harmless),
		TEST(nothing_comes), TEST(a_spin_that_succeeds_does_not_sleep),
		TEST(a_signal_ends_a_sleep), TEST(without_interrupts),
		TEST(each_queue_pair_has_its_vector), TEST(fewer_vectors_than_the_device_has),
		TEST(no_interrupts_to_be_had), TEST(queues_come_and_go),
		TEST(two_queues_in_an_epoll_set), TEST(none_is_lost_of_many),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
