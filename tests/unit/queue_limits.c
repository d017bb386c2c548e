// SPDX-License-Identifier: MIT
/*
 * Write Zeroes and deallocation of any length, within the controller's limits (NVM Command Set, I/O
 * Command Set Specific Identify Controller: WZSL, DMRL, DMRSL, DMSL). It skips ranges above DMRSL
 * with success, so the contents of the blocks are what counts.
 */
#include "driver_rig.h"

#define BLOCK 512u

/* A controller whose blocks from @first on, @count of them, hold ones. */
static uint8_t *up(struct rig *r, const char *settings, unsigned depth, uint64_t first,
		   size_t count)
{
	uint8_t *data;

	rig_up(r, settings, depth);
	rig_step_by_hand(r);
	data = model_data(r->m, 1);
	memset(data + first * BLOCK, 1, count * BLOCK);
	return data;
}

static void expect(const uint8_t *data, uint64_t lba, uint64_t blocks, uint8_t want)
{
	for (size_t i = 0; i < blocks * BLOCK; i++)
		if (data[lba * BLOCK + i] != want)
			fail_msg("byte %zu of block %llu is %u", i % BLOCK,
				 (unsigned long long)(lba + i / BLOCK), data[lba * BLOCK + i]);
}

typedef int clear_fn(struct nnvme_qpair *qp, const struct nnvme_ns *ns, uint64_t lba,
		     uint64_t blocks, void *tag);

/* Once, completely, and not a block more. */
static void clears(clear_fn *clear, const char *settings, unsigned depth, uint64_t blocks,
		   uint64_t commands)
{
	struct nnvme_completion done;
	uint8_t *data;
	struct rig r;

	data = up(&r, settings, depth, 0, 16384);
	assert_int_equal(clear(r.qp, r.ns, 7, blocks, &r), 0);
	done = rig_wait(&r);
	assert_ptr_equal(done.tag, &r);
	assert_int_equal(done.status, 0);
	assert_int_equal(nnvme_in_flight(r.qp), 0);
	assert_int_equal(nnvme_poll(r.qp, &done, 1), 0);
	expect(data, 0, 7, 1);
	expect(data, 7, blocks, 0);
	expect(data, 7 + blocks, 16384 - 7 - blocks, 1);
	assert_int_equal(rig_commands(&r), commands);
	rig_down(&r);
}

static void deallocate(const char *settings, uint64_t blocks, uint64_t commands)
{
	clears(nnvme_deallocate, settings, 4, blocks, commands);
}

static void zeroes(const char *settings, uint64_t blocks, uint64_t commands)
{
	clears(nnvme_write_zeroes, settings, 4, blocks, commands);
}

static void a_range_has_no_more_blocks_than_dmrsl(void **state)
{
	deallocate("size=8m,dmrsl=100", 100, 1);
	deallocate("size=8m,dmrsl=100", 101, 1);
	deallocate("size=8m,dmrsl=100", 1000, 1);
	deallocate("size=8m,dmrsl=16", 4096, 1);	/* 256 ranges */
	deallocate("size=8m,dmrsl=16", 4097, 2);
	deallocate("size=8m,dmrsl=1", 16000, 63);
	deallocate("size=8m,dmrsl=4294967295", 16000, 1);
}

static void a_command_has_no_more_ranges_than_dmrl(void **state)
{
	deallocate("size=8m,dmrl=1", 16000, 1);
	deallocate("size=8m,dmrl=1,dmrsl=100", 1000, 10);
	deallocate("size=8m,dmrl=3,dmrsl=100", 1000, 4);
	deallocate("size=8m,dmrl=255,dmrsl=1", 256, 2);
}

static void a_command_has_no_more_blocks_than_dmsl(void **state)
{
	deallocate("size=8m,dmsl=1", 100, 100);
	deallocate("size=8m,dmsl=1000", 1000, 1);
	deallocate("size=8m,dmsl=1000", 1001, 2);
	deallocate("size=8m,dmsl=250,dmrsl=100,dmrl=9", 1000, 4);
	deallocate("size=8m,dmsl=250,dmrsl=100,dmrl=2", 1000, 5);
	deallocate("size=8m,dmsl=18446744073709551615", 1000, 1);
}

/* More commands than slots: they follow one another. */
static void any_number_of_commands_fits_any_depth(void **state)
{
	static const unsigned depths[] = { 1, 2, 3, 64 };

	for (unsigned i = 0; i < 4; i++)
		clears(nnvme_deallocate, "size=8m,dmsl=30,dmrsl=7", depths[i], 16000, 534);
}

static void several_long_ones_share_the_queue(void **state)
{
	unsigned submitted = 0, back = 0, rounds = 0;
	struct nnvme_completion done[4];
	uint8_t *data, seen[20] = { 0 };
	struct rig r;

	data = up(&r, "size=8m,dmrsl=7,dmrl=2", 5, 0, 16384);
	while (back < 20) {
		unsigned n;

		if (submitted < 20 &&
		    !nnvme_deallocate(r.qp, r.ns, submitted * 800, 799, &seen[submitted]))
			submitted++;
		nnvme_ring(r.qp);
		n = rig_poll(&r, done, 4);
		for (unsigned i = 0; i < n; i++, back++) {
			assert_int_equal(done[i].status, 0);
			assert_int_equal((*(uint8_t *)done[i].tag)++, 0);
		}
		assert_true(rounds++ < 10000);
	}
	for (unsigned i = 0; i < 20; i++) {
		expect(data, i * 800, 799, 0);
		expect(data, i * 800 + 799, 1, 1);
	}
	rig_down(&r);
}

/* The lengths of ranges have 32 bits, those of namespaces more. */
static void more_blocks_than_32_bits_count_are_deallocated(void **state)
{
	static const uint64_t mark[] = { 1, 0xfffffffe, 0xffffffff, 0x100000000, 0x100000001,
					 0x1ffffffff };
	static const char *settings[] = { "size=4096g", "size=4096g,dmrsl=4194303" };

	for (unsigned k = 0; k < 2; k++) {
		uint8_t *data;
		struct rig r;

		data = up(&r, settings[k], 4, 0, 1);
		assert_int_equal(r.ns->blocks, 0x200000000);
		for (unsigned i = 0; i < 6; i++)
			memset(data + mark[i] * BLOCK, 1, BLOCK);
		assert_int_equal(nnvme_deallocate(r.qp, r.ns, 1, 0x1fffffffe, &r), 0);
		assert_int_equal(rig_wait(&r).status, 0);
		expect(data, 0, 1, 1);
		for (unsigned i = 0; i < 5; i++)
			expect(data, mark[i], 1, 0);
		expect(data, mark[5], 1, 1);
		rig_down(&r);
	}
}

/*
 * What was deallocated stays so, what was not begun stays as it was: the caller learns of the first
 * failure.
 */
static void a_failed_part_fails_the_whole(void **state)
{
	struct model_rule fail = model_rule(MODEL_FAIL);
	uint8_t *data;
	struct rig r;

	data = up(&r, "size=8m,dmrsl=100,dmrl=1", 1, 0, 16384);
	fail.opcode = NNVME_OP_DSM;
	fail.skip = 3;
	fail.times = 1;
	fail.status = 0x286;
	model_inject(r.m, &fail);
	assert_int_equal(nnvme_deallocate(r.qp, r.ns, 0, 10000, &r), 0);
	assert_int_equal(rig_wait(&r).status, 0x286);
	assert_int_equal(rig_commands(&r), 4);
	expect(data, 0, 300, 0);
	expect(data, 300, 10000, 1);
	assert_int_equal(nnvme_deallocate(r.qp, r.ns, 0, 10000, &r), 0);
	assert_int_equal(rig_wait(&r).status, 0);
	expect(data, 0, 10000, 0);
	rig_down(&r);
}

static void zeroes_are_no_longer_than_wzsl(void **state)
{
	zeroes("size=8m,wzsl=1", 16, 1);
	zeroes("size=8m,wzsl=1", 17, 2);
	zeroes("size=8m,wzsl=3,mdts=1", 16000, 250);
	zeroes("size=8m,wzsl=31", 16000, 1);
	zeroes("size=8m,wzsl=255", 16000, 1);
}

static void assert_limits(const char *settings, uint32_t zeroes, uint32_t ranges,
			  uint32_t range_blocks, uint64_t dsm_blocks)
{
	struct nnvme_ns_info info;
	struct rig r;

	rig_up(&r, settings, 4);
	info = rig_ns_info(r.ns);
	assert_int_equal(info.max_zeroes_blocks, zeroes);
	assert_int_equal(info.dsm_ranges, ranges);
	assert_int_equal(info.dsm_range_blocks, range_blocks);
	assert_int_equal(info.dsm_blocks, dsm_blocks);
	rig_down(&r);
}

static void limits_are_told(void **state)
{
	assert_limits("wzsl=1,dmrl=3,dmrsl=100,dmsl=200", 16, 3, 100, 200);
	assert_limits("wzsl=0", 65536, 256, UINT32_MAX, UINT64_MAX);
	assert_limits("oncs=0", 0, 0, 0, 0);
	assert_limits("oncs=4,dmrl=2", 0, 2, UINT32_MAX, UINT64_MAX);
	assert_limits("oncs=8,dmrl=2", 65536, 0, 0, 0);
}

/* A program compiled with a smaller structure, or a larger one than this library knows. */
static void an_info_of_another_size(void **state)
{
	struct {
		struct nnvme_ns_info info;
		uint64_t more;
	} newer = { .info.size = sizeof(newer), .more = 1 };
	struct nnvme_ns_info older = { .size = sizeof(older) - 1 };
	struct rig r;

	rig_up(&r, NULL, 4);
	assert_int_equal(nnvme_ns_info(r.ns, &older), -EINVAL);
	assert_int_equal(older.blocks, 0);
	assert_int_equal(nnvme_ns_info(r.ns, &newer.info), 0);
	assert_int_equal(newer.info.size, sizeof(newer));
	assert_int_equal(newer.info.blocks, r.ns->blocks);
	assert_int_equal(newer.more, 0);
	rig_down(&r);
}

/* A block exceeds WZSL. */
static void zeroes_that_no_command_can_write_are_not_offered(void **state)
{
	struct rig r;

	rig_up(&r, "size=8m,block=16384,wzsl=1", 4);
	assert_false(rig_ns_info(r.ns).can_write_zeroes);
	assert_int_equal(nnvme_write_zeroes(r.qp, r.ns, 0, 1, &r), -EOPNOTSUPP);
	rig_down(&r);
}

/* Older controllers don't have the data structure with limits; they can be opened all the same. */
static void no_page_of_limits_is_no_limit(void **state)
{
	struct model_rule refuse = model_rule(MODEL_FAIL);
	uint8_t *data;
	struct rig r;

	rig_model(&r, "size=8m");
	assert_int_equal(model_create(&r.config, &r.m, NULL), 0);
	refuse.qid = 0;
	refuse.opcode = nvme_admin_identify;
	refuse.skip = 1;
	refuse.times = 1;
	refuse.status = RIG_DNR(NVME_SC_INVALID_FIELD);
	model_inject(r.m, &refuse);
	if (rig_open(&r))
		fail_msg("%s", r.err.text);
	assert_string_equal(r.err.text, "");
	r.ns = nnvme_ns_get(r.ctrl, 1, &r.err);
	rig_queue(&r, 4);
	rig_step_by_hand(&r);
	data = model_data(r.m, 1);
	memset(data, 1, 16384 * BLOCK);
	assert_int_equal(nnvme_deallocate(r.qp, r.ns, 0, 16384, &r), 0);
	assert_int_equal(rig_wait(&r).status, 0);
	assert_int_equal(rig_commands(&r), 1);
	expect(data, 0, 16384, 0);
	rig_down(&r);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_range_has_no_more_blocks_than_dmrsl),
		cmocka_unit_test(a_command_has_no_more_ranges_than_dmrl),
		cmocka_unit_test(a_command_has_no_more_blocks_than_dmsl),
		cmocka_unit_test(any_number_of_commands_fits_any_depth),
		cmocka_unit_test(several_long_ones_share_the_queue),
		cmocka_unit_test(more_blocks_than_32_bits_count_are_deallocated),
		cmocka_unit_test(a_failed_part_fails_the_whole),
		cmocka_unit_test(zeroes_are_no_longer_than_wzsl),
		cmocka_unit_test(limits_are_told),
		cmocka_unit_test(an_info_of_another_size),
		cmocka_unit_test(zeroes_that_no_command_can_write_are_not_offered),
		cmocka_unit_test(no_page_of_limits_is_no_limit),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
