// SPDX-License-Identifier: MIT
/* Queue pairs on the software controller: depths, being full, doorbells, how many there are. */
#include <pthread.h>

#include "driver_rig.h"
#include "nvme/private.h"

static void *tag_of(unsigned i)
{
	return (void *)(uintptr_t)(i + 1);
}

/* Fill the queue, see it full, complete one, fill again; over the ends of all rings many times. */
static void fill_and_drain(struct rig *r, unsigned depth, void *buf)
{
	struct nnvme_completion done[64];
	unsigned submitted = 0, back = 0, n;

	assert_int_equal(nnvme_sq_space_left(r->qp), depth);
	for (unsigned i = 0; i < depth; i++) {
		assert_int_equal(nnvme_in_flight(r->qp), i);
		assert_int_equal(nnvme_read(r->qp, r->ns, buf, i % 100, 1, tag_of(submitted++)), 0);
	}
	assert_int_equal(nnvme_sq_space_left(r->qp), 0);
	assert_int_equal(nnvme_read(r->qp, r->ns, buf, 0, 1, tag_of(0)), -EAGAIN);
	assert_int_equal(nnvme_flush(r->qp, r->ns, tag_of(0)), -EAGAIN);
	assert_int_equal(nnvme_write_zeroes(r->qp, r->ns, 0, 1, tag_of(0)), -EAGAIN);
	assert_int_equal(nnvme_deallocate(r->qp, r->ns, 0, 1, tag_of(0)), -EAGAIN);
	for (unsigned round = 0; back < submitted; round++) {
		nnvme_ring(r->qp);
		n = rig_poll(r, done, 1 + round % 64);
		for (unsigned i = 0; i < n; i++) {
			assert_ptr_equal(done[i].tag, tag_of(back++));
			assert_int_equal(done[i].status, 0);
		}
		for (unsigned i = 0; i < n && submitted < 5 * depth + 300; i++)
			assert_int_equal(nnvme_read(r->qp, r->ns, buf, i, 1, tag_of(submitted++)),
					 0);
		assert_int_equal(nnvme_in_flight(r->qp), submitted - back);
	}
	assert_int_equal(nnvme_sq_space_left(r->qp), depth);
	assert_int_equal(nnvme_qp(r->qp)->bad_completions, 0);
}

static void try_depths(const char *settings, const unsigned *depths, unsigned n)
{
	struct rig r;
	void *buf;

	for (unsigned i = 0; i < n; i++) {
		buf = rig_up_by_hand(&r, settings, depths[i]);
		fill_and_drain(&r, depths[i], buf);
		rig_down(&r);
	}
}

static void every_depth_can_be_filled_and_drained(void **state)
{
	static const unsigned depths[] = { 1, 2, 3, 4, 5, 7, 8, 15, 16, 17, 31, 32, 33, 63, 64, 100,
					   127, 128, 255, 256, 500, 511, 512, 1000, 1023 };

	try_depths("mqes=1023,run=512", depths, sizeof(depths) / sizeof(depths[0]));
}

/* When the controller allows no more entries than the depth needs. */
static void depths_at_the_limit_work(void **state)
{
	static const unsigned one[] = { 1 }, two[] = { 1, 2 }, seven[] = { 3, 4, 6, 7 };
	static const unsigned odd[] = { 50, 99, 100 };

	try_depths("mqes=1,run=512", one, 1);
	try_depths("mqes=2,run=512", two, 2);
	try_depths("mqes=7,run=512", seven, 4);
	try_depths("mqes=100,run=512", odd, 3);
}

static void a_large_queue_works(void **state)
{
	struct nnvme_ctrl_info info = { .size = sizeof(info) };
	struct rig r;
	void *buf;

	rig_model(&r, "mqes=65535,run=4096");
	assert_int_equal(rig_open(&r), 0);
	r.ns = nnvme_ns_get(r.ctrl, 1, NULL);
	nnvme_ctrl_info(r.ctrl, &info);
	assert_true(info.max_depth >= 1024);
	rig_queue(&r, info.max_depth);
	buf = rig_alloc(&r, 4096);
	rig_step_by_hand(&r);
	fill_and_drain(&r, info.max_depth, buf);
	rig_down(&r);
}

static void impossible_depths_are_refused(void **state)
{
	static const unsigned bad[] = { 0, 64, 65, 65535, 65536, UINT32_MAX };
	struct nnvme_qpair *qp;
	struct rig r;

	rig_up(&r, "mqes=63", 63);
	for (unsigned i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		assert_int_equal(nnvme_qpair_create(r.ctrl, bad[i], &qp, &r.err), -EINVAL);
		assert_non_null(strstr(r.err.text, "63"));
	}
	rig_down(&r);
}

static void queues_run_out_and_come_back(void **state)
{
	struct nnvme_qpair *qp[3];
	struct nnvme_ctrl_info info = { .size = sizeof(info) };
	struct rig r;

	rig_up(&r, "queues=4", 8);
	nnvme_ctrl_info(r.ctrl, &info);
	assert_int_equal(info.max_qpairs, 4);
	for (int i = 0; i < 3; i++)
		assert_int_equal(nnvme_qpair_create(r.ctrl, 8, &qp[i], &r.err), 0);
	assert_int_equal(nnvme_qpair_create(r.ctrl, 8, &qp[1], &r.err), -ENOSPC);
	assert_non_null(strstr(r.err.text, "4"));
	nnvme_qpair_destroy(qp[0]);
	assert_int_equal(nnvme_qpair_create(r.ctrl, 5, &qp[0], &r.err), 0);
	rig_down(&r);	/* destroys the rest */
}

static void a_batch_is_one_doorbell(void **state)
{
	struct nnvme_completion done[32];
	struct model_counts a, b;
	struct rig r;
	void *buf;

	buf = rig_up_by_hand(&r, NULL, 32);
	nnvme_ring(r.qp);
	model_step(r.m, 1);
	model_counts(r.m, &a);
	assert_int_equal(a.sq_doorbells, 0);	/* nothing new: no store */
	assert_int_equal(r.qp->sq_rings, 0);
	for (int batch = 1; batch <= 10; batch++) {
		for (unsigned i = 0; i < 32; i++)
			assert_int_equal(nnvme_read(r.qp, r.ns, buf, 0, 1, NULL), 0);
		model_step(r.m, 100);
		model_counts(r.m, &b);
		assert_int_equal(b.io_commands, 32 * (batch - 1));	/* not before the ring */
		nnvme_ring(r.qp);
		nnvme_ring(r.qp);
		model_drain(r.m);
		assert_int_equal(nnvme_poll(r.qp, done, 32), 32);
		assert_int_equal(nnvme_poll(r.qp, done, 32), 0);
		model_drain(r.m);
		model_counts(r.m, &b);
		assert_int_equal(b.sq_doorbells, batch);
		/* Half of twice as many entries: queue_head. */
		assert_int_equal(b.cq_doorbells, batch / 2);
		assert_int_equal(r.qp->sq_rings, batch);
		assert_int_equal(nnvme_qp(r.qp)->cq_rings, batch / 2);
	}
	rig_down(&r);
}

/* Poll returns no more than asked for, and finds the rest later. */
static void poll_stops_at_max(void **state)
{
	struct nnvme_completion done[8];
	struct rig r;
	void *buf;

	buf = rig_up_by_hand(&r, NULL, 8);
	for (unsigned i = 0; i < 8; i++)
		assert_int_equal(nnvme_read(r.qp, r.ns, buf, 0, 1, tag_of(i)), 0);
	nnvme_ring(r.qp);
	assert_int_equal(rig_poll(&r, done, 0), 0);
	assert_int_equal(nnvme_poll(r.qp, done, 3), 3);
	assert_ptr_equal(done[2].tag, tag_of(2));
	assert_int_equal(nnvme_poll(r.qp, done, 8), 5);
	assert_ptr_equal(done[0].tag, tag_of(3));
	rig_down(&r);
}

static void completions_in_any_order_find_their_tags(void **state)
{
	static const enum model_order order[] = { MODEL_LIFO, MODEL_RANDOM, MODEL_FIFO };
	struct model_rule hold = model_rule(MODEL_HOLD);
	struct nnvme_completion done[64];
	struct rig r;
	void *buf;

	buf = rig_up_by_hand(&r, NULL, 50);
	model_inject(r.m, &hold);
	for (unsigned round = 0; round < 60; round++) {
		unsigned n = 1 + round * 7 % 50;
		uint64_t seen = 0;

		for (unsigned i = 0; i < n; i++)
			assert_int_equal(nnvme_read(r.qp, r.ns, buf, i, 1, tag_of(i)), 0);
		nnvme_ring(r.qp);
		model_drain(r.m);
		assert_int_equal(model_release(r.m, order[round % 3]), n);
		assert_int_equal(rig_poll(&r, done, 64), n);
		for (unsigned i = 0; i < n; i++)
			seen |= 1ull << ((uintptr_t)done[i].tag - 1);
		assert_int_equal(seen, (1ull << n) - 1);
	}
	rig_down(&r);
}

/* One slow command keeps its slot while the others go round and round. */
static void a_straggler_does_not_stop_the_rest(void **state)
{
	struct model_rule hold = model_rule(MODEL_HOLD);
	struct nnvme_completion done[16];
	unsigned back = 0, n;
	struct rig r;
	void *buf;

	buf = rig_up_by_hand(&r, NULL, 8);
	hold.skip = 2;
	hold.times = 3;
	model_inject(r.m, &hold);
	for (unsigned i = 0; i < 1000; i++) {
		while (nnvme_read(r.qp, r.ns, buf, 0, 1, tag_of(i)) == -EAGAIN) {
			nnvme_ring(r.qp);
			n = rig_poll(&r, done, 16);
			assert_true(n > 0);
			back += n;
		}
	}
	nnvme_ring(r.qp);
	while ((n = rig_poll(&r, done, 16)))
		back += n;
	assert_int_equal(back, 997);
	assert_int_equal(nnvme_in_flight(r.qp), 3);
	assert_int_equal(nnvme_sq_space_left(r.qp), 5);
	model_release(r.m, MODEL_RANDOM);
	assert_int_equal(rig_poll(&r, done, 16), 3);
	for (unsigned i = 0; i < 3; i++)
		assert_true(done[i].tag == tag_of(2) || done[i].tag == tag_of(3) ||
			    done[i].tag == tag_of(4));
	assert_int_equal(nnvme_sq_space_left(r.qp), 8);
	rig_down(&r);
}

struct worker {
	struct rig *r;
	struct nnvme_qpair *qp;
	uint8_t *buf;
	unsigned number, errors;
};

/* Writes and verifies its own part of the namespace. */
static void *work(void *arg)
{
	struct worker *w = arg;
	struct nnvme_completion done;

	for (unsigned i = 0; i < 400; i++) {
		uint64_t lba = w->number * 1000 + i % 100;
		bool write = i / 100 % 2 == 0;

		if (write)
			memset(w->buf, (int)(w->number * 16 + i % 16), 512);
		w->errors += write ? !!nnvme_write(w->qp, w->r->ns, w->buf, lba, 1, w) :
			     !!nnvme_read(w->qp, w->r->ns, w->buf, lba, 1, w);
		nnvme_ring(w->qp);
		while (!nnvme_poll(w->qp, &done, 1))
			sched_yield();
		w->errors += done.status || done.tag != w;
		w->errors += !write && w->buf[511] != w->number * 16 + (i - 100) % 16;
	}
	return NULL;
}

static void a_thread_has_a_queue_of_its_own(void **state)
{
	struct worker w[8] = { 0 };
	pthread_t thread[8];
	struct rig r;

	rig_up(&r, "queues=8", 4);
	for (unsigned i = 0; i < 8; i++) {
		w[i] = (struct worker){ .r = &r, .qp = r.qp, .number = i };
		if (i)
			assert_int_equal(nnvme_qpair_create(r.ctrl, 1 + i, &w[i].qp, &r.err), 0);
		w[i].buf = rig_alloc(&r, 4096);
	}
	for (unsigned i = 0; i < 8; i++)
		assert_int_equal(pthread_create(&thread[i], NULL, work, &w[i]), 0);
	for (unsigned i = 0; i < 8; i++) {
		pthread_join(thread[i], NULL);
		assert_int_equal(w[i].errors, 0);
	}
	rig_down(&r);
}

/* Physical pages that are never contiguous: a shallow queue needs no two contiguous pages. */
static void scattered_memory_gives_shallow_queues(void **state)
{
	static const unsigned depths[] = { 1, 31, 32, 63 };
	struct nnvme_qpair *qp;
	struct rig r;
	uint8_t *buf;

	try_depths("run=1", depths, 4);
	rig_up(&r, "run=1,size=16m,mdts=0", 63);
	assert_string_equal(r.err.text, "");	/* having tried more first is no failure */
	assert_int_equal(nnvme_qpair_create(r.ctrl, 64, &qp, &r.err), -ENOMEM);
	assert_non_null(strstr(r.err.text, "huge pages"));
	buf = rig_alloc(&r, 5 << 20);
	assert_int_equal(rig_read(&r, buf + 4, 0, 2048), 0);
	assert_int_equal(rig_read(&r, buf + 4, 0, 8192), 0);
	assert_int_equal(nnvme_deallocate(r.qp, r.ns, 0, 1, &r), 0);
	assert_int_equal(rig_wait(&r).status, 0);
	rig_down(&r);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_depth_can_be_filled_and_drained),
		cmocka_unit_test(depths_at_the_limit_work),
		cmocka_unit_test(a_large_queue_works),
		cmocka_unit_test(impossible_depths_are_refused),
		cmocka_unit_test(queues_run_out_and_come_back),
		cmocka_unit_test(a_batch_is_one_doorbell),
		cmocka_unit_test(poll_stops_at_max),
		cmocka_unit_test(completions_in_any_order_find_their_tags),
		cmocka_unit_test(a_straggler_does_not_stop_the_rest),
		cmocka_unit_test(a_thread_has_a_queue_of_its_own),
		cmocka_unit_test(scattered_memory_gives_shallow_queues),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
