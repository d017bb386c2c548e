// SPDX-License-Identifier: MIT
/* Commands on the software controller: what is refused, and what arrives where. */
#include "driver_rig.h"

static void what_is_out_of_range_is_refused(void **state)
{
	struct rig r;
	void *buf;

	rig_up(&r, "size=1m", 8);	/* 2048 blocks */
	buf = rig_alloc(&r, 65536);
	assert_int_equal(nnvme_read(r.qp, r.ns, buf, 2048, 1, NULL), -ERANGE);
	assert_int_equal(nnvme_read(r.qp, r.ns, buf, 2047, 2, NULL), -ERANGE);
	assert_int_equal(nnvme_write(r.qp, r.ns, buf, UINT64_MAX, 1, NULL), -ERANGE);
	assert_int_equal(nnvme_write(r.qp, r.ns, buf, UINT64_MAX - 1, 2, NULL), -ERANGE);
	assert_int_equal(nnvme_read(r.qp, r.ns, buf, 0, 2049, NULL), -ERANGE);
	assert_int_equal(nnvme_read(r.qp, r.ns, buf, 1, UINT32_MAX, NULL), -ERANGE);
	assert_int_equal(nnvme_read(r.qp, r.ns, buf, 0, 0, NULL), -EINVAL);
	assert_int_equal(nnvme_write_zeroes(r.qp, r.ns, 0, 0, NULL), -EINVAL);
	assert_int_equal(nnvme_write_zeroes(r.qp, r.ns, 2000, 49, NULL), -ERANGE);
	assert_int_equal(nnvme_write_zeroes(r.qp, r.ns, 2000, UINT64_MAX, NULL), -ERANGE);
	assert_int_equal(nnvme_deallocate(r.qp, r.ns, 2048, 1, NULL), -ERANGE);
	assert_int_equal(nnvme_deallocate(r.qp, r.ns, 0, 0, NULL), -EINVAL);
	assert_int_equal(nnvme_sq_space_left(r.qp), 8);
	assert_int_equal(rig_read(&r, buf, 2047, 1), 0);
	assert_int_equal(rig_read(&r, buf, 2048 - 128, 128), 0);
	assert_int_equal(rig_commands(&r), 2);
	rig_down(&r);
}

static void what_is_not_registered_is_refused(void **state)
{
	uint8_t *outside, *own;
	struct rig r;

	rig_up(&r, NULL, 8);
	own = aligned_alloc(4096, 4 * 4096);
	outside = aligned_alloc(4096, 4096);
	assert_int_equal(nnvme_read(r.qp, r.ns, outside, 0, 1, NULL), -EFAULT);
	assert_int_equal(nnvme_read(r.qp, r.ns, NULL, 0, 1, NULL), -EFAULT);
	assert_int_equal(nnvme_read(r.qp, r.ns, (void *)(uintptr_t)0xffff800000000000, 0, 1, NULL),
			 -EFAULT);
	assert_int_equal(nnvme_read(r.qp, r.ns, (void *)(UINTPTR_MAX & ~(uintptr_t)3), 0, 1, NULL),
			 -EFAULT);
	assert_int_equal(nnvme_mem_register(r.ctrl, own, 4 * 4096, &r.err), 0);
	assert_int_equal(nnvme_read(r.qp, r.ns, own - 512, 0, 2, NULL), -EFAULT);
	assert_int_equal(nnvme_read(r.qp, r.ns, own + 4 * 4096 - 512, 0, 2, NULL), -EFAULT);
	assert_int_equal(rig_read(&r, own + 4 * 4096 - 512, 0, 1), 0);
	assert_int_equal(nnvme_mem_unregister(r.ctrl, own, 4 * 4096, &r.err), 0);
	assert_int_equal(nnvme_read(r.qp, r.ns, own, 0, 1, NULL), -EFAULT);
	assert_int_equal(nnvme_sq_space_left(r.qp), 8);
	free(own);
	free(outside);
	rig_down(&r);
}

static void allocated_memory_is_zero_and_registered(void **state)
{
	struct rig r;
	uint8_t *a, *b;

	rig_up(&r, NULL, 8);
	b = rig_alloc(&r, 1);
	for (unsigned i = 0; i < 50; i++) {
		size_t size = 1 + i * 9999;

		a = rig_alloc(&r, size);
		assert_int_equal((uintptr_t)a % 4096, 0);
		for (size_t k = 0; k < size; k++)
			assert_int_equal(a[k], 0);
		memset(a, 0xff, size);
		assert_int_equal(rig_write(&r, a, 0, 1 + (uint32_t)(size - 1) / 512), 0);
		nnvme_mem_free(r.ctrl, a);
	}
	nnvme_mem_free(r.ctrl, b);
	nnvme_mem_free(r.ctrl, NULL);
	rig_down(&r);
}

static void unaligned_buffers_are_refused(void **state)
{
	struct rig r;
	uint8_t *buf;

	rig_up(&r, NULL, 8);
	buf = rig_alloc(&r, 65536);
	for (unsigned i = 1; i < 4; i++) {
		assert_int_equal(nnvme_read(r.qp, r.ns, buf + i, 0, 1, NULL), -EINVAL);
		assert_int_equal(nnvme_write(r.qp, r.ns, buf + i, 0, 64, NULL), -EINVAL);
	}
	assert_int_equal(rig_read(&r, buf + 4, 0, 64), 0);
	rig_down(&r);
}

/* Says of every byte of the namespace where it is. */
static uint8_t at(uint64_t byte)
{
	return (uint8_t)(byte * 131 + (byte >> 9) * 17 + (byte >> 17));
}

static void compare(const uint8_t *buf, uint64_t byte, size_t len)
{
	for (size_t i = 0; i < len; i++)
		if (buf[i] != at(byte + i))
			fail_msg("byte %zu of %zu from "
				 "%llu is wrong", i, len, (unsigned long long)byte);
}

/* Random LBAs and lengths, to random dword-aligned buffers; memory around them stays as it is. */
static void random_io(const char *settings, unsigned rounds, uint32_t most)
{
	const size_t space = 6 << 20, size = 8 << 20;
	uint32_t seed = 99;
	uint8_t *buf, *data;
	unsigned shift;
	struct rig r;

	rig_up(&r, settings, 7);
	shift = r.ns->block_shift;
	buf = rig_alloc(&r, space);
	rig_step_by_hand(&r);
	data = model_data(r.m, 1);
	for (size_t i = 0; i < size; i++)
		data[i] = at(i);
	for (unsigned i = 0; i < rounds; i++) {
		uint32_t blocks = 1 + rig_random(&seed) % (rig_random(&seed) % 4 ? 16 : most);
		uint64_t lba = rig_random(&seed) % ((size >> shift) - blocks);
		size_t len = (size_t)blocks << shift;
		size_t off = 64 + rig_random(&seed) % (space - len - 128) / 4 * 4;

		if (rig_random(&seed) % 2) {
			memset(buf + off - 4, 0x77, 4);
			memset(buf + off + len, 0x77, 4);
			assert_int_equal(rig_read(&r, buf + off, lba, blocks), 0);
			compare(buf + off, lba << shift, len);
			assert_memory_equal(buf + off - 4, "wwww", 4);
			assert_memory_equal(buf + off + len, "wwww", 4);
		} else {
			for (size_t k = 0; k < len; k++)
				buf[off + k] = at((lba << shift) + k);
			memset(data + (lba << shift), 0, len);
			assert_int_equal(rig_write(&r, buf + off, lba, blocks), 0);
			compare(data + (lba << shift), lba << shift, len);
		}
	}
	compare(data, 0, size);
	rig_down(&r);
}

static void data_arrives_in_512_byte_blocks(void **state)
{
	random_io("size=8m,mdts=5", 2000, 1000);
}

static void data_arrives_in_4096_byte_blocks(void **state)
{
	random_io("size=8m,block=4096,mdts=5", 2000, 200);
}

static void data_arrives_in_large_blocks(void **state)
{
	random_io("size=8m,block=65536,mdts=0", 300, 20);
}

static void data_arrives_in_one_command_each(void **state)
{
	random_io("size=8m,mdts=0,run=3", 400, 8000);
}

static void data_arrives_behind_an_iommu(void **state)
{
	random_io("size=8m,mdts=8,mode=iommu", 400, 8000);
}

static void data_arrives_one_page_a_command(void **state)
{
	random_io("size=8m,mdts=0,block=4096", 200, 500);
	random_io("size=8m,block=4096,mdts=1", 200, 500);
}

static void namespaces_are_kept_apart(void **state)
{
	const struct nnvme_ns *ns[3];
	struct nnvme_completion done;
	struct rig r;
	uint8_t *buf;

	rig_model(&r, NULL);
	r.config.nn = 5;
	r.config.ns[0] = (struct model_namespace){ .blocks = 100, .block = 512 };
	r.config.ns[1] = (struct model_namespace){ .blocks = 0 };
	r.config.ns[2] = (struct model_namespace){ .blocks = 50, .block = 4096 };
	r.config.ns[3] = (struct model_namespace){ .blocks = 50, .block = 512, .metadata = 8 };
	r.config.ns[4] = (struct model_namespace){ .blocks = 70, .block = 512 };
	assert_int_equal(rig_open(&r), 0);
	rig_queue(&r, 4);
	buf = rig_alloc(&r, 4096);
	ns[0] = nnvme_ns_next(r.ctrl, 0);
	ns[1] = nnvme_ns_next(r.ctrl, 1);
	ns[2] = nnvme_ns_next(r.ctrl, 3);
	assert_int_equal(ns[0]->nsid, 1);
	assert_int_equal(ns[1]->nsid, 3);
	assert_int_equal(ns[2]->nsid, 5);
	assert_null(nnvme_ns_next(r.ctrl, 5));
	assert_ptr_equal(nnvme_ns_get(r.ctrl, 3, NULL), ns[1]);
	assert_null(nnvme_ns_get(r.ctrl, 2, &r.err));
	assert_int_equal(r.err.code, -ENODEV);
	assert_null(nnvme_ns_get(r.ctrl, 4, &r.err));
	assert_int_equal(r.err.code, -EOPNOTSUPP);
	assert_null(nnvme_ns_get(r.ctrl, 0, &r.err));
	assert_null(nnvme_ns_get(r.ctrl, 99, &r.err));
	assert_int_equal(ns[1]->blocks, 50);
	assert_int_equal(ns[1]->block_shift, 12);
	assert_int_equal(nnvme_read(r.qp, ns[1], buf, 50, 1, NULL), -ERANGE);
	assert_int_equal(nnvme_read(r.qp, ns[2], buf, 70, 1, NULL), -ERANGE);
	for (unsigned i = 0; i < 3; i++) {
		memset(buf, (int)(0x10 + i), 4096);
		assert_int_equal(nnvme_write(r.qp, ns[i], buf, 49, 1, NULL), 0);
		done = rig_wait(&r);
		assert_int_equal(done.status, 0);
	}
	model_stop(r.m);
	assert_int_equal(((uint8_t *)model_data(r.m, 1))[49 * 512], 0x10);
	assert_int_equal(((uint8_t *)model_data(r.m, 3))[49 * 4096], 0x11);
	assert_int_equal(((uint8_t *)model_data(r.m, 5))[49 * 512], 0x12);
	rig_down(&r);
}

static void flush_reaches_the_namespace(void **state)
{
	struct nnvme_completion done;
	struct model_counts counts;
	struct model_log log;
	struct rig r;

	rig_up(&r, NULL, 4);
	assert_true(rig_ns_info(r.ns).volatile_cache);
	assert_int_equal(nnvme_flush(r.qp, r.ns, &r), 0);
	done = rig_wait(&r);
	assert_ptr_equal(done.tag, &r);
	assert_int_equal(done.status, 0);
	model_counts(r.m, &counts);
	assert_int_equal(counts.flushes, 1);
	assert_true(model_log(r.m, 0, &log));
	assert_int_equal(log.nsid, 1);
	assert_int_equal(log.cdw10 | log.cdw11 | log.cdw12, 0);
	rig_down(&r);
}

/* Commands without data leave nothing of an earlier command in their entry. */
static void entries_are_written_whole(void **state)
{
	struct model_log log;
	struct rig r;
	uint8_t *buf;

	rig_up(&r, NULL, 3);
	buf = rig_alloc(&r, 65536);
	for (int i = 0; i < 20; i++)
		assert_int_equal(rig_read(&r, buf, 70000, 100), 0);
	for (int i = 0; i < 20; i++) {
		assert_int_equal(nnvme_flush(r.qp, r.ns, NULL), 0);
		assert_int_equal(rig_wait(&r).status, 0);
		assert_true(model_log(r.m, 0, &log));
		assert_int_equal(log.prp1 | log.prp2 | log.cdw10 | log.cdw11 | log.cdw12, 0);
		assert_false(log.rest);
		assert_int_equal(nnvme_deallocate(r.qp, r.ns, 5, 6, NULL), 0);
		assert_int_equal(rig_wait(&r).status, 0);
		assert_true(model_log(r.m, 0, &log));
		assert_int_equal(log.prp2, 0);
		assert_int_equal(log.cdw12, 0);
		assert_false(log.rest);
		assert_int_equal(rig_read(&r, buf, 0, 1), 0);
		assert_true(model_log(r.m, 0, &log));
		assert_int_equal(log.prp2, 0);
		assert_int_equal(log.cdw10 | log.cdw11 | log.cdw12, 0);
		assert_false(log.rest);
	}
	rig_down(&r);
}

static void zeroes_and_deallocation_zero_what_they_say(void **state)
{
	struct rig r;
	uint8_t *data;

	rig_up(&r, "size=1m", 4);
	rig_step_by_hand(&r);
	data = model_data(r.m, 1);
	memset(data, 1, 1 << 20);
	assert_int_equal(nnvme_write_zeroes(r.qp, r.ns, 10, 20, &r), 0);
	assert_int_equal(rig_wait(&r).status, 0);
	assert_int_equal(data[10 * 512 - 1], 1);
	assert_int_equal(data[10 * 512], 0);
	assert_int_equal(data[30 * 512 - 1], 0);
	assert_int_equal(data[30 * 512], 1);
	assert_int_equal(nnvme_deallocate(r.qp, r.ns, 100, 1948, &r), 0);
	assert_int_equal(rig_wait(&r).status, 0);
	assert_int_equal(data[100 * 512 - 1], 1);
	assert_int_equal(data[100 * 512], 0);
	assert_int_equal(data[(1 << 20) - 1], 0);
	rig_down(&r);
}

/* Many deallocations at once share a limited number of pages for their ranges. */
static void many_deallocations_at_once_all_end(void **state)
{
	struct nnvme_completion done[64];
	unsigned submitted = 0, back = 0, refused = 0;
	struct rig r;
	uint8_t *data;

	rig_up(&r, "size=1m", 64);
	rig_step_by_hand(&r);
	data = model_data(r.m, 1);
	memset(data, 1, 1 << 20);
	while (back < 500) {
		int ret = submitted < 500 ? nnvme_deallocate(r.qp, r.ns, submitted * 4, 1, &r) :
			  -EAGAIN;

		if (!ret) {
			submitted++;
			continue;
		}
		assert_int_equal(ret, -EAGAIN);
		refused++;
		nnvme_ring(r.qp);
		back += rig_poll(&r, done, 64);
		assert_true(refused < 1000);
	}
	for (unsigned i = 0; i < 2000; i++)
		assert_int_equal(data[i * 512], i % 4 != 0);
	rig_down(&r);
}

/* A command's page for ranges is its own, and not the next command's in that slot. */
static void a_failure_frees_no_list_of_another(void **state)
{
	struct model_rule hold = model_rule(MODEL_HOLD);
	struct model_log log;
	uint64_t page[31];
	struct rig r;
	void *buf;

	buf = rig_up_by_hand(&r, "bad_lba=7", 32);
	for (int i = 0; i < 200; i++) {
		assert_int_equal(nnvme_deallocate(r.qp, r.ns, 0, 1, &r), 0);
		assert_int_equal(rig_wait(&r).status, 0);
	}
	hold.opcode = NNVME_OP_DSM;
	model_inject(r.m, &hold);
	for (unsigned i = 0; i < 31; i++)
		assert_int_equal(nnvme_deallocate(r.qp, r.ns, 0, 1, &r), 0);
	nnvme_ring(r.qp);
	model_drain(r.m);
	for (unsigned i = 0; i < 31; i++) {
		assert_true(model_log(r.m, i, &log));
		page[i] = log.prp1;
	}
	for (int i = 0; i < 200; i++)
		assert_int_equal(rig_read(&r, buf, 7, 1), 0x281);
	assert_int_equal(nnvme_deallocate(r.qp, r.ns, 0, 1, &r), 0);
	nnvme_ring(r.qp);
	model_drain(r.m);
	assert_true(model_log(r.m, 0, &log));
	for (unsigned i = 0; i < 31; i++)
		assert_int_not_equal(log.prp1, page[i]);
	rig_down(&r);
}

/*
 * Poll @n completions, @at_once at a time, into memory with other contents: each is exactly @want.
 */
static void expect_whole(struct rig *r, unsigned n, unsigned at_once, struct nnvme_completion want)
{
	struct nnvme_completion done[8];

	nnvme_ring(r->qp);
	model_drain(r->m);
	while (n) {
		unsigned most = n < at_once ? n : at_once;

		memset(done, 0xa5, sizeof(done));
		assert_int_equal(nnvme_poll(r->qp, done, at_once), most);
		for (unsigned i = 0; i < most; i++)
			assert_memory_equal(&done[i], &want, sizeof(want));
		n -= most;
	}
}

/*
 * Whatever path it took, and whatever the controller left in DW0 of a command that returns nothing
 * there.
 */
static void completions_are_defined_whole(void **state)
{
	struct model_rule odd = model_rule(MODEL_FAIL);
	struct nnvme_completion want;
	struct rig r;
	void *buf;

	buf = rig_up_by_hand(&r, NULL, 8);
	for (unsigned failed = 0; failed < 2; failed++) {
		memset(&want, 0, sizeof(want));
		want.tag = buf;
		odd.result = 0xdeadbeef;
		odd.status = failed ? RIG_DNR(0x281) : 0;
		if (failed) {
			want.status = odd.status;
			want.result = odd.result;
		}
		model_inject_clear(r.m);
		model_inject(r.m, &odd);
		for (unsigned i = 0; i < 300; i++) {
			unsigned at_once = i % 3 ? 8 : 1;

			for (unsigned k = 0; k < 8; k++)
				assert_int_equal(nnvme_read(r.qp, r.ns, buf, 0, 1, buf), 0);
			expect_whole(&r, 8, at_once, want);
			assert_int_equal(nnvme_flush(r.qp, r.ns, buf), 0);
			assert_int_equal(nnvme_deallocate(r.qp, r.ns, 0, 1, buf), 0);
			assert_int_equal(nnvme_write_zeroes(r.qp, r.ns, 0, 100000, buf), 0);
			expect_whole(&r, 3, at_once, want);
		}
	}
	rig_down(&r);
}

static void a_failed_block_fails_its_command_alone(void **state)
{
	struct rig r;
	void *buf;

	rig_up(&r, "bad_lba=100", 4);
	buf = rig_alloc(&r, 65536);
	assert_int_equal(rig_read(&r, buf, 92, 8), 0);
	assert_int_equal(rig_read(&r, buf, 93, 8), 0x281);
	assert_int_equal(nnvme_status_errno(0x281), EIO);
	assert_int_equal(rig_write(&r, buf, 100, 1), 0x280);
	assert_int_equal(rig_read(&r, buf, 101, 8), 0);
	rig_down(&r);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_is_out_of_range_is_refused),
		cmocka_unit_test(what_is_not_registered_is_refused),
		cmocka_unit_test(allocated_memory_is_zero_and_registered),
		cmocka_unit_test(unaligned_buffers_are_refused),
		cmocka_unit_test(data_arrives_in_512_byte_blocks),
		cmocka_unit_test(data_arrives_in_4096_byte_blocks),
		cmocka_unit_test(data_arrives_in_large_blocks),
		cmocka_unit_test(data_arrives_in_one_command_each),
		cmocka_unit_test(data_arrives_behind_an_iommu),
		cmocka_unit_test(data_arrives_one_page_a_command),
		cmocka_unit_test(namespaces_are_kept_apart),
		cmocka_unit_test(flush_reaches_the_namespace),
		cmocka_unit_test(entries_are_written_whole),
		cmocka_unit_test(zeroes_and_deallocation_zero_what_they_say),
		cmocka_unit_test(many_deallocations_at_once_all_end),
		cmocka_unit_test(a_failure_frees_no_list_of_another),
		cmocka_unit_test(completions_are_defined_whole),
		cmocka_unit_test(a_failed_block_fails_its_command_alone),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
