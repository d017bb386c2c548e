// SPDX-License-Identifier: MIT
/* Raw I/O commands: what arrives, what comes back, what is refused, and the memory that they hold. */
#include <pthread.h>
#include <sys/mman.h>

#include "driver_rig.h"
#include "noiommu_nvme/command.h"
#include "nvme/private.h"

#define PAGE 4096u
#define TO 0x81
#define FROM 0x82
#define BOTH 0x83
#define NONE 0x84
#define COMPARE 0x05
#define VERIFY 0x0c
#define COMPARE_FAILURE 0x285

static struct nnvme_command command(uint8_t opcode)
{
	return (struct nnvme_command){ .size = sizeof(struct nnvme_command), .opcode = opcode, .nsid = 1 };
}

static struct nnvme_command with_data(uint8_t opcode, void *data, uint32_t len)
{
	struct nnvme_command cmd = command(opcode);

	cmd.data = data;
	cmd.data_len = cmd.cdw10 = len;
	return cmd;
}

/* Fields of an NVM command, too: @blocks at @lba. */
static struct nnvme_command with_blocks(uint8_t opcode, void *data, uint32_t lba, uint32_t blocks)
{
	struct nnvme_command cmd = with_data(opcode, data, data ? blocks * 512 : 0);

	cmd.cdw10 = lba;
	cmd.cdw12 = blocks - 1;
	return cmd;
}

static struct nnvme_completion run(struct rig *r, const struct nnvme_command *cmd)
{
	struct nnvme_completion done;

	assert_int_equal(nnvme_io_command(r->qp, cmd, r), 0);
	done = rig_wait(r);
	assert_ptr_equal(done.tag, r);
	return done;
}

static void up(struct rig *r, const char *settings, unsigned depth)
{
	rig_model(r, settings);
	r->config.any_fields = true;
	assert_int_equal(rig_open(r), 0);
	r->ns = nnvme_ns_get(r->ctrl, 1, NULL);
	rig_queue(r, depth);
	rig_step_by_hand(r);
}

static void commands_that_have_no_call_of_their_own(void **state)
{
	struct nnvme_command cmd;
	uint8_t *buf;
	struct rig r;

	up(&r, "size=1m,oncs=0x8d", 4);
	buf = rig_alloc(&r, 4 * PAGE);
	memset(buf, 0x77, PAGE);
	cmd = with_blocks(NNVME_OP_WRITE, buf, 8, 8);
	assert_int_equal(run(&r, &cmd).status, 0);
	cmd = with_blocks(COMPARE, buf, 8, 8);
	assert_int_equal(run(&r, &cmd).status, 0);
	buf[4000]++;
	assert_int_equal(run(&r, &cmd).status, COMPARE_FAILURE);
	cmd = with_blocks(VERIFY, NULL, 8, 8);
	assert_int_equal(run(&r, &cmd).status, 0);
	cmd.cdw10 = 2048;
	assert_int_equal(run(&r, &cmd).status, RIG_DNR(NVME_SC_LBA_RANGE));
	cmd = with_blocks(NNVME_OP_READ, buf, 8, 8);
	assert_int_equal(run(&r, &cmd).status, 0);
	assert_int_equal(buf[4000], 0x77);
	cmd = command(NNVME_OP_FLUSH);
	assert_int_equal(run(&r, &cmd).status, 0);
	cmd.opcode = 0x7f;
	cmd.nsid = NNVME_NSID_ALL;
	assert_int_equal(run(&r, &cmd).status, RIG_DNR(NVME_SC_INVALID_OPCODE));
	cmd.nsid = 0;
	assert_int_equal(run(&r, &cmd).status, RIG_DNR(NVME_SC_INVALID_OPCODE));
	rig_down(&r);
}

static uint32_t fill(uint8_t *to, size_t len, uint32_t seed)
{
	uint32_t sum = 0;

	for (size_t i = 0; i < len; i++) {
		to[i] = (uint8_t)rig_random(&seed);
		sum += to[i];
	}
	return sum;
}

/* The bytes that the controller gets, and that come back, are these and no others. */
static void both_ways(struct rig *r, uint8_t *mem, size_t at, uint32_t len, uint32_t metadata)
{
	struct nnvme_command cmd = with_data(BOTH, mem + at, len);
	uint8_t *meta = mem + 1100 * PAGE + at % PAGE / 8 * 4, before = at ? mem[at - 1] : 0, after = mem[at + len];
	uint32_t sum = fill(mem + at, len, len + 1) + fill(meta, metadata, 9), seed = len + 1;
	struct nnvme_completion done;
	uint64_t result = 0;

	cmd.metadata = meta;
	cmd.metadata_len = cmd.cdw11 = metadata;
	cmd.cdw15 = 0xfeed;
	cmd.result = &result;
	done = run(r, &cmd);
	assert_int_equal(done.status, 0);
	assert_int_equal(done.result, sum);
	assert_int_equal(result, sum | 0xfeedull << 32);
	for (size_t i = 0; i < len; i++)
		if (mem[at + i] != (uint8_t)(rig_random(&seed) + 1))
			fail_msg("byte %zu of %u from %zu", i, len, at);
	seed = 9;
	for (size_t i = 0; i < metadata; i++)
		assert_int_equal(meta[i], (uint8_t)(rig_random(&seed) + 1));
	assert_int_equal(at ? mem[at - 1] : 0, before);
	assert_int_equal(mem[at + len], after);
}

static void data_of_any_length_in_one_command(const char *settings, uint32_t quirks, size_t most)
{
	static const uint32_t lens[] = { 4, 512, PAGE - 4, PAGE, PAGE + 4, 2 * PAGE, 3 * PAGE + 12, 100 * PAGE,
					 511 * PAGE, 512 * PAGE, 513 * PAGE, 1023 * PAGE, 1024 * PAGE };
	static const size_t at[] = { 0, 4, 2048, PAGE - 4 };
	uint8_t *mem;
	struct rig r;

	rig_model(&r, settings);
	r.config.any_fields = true;
	r.options.quirks = quirks;
	assert_int_equal(rig_open(&r), 0);
	rig_queue(&r, 4);
	mem = rig_alloc(&r, 1102 * PAGE);
	rig_step_by_hand(&r);
	for (size_t i = 0; i < sizeof(lens) / sizeof(lens[0]) && lens[i] <= most; i++)
		for (size_t j = 0; j < sizeof(at) / sizeof(at[0]); j++)
			both_ways(&r, mem, at[j], lens[i], j * 24);
	rig_down(&r);
}

static void data_of_any_length(void **state)
{
	data_of_any_length_in_one_command("vendor=1,mdts=10,run=1", 0, 1024 * PAGE);
	data_of_any_length_in_one_command("vendor=1,mdts=9,run=16", NNVME_QUIRK_ALIGNED_LISTS, 512 * PAGE);
	data_of_any_length_in_one_command("vendor=1,mdts=5,mode=iommu", 0, 32 * PAGE);
}

static void each_field_arrives(void **state)
{
	struct nnvme_command cmd = {
		.size = sizeof(cmd), .opcode = NONE, .nsid = 1, .cdw2 = 2, .cdw3 = 3, .cdw12 = 12,
		.cdw14 = 14, .cdw15 = 15,
	};
	struct model_log log;
	uint8_t *buf;
	struct rig r;

	up(&r, "vendor=1", 4);
	buf = rig_alloc(&r, PAGE);
	for (unsigned i = 0; i < 3; i++) {
		assert_int_equal(run(&r, &cmd).status, 0);
		assert_true(model_log(r.m, 0, &log));
		cmd.cdw13 = 0;
		assert_int_equal(log.sqe.cdw2, 2);
		assert_int_equal(log.sqe.cdw3, 3);
		assert_int_equal(log.sqe.cdw12, 12);
		assert_int_equal(log.sqe.cdw14, 14);
		assert_int_equal(log.sqe.cdw15, 15);
		assert_int_equal(log.sqe.flags, 0);
		assert_int_equal(log.sqe.prp1 | log.sqe.prp2 | log.sqe.mptr, 0);
		/* once round the ring: nothing of it is left in the next one's entry */
		for (uint32_t n = 0; n < r.qp->end / 8; n++) {
			assert_int_equal(rig_read(&r, buf, 0, 1), 0);
			assert_true(model_log(r.m, 0, &log));
			assert_false(log.rest);
		}
	}
	rig_down(&r);
}

static void a_status_comes_with_the_result(void **state)
{
	struct nnvme_command cmd = with_data(NONE, NULL, 0);
	struct nnvme_completion done;
	uint64_t result = 1;
	struct rig r;

	up(&r, "vendor=1", 4);
	cmd.cdw13 = COMPARE_FAILURE;
	cmd.cdw15 = 3;
	cmd.result = &result;
	done = run(&r, &cmd);
	assert_int_equal(done.status, COMPARE_FAILURE);
	assert_int_equal(result, 3ull << 32);
	cmd.result = NULL;
	result = 8;
	assert_int_equal(run(&r, &cmd).status, COMPARE_FAILURE);
	assert_int_equal(result, 8);
	rig_down(&r);
}

static void expect(struct rig *r, struct nnvme_command cmd, int code)
{
	assert_int_equal(nnvme_io_command(r->qp, &cmd, r), code);
	assert_int_equal(nnvme_in_flight(r->qp), 0);
}

static void what_makes_no_sense_is_refused(void **state)
{
	struct { struct nnvme_command cmd; uint64_t more; } newer = { .cmd = command(NONE), .more = 1 };
	struct nnvme_command ok = command(NONE), bad;
	uint8_t *buf, own[8] __attribute__((aligned(4)));
	struct rig r;

	up(&r, "vendor=1,mdts=5,run=1", 4);
	buf = rig_alloc(&r, 64 * PAGE);
	assert_int_equal(nnvme_io_command(r.qp, NULL, &r), -EINVAL);
	newer.cmd.size = sizeof(newer);
	expect(&r, (bad = ok, bad.size = 16, bad), -EINVAL);
	assert_int_equal(nnvme_io_command(r.qp, &newer.cmd, &r), -E2BIG);
	expect(&r, (bad = ok, bad.flags = 2, bad), -EINVAL);
	expect(&r, (bad = ok, bad.reserved = 2, bad), -EINVAL);
	expect(&r, (bad = ok, bad.timeout_ms = 2, bad), -EINVAL);
	expect(&r, (bad = ok, bad.nsid = 2, bad), -ENODEV);
	expect(&r, (bad = ok, bad.data_len = 4, bad), -EINVAL);
	expect(&r, (bad = ok, bad.metadata_len = 4, bad), -EINVAL);
	expect(&r, with_data(TO, buf + 2, 512), -EINVAL);
	expect(&r, with_data(TO, buf, 510), -EINVAL);
	expect(&r, with_data(TO, buf, 32 * PAGE + 4), -E2BIG);
	expect(&r, with_data(TO, own, 8), -EFAULT);
	expect(&r, with_data(TO, buf + 32 * PAGE, 0xfffffffc), -E2BIG);
	expect(&r, (bad = ok, bad.metadata = buf + 1, bad.metadata_len = 4, bad), -EINVAL);
	expect(&r, (bad = ok, bad.metadata = own, bad.metadata_len = 4, bad), -EFAULT);
	expect(&r, (bad = ok, bad.metadata = buf, bad.metadata_len = 64 * PAGE, bad), -E2BIG);
	/* no two pages follow one another on this bus */
	expect(&r, (bad = ok, bad.metadata = buf + PAGE - 8, bad.metadata_len = 12, bad), -EINVAL);
	expect(&r, (bad = with_blocks(NNVME_OP_READ, buf, 0, 8), bad.data_len -= 4, bad), -EINVAL);
	expect(&r, with_blocks(NNVME_OP_READ, NULL, 0, 1), -EINVAL);
	expect(&r, (bad = with_blocks(NNVME_OP_WRITE, buf, 0, 8), bad.cdw12 |= 8, bad), -EINVAL);
	expect(&r, with_blocks(COMPARE, NULL, 0, 1), -EINVAL);
	expect(&r, (bad = with_data(NNVME_OP_DSM, buf, 16), bad.cdw10 = 1, bad), -EINVAL);
	assert_int_equal(rig_commands(&r), 0);
	rig_down(&r);
}

/* A namespace that reads and writes are refused for: its data is longer than its blocks. */
static void namespaces_with_metadata(void **state)
{
	struct nnvme_command cmd;
	uint8_t *buf;
	struct rig r;

	up(&r, "size=1m,meta=8,extended=1", 4);
	assert_null(r.ns);
	buf = rig_alloc(&r, PAGE);
	memset(buf, 0x31, PAGE);
	cmd = with_blocks(NNVME_OP_WRITE, buf, 0, 2);
	assert_int_equal(nnvme_io_command(r.qp, &cmd, &r), -EINVAL);
	cmd.data_len = 2 * 520;
	assert_int_equal(run(&r, &cmd).status, 0);
	assert_int_equal(((uint8_t *)model_data(r.m, 1))[2 * 520 - 1], 0x31);
	rig_down(&r);
	up(&r, "size=1m,meta=8", 4);
	buf = rig_alloc(&r, PAGE);
	cmd = with_blocks(NNVME_OP_WRITE, buf, 0, 2);
	assert_int_equal(nnvme_io_command(r.qp, &cmd, &r), -EINVAL);
	cmd.metadata = buf + 2048;
	cmd.metadata_len = 16;
	assert_int_equal(nnvme_io_command(r.qp, &cmd, &r), 0);
	(void)rig_wait(&r);		/* the model has no such metadata */
	cmd.metadata_len = 0;
	cmd.cdw12 |= 1u << 29;		/* PRACT */
	assert_int_equal(nnvme_io_command(r.qp, &cmd, &r), 0);
	(void)rig_wait(&r);
	rig_down(&r);
}

static void a_full_queue_says_so(void **state)
{
	struct nnvme_command cmd = command(NONE), list;
	struct nnvme_completion done[8];
	unsigned back = 0;
	uint8_t *buf;
	struct rig r;

	up(&r, "vendor=1,mdts=9", 4);
	buf = rig_alloc(&r, 600 * PAGE);
	list = with_data(TO, buf, 512 * PAGE);	/* too long for the table's lists where it is */
	list.data = buf + 300 * PAGE - 4;
	list.data_len = list.cdw10 = 200 * PAGE;
	for (unsigned round = 0; round < 100; round++) {
		for (unsigned i = 0; i < 4; i++)
			assert_int_equal(nnvme_io_command(r.qp, i % 2 ? &list : &cmd, &r), 0);
		assert_int_equal(nnvme_io_command(r.qp, &cmd, &r), -EAGAIN);
		assert_int_equal(nnvme_io_command(r.qp, &list, &r), -EAGAIN);
		nnvme_ring(r.qp);
		for (back = 0; back < 4;)
			back += rig_poll(&r, done + back, 8 - back);
		assert_int_equal(back, 4);
		for (unsigned i = 0; i < 4; i++)
			assert_int_equal(done[i].status, 0);
	}
	rig_down(&r);
}

/* Between pieces of transfers of many commands, completed in any order, each comes back once. */
static void beside_split_transfers(void **state)
{
	struct model_rule shuffle = model_rule(MODEL_SHUFFLE);
	uint64_t result[4] = { 0 };
	unsigned raw = 0, plain = 0;
	uint8_t *buf;
	struct rig r;

	up(&r, "vendor=1,mdts=1,size=8m", 5);
	buf = rig_alloc(&r, 64 * PAGE);
	shuffle.count = 3;
	model_inject(r.m, &shuffle);
	for (unsigned i = 0; i < 2000; i++) {
		struct nnvme_command cmd = with_data(FROM, buf + 40 * PAGE, 64);
		struct nnvme_completion done;

		cmd.cdw15 = i;
		cmd.result = &result[i % 4];
		plain += !nnvme_read(r.qp, r.ns, buf, 0, 8 * 20, &plain);
		raw += !nnvme_io_command(r.qp, &cmd, &raw);
		nnvme_ring(r.qp);
		while (rig_poll(&r, &done, 1)) {
			assert_int_equal(done.status, 0);
			raw -= done.tag == &raw;
			plain -= done.tag == &plain;
		}
		assert_true(raw <= 5 && plain <= 5);
	}
	model_inject_clear(r.m);
	while (raw || plain) {
		struct nnvme_completion done = rig_wait(&r);

		raw -= done.tag == &raw;
		plain -= done.tag == &plain;
	}
	assert_int_equal(nnvme_in_flight(r.qp), 0);
	rig_down(&r);
}

/* ---- memory in flight ---- */

#define PAGES 1200u

/* Exactly the @count pages from @first on, and that of the metadata, can't be unregistered. */
static void expect_busy(struct rig *r, uint8_t *mem, unsigned first, unsigned count, unsigned metadata)
{
	for (unsigned i = 0; i < PAGES; i++) {
		bool used = (i >= first && i < first + count) || i == metadata;
		int ret = nnvme_mem_unregister(r->ctrl, mem + i * PAGE, PAGE, NULL);

		if (ret != (used ? -EBUSY : 0))
			fail_msg("page %u: %d", i, ret);
		if (!ret)
			assert_int_equal(nnvme_mem_register(r->ctrl, mem + i * PAGE, PAGE, NULL), 0);
	}
}

/* No slot takes a later command for a raw one; of a raw read the caller's length counts. */
static void plain_ones_after_raw_ones(struct rig *r, uint8_t *mem)
{
	struct nnvme_command none = command(NONE), cmd = with_blocks(NNVME_OP_READ, mem, 0, 1);

	r->ns = nnvme_ns_get(r->ctrl, 1, NULL);
	for (uint32_t i = 0; i < 2 * r->qp->end / 8; i++)
		assert_int_equal(run(r, &none).status, 0);
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
	static const struct { unsigned first, offset, len; uint8_t opcode; } c[] = {
		{ 3, 0, 512, TO }, { 3, PAGE - 4, 8, FROM }, { 250, 8, 20 * PAGE, BOTH },
		{ 5, 512, 2 * PAGE, TO }, { 100, 4, 511 * PAGE, FROM }, { 0, 0, PAGE, NONE },
		{ 7, 4, 1023 * PAGE, TO },
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
		struct nnvme_command cmd = with_data(c[i].opcode, mem + c[i].first * PAGE + c[i].offset, c[i].len);

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

		up(&r, "vendor=1,mqes=2", 2);
		a = rig_alloc(&r, 3 * PAGE);
		b = rig_alloc(&r, PAGE);
		meta = rig_alloc(&r, PAGE);
		cmd = with_data(FROM, a + 512, 2 * PAGE);
		cmd.metadata = meta;
		cmd.metadata_len = 16;
		cmd.result = &result;
		cmd.cdw15 = 1;
		other = with_data(FROM, b, 8);
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

/* Raw commands by one thread, registration of other memory by another: never refused, never in the way. */
struct busy_thread {
	struct rig *r;
	uint8_t *mem;
	bool stop;		/* atomic */
	unsigned errors;
};

static void *keep_moving(void *arg)
{
	struct busy_thread *t = arg;
	struct rig *r = t->r;
	struct nnvme_completion done;
	uint64_t result;

	for (unsigned i = 0; !__atomic_load_n(&t->stop, __ATOMIC_RELAXED); i++) {
		uint8_t *at = t->mem + (i * 13 % 50) * PAGE + 8;
		struct nnvme_command cmd = with_data(i % 3 ? TO : FROM, at, 4 + i % 40 * PAGE);

		cmd.metadata = t->mem + 99 * PAGE;
		cmd.metadata_len = cmd.cdw11 = 8 * (i % 4);
		cmd.result = &result;
		t->errors += !!(i % 4 ? nnvme_io_command(r->qp, &cmd, r) :
				nnvme_read(r->qp, r->ns, at, 0, 1 + i % 60, r));
		nnvme_ring(r->qp);
		while (!nnvme_poll(r->qp, &done, 1))
			sched_yield();
		t->errors += !!done.status;
	}
	return NULL;
}

static void other_memory_comes_and_goes(void **state)
{
	struct busy_thread t = { 0 };
	pthread_t thread;
	struct rig r;

	up(&r, "vendor=1,size=8m,run=16", 4);
	model_start(r.m);
	t.r = &r;
	t.mem = mmap(NULL, PAGES * PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	assert_true(t.mem != MAP_FAILED);
	assert_int_equal(nnvme_mem_register(r.ctrl, t.mem, 100 * PAGE, NULL), 0);
	assert_int_equal(pthread_create(&thread, NULL, keep_moving, &t), 0);
	for (unsigned i = 0; i < 2000; i++) {
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

/* ---- controllers that are up to no good ---- */

static void completions_that_are_repeated(void **state)
{
	struct model_rule repeat = model_rule(MODEL_REPEAT);
	struct nnvme_command cmd = command(NONE);
	struct nnvme_completion done;
	uint64_t result = 0;
	struct rig r;

	up(&r, "vendor=1", 4);
	repeat.times = 1;
	repeat.count = 3;
	model_inject(r.m, &repeat);
	cmd.result = &result;
	cmd.cdw15 = 6;
	assert_int_equal(run(&r, &cmd).status, 0);
	assert_int_equal(result, 6ull << 32);
	result = 0;
	assert_int_equal(rig_poll(&r, &done, 1), 0);
	assert_int_equal(nnvme_qp(r.qp)->bad_completions, 3);
	assert_int_equal(result, 0);
	rig_down(&r);
}

/* A queue that is deleted hands nothing back, and writes nowhere either. */
static void given_up_with_its_queue(void **state)
{
	struct model_rule hold = model_rule(MODEL_HOLD);
	struct nnvme_command cmd = command(NONE);
	uint64_t result = 4;
	struct rig r;

	up(&r, "vendor=1", 4);
	model_inject(r.m, &hold);
	cmd.result = &result;
	assert_int_equal(nnvme_io_command(r.qp, &cmd, &r), 0);
	nnvme_ring(r.qp);
	model_drain(r.m);
	model_start(r.m);
	assert_int_equal(nnvme_qpair_destroy(r.qp), 0);
	assert_int_equal(result, 4);
	rig_down(&r);
}

/* A controller that is stopped for another queue pair's sake: they come back aborted, then none is sent. */
static void a_stopped_controller_ends_them(void **state)
{
	struct model_rule hold = model_rule(MODEL_HOLD), fail = model_rule(MODEL_FAIL);
	struct nnvme_command cmd = command(NONE);
	struct nnvme_completion done;
	struct nnvme_qpair *other;
	uint64_t result = 4;
	struct rig r;

	up(&r, "vendor=1", 4);
	model_start(r.m);
	assert_int_equal(nnvme_qpair_create(r.ctrl, 4, &other, &r.err), 0);
	model_inject(r.m, &hold);
	cmd.result = &result;
	assert_int_equal(nnvme_io_command(r.qp, &cmd, &cmd), 0);
	nnvme_ring(r.qp);
	fail.qid = 0;
	fail.opcode = nvme_admin_delete_sq;
	fail.status = RIG_DNR(NVME_SC_INTERNAL);
	model_inject(r.m, &fail);
	assert_int_equal(nnvme_qpair_destroy(other), 0);
	while (!nnvme_poll(r.qp, &done, 1))
		sched_yield();
	assert_ptr_equal(done.tag, &cmd);
	assert_int_equal(done.status, NVME_SC_ABORT_QUEUE);
	assert_int_equal(result, 0);
	assert_int_equal(nnvme_io_command(r.qp, &cmd, &cmd), -EIO);
	assert_int_equal(nnvme_admin_command(r.ctrl, &cmd, &r.err), -EIO);
	rig_down(&r);
}

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(commands_that_have_no_call_of_their_own),
		cmocka_unit_test(data_of_any_length),
		cmocka_unit_test(each_field_arrives),
		cmocka_unit_test(a_status_comes_with_the_result),
		cmocka_unit_test(what_makes_no_sense_is_refused),
		cmocka_unit_test(namespaces_with_metadata),
		cmocka_unit_test(a_full_queue_says_so),
		cmocka_unit_test(beside_split_transfers),
		cmocka_unit_test(memory_in_flight_is_not_unregistered),
		cmocka_unit_test(a_command_older_than_the_ring),
		cmocka_unit_test(other_memory_comes_and_goes),
		cmocka_unit_test(completions_that_are_repeated),
		cmocka_unit_test(given_up_with_its_queue),
		cmocka_unit_test(a_stopped_controller_ends_them),
	};

	if (argc > 1)
		cmocka_set_test_filter(argv[1]);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
