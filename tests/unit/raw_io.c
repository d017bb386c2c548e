// SPDX-License-Identifier: MIT
/* Raw I/O commands: what arrives, what comes back, and what is refused. */
#include "raw_rig.h"

#define COMPARE 0x05
#define VERIFY 0x0c
#define COMPARE_FAILURE 0x285
#define PRACT (1u << 29)

static void commands_that_have_no_call_of_their_own(void **state)
{
	struct nnvme_command cmd;
	uint8_t *buf;
	struct rig r;

	raw_up(&r, "size=1m,oncs=0x8d", 4);
	buf = rig_alloc(&r, 4 * PAGE);
	memset(buf, 0x77, PAGE);
	cmd = raw_blocks(NNVME_OP_WRITE, buf, 8, 8);
	assert_int_equal(raw_run(&r, &cmd).status, 0);
	cmd = raw_blocks(COMPARE, buf, 8, 8);
	assert_int_equal(raw_run(&r, &cmd).status, 0);
	buf[4000]++;
	assert_int_equal(raw_run(&r, &cmd).status, COMPARE_FAILURE);
	cmd = raw_blocks(VERIFY, NULL, 8, 8);
	assert_int_equal(raw_run(&r, &cmd).status, 0);
	cmd.cdw10 = 2048;
	assert_int_equal(raw_run(&r, &cmd).status, RIG_DNR(NVME_SC_LBA_RANGE));
	cmd = raw_blocks(NNVME_OP_READ, buf, 8, 8);
	assert_int_equal(raw_run(&r, &cmd).status, 0);
	assert_int_equal(buf[4000], 0x77);
	cmd = raw_command(NNVME_OP_FLUSH);
	assert_int_equal(raw_run(&r, &cmd).status, 0);
	cmd.opcode = 0x7f;
	cmd.nsid = NNVME_NSID_ALL;
	assert_int_equal(raw_run(&r, &cmd).status, RIG_DNR(NVME_SC_INVALID_OPCODE));
	cmd.nsid = 0;
	assert_int_equal(raw_run(&r, &cmd).status, RIG_DNR(NVME_SC_INVALID_OPCODE));
	rig_down(&r);
}

/* The bytes that the controller gets, and that come back, are these and no others. */
static void both_ways(struct rig *r, uint8_t *mem, size_t at, uint32_t len, uint32_t metadata)
{
	struct nnvme_command cmd = raw_data(RAW_BOTH, mem + at, len);
	uint8_t *meta = mem + 1100 * PAGE + at % PAGE / 8 * 4, before = at ? mem[at - 1] : 0,
		after = mem[at + len];
	uint32_t sum = rig_fill(mem + at, len, len + 1) + rig_fill(meta, metadata, 9),
		 seed = len + 1;
	struct nnvme_completion done;
	uint64_t result = 0;

	cmd.metadata = meta;
	cmd.metadata_len = cmd.cdw11 = metadata;
	cmd.cdw15 = 0xfeed;
	cmd.result = &result;
	done = raw_run(r, &cmd);
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
	static const uint32_t lens[] = { 4,	     512,	 PAGE - 4,	PAGE,
					 PAGE + 4,   2 * PAGE,	 3 * PAGE + 12, 100 * PAGE,
					 511 * PAGE, 512 * PAGE, 513 * PAGE,	1023 * PAGE,
					 1024 * PAGE };
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
	data_of_any_length_in_one_command("vendor=1,mdts=9,run=16", NNVME_QUIRK_ALIGNED_LISTS,
					  512 * PAGE);
	data_of_any_length_in_one_command("vendor=1,mdts=5,mode=iommu", 0, 32 * PAGE);
}

static void each_field_arrives(void **state)
{
	struct nnvme_command cmd = {
		.size = sizeof(cmd),
		.opcode = RAW_NONE,
		.nsid = 1,
		.cdw2 = 2,
		.cdw3 = 3,
		.cdw12 = 12,
		.cdw14 = 14,
		.cdw15 = 15,
	};
	struct model_log log;
	uint8_t *buf;
	struct rig r;

	raw_up(&r, "vendor=1", 4);
	buf = rig_alloc(&r, PAGE);
	for (unsigned i = 0; i < 3; i++) {
		assert_int_equal(raw_run(&r, &cmd).status, 0);
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
	struct nnvme_command cmd = raw_data(RAW_NONE, NULL, 0);
	struct model_rule fail = model_rule(MODEL_FAIL);
	struct nnvme_completion done;
	uint64_t result = 1;
	struct rig r;
	uint8_t *buf;

	raw_up(&r, "vendor=1", 4);
	cmd.cdw13 = COMPARE_FAILURE;
	cmd.cdw15 = 3;
	cmd.result = &result;
	done = raw_run(&r, &cmd);
	assert_int_equal(done.status, COMPARE_FAILURE);
	assert_int_equal(result, 3ull << 32);
	cmd.result = NULL;
	result = 8;
	assert_int_equal(raw_run(&r, &cmd).status, COMPARE_FAILURE);
	assert_int_equal(result, 8);
	/* nor do later commands that fail have the result of a raw one in their slot */
	cmd.result = &result;
	for (uint32_t i = 0; i < r.qp->end / 8; i++)
		(void)raw_run(&r, &cmd);
	result = 8;
	fail.status = RIG_DNR(NVME_SC_INTERNAL);
	fail.result = 9;
	model_inject(r.m, &fail);
	buf = rig_alloc(&r, PAGE);
	for (uint32_t i = 0; i < r.qp->end / 8; i++)
		assert_int_equal(rig_read(&r, buf, 0, 1), fail.status);
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
	struct {
		struct nnvme_command cmd;
		uint64_t more;
	} newer = { .cmd = raw_command(RAW_NONE), .more = 1 };
	struct nnvme_command ok = raw_command(RAW_NONE), bad;
	uint8_t *buf, own[8] __attribute__((aligned(4)));
	struct rig r;

	raw_up(&r, "vendor=1,mdts=5,run=1", 4);
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
	expect(&r, raw_data(RAW_TO, buf + 2, 512), -EINVAL);
	expect(&r, raw_data(RAW_TO, buf, 510), -EINVAL);
	expect(&r, raw_data(RAW_TO, buf, 32 * PAGE + 4), -E2BIG);
	expect(&r, raw_data(RAW_TO, own, 8), -EFAULT);
	expect(&r, raw_data(RAW_TO, buf + 32 * PAGE, 0xfffffffc), -E2BIG);
	expect(&r, (bad = ok, bad.metadata = buf + 1, bad.metadata_len = 4, bad), -EINVAL);
	expect(&r, (bad = ok, bad.metadata = own, bad.metadata_len = 4, bad), -EFAULT);
	expect(&r, (bad = ok, bad.metadata = buf, bad.metadata_len = 64 * PAGE, bad), -E2BIG);
	/* no two pages follow one another on this bus */
	expect(&r, (bad = ok, bad.metadata = buf + PAGE - 8, bad.metadata_len = 12, bad), -EINVAL);
	expect(&r, (bad = raw_blocks(NNVME_OP_READ, buf, 0, 8), bad.data_len -= 4, bad), -EINVAL);
	expect(&r, raw_blocks(NNVME_OP_READ, NULL, 0, 1), -EINVAL);
	expect(&r, (bad = raw_blocks(NNVME_OP_WRITE, buf, 0, 8), bad.cdw12 |= 8, bad), -EINVAL);
	expect(&r, (bad = raw_blocks(NNVME_OP_READ, buf, 0, 8), bad.cdw12 |= 0x8000, bad), -EINVAL);
	expect(&r, raw_blocks(COMPARE, NULL, 0, 1), -EINVAL);
	expect(&r, (bad = raw_data(NNVME_OP_DSM, buf, 16), bad.cdw10 = 1, bad), -EINVAL);
	assert_int_equal(rig_commands(&r), 0);
	rig_down(&r);
}

/* A namespace that reads and writes are refused for: its data is longer than its blocks. */
static void namespaces_with_metadata(void **state)
{
	struct nnvme_command cmd;
	uint8_t *buf;
	struct rig r;

	raw_up(&r, "size=1m,meta=8,extended=1", 4);
	assert_null(r.ns);
	buf = rig_alloc(&r, PAGE);
	memset(buf, 0x31, PAGE);
	cmd = raw_blocks(NNVME_OP_WRITE, buf, 0, 2);
	assert_int_equal(nnvme_io_command(r.qp, &cmd, &r), -EINVAL);
	cmd.data_len = 2 * 520;
	assert_int_equal(raw_run(&r, &cmd).status, 0);
	assert_int_equal(((uint8_t *)model_data(r.m, 1))[2 * 520 - 1], 0x31);
	cmd.cdw12 |= PRACT;		/* means nothing here: there is no protection information */
	cmd.data_len = 2 * 512;
	assert_int_equal(nnvme_io_command(r.qp, &cmd, &r), -EINVAL);
	rig_down(&r);
	rig_model(&r, "size=1m,meta=8");
	r.config.any_fields = true;
	r.config.ns[0].dps = 1;
	assert_int_equal(rig_open(&r), 0);
	rig_queue(&r, 4);
	rig_step_by_hand(&r);
	buf = rig_alloc(&r, PAGE);
	cmd = raw_blocks(NNVME_OP_WRITE, buf, 0, 2);
	assert_int_equal(nnvme_io_command(r.qp, &cmd, &r), -EINVAL);
	cmd.metadata = buf + 2048;
	cmd.metadata_len = 16;
	assert_int_equal(nnvme_io_command(r.qp, &cmd, &r), 0);
	(void)rig_wait(&r);		/* the model has no such metadata */
	cmd.metadata_len = 0;
	cmd.cdw12 |= PRACT;
	assert_int_equal(nnvme_io_command(r.qp, &cmd, &r), 0);
	(void)rig_wait(&r);
	rig_down(&r);
}

static void protect(void *arg, uint8_t cns, uint32_t nsid, void *data)
{
	struct nvme_id_ns *id = data;

	if (cns == NVME_IDENTIFY_CNS_NS)
		id->dps = *(uint8_t *)arg;
}

/*
 * PRACT keeps protection information from memory, and no other metadata: with more than that, all
 * of it is moved (NVM Command Set, End-to-end Data Protection: the PRACT bit).
 */
static void metadata_that_stays_in_the_controller(void **state)
{
	static const char *const formats[] = {
		"size=1m,meta=8", "size=1m,meta=8,extended=1",
		"size=1m,meta=16", "size=1m,meta=16,extended=1",
	};

	for (unsigned i = 0; i < 8; i++) {
		uint8_t *buf, dps = i & 1;
		bool stays = dps && i < 4;
		struct nnvme_command cmd;
		struct rig r;

		rig_model(&r, formats[i / 2]);
		r.config.identify = protect;
		r.config.identify_arg = &dps;
		if (rig_open(&r))
			fail_msg("%s", r.err.text);
		rig_queue(&r, 4);
		buf = rig_alloc(&r, PAGE);
		cmd = raw_blocks(NNVME_OP_READ, buf, 0, 2);
		assert_int_equal(nnvme_io_command(r.qp, &cmd, &r), -EINVAL);
		cmd.cdw12 |= 1u << 29;		/* PRACT */
		assert_int_equal(nnvme_io_command(r.qp, &cmd, &r), stays ? 0 : -EINVAL);
		rig_down(&r);			/* the model has no such metadata: not rung */
	}
}

static void a_full_queue_says_so(void **state)
{
	struct nnvme_command cmd = raw_command(RAW_NONE), list;
	struct nnvme_completion done[8];
	unsigned back = 0;
	uint8_t *buf;
	struct rig r;

	raw_up(&r, "vendor=1,mdts=9", 4);
	buf = rig_alloc(&r, 600 * PAGE);
	list = raw_data(RAW_TO, buf, 512 * PAGE);	/* no list of the table has it */
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

	raw_up(&r, "vendor=1,mdts=1,size=8m", 5);
	buf = rig_alloc(&r, 64 * PAGE);
	shuffle.count = 3;
	model_inject(r.m, &shuffle);
	for (unsigned i = 0; i < 2000; i++) {
		struct nnvme_command cmd = raw_data(RAW_FROM, buf + 40 * PAGE, 64);
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

static void completions_that_are_repeated(void **state)
{
	struct model_rule repeat = model_rule(MODEL_REPEAT);
	struct nnvme_command cmd = raw_command(RAW_NONE);
	struct nnvme_completion done;
	uint64_t result = 0;
	struct rig r;

	raw_up(&r, "vendor=1", 4);
	repeat.times = 1;
	repeat.count = 3;
	model_inject(r.m, &repeat);
	cmd.result = &result;
	cmd.cdw15 = 6;
	assert_int_equal(raw_run(&r, &cmd).status, 0);
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
	struct nnvme_command cmd = raw_command(RAW_NONE);
	uint64_t result = 4;
	struct rig r;

	raw_up(&r, "vendor=1", 4);
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

/*
 * A controller that is stopped for another queue pair's sake: they come back aborted, then none is
 * sent.
 */
static void a_stopped_controller_ends_them(void **state)
{
	struct model_rule hold = model_rule(MODEL_HOLD), fail = model_rule(MODEL_FAIL);
	struct nnvme_command cmd = raw_command(RAW_NONE);
	struct nnvme_completion done;
	struct nnvme_qpair *other;
	uint64_t result = 4;
	struct rig r;

	raw_up(&r, "vendor=1", 4);
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

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(commands_that_have_no_call_of_their_own),
		cmocka_unit_test(data_of_any_length),
		cmocka_unit_test(each_field_arrives),
		cmocka_unit_test(a_status_comes_with_the_result),
		cmocka_unit_test(what_makes_no_sense_is_refused),
		cmocka_unit_test(namespaces_with_metadata),
		cmocka_unit_test(metadata_that_stays_in_the_controller),
		cmocka_unit_test(a_full_queue_says_so),
		cmocka_unit_test(beside_split_transfers),
		cmocka_unit_test(completions_that_are_repeated),
		cmocka_unit_test(given_up_with_its_queue),
		cmocka_unit_test(a_stopped_controller_ends_them),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
