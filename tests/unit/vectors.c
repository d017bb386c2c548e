// SPDX-License-Identifier: MIT
/*
 * nnvme_readv() and nnvme_writev(): which commands a request becomes, and that the data is right in
 * each form: PRPs in the slot's list or in list pages, scatter gather lists, several commands.
 */
#include "driver_rig.h"

#define MIB (1u << 20)
#define PAGE 4096u
#define MAX_IOVECS NNVME_IOV_MAX

struct vector {
	struct iovec iov[MAX_IOVECS];
	unsigned n;
	size_t len;
};

static uint32_t word(uint64_t byte)
{
	return (uint32_t)(byte / 4) * 2654435761u;
}

static void up(struct rig *r, const char *settings, unsigned depth, uint8_t **buf)
{
	uint32_t *data;

	rig_up(r, settings, depth);
	*buf = rig_alloc(r, 8 * MIB);
	rig_step_by_hand(r);
	data = model_data(r->m, 1);
	for (uint32_t i = 0; i < 16 * MIB / 4; i++)
		data[i] = word(4ull * i);
}

static void add(struct vector *v, void *va, size_t len)
{
	assert_true(v->n < MAX_IOVECS);
	v->iov[v->n++] = (struct iovec){ va, len };
	v->len += len;
}

/*
 * The iovecs are pages in random order, from @first bytes into the first to @last bytes before the
 * end of the last.
 */
static void add_pages(struct vector *v, uint8_t *buf, unsigned n, size_t first, size_t last)
{
	*v = (struct vector){ 0 };
	for (unsigned i = 0; i < n; i++) {
		size_t from = i ? 0 : first, to = PAGE - (i + 1 < n ? 0 : last);

		add(v, buf + (i * 389 % 1999) * PAGE + from, to - from);
	}
}

static void check_data(const struct vector *v, uint64_t byte)
{
	for (unsigned i = 0; i < v->n; i++)
		for (size_t k = 0; k < v->iov[i].iov_len; k += 4, byte += 4)
			if (memcmp((char *)v->iov[i].iov_base + k, &(uint32_t){ word(byte) }, 4))
				fail_msg("iovec %u of %u, byte %zu is wrong", i, v->n, k);
}

/*
 * Read at @lba; the array of iovecs is gone before the controller has seen anything. Returns the
 * number of commands.
 */
static unsigned read_vector(struct rig *r, const struct vector *v, uint64_t lba)
{
	struct iovec iov[MAX_IOVECS];
	uint64_t before = rig_commands(r);
	struct nnvme_completion done;

	for (unsigned i = 0; i < v->n; i++)
		memset(v->iov[i].iov_base, 0xee, v->iov[i].iov_len);
	memcpy(iov, v->iov, v->n * sizeof(iov[0]));
	assert_int_equal(nnvme_readv(r->qp, r->ns, iov, (int)v->n, lba, r), 0);
	memset(iov, 0x55, sizeof(iov));
	done = rig_wait(r);
	assert_int_equal(done.status, 0);
	assert_ptr_equal(done.tag, r);
	assert_int_equal(nnvme_in_flight(r->qp), 0);
	check_data(v, lba << r->ns->block_shift);
	return (unsigned)(rig_commands(r) - before);
}

static struct model_log last_log(struct rig *r)
{
	struct model_log log;

	assert_true(model_log(r->m, 0, &log));
	assert_false(log.rest);
	return log;
}

static const char *const modes[] = { "mdts=0,size=16m,run=1", "mdts=0,size=16m,mode=iommu" };

static void pages_in_any_order_are_one_command(void **state)
{
	static const unsigned counts[] = { 1, 2, 3, 4, 8, 31, 63, 64, 65, 66, 200, 512, 513, 514,
					   1023, 1024 };
	static struct vector v;
	struct model_log log;
	struct rig r;
	uint8_t *buf;

	for (unsigned m = 0; m < 2; m++) {
		up(&r, modes[m], 8, &buf);
		for (unsigned i = 0; i < sizeof(counts) / sizeof(counts[0]); i++)
			for (unsigned twice = 0; twice < 2; twice++) {
				add_pages(&v, buf, counts[i], 0, 0);
				assert_int_equal(read_vector(&r, &v, 3), 1);
				log = last_log(&r);
				assert_int_equal(log.flags, 0);
				if (counts[i] < 3)
					assert_int_equal(log.lists, 0);
				else if (counts[i] <= 512)
					assert_int_equal(log.lists, 1);
			}
		rig_down(&r);
	}
}

static void the_ends_may_be_anywhere_in_their_pages(void **state)
{
	static const size_t first[] = { 4, 512, 2048, PAGE - 4 };
	static struct vector v;
	struct rig r;
	uint8_t *buf;

	for (unsigned m = 0; m < 2; m++) {
		up(&r, modes[m], 8, &buf);
		for (unsigned n = 2; n < 70; n += n < 8 ? 1 : 29)
			for (unsigned i = 0; i < 4; i++) {
				add_pages(&v, buf, n, first[i], (PAGE - first[i]) % 512);
				assert_int_equal(read_vector(&r, &v, 1), 1);
				assert_int_equal(last_log(&r).flags, 0);
			}
		rig_down(&r);
	}
}

/* Iovecs of several pages, across granules and huge pages. */
static void long_iovecs_join_too(void **state)
{
	static struct vector v;
	struct rig r;
	uint8_t *buf, *edge;

	for (unsigned m = 0; m < 2; m++) {
		up(&r, modes[m], 8, &buf);
		edge = buf + (2 * MIB - (uintptr_t)buf % (2 * MIB));
		v = (struct vector){ 0 };
		add(&v, edge + MIB + 5 * PAGE - 12, 12);
		add(&v, edge - 20 * PAGE, 40 * PAGE);
		add(&v, edge + 3 * MIB, 3 * PAGE);
		add(&v, edge + 2 * MIB - PAGE, 2 * PAGE - 12);
		assert_int_equal(read_vector(&r, &v, 7), 1);
		assert_int_equal(read_vector(&r, &v, 8), 1);
		assert_int_equal(last_log(&r).flags, 0);
		v = (struct vector){ 0 };
		add(&v, edge - MIB, 2 * MIB);
		add(&v, edge + 2 * MIB, MIB + PAGE);
		assert_int_equal(read_vector(&r, &v, 0), 1);
		v = (struct vector){ 0 };
		add(&v, edge - MIB + 512, 2 * MIB);	/* one iovec is a plain read */
		assert_int_equal(read_vector(&r, &v, 0), 1);
		rig_down(&r);
	}
}

static void others_are_one_command_by_sgl(void **state)
{
	static struct vector v;
	struct model_log log;
	struct rig r;
	uint8_t *buf;

	up(&r, "mdts=0,size=16m,run=1,sgls=2", 8, &buf);
	v = (struct vector){ 0 };
	add(&v, buf + 100, 100);
	add(&v, buf + 8 * PAGE + 4, 412);
	assert_int_equal(read_vector(&r, &v, 1), 1);
	log = last_log(&r);
	assert_int_equal(log.flags, 0x40);
	assert_int_equal(log.descriptors, 3);
	/* over a page's end, and more than the slot's list holds */
	for (unsigned n = 2; n < 250; n += 31) {
		v = (struct vector){ 0 };
		for (unsigned i = 0; i < n; i++)
			add(&v, buf + i * 8 * PAGE + PAGE - 256, 512);
		assert_int_equal(read_vector(&r, &v, n), 1 + (2 * n > 256));
		assert_int_equal(last_log(&r).flags, 0x40);
	}
	/* PRPs are used for what they can describe */
	add_pages(&v, buf, 9, 512, 512);
	assert_int_equal(read_vector(&r, &v, 1), 1);
	assert_int_equal(last_log(&r).flags, 0);
	rig_down(&r);
}

static void neighbours_on_the_bus_share_a_descriptor(void **state)
{
	static struct vector v;
	struct rig r;
	uint8_t *buf;

	up(&r, "mdts=0,size=16m,mode=iommu,sgls=1", 8, &buf);
	for (unsigned i = 0; i < 300; i++)	/* too many for a list, one by one */
		add(&v, buf + 64 + i * 512, 512);
	assert_int_equal(read_vector(&r, &v, 1), 1);
	assert_int_equal(last_log(&r).descriptors, 1);
	v = (struct vector){ 0 };
	add(&v, buf + 512, 63 * 512);
	add(&v, buf + MIB + 512, 256 * 512);
	assert_int_equal(read_vector(&r, &v, 1), 1);
	assert_int_equal(last_log(&r).descriptors, 3);
	rig_down(&r);
}

static void without_sgls_others_are_split(void **state)
{
	static struct vector v;
	struct rig r;
	uint8_t *buf;

	up(&r, "mdts=0,size=16m", 8, &buf);
	for (unsigned n = 2; n < 40; n++) {
		v = (struct vector){ 0 };
		for (unsigned i = 0; i < n; i++)
			add(&v, buf + i * 4 * PAGE + 1024, 1024);
		assert_int_equal(read_vector(&r, &v, n), n);
		assert_int_equal(last_log(&r).blocks, 2);
		assert_int_equal(last_log(&r).flags, 0);
	}
	/* what joins stays together: 3 and 1024 bytes, then 5 pages */
	v = (struct vector){ 0 };
	add(&v, buf + 512, PAGE - 512);
	add(&v, buf + 9 * PAGE, 2 * PAGE);
	add(&v, buf + 12 * PAGE, 1024);
	add(&v, buf + 20 * PAGE + 512, 5 * PAGE - 512);
	assert_int_equal(read_vector(&r, &v, 5), 2);
	/* no PRPs describe a block in two such pieces: nothing is begun */
	v = (struct vector){ 0 };
	add(&v, buf, 4 * PAGE);
	add(&v, buf + 8 * PAGE, 100);
	add(&v, buf + 9 * PAGE, 412);
	assert_int_equal(nnvme_readv(r.qp, r.ns, v.iov, 3, 0, NULL), -EOPNOTSUPP);
	assert_int_equal(nnvme_in_flight(r.qp), 0);
	rig_down(&r);
}

static void longer_than_mdts_is_split(void **state)
{
	static const unsigned depths[] = { 1, 2, 3, 64 };
	static const char *const sgls[] = { "mdts=1,size=16m,run=3",
					    "mdts=1,size=16m,run=3,sgls=1" };
	static struct vector v;
	struct rig r;
	uint8_t *buf;

	for (unsigned d = 0; d < 4; d++)
		for (unsigned s = 0; s < 2; s++) {
			up(&r, sgls[s], depths[d], &buf);
			add_pages(&v, buf, 65, 0, 0);
			assert_int_equal(read_vector(&r, &v, 3), 33);
			assert_int_equal(last_log(&r).blocks, 8);
			add_pages(&v, buf, 1001, 1536, 2560);
			assert_int_equal(read_vector(&r, &v, 3), 500);
			/* iovecs that don't join */
			v = (struct vector){ 0 };
			for (unsigned i = 0; i < 24; i++)
				add(&v, buf + i * 4 * PAGE + 512, 1024);
			assert_int_equal(read_vector(&r, &v, 0), s ? 3 : 24);
			rig_down(&r);
		}
}

/* Short ones don't disturb each other: many are in flight at once, each with its list. */
static void many_at_once_keep_their_lists(void **state)
{
	static struct vector v[200];
	struct nnvme_completion done[8];
	unsigned sent = 0, back = 0, i, n;
	struct rig r;
	uint8_t *buf;

	up(&r, "mdts=0,size=16m,run=1,sgls=1", 48, &buf);
	while (back < 200) {
		for (; sent < 200; sent++) {
			unsigned k = 2 + sent % 3 * 5;

			v[sent] = (struct vector){ 0 };
			for (i = 0; i < k; i++)
				add(&v[sent], buf + (sent * 10 + i) % 2000 * PAGE + sent % 2 * 512,
				    PAGE);
			if (sent - back >= 48)
				break;
			assert_int_equal(nnvme_readv(r.qp, r.ns, v[sent].iov, (int)k, sent,
						     &v[sent]), 0);
		}
		nnvme_ring(r.qp);
		n = rig_poll(&r, done, 8);
		for (i = 0; i < n; i++, back++) {
			assert_int_equal(done[i].status, 0);
			assert_ptr_equal(done[i].tag, &v[back]);
		}
	}
	rig_down(&r);
}

/* While a slot is in use, the next command at that index takes a spare slot, with another list. */
static void a_held_command_keeps_its_list(void **state)
{
	struct model_rule hold = model_rule(MODEL_HOLD);
	static struct vector held, v;
	struct nnvme_completion done;
	uint64_t list;
	struct rig r;
	uint8_t *buf;

	up(&r, "mdts=0,size=16m,run=1", 4, &buf);
	hold.opcode = NNVME_OP_WRITE;
	model_inject(r.m, &hold);
	add_pages(&held, buf, 5, 0, 0);
	assert_int_equal(nnvme_writev(r.qp, r.ns, held.iov, 5, 8192, &held), 0);
	nnvme_ring(r.qp);
	model_drain(r.m);
	list = last_log(&r).prp2;
	for (unsigned i = 0; i < 400; i++) {
		add_pages(&v, buf + 64 * PAGE, 3 + i % 9, 0, 0);
		assert_int_equal(nnvme_readv(r.qp, r.ns, v.iov, (int)v.n, i, &v), 0);
		done = rig_wait(&r);
		assert_int_equal(done.status, 0);
		check_data(&v, i * 512);
		assert_int_not_equal(last_log(&r).prp2, list);
	}
	assert_int_equal(model_release(r.m, MODEL_FIFO), 1);
	assert_ptr_equal(rig_wait(&r).tag, &held);
	rig_down(&r);
}

/* Queue entries are only partly written: nothing of a vectored command may show in a later one. */
static void nothing_is_left_in_the_queue(void **state)
{
	static struct vector v;
	struct nnvme_batch b;
	struct model_log log;
	struct rig r;
	uint8_t *buf;

	up(&r, "mdts=0,size=16m,run=1,sgls=1", 4, &buf);
	add(&v, buf + 100, 100);
	add(&v, buf + 8 * PAGE + 4, 412);
	for (unsigned i = 0; i < 300; i++) {
		if (i % 3 == 0) {
			assert_int_equal(read_vector(&r, &v, i), 1);
			assert_int_equal(last_log(&r).flags, 0x40);
			continue;
		}
		b = nnvme_batch_begin(r.qp, r.ns);
		if (i % 3 == 1)
			assert_int_equal(nnvme_batch_read(&b, buf, i, 1, buf), 0);
		nnvme_batch_end(&b);
		if (i % 3 == 2)
			assert_int_equal(nnvme_read(r.qp, r.ns, buf, i, 1, buf), 0);
		assert_int_equal(rig_wait(&r).status, 0);
		log = last_log(&r);
		assert_int_equal(log.flags, 0);
		assert_int_equal(log.prp2, 0);
	}
	rig_down(&r);
}

static void lists_may_have_to_begin_a_page(void **state)
{
	static struct vector v;
	struct rig r;
	uint8_t *buf;

	rig_model(&r, "list512=1,mdts=0,size=16m,run=1");
	r.options.quirks = NNVME_QUIRK_ALIGNED_LISTS;
	rig_start(&r, 16);
	buf = rig_alloc(&r, 8 * MIB);
	rig_step_by_hand(&r);
	for (uint32_t i = 0; i < 4 * MIB; i++)
		((uint32_t *)model_data(r.m, 1))[i] = word(4ull * i);
	for (unsigned n = 1; n < 700; n += 1 + n / 3) {
		add_pages(&v, buf, n, 0, 512);
		assert_int_equal(read_vector(&r, &v, n), 1);
		assert_true(last_log(&r).lists < 2 || n > 512);
		assert_true(n < 3 || last_log(&r).prp2 % PAGE == 0);
	}
	rig_down(&r);
}

/* Whatever the iovecs: what one form writes, another reads back. */
static void any_iovecs_carry_any_data(void **state)
{
	static const char *const settings[] = {
		"mdts=0,size=16m,run=1,sgls=1", "mdts=2,size=16m,run=5,sgls=2",
		"mdts=3,size=16m,mode=iommu,sgls=1",
		"mdts=0,size=16m,block=4096,sgls=1",
	};
	static struct vector v;
	uint32_t seed = 11;
	struct rig r;
	uint8_t *buf;

	for (unsigned s = 0; s < 4; s++) {
		up(&r, settings[s], 1 + s * 3, &buf);
		for (unsigned i = 0; i < 300; i++) {
			unsigned n = 1 + rig_random(&seed) % (i % 5 ? 6 : 90);
			size_t block = (size_t)1 << r.ns->block_shift, at = 0;

			v = (struct vector){ 0 };
			for (unsigned k = 0; k < n; k++) {
				size_t len = rig_random(&seed) % (k % 3 ? 900 : 9000) / 4 * 4;
				size_t gap = rig_random(&seed) % 3000 / 4 * 4;

				add(&v, buf + at + gap, len);
				at += gap + len;
			}
			add(&v, buf + at, (block - v.len % block) % block);
			if (!v.len)
				continue;
			assert_true(read_vector(&r, &v, i) >= 1);
			/* and written elsewhere, where a plain read finds it */
			assert_int_equal(nnvme_writev(r.qp, r.ns, v.iov, (int)v.n, 2048, buf), 0);
			assert_int_equal(rig_wait(&r).status, 0);
			assert_memory_equal((char *)model_data(r.m, 1) + 2048 * block,
					    (char *)model_data(r.m, 1) + i * block, v.len);
		}
		rig_down(&r);
	}
}

/*
 * One part of a split request fails: then the whole request fails, once. And one that is given up
 * leaves nothing behind.
 */
static void a_failed_part_fails_the_whole(void **state)
{
	struct model_rule fail = model_rule(MODEL_FAIL), drop = model_rule(MODEL_DROP);
	static struct vector v;
	struct rig r;
	uint8_t *buf;

	up(&r, "mdts=1,size=16m", 4, &buf);
	add_pages(&v, buf, 100, 0, 0);
	fail.lba = 64;
	fail.blocks = 1;
	fail.status = 0x281;
	model_inject(r.m, &fail);
	assert_int_equal(nnvme_readv(r.qp, r.ns, v.iov, 100, 0, &v), 0);
	assert_int_equal(rig_wait(&r).status, 0x281);
	assert_int_equal(nnvme_in_flight(r.qp), 0);
	model_inject_clear(r.m);
	model_inject(r.m, &drop);
	assert_int_equal(nnvme_readv(r.qp, r.ns, v.iov, 100, 0, &v), 0);
	nnvme_ring(r.qp);
	model_drain(r.m);
	rig_down(&r);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(pages_in_any_order_are_one_command),
		cmocka_unit_test(the_ends_may_be_anywhere_in_their_pages),
		cmocka_unit_test(long_iovecs_join_too),
		cmocka_unit_test(others_are_one_command_by_sgl),
		cmocka_unit_test(neighbours_on_the_bus_share_a_descriptor),
		cmocka_unit_test(without_sgls_others_are_split),
		cmocka_unit_test(longer_than_mdts_is_split),
		cmocka_unit_test(many_at_once_keep_their_lists),
		cmocka_unit_test(a_held_command_keeps_its_list),
		cmocka_unit_test(nothing_is_left_in_the_queue),
		cmocka_unit_test(lists_may_have_to_begin_a_page),
		cmocka_unit_test(any_iovecs_carry_any_data),
		cmocka_unit_test(a_failed_part_fails_the_whole),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
