// SPDX-License-Identifier: MIT
/* Reads and writes with flags: each command of a request has them, and what they promise holds. */
#include "driver_rig.h"

#define PAGE 4096u
#define BLOCK 512u

static uint32_t flags_of(struct rig *r, unsigned back)
{
	struct model_log log;

	assert_true(model_log(r->m, back, &log));
	return log.cdw12 & ~0xffffu;
}

static void expect_flags(struct rig *r, unsigned commands, uint32_t flags)
{
	assert_int_equal(rig_wait(r).status, 0);
	for (unsigned i = 0; i < commands; i++)
		assert_int_equal(flags_of(r, i), flags);
}

/*
 * One command, several, iovecs that take one or several, in any slot; and none of them stays
 * behind.
 */
static void each_command_has_them(void **state)
{
	static const uint32_t flags[] = { 0, NNVME_FUA, NNVME_LIMITED_RETRY,
					  NNVME_FUA | NNVME_LIMITED_RETRY };
	struct iovec iov[40];
	struct rig r;
	uint8_t *buf;

	rig_up(&r, "size=8m,mdts=2", 3);	/* four pages a command */
	buf = rig_alloc(&r, 80 * PAGE);
	rig_step_by_hand(&r);
	for (unsigned i = 0; i < 40; i++)
		iov[i] = (struct iovec){ buf + 2 * i * PAGE, PAGE };
	for (unsigned i = 0; i < 400; i++) {
		uint32_t f = flags[i % 4];

		assert_int_equal(nnvme_write_flags(r.qp, r.ns, buf, i, 8, f, &r), 0);
		expect_flags(&r, 1, f);
		assert_int_equal(nnvme_read_flags(r.qp, r.ns, buf, i, 8 * 40, f, &r), 0);
		expect_flags(&r, 10, f);
		assert_int_equal(nnvme_writev_flags(r.qp, r.ns, iov, 3, i, f, &r), 0);
		expect_flags(&r, 1, f);
		assert_int_equal(nnvme_writev_flags(r.qp, r.ns, iov, 1, i, f, &r), 0);
		expect_flags(&r, 1, f);
		assert_int_equal(nnvme_readv_flags(r.qp, r.ns, iov, 40, i, f, &r), 0);
		expect_flags(&r, 10, f);
		assert_int_equal(nnvme_write(r.qp, r.ns, buf, i, 8, &r), 0);
		expect_flags(&r, 1, 0);
	}
	rig_down(&r);
}

static void errors_are_those_without_flags(void **state)
{
	struct iovec iov = { NULL, BLOCK };
	uint64_t before;
	uint8_t *buf;
	struct rig r;

	rig_up(&r, NULL, 2);
	buf = rig_alloc(&r, PAGE);
	before = rig_commands(&r);
	for (unsigned bit = 0; bit < 30; bit++) {
		assert_int_equal(nnvme_read_flags(r.qp, r.ns, buf, 0, 1, 1u << bit, &r), -EINVAL);
		iov.iov_base = buf;
		assert_int_equal(nnvme_writev_flags(r.qp, r.ns, &iov, 1, 0, NNVME_FUA | 1u << bit,
						    &r),
				 -EINVAL);
	}
	assert_int_equal(nnvme_write_flags(r.qp, r.ns, buf, 0, 0, NNVME_FUA, &r), -EINVAL);
	assert_int_equal(nnvme_write_flags(r.qp, r.ns, buf + 1, 0, 1, NNVME_FUA, &r), -EINVAL);
	assert_int_equal(nnvme_write_flags(r.qp, r.ns, buf, r.ns->blocks, 1, NNVME_FUA, &r),
			 -ERANGE);
	assert_int_equal(nnvme_write_flags(r.qp, r.ns, &r, 0, 1, NNVME_FUA, &r), -EFAULT);
	assert_int_equal(nnvme_writev_flags(r.qp, r.ns, &iov, 0, 0, NNVME_FUA, &r), -EINVAL);
	assert_int_equal(nnvme_write_flags(r.qp, r.ns, buf, 0, 1, NNVME_FUA, &r), 0);
	assert_int_equal(nnvme_write_flags(r.qp, r.ns, buf, 0, 1, NNVME_FUA, &r), 0);
	assert_int_equal(nnvme_write_flags(r.qp, r.ns, buf, 0, 1, NNVME_FUA, &r), -EAGAIN);
	assert_int_equal(rig_wait(&r).status, 0);
	assert_int_equal(rig_wait(&r).status, 0);
	assert_int_equal(rig_commands(&r), before + 2);
	rig_down(&r);
}

/* A block as it is after the power was lost. */
static uint8_t lost(struct rig *r, uint64_t lba)
{
	model_power_loss(r->m);
	return ((uint8_t *)model_data(r->m, 1))[lba * BLOCK];
}

static void fua_writes_survive_a_power_loss(void **state)
{
	struct iovec iov[2];
	uint8_t *buf;
	struct rig r;

	rig_up(&r, "size=1m,cache=1,mdts=1", 4);
	buf = rig_alloc(&r, 16 * PAGE);
	memset(buf, 0xaa, 16 * PAGE);
	rig_step_by_hand(&r);
	assert_int_equal(rig_write(&r, buf, 0, 1), 0);
	assert_int_equal(lost(&r, 0), 0);	/* the plain one doesn't */
	assert_int_equal(nnvme_write_flags(r.qp, r.ns, buf, 1, 1, NNVME_FUA, &r), 0);
	assert_int_equal(rig_wait(&r).status, 0);
	assert_int_equal(lost(&r, 1), 0xaa);
	/* eight commands */
	assert_int_equal(nnvme_write_flags(r.qp, r.ns, buf, 16, 128, NNVME_FUA, &r), 0);
	assert_int_equal(rig_wait(&r).status, 0);
	assert_int_equal(lost(&r, 16), 0xaa);
	assert_int_equal(lost(&r, 16 + 127), 0xaa);
	iov[0] = (struct iovec){ buf, 2 * PAGE };
	iov[1] = (struct iovec){ buf + 4 * PAGE, 2 * PAGE };
	assert_int_equal(nnvme_writev_flags(r.qp, r.ns, iov, 2, 256, NNVME_FUA, &r), 0);
	assert_int_equal(rig_wait(&r).status, 0);
	assert_int_equal(lost(&r, 256), 0xaa);
	assert_int_equal(lost(&r, 256 + 31), 0xaa);
	assert_int_equal(nnvme_write_flags(r.qp, r.ns, buf, 300, 1, NNVME_LIMITED_RETRY, &r), 0);
	assert_int_equal(rig_wait(&r).status, 0);
	assert_int_equal(lost(&r, 300), 0);
	/* what is read with FUA is durable, too; and what was flushed */
	assert_int_equal(rig_write(&r, buf, 400, 2), 0);
	assert_int_equal(nnvme_read_flags(r.qp, r.ns, buf, 400, 1, NNVME_FUA, &r), 0);
	assert_int_equal(rig_wait(&r).status, 0);
	assert_int_equal(lost(&r, 400), 0xaa);
	assert_int_equal(lost(&r, 401), 0);
	assert_int_equal(rig_write(&r, buf, 401, 1), 0);
	assert_int_equal(nnvme_flush(r.qp, r.ns, &r), 0);
	assert_int_equal(rig_wait(&r).status, 0);
	assert_int_equal(lost(&r, 401), 0xaa);
	rig_down(&r);
}

static void fua_is_harmless_without_a_cache(void **state)
{
	uint8_t *buf;
	struct rig r;

	rig_up(&r, "size=1m,cache=1,vwc=0", 4);
	buf = rig_alloc(&r, PAGE);
	memset(buf, 0xaa, PAGE);
	rig_step_by_hand(&r);
	assert_int_equal(nnvme_write_flags(r.qp, r.ns, buf, 1, 1, NNVME_FUA, &r), 0);
	assert_int_equal(rig_wait(&r).status, 0);
	assert_int_equal(rig_write(&r, buf, 2, 1), 0);
	assert_int_equal(lost(&r, 1), 0xaa);
	assert_int_equal(lost(&r, 2), 0xaa);
	rig_down(&r);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(each_command_has_them),
		cmocka_unit_test(errors_are_those_without_flags),
		cmocka_unit_test(fua_writes_survive_a_power_loss),
		cmocka_unit_test(fua_is_harmless_without_a_cache),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
