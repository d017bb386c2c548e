// SPDX-License-Identifier: MIT
/*
 * Submission one by one and in batches, completion in any order at any time: every command once,
 * the count of free slots always right, the rings never overrun (the software controller reports
 * that, and CIDs in use twice).
 */
#include "driver_rig.h"
#include "nvme/private.h"

#define TAGS 4096
#define BLOCKS 64

struct storm {
	struct rig r;
	uint8_t *buf;
	uint32_t seed;
	unsigned submitted, in_flight, next;
	bool known[TAGS];
};

static uint32_t dice(struct storm *s, uint32_t sides)
{
	return rig_random(&s->seed) % sides;
}

static unsigned free_tag(struct storm *s)
{
	while (s->known[s->next])
		s->next = (s->next + 1) % TAGS;
	return s->next;
}

static bool count(struct storm *s, unsigned tag, int ret)
{
	if (ret) {
		assert_int_equal(ret, -EAGAIN);
		return false;
	}
	s->known[tag] = true;
	s->submitted++;
	s->in_flight++;
	return true;
}

static void *tag_pointer(unsigned tag)
{
	return (void *)(uintptr_t)(tag + 1);
}

static void submit_one(struct storm *s)
{
	unsigned tag = free_tag(s), lba = dice(s, BLOCKS);
	void *at = s->buf + 4 * dice(s, 2048), *t = tag_pointer(tag);
	struct nnvme_qpair *qp = s->r.qp;
	int ret;

	switch (dice(s, 8)) {
	case 0:
		ret = nnvme_flush(qp, s->r.ns, t);
		break;
	case 1:
		ret = nnvme_write(qp, s->r.ns, at, lba, 1, t);
		break;
	case 2:
		ret = nnvme_deallocate(qp, s->r.ns, lba, 2, t);
		break;
	case 3:
		/* Often in pieces. */
		ret = nnvme_read(qp, s->r.ns, at, 0, 1 + dice(s, 100), t);
		break;
	default:
		ret = nnvme_read(qp, s->r.ns, at, lba, 1, t);
	}
	count(s, tag, ret);
}

static void submit_batch(struct storm *s, bool ring)
{
	struct nnvme_batch b = nnvme_batch_begin(s->r.qp, s->r.ns);

	for (unsigned n = dice(s, 40); n; n--) {
		unsigned tag = free_tag(s);
		void *at = s->buf + 4 * dice(s, 2048);
		int ret = dice(s, 2) ? nnvme_batch_read(&b, at, dice(s, BLOCKS),
							1 + dice(s, 20), tag_pointer(tag)) :
			  nnvme_batch_write(&b, at, dice(s, BLOCKS), 1, tag_pointer(tag));

		if (!count(s, tag, ret))
			break;
	}
	if (ring)
		nnvme_batch_end(&b);
	else
		nnvme_batch_store(&b);
}

static void reap(struct storm *s)
{
	struct nnvme_completion done[70];
	unsigned max = dice(s, 3) ? 1 + dice(s, 64) : 1, n = nnvme_poll(s->r.qp, done, max);

	assert_true(n <= max);
	for (unsigned i = 0; i < n; i++) {
		uintptr_t tag = (uintptr_t)done[i].tag - 1;

		assert_true(tag < TAGS && s->known[tag]);
		assert_int_equal(done[i].status, 0);
		s->known[tag] = false;
		s->in_flight--;
	}
}

/* Pieces of split transfers can't be counted from here; without them the number is exact. */
static void check_space(struct storm *s, unsigned depth, bool pieces)
{
	unsigned left = nnvme_sq_space_left(s->r.qp);

	assert_true(left <= depth);
	if (!pieces)
		assert_int_equal(depth - left, s->in_flight);
	assert_int_equal(nnvme_in_flight(s->r.qp), depth - left);
}

static void one_step(struct storm *s, bool batches)
{
	switch (dice(s, 6)) {
	case 0:
		nnvme_ring(s->r.qp);
		break;
	case 1:
		model_step(s->r.m, 1 + dice(s, 30));
		break;
	case 2:
		if (dice(s, 3) == 0)
			model_release(s->r.m, MODEL_RANDOM);
		break;
	case 3:
		reap(s);
		break;
	default:
		if (batches)
			submit_batch(s, dice(s, 2));
		else
			submit_one(s);
	}
}

/* Half of all completions are held back and released in random order. */
static void storm(const char *settings, unsigned depth, unsigned steps, bool batches)
{
	struct model_rule hold = model_rule(MODEL_HOLD);
	static struct storm s;

	memset(&s, 0, sizeof(s));
	s.seed = depth;
	rig_up(&s.r, settings, depth);
	s.buf = rig_alloc(&s.r, 256 << 10);
	rig_step_by_hand(&s.r);
	for (hold.times = steps / 20; hold.skip < steps; hold.skip += steps / 10)
		model_inject(s.r.m, &hold);
	for (unsigned i = 0; i < steps; i++) {
		one_step(&s, batches);
		check_space(&s, depth, !batches);
	}
	model_inject_clear(s.r.m);
	while (s.in_flight) {
		nnvme_ring(s.r.qp);
		model_release(s.r.m, MODEL_RANDOM);
		model_drain(s.r.m);
		reap(&s);
	}
	assert_int_equal(nnvme_sq_space_left(s.r.qp), depth);
	assert_int_equal(nnvme_qp(s.r.qp)->bad_completions, 0);
	assert_true(s.submitted > 100);
	rig_down(&s.r);
}

static void any_order_at_any_depth(void **state)
{
	static const unsigned depths[] = { 1, 2, 3, 4, 7, 8, 9, 31, 32, 33, 63, 64, 100 };

	for (unsigned i = 0; i < sizeof(depths) / sizeof(depths[0]); i++)
		storm("mdts=2,run=512", depths[i], 20000, false);
}

/* Rings as short as the depth allows: there are no slots to spare. */
static void any_order_in_the_shortest_rings(void **state)
{
	storm("mdts=2,mqes=1,run=512", 1, 20000, false);
	storm("mdts=2,mqes=2,run=512", 2, 20000, false);
	storm("mdts=2,mqes=7,run=512", 7, 40000, false);
	storm("mdts=2,mqes=7,run=512", 5, 40000, false);
	storm("mdts=2,mqes=33,run=512", 33, 40000, false);
}

static void batches_at_any_depth(void **state)
{
	static const unsigned depths[] = { 1, 2, 3, 8, 31, 32, 33, 64, 100, 500 };

	for (unsigned i = 0; i < sizeof(depths) / sizeof(depths[0]); i++)
		storm("mdts=5,run=512", depths[i], 20000, true);
	storm("mdts=5,mqes=7,run=512", 7, 40000, true);
	storm("mdts=5,mqes=33,run=512", 33, 40000, true);
}

/* The controller sleeps whenever it has nothing to do, and then does not see shadow stores. */
static void any_order_with_shadow_doorbells(void **state)
{
	static const unsigned depths[] = { 1, 2, 3, 8, 31, 32, 100, 500 };

	for (unsigned i = 0; i < sizeof(depths) / sizeof(depths[0]); i++) {
		storm("mdts=2,dbbuf=1,run=512", depths[i], 20000, false);
		storm("mdts=5,dbbuf=1,run=512", depths[i], 20000, true);
	}
	storm("mdts=2,dbbuf=1,mqes=1,run=512", 1, 20000, false);
	storm("mdts=2,dbbuf=1,mqes=7,run=512", 7, 40000, false);
	storm("mdts=5,dbbuf=1,mqes=7,run=512", 7, 40000, true);
}

/* A batch refuses what single calls refuse, and goes on. */
static void a_batch_refuses_and_goes_on(void **state)
{
	struct nnvme_completion done[8];
	struct model_counts counts;
	struct nnvme_batch b;
	struct rig r;
	uint8_t *buf;

	rig_up(&r, "size=1m,mdts=2", 8);
	buf = rig_alloc(&r, 1 << 20);
	rig_step_by_hand(&r);
	b = nnvme_batch_begin(r.qp, r.ns);
	assert_int_equal(nnvme_batch_read(&b, buf, 0, 1, tag_pointer(0)), 0);
	assert_int_equal(nnvme_batch_read(&b, buf + 1, 0, 1, NULL), -EINVAL);
	assert_int_equal(nnvme_batch_read(&b, buf, 0, 0, NULL), -EINVAL);
	assert_int_equal(nnvme_batch_read(&b, buf, 2048, 1, NULL), -ERANGE);
	assert_int_equal(nnvme_batch_read(&b, buf, 2047, 2, NULL), -ERANGE);
	assert_int_equal(nnvme_batch_read(&b, &r, 0, 1, NULL), -EFAULT);
	assert_int_equal(nnvme_batch_read(&b, buf, 2047, 1, tag_pointer(1)), 0);
	/* 4 pieces. */
	assert_int_equal(nnvme_batch_write(&b, buf, 0, 100, tag_pointer(2)), 0);
	assert_int_equal(nnvme_batch_read(&b, buf, 3, 1, tag_pointer(3)), 0);
	assert_int_equal(nnvme_batch_read(&b, buf, 3, 1, tag_pointer(4)), 0);
	assert_int_equal(nnvme_batch_read(&b, buf, 3, 1, NULL), -EAGAIN);
	nnvme_batch_end(&b);
	assert_int_equal(rig_poll(&r, done, 8), 5);
	model_counts(r.m, &counts);
	assert_int_equal(counts.io_commands, 8);
	assert_int_equal(counts.sq_doorbells, 1);
	for (unsigned i = 0; i < 5; i++)
		assert_int_equal(done[i].status, 0);
	rig_down(&r);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(any_order_at_any_depth),
		cmocka_unit_test(any_order_in_the_shortest_rings),
		cmocka_unit_test(batches_at_any_depth),
		cmocka_unit_test(any_order_with_shadow_doorbells),
		cmocka_unit_test(a_batch_refuses_and_goes_on),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
