// SPDX-License-Identifier: MIT
/* Memory of raw I/O commands in flight is not given back, and other memory is. */
#include <pthread.h>
#include <sys/mman.h>

#include "raw_rig.h"

#define PAGES 1200u

/* Exactly the @count pages from @first on, and that of the metadata, can't be unregistered. */
static void expect_busy(struct rig *r, uint8_t *mem, unsigned first, unsigned count,
			unsigned metadata)
{
	for (unsigned i = 0; i < PAGES; i++) {
		bool used = (i >= first && i < first + count) || i == metadata;
		int ret = nnvme_mem_unregister(r->ctrl, mem + i * PAGE, PAGE, NULL);

		if (ret != (used ? -EBUSY : 0))
			fail_msg("page %u: %d", i, ret);
		if (!ret)
			assert_int_equal(nnvme_mem_register(r->ctrl, mem + i * PAGE, PAGE, NULL),
					 0);
	}
}

/* No slot takes a later command for a raw one; of a raw read the caller's length counts. */
static void plain_ones_after_raw_ones(struct rig *r, uint8_t *mem)
{
	struct nnvme_command none = raw_command(RAW_NONE),
			     cmd = raw_blocks(NNVME_OP_READ, mem, 0, 1);

	r->ns = nnvme_ns_get(r->ctrl, 1, NULL);
	for (uint32_t i = 0; i < 2 * r->qp->end / 8; i++)
		assert_int_equal(raw_run(r, &none).status, 0);
	assert_int_equal(nnvme_read(r->qp, r->ns, mem, 0, 24, r), 0);
	expect_busy(r, mem, 0, 3, PAGES);
	assert_int_equal(rig_wait(r).status, 0);
	cmd.data_len = 3 * PAGE;
	assert_int_equal(nnvme_io_command(r->qp, &cmd, r), 0);
	expect_busy(r, mem, 0, 3, PAGES);
	assert_int_equal(rig_wait(r).status, 0);
	expect_busy(r, mem, 0, 0, PAGES);
}

static void memory_stays(const char *settings, uint32_t quirks)
{
	static const struct { unsigned first, offset, len; uint8_t opcode;
	} c[] = {
		{ 3, 0, 512, RAW_TO },
		{ 3, PAGE - 4, 8, RAW_FROM },
		{ 250, 8, 20 * PAGE, RAW_BOTH },
		{ 5, 512, 2 * PAGE, RAW_TO },
		{ 100, 4, 511 * PAGE, RAW_FROM },
		{ 0, 0, PAGE, RAW_NONE },
		{ 7, 4, 1023 * PAGE, RAW_TO },
	};
	struct rig r;
	uint8_t *mem;

	rig_model(&r, settings);
	r.config.any_fields = true;
	r.options.quirks = quirks;
	assert_int_equal(rig_open(&r), 0);
	rig_queue(&r, 4);
	mem = mmap(NULL, PAGES * PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	assert_true(mem != MAP_FAILED);
	for (unsigned i = 0; i < PAGES; i++)
		assert_int_equal(nnvme_mem_register(r.ctrl, mem + i * PAGE, PAGE, NULL), 0);
	rig_step_by_hand(&r);
	for (unsigned i = 0; i < sizeof(c) / sizeof(c[0]); i++) {
		struct nnvme_command cmd = raw_data(c[i].opcode,
						    mem + c[i].first * PAGE + c[i].offset,
						    c[i].len);

		cmd.cdw12 = 0xffff;	/* would be a length, were it a read */
		cmd.metadata = mem + 1150 * PAGE + 100;
		cmd.metadata_len = cmd.cdw11 = 40;
		assert_int_equal(nnvme_io_command(r.qp, &cmd, &r), 0);
		expect_busy(&r, mem, c[i].first, (c[i].offset + c[i].len + PAGE - 1) / PAGE, 1150);
		assert_int_equal(rig_wait(&r).status, 0);
		expect_busy(&r, mem, 0, 0, PAGES);
	}
	plain_ones_after_raw_ones(&r, mem);
	rig_close(&r);
	munmap(mem, PAGES * PAGE);
	rig_down(&r);
}

static void memory_in_flight_is_not_unregistered(void **state)
{
	memory_stays("vendor=1,size=8m,mdts=10,run=16", 0);
	memory_stays("vendor=1,size=8m,mdts=10,mode=iommu", 0);
	memory_stays("vendor=1,size=8m,mdts=10,run=1", NNVME_QUIRK_ALIGNED_LISTS);
}

/* Its entry is another's by then, plain or raw, in a spare slot. */
static void a_command_older_than_the_ring(void **state)
{
	for (unsigned second = 0; second < 2; second++) {
		struct model_rule hold = model_rule(MODEL_HOLD);
		struct nnvme_command cmd, other;
		struct nnvme_completion done;
		uint8_t *a, *b, *meta;
		uint64_t result = 0;
		struct rig r;

		raw_up(&r, "vendor=1,mqes=2", 2);
		a = rig_alloc(&r, 3 * PAGE);
		b = rig_alloc(&r, PAGE);
		meta = rig_alloc(&r, PAGE);
		cmd = raw_data(RAW_FROM, a + 512, 2 * PAGE);
		cmd.metadata = meta;
		cmd.metadata_len = 16;
		cmd.result = &result;
		cmd.cdw15 = 1;
		other = raw_data(RAW_FROM, b, 8);
		hold.times = 1;
		model_inject(r.m, &hold);
		assert_int_equal(nnvme_io_command(r.qp, &cmd, &cmd), 0);
		nnvme_ring(r.qp);
		model_drain(r.m);
		for (unsigned i = 0; i < 30; i++) {
			if (second)
				assert_int_equal(nnvme_io_command(r.qp, &other, b), 0);
			else
				assert_int_equal(nnvme_read(r.qp, r.ns, b, 0, 1, b), 0);
			assert_int_equal(nnvme_mem_free(r.ctrl, a), -EBUSY);
			assert_int_equal(nnvme_mem_free(r.ctrl, meta), -EBUSY);
			assert_int_equal(nnvme_mem_free(r.ctrl, b), -EBUSY);
			done = rig_wait(&r);
			assert_ptr_equal(done.tag, b);
			assert_int_equal(done.status, 0);
		}
		assert_int_equal(result, 0);
		model_release(r.m, MODEL_FIFO);
		done = rig_wait(&r);
		assert_ptr_equal(done.tag, &cmd);
		assert_int_equal(result, 1ull << 32);
		assert_int_equal(nnvme_mem_free(r.ctrl, a), 0);
		assert_int_equal(nnvme_mem_free(r.ctrl, b), 0);
		assert_int_equal(nnvme_mem_free(r.ctrl, meta), 0);
		rig_down(&r);
	}
}

/* Even where opcode, NSID and CID are 0: nothing else tells such a command from none. */
static void a_command_of_zeroes_older_than_the_ring(void **state)
{
	struct model_rule hold = model_rule(MODEL_HOLD);
	struct nnvme_command cmd;
	uint8_t *a, *b;
	struct rig r;

	raw_up(&r, "vendor=1,mqes=2", 2);
	a = rig_alloc(&r, 3 * PAGE);
	b = rig_alloc(&r, PAGE);
	cmd = raw_data(NNVME_OP_FLUSH, a + 512, 2 * PAGE);
	cmd.nsid = 0;
	hold.times = 1;
	for (unsigned n = 0; n < 30; n++) {	/* so that each slot and generation is met */
		model_inject_clear(r.m);
		model_inject(r.m, &hold);
		assert_int_equal(nnvme_io_command(r.qp, &cmd, &cmd), 0);
		nnvme_ring(r.qp);
		model_drain(r.m);
		for (unsigned i = 0; i < 8; i++) {
			assert_int_equal(nnvme_mem_free(r.ctrl, a), -EBUSY);
			assert_int_equal(rig_read(&r, b, 0, 1), 0);
			assert_int_equal(nnvme_mem_free(r.ctrl, a), -EBUSY);
		}
		assert_int_equal(nnvme_io_command(r.qp, &cmd, b), 0);
		model_release(r.m, MODEL_FIFO);	/* that one stays, in a spare slot at times */
		assert_ptr_equal(rig_wait(&r).tag, &cmd);
		assert_int_equal(nnvme_mem_free(r.ctrl, a), -EBUSY);
		assert_ptr_equal(rig_wait(&r).tag, b);
		assert_int_equal(rig_read(&r, b, 0, 1), 0);
	}
	assert_int_equal(nnvme_mem_free(r.ctrl, a), 0);
	rig_down(&r);
}

/*
 * Raw commands by one thread, registration of other memory by another: never refused, never in the
 * way.
 */
struct busy_thread {
	struct rig *r;
	uint8_t *mem;
	bool stop;		/* atomic */
	unsigned errors, done;	/* atomic */
};

static void *keep_moving(void *arg)
{
	struct busy_thread *t = arg;
	struct rig *r = t->r;
	struct nnvme_completion done;
	uint64_t result;

	for (unsigned i = 0; !__atomic_load_n(&t->stop, __ATOMIC_RELAXED); i++) {
		uint8_t *at = t->mem + (i * 13 % 50) * PAGE + 8;
		struct nnvme_command cmd = raw_data(i % 3 ? RAW_TO : RAW_FROM, at,
						    4 + i % 30 * PAGE);

		cmd.metadata = t->mem + 99 * PAGE;
		cmd.metadata_len = cmd.cdw11 = 8 * (i % 4);
		cmd.result = &result;
		if (i % 4 ? nnvme_io_command(r->qp, &cmd, r) :
			    nnvme_read(r->qp, r->ns, at, 0, 1 + i % 60, r)) {
			__atomic_store_n(&t->errors, t->errors + 1, __ATOMIC_RELAXED);
			break;
		}
		nnvme_ring(r->qp);
		while (!nnvme_poll(r->qp, &done, 1))
			sched_yield();
		__atomic_store_n(&t->errors, t->errors + !!done.status, __ATOMIC_RELAXED);
		__atomic_store_n(&t->done, i + 1, __ATOMIC_RELAXED);
	}
	return NULL;
}

static void other_memory_comes_and_goes(void **state)
{
	struct busy_thread t = { 0 };
	pthread_t thread;
	struct rig r;

	raw_up(&r, "vendor=1,size=8m,run=16", 4);
	model_start(r.m);
	t.r = &r;
	t.mem = mmap(NULL, PAGES * PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1,
		     0);
	assert_true(t.mem != MAP_FAILED);
	assert_int_equal(nnvme_mem_register(r.ctrl, t.mem, 100 * PAGE, NULL), 0);
	assert_int_equal(pthread_create(&thread, NULL, keep_moving, &t), 0);
	for (unsigned i = 0; i < 2000 || __atomic_load_n(&t.done, __ATOMIC_RELAXED) < 200; i++) {
		if (__atomic_load_n(&t.errors, __ATOMIC_RELAXED))
			break;
		uint8_t *va = t.mem + (100 + i % 1000) * PAGE;

		assert_int_equal(nnvme_mem_register(r.ctrl, va, PAGE, NULL), 0);
		assert_int_equal(nnvme_mem_unregister(r.ctrl, va, PAGE, NULL), 0);
	}
	__atomic_store_n(&t.stop, true, __ATOMIC_RELAXED);
	pthread_join(thread, NULL);
	assert_int_equal(t.errors, 0);
	rig_close(&r);
	munmap(t.mem, PAGES * PAGE);
	rig_down(&r);
}

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(memory_in_flight_is_not_unregistered),
		cmocka_unit_test(a_command_older_than_the_ring),
		cmocka_unit_test(a_command_of_zeroes_older_than_the_ring),
		cmocka_unit_test(other_memory_comes_and_goes),
	};

	if (argc > 1)
		cmocka_set_test_filter(argv[1]);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
