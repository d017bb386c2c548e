// SPDX-License-Identifier: MIT
/*
 * The software controller reads SGLs as Base 2.x, Scatter Gather List, has them, and refuses wrong
 * ones.
 */
#include "model_host.h"

#define BLOCK 512u
#define DWORDS 2
#define ANY 1
#define BIT_BUCKET (1u << 16)
#define LONGER (1u << 18)

struct rig {
	struct host h;
	uint8_t *buf;
	struct nnvme_sgl *list, *more;
};

static void up(struct rig *r, uint32_t sgls)
{
	char settings[64];
	uint32_t *data;

	snprintf(settings, sizeof(settings), "mdts=0,sgls=%u", sgls);
	host_up(&r->h, settings);
	r->buf = host_pages(&r->h, 8);
	r->list = host_pages(&r->h, 1);
	r->more = host_pages(&r->h, 1);
	data = model_data(r->h.m, 1);
	for (uint32_t i = 0; i < 65536; i++)
		data[i] = i ^ 0xa5000000;
}

static struct nnvme_sgl sgl(struct rig *r, uint8_t type, const void *va, uint32_t len)
{
	return (struct nnvme_sgl){ .addr = va ? host_bus(&r->h, va) : 0, .len = len, .type = type };
}

static struct nnvme_sgl data(struct rig *r, const void *va, uint32_t len)
{
	return sgl(r, NNVME_SGL_DATA, va, len);
}

static uint16_t run(struct rig *r, uint8_t opcode, uint32_t blocks, struct nnvme_sgl d)
{
	struct nnvme_sqe cmd = host_rw(opcode, 0, blocks, 0, 0);

	cmd.flags = NNVME_PSDT_SGL;
	memcpy(&cmd.prp1, &d, sizeof(d));
	return host_run(&r->h, 1, &cmd);
}

static uint16_t read_by(struct rig *r, uint32_t blocks, struct nnvme_sgl d)
{
	return run(r, NNVME_OP_READ, blocks, d);
}

static uint16_t read_list(struct rig *r, uint32_t blocks, unsigned n)
{
	return read_by(r, blocks, sgl(r, NNVME_SGL_LAST_SEGMENT, r->list, n * 16));
}

static void check(const uint8_t *va, uint32_t byte, size_t len)
{
	for (size_t i = 0; i < len; i += 4) {
		uint32_t want = (uint32_t)((byte + i) / 4) ^ 0xa5000000;

		if (memcmp(va + i, &want, 4))
			fail_msg("dword %zu is wrong", i / 4);
	}
}

static void one_descriptor_stands_in_the_command(void **state)
{
	struct model_log log;
	struct rig r;

	up(&r, ANY);
	assert_int_equal(read_by(&r, 4, data(&r, r.buf + 100, 4 * BLOCK)), 0);
	check(r.buf + 100, 0, 4 * BLOCK);
	assert_true(model_log(r.h.m, 0, &log));
	assert_int_equal(log.flags, NNVME_PSDT_SGL);
	assert_int_equal(log.descriptors, 1);
	assert_int_equal(log.lists, 0);
	host_close(&r.h);
}

static void a_last_segment_lists_the_pieces(void **state)
{
	struct model_log log;
	struct rig r;

	up(&r, DWORDS);
	r.list[0] = data(&r, r.buf + 8, 100);
	r.list[1] = data(&r, NULL, 0);		/* no data, no error */
	r.list[2] = data(&r, r.buf + PAGE + 4, 412);
	assert_int_equal(read_list(&r, 1, 3), 0);
	check(r.buf + 8, 0, 100);
	check(r.buf + PAGE + 4, 100, 412);
	assert_true(model_log(r.h.m, 0, &log));
	assert_int_equal(log.descriptors, 4);
	assert_int_equal(log.lists, 1);

	/* and the other way */
	memset(r.buf + 8, 0x11, 100);
	memset(r.buf + PAGE + 4, 0x22, 412);
	assert_int_equal(run(&r, NNVME_OP_WRITE, 1, sgl(&r, NNVME_SGL_LAST_SEGMENT, r.list, 48)),
			 0);
	assert_memory_equal(model_data(r.h.m, 1), r.buf + 8, 100);
	assert_memory_equal((uint8_t *)model_data(r.h.m, 1) + 100, r.buf + PAGE + 4, 412);
	host_close(&r.h);
}

static void segments_are_chained(void **state)
{
	struct rig r;

	up(&r, ANY);
	r.list[0] = data(&r, r.buf, 512);
	r.list[1] = sgl(&r, NNVME_SGL_LAST_SEGMENT, r.more, 32);
	r.more[0] = data(&r, r.buf + PAGE, 500);
	r.more[1] = data(&r, r.buf + 2 * PAGE, 12);
	assert_int_equal(read_by(&r, 2, sgl(&r, NNVME_SGL_SEGMENT, r.list, 32)), 0);
	check(r.buf, 0, 512);
	check(r.buf + PAGE, 512, 500);
	check(r.buf + 2 * PAGE, 1012, 12);
	host_close(&r.h);
}

static void segment_descriptors_are_checked(void **state)
{
	const uint16_t bad = HOST_DNR(NVME_SC_SGL_INVALID_LAST),
		       count = HOST_DNR(NVME_SC_SGL_INVALID_COUNT);
	struct nnvme_sgl d;
	struct rig r;

	up(&r, ANY);
	r.list[0] = data(&r, r.buf, 512);
	r.list[1] = data(&r, r.buf + PAGE, 512);
	/* lengths: none, no multiple of 16; an address that is no qword's */
	assert_int_equal(read_list(&r, 2, 0), bad);
	assert_int_equal(read_by(&r, 2, sgl(&r, NNVME_SGL_LAST_SEGMENT, r.list, 24)), bad);
	d = sgl(&r, NNVME_SGL_LAST_SEGMENT, r.list, 32);
	d.addr += 4;
	assert_int_equal(read_by(&r, 2, d), bad);
	/* a segment that is not the last has to name the next */
	assert_int_equal(read_by(&r, 2, sgl(&r, NNVME_SGL_SEGMENT, r.list, 32)), bad);
	/* in the last one none may follow; in any, none but at its end */
	r.list[2] = sgl(&r, NNVME_SGL_LAST_SEGMENT, r.more, 16);
	assert_int_equal(read_list(&r, 2, 3), bad);
	r.list[1] = r.list[2];
	assert_int_equal(read_by(&r, 2, sgl(&r, NNVME_SGL_SEGMENT, r.list, 48)), count);
	/* a chain that never ends */
	r.list[0] = sgl(&r, NNVME_SGL_SEGMENT, r.list, 16);
	assert_int_equal(read_by(&r, 2, r.list[0]), count);
	host_close(&r.h);
}

static void types_are_checked(void **state)
{
	const uint16_t bad = HOST_DNR(NVME_SC_SGL_INVALID_TYPE);
	static const uint8_t types[] = { 0x01, 0x0a, 0x40, 0x50, 0xf0, NNVME_SGL_BIT_BUCKET };
	struct rig r;

	up(&r, ANY);
	for (unsigned i = 0; i < sizeof(types); i++) {
		assert_int_equal(read_by(&r, 1, sgl(&r, types[i], r.buf, 512)), bad);
		r.list[0] = sgl(&r, types[i], r.buf, 512);
		assert_int_equal(read_list(&r, 1, 1), bad);
	}
	host_close(&r.h);
}

static void the_length_is_that_of_the_data(void **state)
{
	const uint16_t bad = HOST_DNR(NVME_SC_SGL_INVALID_DATA);
	struct rig r;

	up(&r, ANY);
	assert_int_equal(read_by(&r, 1, data(&r, r.buf, 508)), bad);
	assert_int_equal(read_by(&r, 1, data(&r, r.buf, 516)), bad);
	r.list[0] = data(&r, r.buf, 512);
	r.list[1] = data(&r, r.buf + PAGE, 4);
	assert_int_equal(read_list(&r, 1, 2), bad);
	assert_int_equal(read_list(&r, 2, 2), bad);
	host_close(&r.h);

	up(&r, ANY | LONGER);
	r.list[0] = data(&r, r.buf, 512);
	r.list[1] = data(&r, r.buf + PAGE, 4);
	assert_int_equal(read_list(&r, 1, 2), 0);
	check(r.buf, 0, 512);
	assert_int_equal(*(uint32_t *)(r.buf + PAGE), 0);
	host_close(&r.h);
}

static void bit_buckets_swallow(void **state)
{
	struct rig r;

	up(&r, ANY | BIT_BUCKET);
	r.list[0] = sgl(&r, NNVME_SGL_BIT_BUCKET, NULL, 512);
	r.list[1] = data(&r, r.buf, 512);
	assert_int_equal(read_list(&r, 2, 2), 0);
	check(r.buf, 512, 512);
	/* of a write they are not part */
	assert_int_equal(run(&r, NNVME_OP_WRITE, 1, sgl(&r, NNVME_SGL_LAST_SEGMENT, r.list, 32)),
			 0);
	host_close(&r.h);
}

static void alignment_is_what_sgls_says(void **state)
{
	struct rig r;

	up(&r, ANY);
	assert_int_equal(read_by(&r, 1, data(&r, r.buf + 1, 512)), 0);
	check(r.buf + 1, 0, 512);
	host_close(&r.h);

	up(&r, DWORDS);
	assert_int_equal(read_by(&r, 1, data(&r, r.buf + 1, 512)),
			 HOST_DNR(NVME_SC_SGL_INVALID_GRANULARITY));
	r.list[0] = data(&r, r.buf, 255);
	assert_int_equal(read_list(&r, 1, 1), HOST_DNR(NVME_SC_SGL_INVALID_GRANULARITY));
	host_close(&r.h);
}

static void psdt_is_checked(void **state)
{
	const uint16_t bad = HOST_DNR(NVME_SC_INVALID_FIELD);
	struct nnvme_sqe cmd;
	struct rig r;

	up(&r, 0);
	assert_int_equal(read_by(&r, 1, data(&r, r.buf, 512)), bad);
	host_close(&r.h);

	up(&r, ANY);
	cmd = host_rw(NNVME_OP_READ, 0, 1, host_bus(&r.h, r.buf), 512);
	cmd.flags = 0x80;
	assert_int_equal(host_run(&r.h, 1, &cmd), bad);
	cmd.flags = 0xc0;
	assert_int_equal(host_run(&r.h, 1, &cmd), bad);
	/* never for admin commands */
	cmd = (struct nnvme_sqe){ .opcode = nvme_admin_identify, .flags = NNVME_PSDT_SGL,
				  .cdw10 = 1, .prp1 = host_bus(&r.h, r.buf), .prp2 = 4096 };
	assert_int_equal(host_run(&r.h, 0, &cmd), bad);
	host_close(&r.h);
}

static void what_is_not_mapped_is_a_fault(void **state)
{
	struct rig r;

	up(&r, ANY);
	assert_int_equal(read_by(&r, 1, data(&r, NULL, 512)), NVME_SC_DATA_XFER_ERROR);
	host_expect_fault(&r.h, "data write at bus address 0x0");
	assert_int_equal(read_by(&r, 1, sgl(&r, NNVME_SGL_LAST_SEGMENT, NULL, 16)),
			 NVME_SC_DATA_XFER_ERROR);
	host_expect_fault(&r.h, "SGL segment read at bus address 0x0");
	host_close(&r.h);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(one_descriptor_stands_in_the_command),
		cmocka_unit_test(a_last_segment_lists_the_pieces),
		cmocka_unit_test(segments_are_chained),
		cmocka_unit_test(segment_descriptors_are_checked),
		cmocka_unit_test(types_are_checked),
		cmocka_unit_test(the_length_is_that_of_the_data),
		cmocka_unit_test(bit_buckets_swallow),
		cmocka_unit_test(alignment_is_what_sgls_says),
		cmocka_unit_test(psdt_is_checked),
		cmocka_unit_test(what_is_not_mapped_is_a_fault),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
