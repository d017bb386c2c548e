// SPDX-License-Identifier: MIT
/* Raw admin commands: what arrives, what comes back, and what is refused with nothing sent. */
#include <poll.h>
#include <pthread.h>

#include "driver_rig.h"
#include "noiommu_nvme/command.h"
#include "noiommu_nvme/wait.h"
#include "nvme/private.h"

#define PAGE 4096u
#define GUARD 64u
#define TO 0xc1
#define FROM 0xc2
#define BOTH 0xc3
#define NONE 0xc4

static uint64_t admin_commands(struct rig *r)
{
	struct model_counts counts;

	model_counts(r->m, &counts);
	return counts.admin_commands;
}

static struct nnvme_command command(uint8_t opcode)
{
	return (struct nnvme_command){ .size = sizeof(struct nnvme_command), .opcode = opcode };
}

static int run(struct rig *r, const struct nnvme_command *cmd)
{
	return nnvme_admin_command(r->ctrl, cmd, &r->err);
}

static void identify_and_logs_and_features(void **state)
{
	struct nnvme_command cmd = command(nvme_admin_identify);
	char bytes[4096 + 1];		/* odd addresses will do */
	struct nvme_id_ctrl id;
	struct nvme_smart_log smart;
	uint64_t result = 7;
	struct rig r;

	rig_up(&r, NULL, 4);
	cmd.cdw10 = NVME_IDENTIFY_CNS_CTRL;
	cmd.data = bytes + 1;
	cmd.data_len = sizeof(id);
	assert_int_equal(run(&r, &cmd), 0);
	memcpy(&id, bytes + 1, sizeof(id));
	assert_int_equal(id.mdts, r.config.mdts);
	cmd = command(nvme_admin_get_log_page);
	cmd.nsid = NNVME_NSID_ALL;
	cmd.cdw10 = NVME_LOG_LID_SMART | (sizeof(smart) / 4 - 1) << 16;
	cmd.data = &smart;
	cmd.data_len = sizeof(smart);
	assert_int_equal(run(&r, &cmd), 0);
	assert_int_equal(smart.avail_spare, 100);
	cmd = command(nvme_admin_set_features);
	cmd.cdw10 = NVME_FEAT_FID_TEMP_THRESH;
	cmd.cdw11 = 333;
	assert_int_equal(run(&r, &cmd), 0);
	cmd.opcode = nvme_admin_get_features;
	cmd.cdw11 = 0;
	cmd.result = &result;
	assert_int_equal(run(&r, &cmd), 0);
	assert_int_equal(result, 333);
	rig_down(&r);
}

static void each_field_arrives(void **state)
{
	struct nnvme_command cmd = {
		.size = sizeof(cmd), .opcode = NONE, .nsid = 11, .cdw2 = 2, .cdw3 = 3, .cdw14 = 14,
		.cdw12 = 12, .cdw15 = 15,
	};
	struct model_log log;
	uint64_t result = 1;
	struct rig r;

	rig_up(&r, "vendor=1", 4);
	cmd.result = &result;
	assert_int_equal(run(&r, &cmd), 0);
	assert_int_equal(result, 15ull << 32);
	assert_true(model_log(r.m, 0, &log));
	assert_int_equal(log.nsid, 11);
	assert_int_equal(log.sqe.cdw2, 2);
	assert_int_equal(log.sqe.cdw3, 3);
	assert_int_equal(log.sqe.cdw12, 12);
	assert_int_equal(log.sqe.cdw14, 14);
	assert_int_equal(log.sqe.flags, 0);
	assert_int_equal(log.sqe.mptr, 0);
	rig_down(&r);
}

/*
 * Whatever length, the controller gets these bytes, they come back changed, and none beside them
 * is.
 */
static void both_ways(struct rig *r, size_t len, size_t metadata)
{
	uint8_t *data = malloc(len + 2 * GUARD), *copy = malloc(len + 2 * GUARD), meta[64];
	struct nnvme_command cmd = command(BOTH);
	uint64_t result = 0;
	uint32_t sum;

	assert_non_null(data);
	assert_non_null(copy);
	rig_fill(data, len + 2 * GUARD, 1);
	sum = rig_fill(data + GUARD, len, (uint32_t)len) + rig_fill(meta, metadata, 3);
	memcpy(copy, data, len + 2 * GUARD);
	cmd.data = data + GUARD;
	cmd.cdw10 = cmd.data_len = (uint32_t)len;
	cmd.metadata = metadata ? meta : NULL;
	cmd.cdw11 = cmd.metadata_len = (uint32_t)metadata;
	cmd.result = &result;
	assert_int_equal(run(r, &cmd), 0);
	assert_int_equal((uint32_t)result, sum);
	for (size_t i = 0; i < len; i++)
		copy[GUARD + i]++;
	assert_memory_equal(data, copy, len + 2 * GUARD);
	sum = rig_fill(copy, metadata, 3);
	for (size_t i = 0; i < metadata; i++)
		assert_int_equal(meta[i], (uint8_t)(copy[i] + 1));
	free(data);
	free(copy);
}

static void any_memory_of_any_length(const char *settings, size_t most)
{
	static const size_t lens[] = { 1,	   3,	       4,	    PAGE - 1,
				       PAGE,	   PAGE + 1,   2 * PAGE,    2 * PAGE + 1,
				       3 * PAGE,   100001,     512 * PAGE,  513 * PAGE - 5,
				       513 * PAGE, 514 * PAGE, 1023 * PAGE, 1024 * PAGE };
	struct rig r;

	rig_up(&r, settings, 4);
	for (size_t i = 0; i < sizeof(lens) / sizeof(lens[0]) && lens[i] <= most; i++)
		both_ways(&r, lens[i], i % 2 ? 61 : 0);
	rig_down(&r);
}

static void data_of_any_length(void **state)
{
	any_memory_of_any_length("vendor=1,mdts=10,run=1", 1024 * PAGE);
	any_memory_of_any_length("vendor=1,mdts=0,run=16,mode=iommu", 1024 * PAGE);
	any_memory_of_any_length("vendor=1,mdts=5", 32 * PAGE);
}

/* Memory that can't be written is never written; and what the controller didn't send is 0. */
static void one_way_only(void **state)
{
	static const uint8_t constant[300] = { 1, 2, 3 };
	struct nnvme_command cmd = command(TO);
	uint8_t data[300];
	uint64_t result;
	struct rig r;

	rig_up(&r, "vendor=1", 4);
	cmd.data = (void *)(uintptr_t)constant;
	cmd.data_len = cmd.cdw10 = sizeof(constant);
	cmd.result = &result;
	assert_int_equal(run(&r, &cmd), 0);
	assert_int_equal(result, 6);
	cmd = command(FROM);
	memset(data, 0x55, sizeof(data));
	cmd.data = data;
	cmd.data_len = sizeof(data);
	cmd.cdw10 = 100;
	cmd.cdw12 = 5;
	assert_int_equal(run(&r, &cmd), 0);
	for (size_t i = 0; i < sizeof(data); i++)
		assert_int_equal(data[i], i < 100 ? (uint8_t)(5 + i) : 0);
	rig_down(&r);
}

static void a_status_is_handed_back_with_the_result(void **state)
{
	struct nnvme_command cmd = command(0xc6);
	struct model_rule fail = model_rule(MODEL_FAIL);
	uint64_t result = 1;
	struct rig r;

	rig_up(&r, "vendor=1", 4);
	r.err.code = 77;
	cmd.cdw13 = RIG_DNR(NVME_SC_INVALID_FIELD);
	cmd.cdw15 = 4;
	cmd.result = &result;
	assert_int_equal(run(&r, &cmd), RIG_DNR(NVME_SC_INVALID_FIELD));
	assert_int_equal(result, 4ull << 32);
	fail.qid = 0;
	fail.times = 1;
	fail.status = RIG_DNR(NVME_SC_INVALID_LOG_PAGE | 0x100);
	fail.result = 0xabcd;
	model_inject(r.m, &fail);
	assert_int_equal(run(&r, &cmd), fail.status);
	assert_int_equal(result, 0xabcd);
	assert_int_equal(r.err.code, 77);
	cmd = command(0x7e);
	assert_int_equal(run(&r, &cmd), RIG_DNR(NVME_SC_INVALID_OPCODE));
	rig_down(&r);
}

static void expect_refusal(struct rig *r, const struct nnvme_command *cmd, int code,
			   const char *words)
{
	uint64_t before = admin_commands(r);

	memset(&r->err, 0, sizeof(r->err));
	assert_int_equal(run(r, cmd), code);
	assert_int_equal(r->err.code, code);
	if (!strstr(r->err.text, words))
		fail_msg("'%s' is not in '%s'", words, r->err.text);
	assert_int_equal(admin_commands(r), before);
}

static void what_the_library_manages_is_refused(void **state)
{
	static const struct {
		uint8_t opcode;
		uint32_t cdw10;
		const char *words;
	} c[] = {
		{ nvme_admin_delete_sq, 1, "nnvme_qpair_destroy()" },
		{ nvme_admin_create_sq, 1, "nnvme_qpair_create()" },
		{ nvme_admin_delete_cq, 1, "nnvme_qpair_destroy()" },
		{ nvme_admin_create_cq, 1, "nnvme_qpair_create()" },
		{ nvme_admin_abort_cmd, 1, "CID" },
		{ nvme_admin_async_event, 0, "event" },
		{ nvme_admin_keep_alive, 0, "Keep Alive" },
		{ 0x45, 0, "given back" },	/* Controller Data Queue */
		{ nvme_admin_dbbuf, 0, "shadow_doorbells" },
		{ nvme_admin_set_features, NVME_FEAT_FID_NUM_QUEUES, "qpairs" },
		{ nvme_admin_set_features, NVME_FEAT_FID_IRQ_COALESCE, "nnvme_wait()" },
		{ nvme_admin_set_features, NVME_FEAT_FID_IRQ_CONFIG, "nnvme_wait()" },
		{ nvme_admin_set_features, NVME_FEAT_FID_HOST_MEM_BUF | 1u << 31,
		  "host memory buffer" },
		{ nvme_admin_set_features, NVME_FEAT_FID_KATO, "Keep Alive" },
	};
	struct rig r;

	rig_up(&r, NULL, 4);
	for (size_t i = 0; i < sizeof(c) / sizeof(c[0]); i++) {
		struct nnvme_command cmd = command(c[i].opcode);

		cmd.cdw10 = c[i].cdw10;
		expect_refusal(&r, &cmd, -EPERM, c[i].words);
	}
	rig_down(&r);
}

static void what_makes_no_sense_is_refused(void **state)
{
	struct {
		struct nnvme_command cmd;
		uint64_t more;
	} newer = { .cmd = command(NONE), .more = 1 };
	struct nnvme_command cmd = command(NONE), bad;
	uint8_t data[8];
	struct rig r;

	rig_up(&r, "vendor=1,mdts=5", 4);
	assert_int_equal(nnvme_admin_command(r.ctrl, NULL, &r.err), -EINVAL);
	bad = cmd, bad.size = 8;
	expect_refusal(&r, &bad, -EINVAL, "size 8");
	newer.cmd.size = sizeof(newer);
	expect_refusal(&r, &newer.cmd, -E2BIG, "byte 80");
	bad = cmd, bad.flags = 1;
	expect_refusal(&r, &bad, -EINVAL, "fused");
	bad = cmd, bad.flags = 0x40;
	expect_refusal(&r, &bad, -EINVAL, "PSDT");
	bad = cmd, bad.reserved = 1;
	expect_refusal(&r, &bad, -EINVAL, "reserved");
	bad = cmd, bad.data_len = 4;
	expect_refusal(&r, &bad, -EINVAL, "no data");
	bad = cmd, bad.metadata_len = 4;
	expect_refusal(&r, &bad, -EINVAL, "no metadata");
	bad = cmd, bad.data = data, bad.data_len = 128 * 1024 + 4;
	expect_refusal(&r, &bad, -E2BIG, "131072");
	bad = cmd, bad.metadata = data, bad.metadata_len = 128 * 1024 + 4;
	expect_refusal(&r, &bad, -E2BIG, "131072");
	bad = command(nvme_admin_get_log_page), bad.data = data, bad.data_len = 8;
	bad.cdw10 = 2 << 16;
	expect_refusal(&r, &bad, -EINVAL, "12 bytes");
	bad.cdw10 = 1 << 16, bad.cdw11 = 1;
	expect_refusal(&r, &bad, -EINVAL, "262152 bytes");
	bad = command(nvme_admin_fw_download), bad.data = data, bad.data_len = 8, bad.cdw10 = 2;
	expect_refusal(&r, &bad, -EINVAL, "12 bytes");
	bad = command(nvme_admin_security_recv), bad.data = data, bad.data_len = 8, bad.cdw11 = 9;
	expect_refusal(&r, &bad, -EINVAL, "9 bytes");
	bad = command(nvme_admin_get_lba_status), bad.data = data, bad.data_len = 8, bad.cdw12 = 2;
	expect_refusal(&r, &bad, -EINVAL, "12 bytes");
	bad = command(nvme_admin_directive_recv), bad.data = data, bad.data_len = 8, bad.cdw10 = 2;
	expect_refusal(&r, &bad, -EINVAL, "12 bytes");
	/* to enable directives and to allocate streams takes no data, and NUMD can't say that */
	bad.opcode = nvme_admin_directive_send, bad.data_len = bad.cdw10 = 0, bad.cdw11 = 1;
	assert_int_equal(run(&r, &bad), RIG_DNR(NVME_SC_INVALID_OPCODE));
	bad.opcode = nvme_admin_directive_recv, bad.cdw11 = 0x103;
	assert_int_equal(run(&r, &bad), RIG_DNR(NVME_SC_INVALID_OPCODE));
	rig_down(&r);
}

/* In a page of the library's: nobody else's memory. */
static void a_controller_that_moves_more_than_it_was_told(void **state)
{
	struct nnvme_command cmd = command(FROM);
	uint8_t data[64];
	struct rig r;

	rig_up(&r, "vendor=1", 4);
	memset(data, 0x55, sizeof(data));
	cmd.data = data;
	cmd.data_len = 16;
	cmd.cdw10 = PAGE;
	assert_int_equal(run(&r, &cmd), 0);
	for (unsigned i = 0; i < sizeof(data); i++)
		assert_int_equal(data[i], i < 16 ? i : 0x55);
	/* and without any data to put it in */
	cmd.data_len = 0;
	cmd.data = NULL;
	assert_int_equal(run(&r, &cmd), 0);
	rig_down(&r);
}

/*
 * Later nothing is sent any more; what the controller does then, it does to pages that are still
 * taken.
 */
static void a_command_that_is_not_answered(void **state)
{
	struct model_rule hold = model_rule(MODEL_HOLD);
	struct nnvme_command cmd = command(FROM);
	uint8_t data[64] = { 0 };
	struct model_log log;
	uint64_t result = 5;
	struct rig r;

	rig_up(&r, "vendor=1", 4);
	hold.qid = 0;
	hold.times = 1;
	model_inject(r.m, &hold);
	cmd.data = data;
	cmd.data_len = cmd.cdw10 = sizeof(data);
	cmd.cdw12 = 9;
	cmd.timeout_ms = 20;
	cmd.result = &result;
	assert_int_equal(run(&r, &cmd), -ETIMEDOUT);
	assert_non_null(strstr(r.err.text, "admin command 0xc2 was not answered within 0.02 s"));
	assert_int_equal(result, 5);
	assert_int_equal(data[0], 0);
	model_release(r.m, MODEL_FIFO);
	assert_int_equal(run(&r, &cmd), -EIO);
	assert_non_null(strstr(r.err.text, "not sent"));
	assert_int_equal(result, 5);
	/* nobody else gets the page that it was to write to */
	assert_true(model_log(r.m, 0, &log));
	for (unsigned i = 0; i < 8; i++) {
		nnvme_bus_t bus;

		assert_non_null(nnvme_space_get(r.ctrl->space, PAGE, &bus, &r.err));
		assert_int_not_equal(bus.v, log.prp1);
	}
	rig_down(&r);
}

/* What was never sent keeps no memory, however often somebody tries. */
static void a_controller_that_was_given_up_costs_nothing(void **state)
{
	struct nnvme_ctrl_info before = { .size = sizeof(before) }, after = before;
	struct model_rule silent = model_rule(MODEL_SILENT);
	struct nnvme_command cmd = command(NONE);
	static uint8_t data[32 * PAGE];
	struct nnvme_qpair *qp;
	struct rig r;

	rig_up(&r, "vendor=1", 4);
	silent.qid = 0;
	silent.times = 1;
	model_inject(r.m, &silent);
	cmd.timeout_ms = 20;
	assert_int_equal(run(&r, &cmd), -ETIMEDOUT);
	cmd.data = cmd.metadata = data;
	cmd.data_len = sizeof(data);
	cmd.metadata_len = 8;
	for (unsigned i = 0; i < 200; i++) {
		expect_refusal(&r, &cmd, -EIO, "not sent");
		assert_int_equal(nnvme_qpair_create(r.ctrl, 64, &qp, &r.err), -EIO);
		assert_int_equal(nnvme_ctrl_info(r.ctrl, i ? &after : &before), 0);
	}
	assert_int_equal(after.registered, before.registered);
	rig_down(&r);
}

/* Whoever asks waits for his turn; also memory and queue pairs come and go meanwhile. */
static void *ask(void *arg)
{
	struct rig *r = arg;
	struct nnvme_err err;
	uint8_t data[100];
	intptr_t bad = 0;

	for (unsigned i = 0; i < 200; i++) {
		struct nnvme_command cmd = command(TO);
		uint64_t result;

		memset(data, (int)i, sizeof(data));
		cmd.data = data;
		cmd.data_len = cmd.cdw10 = sizeof(data);
		cmd.result = &result;
		bad += nnvme_admin_command(r->ctrl, &cmd, &err) || result != 100 * (i & 0xff);
	}
	return (void *)bad;
}

static void from_several_threads(void **state)
{
	pthread_t thread[3];
	struct rig r;

	rig_up(&r, "vendor=1", 4);
	for (unsigned i = 0; i < 3; i++)
		assert_int_equal(pthread_create(&thread[i], NULL, ask, &r), 0);
	for (unsigned i = 0; i < 50; i++) {
		void *va = rig_alloc(&r, PAGE);
		struct nnvme_qpair *qp;

		assert_int_equal(nnvme_qpair_create(r.ctrl, 4, &qp, &r.err), 0);
		assert_int_equal(nnvme_qpair_destroy(qp), 0);
		assert_int_equal(nnvme_mem_free(r.ctrl, va), 0);
	}
	for (unsigned i = 0; i < 3; i++) {
		void *bad;

		pthread_join(thread[i], &bad);
		assert_null(bad);
	}
	rig_down(&r);
}

/* Everything that has a length in blocks is refused, however it is asked for. */
static void expect_stale(struct rig *r, const struct nnvme_ns *ns, uint8_t *buf, bool stale)
{
	int code = stale ? -ESTALE : 0;
	struct iovec iov[2] = { { buf, PAGE }, { buf + 2 * PAGE, PAGE } };
	static const uint8_t raw[] = { NNVME_OP_READ, NNVME_OP_WRITE, nvme_cmd_compare };
	struct nnvme_command cmd = { .size = sizeof(cmd), .nsid = ns->nsid, .data = buf,
				     .data_len = PAGE };
	struct nnvme_batch b;

	assert_int_equal(nnvme_read(r->qp, ns, buf, 0, 1, r), code);
	b = nnvme_batch_begin(r->qp, ns);
	assert_int_equal(nnvme_batch_write(&b, buf, 0, 1, r), code);
	nnvme_batch_end(&b);
	assert_int_equal(nnvme_read(r->qp, ns, buf, 0, 8 * 48, r), code);
	assert_int_equal(nnvme_readv(r->qp, ns, iov, 1, 0, r), code);
	assert_int_equal(nnvme_readv(r->qp, ns, iov, 2, 0, r), code);
	assert_int_equal(nnvme_writev_flags(r->qp, ns, iov, 2, 0, NNVME_FUA, r), code);
	assert_int_equal(nnvme_write_flags(r->qp, ns, buf, 0, 1, NNVME_FUA, r), code);
	assert_int_equal(nnvme_write_zeroes(r->qp, ns, 0, 1, r), code);
	assert_int_equal(nnvme_deallocate(r->qp, ns, 0, 1, r), code);
	for (unsigned i = 0; i < sizeof(raw); i++) {
		cmd.opcode = raw[i];
		assert_int_equal(nnvme_io_command(r->qp, &cmd, r), code);
	}
	assert_int_equal(nnvme_flush(r->qp, ns, r), 0);
	for (unsigned i = stale ? 1 : 13; i; i--)
		assert_int_equal(rig_wait(r).status, 0);
	assert_int_equal(nnvme_in_flight(r->qp), 0);
}

static void namespaces_that_may_have_changed_are_not_read(void **state)
{
	struct nnvme_command cmd = command(nvme_admin_ns_mgmt);
	const struct nnvme_ns *second;
	uint8_t *buf;
	struct rig r;

	rig_up(&r, "ns=2,size=8m,oncs=13", 32);	/* Compare too */
	second = nnvme_ns_get(r.ctrl, 2, NULL);
	buf = rig_alloc(&r, 64 * PAGE);
	cmd.nsid = 2;
	assert_int_equal(run(&r, &cmd), RIG_DNR(NVME_SC_INVALID_OPCODE)); /* another might do it */
	expect_stale(&r, r.ns, buf, false);
	expect_stale(&r, second, buf, true);
	cmd.opcode = nvme_admin_format_nvm;
	assert_int_equal(run(&r, &cmd), RIG_DNR(NVME_SC_INVALID_OPCODE));
	expect_stale(&r, r.ns, buf, true);
	rig_close(&r);
	assert_int_equal(rig_open(&r), 0);
	rig_queue(&r, 32);
	buf = rig_alloc(&r, 64 * PAGE);
	expect_stale(&r, nnvme_ns_get(r.ctrl, 1, NULL), buf, false);
	cmd = command(nvme_admin_ns_mgmt);
	cmd.nsid = NNVME_NSID_ALL;
	assert_int_equal(run(&r, &cmd), RIG_DNR(NVME_SC_INVALID_OPCODE));
	expect_stale(&r, nnvme_ns_get(r.ctrl, 2, NULL), buf, true);
	rig_down(&r);
}

/*
 * While the admin queue's entry was not acknowledged, the queue pair's may have raised no
 * interrupt.
 */
static void a_queue_pair_that_shares_the_vector_wakes_up(void **state)
{
	struct nnvme_command cmd = command(NONE);
	struct pollfd p = { .events = POLLIN };
	struct rig r;

	for (unsigned vectors = 1; vectors < 3; vectors++) {
		rig_model(&r, "vendor=1");
		r.config.vectors = (uint16_t)vectors;
		r.config.interrupts = MODEL_NEVER;
		r.options.interrupts = true;
		assert_int_equal(rig_open(&r), 0);
		rig_queue(&r, 4);
		p.fd = nnvme_qpair_fd(r.qp);
		assert_int_equal(nnvme_arm(r.qp), 0);
		assert_int_equal(poll(&p, 1, 0), 0);
		assert_int_equal(run(&r, &cmd), 0);
		assert_int_equal(poll(&p, 1, 0), vectors == 1);
		rig_down(&r);
	}
}

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(identify_and_logs_and_features),
		cmocka_unit_test(each_field_arrives),
		cmocka_unit_test(data_of_any_length),
		cmocka_unit_test(one_way_only),
		cmocka_unit_test(a_status_is_handed_back_with_the_result),
		cmocka_unit_test(what_the_library_manages_is_refused),
		cmocka_unit_test(what_makes_no_sense_is_refused),
		cmocka_unit_test(a_controller_that_moves_more_than_it_was_told),
		cmocka_unit_test(a_command_that_is_not_answered),
		cmocka_unit_test(a_controller_that_was_given_up_costs_nothing),
		cmocka_unit_test(from_several_threads),
		cmocka_unit_test(namespaces_that_may_have_changed_are_not_read),
		cmocka_unit_test(a_queue_pair_that_shares_the_vector_wakes_up),
	};

	if (argc > 1)
		cmocka_set_test_filter(argv[1]);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
