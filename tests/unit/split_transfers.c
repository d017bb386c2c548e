// SPDX-License-Identifier: MIT
/*
 * Transfers that one command can't carry, or whose pages one list can't hold: split by MDTS,
 * completed as one, with own lists where needed.
 */
#include "driver_rig.h"

#define MIB (1u << 20)

static uint32_t word(uint64_t byte)
{
	return (uint32_t)(byte / 4) * 2654435761u;
}

static void fill(void *to, uint64_t byte, size_t len)
{
	for (size_t i = 0; i < len; i += 4)
		memcpy((char *)to + i, &(uint32_t){ word(byte + i) }, 4);
}

static void compare(const void *from, uint64_t byte, size_t len)
{
	for (size_t i = 0; i < len; i += 4)
		if (memcmp((const char *)from + i, &(uint32_t){ word(byte + i) }, 4))
			fail_msg("dword at %zu of %zu is wrong", i, len);
}

static void up(struct rig *r, const char *settings, unsigned depth, uint8_t **buf)
{
	rig_up(r, settings, depth);
	*buf = rig_alloc(r, 6 * MIB);
	rig_step_by_hand(r);
	fill(model_data(r->m, 1), 0, 16 * MIB);
}

static void pieces_are_as_large_as_mdts_allows(void **state)
{
	struct model_log log;
	struct rig r;
	uint8_t *buf;

	up(&r, "mdts=1,size=16m", 4, &buf);	/* 8 KiB: 16 blocks */
	assert_int_equal(rig_ns_info(r.ns).max_blocks, 16);
	assert_int_equal(rig_read(&r, buf, 3, 16), 0);
	assert_int_equal(rig_commands(&r), 1);
	assert_int_equal(rig_read(&r, buf, 3, 17), 0);
	assert_int_equal(rig_commands(&r), 3);
	assert_true(model_log(r.m, 1, &log));
	assert_int_equal(log.slba, 3);
	assert_int_equal(log.blocks, 16);
	assert_true(model_log(r.m, 0, &log));
	assert_int_equal(log.slba, 19);
	assert_int_equal(log.blocks, 1);
	compare(buf, 3 * 512, 17 * 512);
	rig_down(&r);
}

/* More pieces than slots: they follow one another, whatever the depth. */
static void any_length_fits_any_depth(void **state)
{
	static const unsigned depths[] = { 1, 2, 3, 8, 64 };
	struct rig r;
	uint8_t *buf;

	for (unsigned i = 0; i < 5; i++) {
		up(&r, "mdts=1,size=16m", depths[i], &buf);
		assert_int_equal(rig_read(&r, buf + 512, 7, 8192), 0);	/* 4 MiB, 512 pieces */
		compare(buf + 512, 7 * 512, 4 * MIB);
		assert_int_equal(rig_commands(&r), 512);
		assert_int_equal(nnvme_sq_space_left(r.qp), depths[i]);
		rig_down(&r);
	}
}

/* Five reads of many pieces each; those refused for lack of space are retried. */
static void read_five(struct rig *r, uint8_t *buf, unsigned at_first)
{
	unsigned submitted = 0, back = 0, rounds = 0;
	struct nnvme_completion done[8];
	uint8_t seen[5] = { 0 };

	while (back < 5) {
		unsigned n;

		while (submitted < 5 &&
		       !nnvme_read(r->qp, r->ns, buf + submitted * MIB, submitted * 1000,
				   1500 + submitted, (void *)(uintptr_t)submitted))
			submitted++;
		if (!rounds)
			assert_int_equal(submitted, at_first);
		nnvme_ring(r->qp);
		n = rig_poll(r, done, 8);
		for (unsigned i = 0; i < n; i++, back++) {
			assert_int_equal(done[i].status, 0);
			assert_true((uintptr_t)done[i].tag < submitted);
			assert_int_equal(seen[(uintptr_t)done[i].tag]++, 0);
		}
		assert_true(rounds++ < 1000);
	}
	assert_int_equal(nnvme_in_flight(r->qp), 0);
	assert_int_equal(rig_poll(r, done, 8), 0);
	for (unsigned i = 0; i < 5; i++)
		compare(buf + i * MIB, i * 1000 * 512, (1500 + i) * 512);
}

static void several_at_once_come_back_once_each(void **state)
{
	struct rig r;
	uint8_t *buf;

	/* the first takes all slots, and again whenever one of its pieces ends */
	up(&r, "mdts=2,size=16m", 7, &buf);
	read_five(&r, buf, 1);
	rig_down(&r);

	/* with space for all pieces they run side by side */
	up(&r, "mdts=2,size=16m,run=512", 700, &buf);
	read_five(&r, buf, 5);
	rig_down(&r);
}

/* The first failure is the transfer's; it ends when the last piece in flight has. */
static void a_failed_piece_fails_the_whole(void **state)
{
	struct model_rule fail = model_rule(MODEL_FAIL), hold = model_rule(MODEL_HOLD);
	struct nnvme_completion done;
	struct rig r;
	uint8_t *buf;

	up(&r, "mdts=1,size=16m", 4, &buf);
	fail.lba = 16 * 10;
	fail.blocks = 1;
	fail.status = 0x281;
	model_inject(r.m, &fail);
	assert_int_equal(rig_read(&r, buf, 0, 16 * 40), 0x281);
	assert_true(rig_commands(&r) < 20);	/* the rest is not even tried */
	assert_int_equal(nnvme_sq_space_left(r.qp), 4);

	/* another failure of another piece comes later */
	model_inject_clear(r.m);
	fail.lba = 0;
	model_inject(r.m, &fail);
	fail.lba = 16 * 2;
	fail.status = 0x282;
	model_inject(r.m, &fail);
	assert_int_equal(rig_read(&r, buf, 0, 16 * 4), 0x281);

	model_inject_clear(r.m);
	fail.lba = 0;
	fail.status = 0x281;
	model_inject(r.m, &fail);
	model_inject(r.m, &hold);
	assert_int_equal(nnvme_read(r.qp, r.ns, buf, 0, 16 * 4, buf), 0);
	nnvme_ring(r.qp);
	assert_int_equal(rig_poll(&r, &done, 1), 0);	/* three are still in flight */
	model_release(r.m, MODEL_LIFO);
	assert_int_equal(rig_poll(&r, &done, 1), 1);
	assert_int_equal(done.status, 0x281);
	assert_ptr_equal(done.tag, buf);
	assert_int_equal(rig_poll(&r, &done, 1), 0);
	rig_down(&r);
}

/* Ordinary commands go on beside a transfer that fills the queue again and again. */
static void other_commands_are_not_starved(void **state)
{
	struct nnvme_completion done[4];
	bool small = false, large = false;
	struct rig r;
	uint8_t *buf;

	up(&r, "mdts=1,size=16m", 4, &buf);
	assert_int_equal(nnvme_read(r.qp, r.ns, buf, 0, 16, &small), 0);
	assert_int_equal(nnvme_read(r.qp, r.ns, buf + MIB, 0, 2048, &large), 0);
	nnvme_ring(r.qp);
	for (unsigned i = 0; i < 10000 && !(small && large); i++) {
		unsigned n = rig_poll(&r, done, 4);

		for (unsigned k = 0; k < n; k++)
			*(bool *)done[k].tag = true;
	}
	assert_true(small && large);
	rig_down(&r);
}

/* One command of 4 MiB: more entries than a list page holds. */
static void chained_lists_carry_4_mib(void **state)
{
	static const unsigned offset[] = { 0, 4, 512, 2048, 4092 };
	struct model_log log;
	struct rig r;
	uint8_t *buf;

	up(&r, "mdts=0,size=16m,run=1", 4, &buf);
	assert_int_equal(rig_ns_info(r.ns).max_blocks, 8192);
	for (unsigned i = 0; i < 5; i++) {
		memset(buf, 0, 6 * MIB);
		assert_int_equal(rig_read(&r, buf + offset[i], 5, 8192), 0);
		compare(buf + offset[i], 5 * 512, 4 * MIB);
		assert_int_equal(buf[offset[i] + 4 * MIB], 0);
		assert_true(model_log(r.m, 0, &log));
		assert_int_equal(log.blocks, 8192);
		assert_true(log.lists >= 2);
	}
	assert_int_equal(rig_commands(&r), 5);
	rig_down(&r);
}

/* Every number of pages around the ends of list pages, from every slot of one. */
static void lists_end_where_they_should(void **state)
{
	static const unsigned pages[] = { 1, 2, 3, 254, 255, 256, 257, 258, 510, 511, 512, 513, 514,
					  767, 768, 1022, 1023, 1024 };
	struct rig r;
	uint8_t *buf;

	up(&r, "mdts=0,size=16m,block=4096", 4, &buf);
	for (unsigned i = 0; i < sizeof(pages) / sizeof(pages[0]); i++)
		for (unsigned first = 0; first < 520; first += first < 4 ? 1 : 85) {
			uint8_t *at = buf + first * 4096 + (first % 2) * 1024;
			size_t len = pages[i] * (size_t)4096;

			if (at + len > buf + 6 * MIB)
				continue;
			assert_int_equal(rig_read(&r, at, i, pages[i]), 0);
			compare(at, i * 4096, len);
		}
	rig_down(&r);
}

/* A controller that wants its list pointers aligned gets lists that start a page. */
static void list_pages_are_aligned(void **state)
{
	uint32_t seed = 5;
	struct rig r;
	uint8_t *buf;

	rig_model(&r, "list512=1,mdts=0,size=16m,run=16");
	r.options.quirks = NNVME_QUIRK_ALIGNED_LISTS;
	rig_start(&r, 16);
	buf = rig_alloc(&r, 6 * MIB);
	rig_step_by_hand(&r);
	fill(model_data(r.m, 1), 0, 16 * MIB);
	for (unsigned i = 0; i < 300; i++) {
		uint32_t blocks = 1 + rig_random(&seed) % (i % 3 ? 100 : 8192);
		size_t off = rig_random(&seed) % (6 * MIB - blocks * 512) / 4 * 4;

		assert_int_equal(rig_read(&r, buf + off, i, blocks), 0);
		compare(buf + off, i * 512, blocks * 512);
	}
	rig_down(&r);
}

/* There are as many lists as slots, so a transfer never waits for one. */
static void there_is_a_list_for_every_slot(void **state)
{
	struct nnvme_completion done[32];
	unsigned submitted = 0, back = 0, refused = 0;
	struct rig r;
	uint8_t *buf;

	up(&r, "mdts=0,size=16m", 32, &buf);
	while (back < 100) {
		int ret = submitted < 100 ? nnvme_read(r.qp, r.ns, buf + 512, 0, 8192, buf) :
			  -EAGAIN;

		if (!ret) {
			submitted++;
			continue;
		}
		assert_int_equal(ret, -EAGAIN);
		assert_int_equal(nnvme_in_flight(r.qp), submitted < 100 ? 32 : submitted - back);
		assert_true(refused++ < 200);
		nnvme_ring(r.qp);
		back += rig_poll(&r, done, 32);
	}
	compare(buf + 512, 0, 4 * MIB);
	rig_down(&r);
}

/* A buffer across two registrations that happen to be adjacent. */
static void buffers_may_span_registrations(void **state)
{
	struct rig r;
	uint8_t *own;

	rig_up(&r, "mdts=3,size=16m,run=3", 8);
	own = aligned_alloc(MIB, 4 * MIB);
	assert_non_null(own);
	memset(own, 0, 4 * MIB);
	for (unsigned i = 0; i < 4; i++)
		assert_int_equal(nnvme_mem_register(r.ctrl, own + i * (MIB - 4096), MIB - 4096,
						    &r.err), 0);
	rig_step_by_hand(&r);
	fill(model_data(r.m, 1), 0, 16 * MIB);
	assert_int_equal(rig_read(&r, own + 100, 1, 8000), 0);
	compare(own + 100, 512, 8000 * 512);
	/* a hole: nothing of the transfer is begun */
	assert_int_equal(nnvme_mem_unregister(r.ctrl, own + MIB - 4096, MIB - 4096, &r.err), 0);
	assert_int_equal(nnvme_read(r.qp, r.ns, own, 0, 8000, NULL), -EFAULT);
	assert_int_equal(nnvme_in_flight(r.qp), 0);
	assert_int_equal(rig_read(&r, own, 0, 100), 0);
	rig_close(&r);
	free(own);
	rig_down(&r);
}

static void long_zeroes_are_split(void **state)
{
	struct model_log log;
	struct rig r;

	rig_up(&r, "size=128m", 2);	/* 262144 blocks */
	assert_int_equal(nnvme_write_zeroes(r.qp, r.ns, 1, 200000, &r), 0);
	assert_int_equal(rig_wait(&r).status, 0);
	assert_int_equal(rig_commands(&r), 4);
	assert_true(model_log(r.m, 0, &log));
	assert_int_equal(log.slba + log.blocks, 200001);
	assert_int_equal(nnvme_in_flight(r.qp), 0);
	rig_down(&r);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(pieces_are_as_large_as_mdts_allows),
		cmocka_unit_test(any_length_fits_any_depth),
		cmocka_unit_test(several_at_once_come_back_once_each),
		cmocka_unit_test(a_failed_piece_fails_the_whole),
		cmocka_unit_test(other_commands_are_not_starved),
		cmocka_unit_test(chained_lists_carry_4_mib),
		cmocka_unit_test(lists_end_where_they_should),
		cmocka_unit_test(list_pages_are_aligned),
		cmocka_unit_test(there_is_a_list_for_every_slot),
		cmocka_unit_test(buffers_may_span_registrations),
		cmocka_unit_test(long_zeroes_are_split),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
