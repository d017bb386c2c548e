// SPDX-License-Identifier: MIT
/* The software controller's NVM command set, and how it completes commands. */
#include <unistd.h>

#include "model_host.h"

static uint16_t rw(struct host *h, uint8_t opcode, uint64_t lba, uint32_t blocks, void *buf)
{
	struct nnvme_sqe sqe = host_rw(opcode, lba, blocks, host_bus(h, buf), 0);

	return host_run(h, 1, &sqe);
}

static void what_was_written_is_read(void **state)
{
	struct host h;
	uint8_t *a, *b;

	host_up(&h, "size=1m,block=4096");
	a = host_pages(&h, 1);
	b = host_pages(&h, 1);
	memset(a, 0xee, PAGE);
	assert_int_equal(rw(&h, NNVME_OP_WRITE, 255, 1, a), 0);
	assert_int_equal(rw(&h, NNVME_OP_READ, 255, 1, b), 0);
	assert_memory_equal(a, b, PAGE);
	assert_int_equal(rw(&h, NNVME_OP_READ, 254, 1, b), 0);
	assert_int_equal(b[17], 0);
	host_close(&h);
}

static void ranges_sizes_and_namespaces_are_checked(void **state)
{
	struct nnvme_sqe sqe;
	struct host h;
	uint64_t bus;

	host_up(&h, "size=1m,mdts=1,ns=2");
	bus = host_bus(&h, host_pages(&h, 1));
	sqe = host_rw(NNVME_OP_READ, 2047, 1, bus, 0);
	assert_int_equal(host_run(&h, 1, &sqe), 0);
	sqe = host_rw(NNVME_OP_READ, 2047, 2, bus, 0);
	assert_int_equal(host_run(&h, 1, &sqe), HOST_DNR(NVME_SC_LBA_RANGE));
	sqe = host_rw(NNVME_OP_READ, ~0ull, 1, bus, 0);
	assert_int_equal(host_run(&h, 1, &sqe), HOST_DNR(NVME_SC_LBA_RANGE));
	sqe = host_rw(NNVME_OP_READ, 0, 17, bus, bus);
	assert_int_equal(host_run(&h, 1, &sqe), HOST_DNR(NVME_SC_INVALID_FIELD));
	sqe = host_rw(NNVME_OP_READ, 0, 16, bus, bus);
	assert_int_equal(host_run(&h, 1, &sqe), 0);
	sqe.nsid = 0;
	assert_int_equal(host_run(&h, 1, &sqe), HOST_DNR(NVME_SC_INVALID_NS));
	sqe.nsid = 3;
	assert_int_equal(host_run(&h, 1, &sqe), HOST_DNR(NVME_SC_INVALID_NS));
	sqe.nsid = 0xffffffff;
	assert_int_equal(host_run(&h, 1, &sqe), HOST_DNR(NVME_SC_INVALID_NS));
	sqe.nsid = 2;
	assert_int_equal(host_run(&h, 1, &sqe), 0);
	sqe.flags = 0x40;
	assert_int_equal(host_run(&h, 1, &sqe), HOST_DNR(NVME_SC_INVALID_FIELD));
	sqe.flags = 0x01;
	assert_int_equal(host_run(&h, 1, &sqe), HOST_DNR(NVME_SC_INVALID_FIELD));
	sqe = (struct nnvme_sqe){ .opcode = 0x99, .nsid = 1 };
	assert_int_equal(host_run(&h, 1, &sqe), HOST_DNR(NVME_SC_INVALID_OPCODE));
	host_close(&h);
}

static void zeroes_and_deallocation_read_as_zero(void **state)
{
	struct nvme_dsm_range *range;
	struct nnvme_sqe sqe;
	uint8_t *data;
	struct host h;

	host_up(&h, "size=1m");
	data = model_data(h.m, 1);
	memset(data, 1, 1 << 20);
	sqe = host_rw(NNVME_OP_WRITE_ZEROES, 3, 100, 0, 0);
	assert_int_equal(host_run(&h, 1, &sqe), 0);
	assert_int_equal(data[3 * 512 - 1], 1);
	for (int i = 0; i < 100 * 512; i++)
		assert_int_equal(data[3 * 512 + i], 0);
	assert_int_equal(data[103 * 512], 1);

	range = host_pages(&h, 1);
	range[0] = (struct nvme_dsm_range){ .slba = 200, .nlb = 50 };
	range[1] = (struct nvme_dsm_range){ .slba = 2047, .nlb = 1 };
	sqe = (struct nnvme_sqe){ .opcode = NNVME_OP_DSM, .nsid = 1, .cdw10 = 1,
				  .prp1 = host_bus(&h, range) };
	assert_int_equal(host_run(&h, 1, &sqe), 0);
	assert_int_equal(data[200 * 512], 1);	/* no AD: nothing was deallocated */
	sqe.cdw11 = NVME_DSMGMT_AD;
	assert_int_equal(host_run(&h, 1, &sqe), 0);
	assert_int_equal(data[200 * 512 - 1], 1);
	assert_int_equal(data[200 * 512], 0);
	assert_int_equal(data[250 * 512 - 1], 0);
	assert_int_equal(data[250 * 512], 1);
	assert_int_equal(data[2047 * 512], 0);
	range[1].nlb = 2;
	assert_int_equal(host_run(&h, 1, &sqe), HOST_DNR(NVME_SC_LBA_RANGE));
	host_close(&h);
}

/* A range above DMRSL is skipped with success, anything else refused, as real controllers do. */
static void sizes_above_the_limits_are_not_done(void **state)
{
	struct nvme_dsm_range *range;
	struct nvme_id_ctrl_nvm *id;
	struct nnvme_sqe sqe;
	uint8_t *data;
	struct host h;

	host_up(&h, "size=1m,wzsl=1,dmrl=3,dmrsl=100,dmsl=250");
	id = host_pages(&h, 1);
	assert_int_equal(host_admin(&h, nvme_admin_identify, NVME_IDENTIFY_CNS_CSI_CTRL, 0,
				    host_bus(&h, id)), 0);
	assert_int_equal(id->wzsl, 1);
	assert_int_equal(id->dmrl, 3);
	assert_int_equal(id->dmrsl, 100);
	assert_int_equal(id->dmsl, 250);
	data = model_data(h.m, 1);
	memset(data, 1, 1 << 20);
	sqe = host_rw(NNVME_OP_WRITE_ZEROES, 0, 17, 0, 0);
	assert_int_equal(host_run(&h, 1, &sqe), HOST_DNR(NVME_SC_INVALID_FIELD));
	sqe = host_rw(NNVME_OP_WRITE_ZEROES, 0, 16, 0, 0);
	assert_int_equal(host_run(&h, 1, &sqe), 0);

	range = host_pages(&h, 1);
	for (unsigned i = 0; i < 4; i++)
		range[i] = (struct nvme_dsm_range){ .slba = 100 + i * 100, .nlb = i ? 10 : 101 };
	sqe = (struct nnvme_sqe){ .opcode = NNVME_OP_DSM, .nsid = 1, .cdw10 = 3,
				  .cdw11 = NVME_DSMGMT_AD, .prp1 = host_bus(&h, range) };
	assert_int_equal(host_run(&h, 1, &sqe), HOST_SPECIFIC(NVME_SC_CMD_SIZE_LIMIT_EXCEEDED));
	sqe.cdw10 = 2;
	assert_int_equal(host_run(&h, 1, &sqe), 0);
	assert_int_equal(data[100 * 512], 1);
	assert_int_equal(data[200 * 512], 0);
	range[1].nlb = 100;
	range[2].nlb = 100;
	assert_int_equal(host_run(&h, 1, &sqe), HOST_SPECIFIC(NVME_SC_CMD_SIZE_LIMIT_EXCEEDED));
	host_close(&h);
}

static void what_oncs_denies_is_an_invalid_opcode(void **state)
{
	struct nnvme_sqe sqe;
	struct host h;

	host_up(&h, "oncs=0");
	sqe = host_rw(NNVME_OP_WRITE_ZEROES, 0, 1, 0, 0);
	assert_int_equal(host_run(&h, 1, &sqe), HOST_DNR(NVME_SC_INVALID_OPCODE));
	sqe.opcode = NNVME_OP_DSM;
	assert_int_equal(host_run(&h, 1, &sqe), HOST_DNR(NVME_SC_INVALID_OPCODE));
	sqe.opcode = 0x05;
	assert_int_equal(host_run(&h, 1, &sqe), HOST_DNR(NVME_SC_INVALID_OPCODE));
	host_close(&h);
}

static void compare_tells_a_difference(void **state)
{
	struct host h;
	uint8_t *buf;

	host_up(&h, "oncs=1");
	buf = host_pages(&h, 1);
	assert_int_equal(rw(&h, 0x05, 0, 8, buf), 0);
	buf[4095] = 1;
	assert_int_equal(rw(&h, 0x05, 0, 8, buf), 0x285);
	host_close(&h);
}

static void all_namespaces_are_flushed_only_if_vwc_says_so(void **state)
{
	struct nnvme_sqe flush = { .nsid = 0xffffffff };
	struct host h;

	host_up(&h, "vwc=1");
	assert_int_equal(host_run(&h, 1, &flush), HOST_DNR(NVME_SC_INVALID_NS));
	host_close(&h);
	host_up(&h, "vwc=7");
	assert_int_equal(host_run(&h, 1, &flush), 0);
	host_close(&h);
}

static void a_bad_block_fails(void **state)
{
	struct host h;
	uint8_t *buf;

	host_up(&h, "bad_lba=10");
	buf = host_pages(&h, 1);
	assert_int_equal(rw(&h, NNVME_OP_READ, 3, 8, buf), 0x281);
	assert_int_equal(rw(&h, NNVME_OP_WRITE, 10, 1, buf), 0x280);
	assert_int_equal(rw(&h, NNVME_OP_READ, 2, 8, buf), 0);
	assert_int_equal(rw(&h, NNVME_OP_READ, 11, 1, buf), 0);
	host_close(&h);
}

static void a_file_keeps_the_data(void **state)
{
	char path[64], settings[128];
	struct host h;
	uint8_t *buf;

	snprintf(path, sizeof(path), "/tmp/nnvme-model-%d", (int)getpid());
	snprintf(settings, sizeof(settings), "size=1m,file=%s", path);
	host_up(&h, settings);
	buf = host_pages(&h, 1);
	memset(buf, 0x42, 512);
	assert_int_equal(rw(&h, NNVME_OP_WRITE, 9, 1, buf), 0);
	host_close(&h);
	host_up(&h, settings);
	buf = host_pages(&h, 1);
	assert_int_equal(rw(&h, NNVME_OP_READ, 9, 1, buf), 0);
	assert_int_equal(buf[511], 0x42);
	assert_int_equal(host_run(&h, 1, &(struct nnvme_sqe){ .opcode = NNVME_OP_WRITE_ZEROES,
							      .nsid = 1, .cdw12 = 2047 }), 0);
	assert_int_equal(((uint8_t *)model_data(h.m, 1))[9 * 512], 0);
	host_close(&h);
	strcat(path, ".1");
	assert_int_equal(unlink(path), 0);
}

/* The entry, the phase that covers it, and the wrap. */
static void completions_carry_head_queue_and_phase(void **state)
{
	struct nnvme_sqe flush = { .nsid = 1 };
	struct host h;

	host_up(&h, NULL);
	for (unsigned i = 0; i < 40; i++) {
		uint16_t cid = host_write(&h, 1, &flush);

		host_ring(&h, 1);
		assert_int_equal(model_step(h.m, 5), 1);
		assert_true(host_reap(&h, 1));
		assert_int_equal(h.last.sq_head, (i + 1) % 16);
		assert_int_equal(h.last.sq_id, 1);
		assert_int_equal(host_last_cid(&h), cid);
		assert_false(host_reap(&h, 1));
		host_ack(&h, 1);
	}
	host_close(&h);
}

static void a_full_completion_queue_is_never_overrun(void **state)
{
	struct nnvme_sqe flush = { .nsid = 1 };
	struct host h;
	unsigned n = 0;

	host_open(&h, NULL);
	host_enable(&h);
	host_queue_memory(&h, 1, 64);
	h.q[1].entries = 4;
	assert_int_equal(host_admin(&h, nvme_admin_create_cq, 3 << 16 | 1, 1,
				    host_bus(&h, h.q[1].cq)), 0);
	assert_int_equal(host_admin(&h, nvme_admin_create_sq, 63 << 16 | 1, 1 << 16 | 1,
				    host_bus(&h, h.q[1].sq)), 0);
	for (unsigned i = 0; i < 30; i++) {
		h.q[1].sq[i] = flush;
		h.q[1].sq[i].cid = (uint16_t)i;
	}
	host_set(&h, host_doorbell(&h, 1, false), 30);
	assert_int_equal(model_drain(h.m), 3);
	while (host_reap(&h, 1)) {
		assert_int_equal(host_last_cid(&h), n++);
		host_ack(&h, 1);
		model_drain(h.m);
	}
	assert_int_equal(n, 30);
	host_close(&h);
}

static void a_cid_in_flight_twice_is_a_violation(void **state)
{
	struct model_rule hold = model_rule(MODEL_HOLD);
	struct nnvme_sqe flush = { .nsid = 1, .cid = 77 };
	struct host h;

	host_up(&h, NULL);
	hold.times = 1;
	model_inject(h.m, &hold);
	host_write(&h, 1, &flush);
	assert_int_equal(host_run(&h, 1, &flush), HOST_DNR(NVME_SC_CMDID_CONFLICT));
	host_expect_violation(&h, "CID 77");
	model_release(h.m, MODEL_FIFO);
	model_drain(h.m);
	assert_true(host_reap(&h, 1));
	host_ack(&h, 1);
	model_drain(h.m);
	assert_int_equal(host_run(&h, 1, &flush), 0);
	host_close(&h);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_was_written_is_read),
		cmocka_unit_test(ranges_sizes_and_namespaces_are_checked),
		cmocka_unit_test(zeroes_and_deallocation_read_as_zero),
		cmocka_unit_test(sizes_above_the_limits_are_not_done),
		cmocka_unit_test(what_oncs_denies_is_an_invalid_opcode),
		cmocka_unit_test(compare_tells_a_difference),
		cmocka_unit_test(all_namespaces_are_flushed_only_if_vwc_says_so),
		cmocka_unit_test(a_bad_block_fails),
		cmocka_unit_test(a_file_keeps_the_data),
		cmocka_unit_test(completions_carry_head_queue_and_phase),
		cmocka_unit_test(a_full_completion_queue_is_never_overrun),
		cmocka_unit_test(a_cid_in_flight_twice_is_a_violation),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
