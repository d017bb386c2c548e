// SPDX-License-Identifier: MIT
/*
 * What nnvme_qpair_stats() counts, compared with the controller's counts; and callers with other
 * layouts.
 */
#include <pthread.h>

#include "driver_rig.h"
#include "noiommu_nvme/stats.h"

static struct nnvme_qpair_stats stats_of(const struct rig *r)
{
	struct nnvme_qpair_stats stats = { .size = sizeof(stats), .reserved = 1 };

	assert_int_equal(nnvme_qpair_stats(r->qp, &stats), 0);
	assert_int_equal(stats.size, sizeof(stats));
	assert_int_equal(stats.reserved, 0);
	return stats;
}

static void doorbells_and_wraps_are_counted(void **state)
{
	struct nnvme_qpair_stats stats;
	struct model_counts counts;
	uint32_t entries;
	struct rig r;
	void *buf;

	buf = rig_up_by_hand(&r, NULL, 4);
	entries = r.qp->end / 8;
	stats = stats_of(&r);
	assert_int_equal(stats.sq_doorbells + stats.cq_doorbells + stats.sq_wraps, 0);
	for (uint32_t i = 0; i < 3 * entries + 1; i++)
		assert_int_equal(rig_read(&r, buf, 0, 1), 0);
	stats = stats_of(&r);
	model_counts(r.m, &counts);
	assert_int_equal(stats.sq_doorbells, 3 * entries + 1);
	assert_int_equal(stats.cq_doorbells, counts.cq_doorbells);
	assert_int_equal(stats.sq_wraps, 3);
	assert_int_equal(stats.spare_slots, 0);
	assert_int_equal(stats.split_transfers, 0);
	assert_int_equal(stats.bad_completions, 0);
	assert_int_equal(stats.missed_interrupts, 0);
	rig_down(&r);
}

static void take(struct rig *r)
{
	struct nnvme_completion done[8];
	unsigned n = rig_poll(r, done, 8);

	for (unsigned i = 0; i < n; i++)
		assert_int_equal(done[i].status, 0);
}

/* One command does not complete and keeps its slot while the ring comes round to it. */
static void spare_slots_are_counted(void **state)
{
	struct model_rule hold = model_rule(MODEL_SILENT);
	struct rig r;
	void *buf;

	buf = rig_up_by_hand(&r, NULL, 4);
	hold.opcode = NNVME_OP_READ;
	hold.times = 1;
	model_inject(r.m, &hold);
	assert_int_equal(nnvme_read(r.qp, r.ns, buf, 0, 1, buf), 0);
	nnvme_ring(r.qp);
	for (uint32_t i = 1; i < r.qp->end / 8; i++) {
		assert_int_equal(nnvme_read(r.qp, r.ns, buf, 0, 1, buf), 0);
		nnvme_ring(r.qp);
		take(&r);
	}
	assert_int_equal(stats_of(&r).spare_slots, 0);
	assert_int_equal(nnvme_read(r.qp, r.ns, buf, 0, 1, buf), 0);
	assert_int_equal(stats_of(&r).spare_slots, 1);
	rig_down(&r);
}

static void split_transfers_are_counted(void **state)
{
	struct rig r;
	void *buf;

	rig_up(&r, "mdts=1,size=64m", 8);
	buf = rig_alloc(&r, 64 * 1024);
	rig_step_by_hand(&r);
	assert_int_equal(rig_read(&r, buf, 0, 8), 0);
	assert_int_equal(stats_of(&r).split_transfers, 0);
	for (unsigned i = 1; i <= 5; i++) {
		assert_int_equal(rig_read(&r, buf, 0, 128), 0);
		assert_int_equal(stats_of(&r).split_transfers, i);
	}
	rig_down(&r);
}

/* Programs compiled with other layouts: as many bytes as they have, zero for what is unknown. */
static void callers_of_other_layouts(void **state)
{
	struct {
		struct nnvme_qpair_stats stats;
		uint64_t later, behind;
	} s;
	struct rig r;
	void *buf;

	rig_up(&r, NULL, 4);
	buf = rig_alloc(&r, 4096);
	assert_int_equal(rig_read(&r, buf, 0, 1), 0);
	memset(&s, 0xff, sizeof(s));
	s.stats.size = sizeof(s) - sizeof(s.behind);
	assert_int_equal(nnvme_qpair_stats(r.qp, &s.stats), 0);
	assert_int_equal(s.stats.sq_doorbells, 1);
	assert_int_equal(s.later, 0);
	assert_int_equal(s.behind, UINT64_MAX);
	for (uint32_t size = 0; size < sizeof(s.stats); size++) {
		memset(&s, 0xff, sizeof(s));
		s.stats.size = size;
		assert_int_equal(nnvme_qpair_stats(r.qp, &s.stats), -EINVAL);
		assert_int_equal(s.stats.sq_doorbells, UINT64_MAX);
	}
	rig_down(&r);
}

struct reader {
	const struct rig *rig;
	bool stop;		/* atomic */
	unsigned long backwards;
};

static void *read_along(void *arg)
{
	struct reader *reader = arg;
	uint64_t last = 0;

	while (!__atomic_load_n(&reader->stop, __ATOMIC_RELAXED)) {
		struct nnvme_qpair_stats stats = { .size = sizeof(stats) };

		nnvme_qpair_stats(reader->rig->qp, &stats);
		reader->backwards += stats.sq_doorbells < last;
		last = stats.sq_doorbells;
	}
	return NULL;
}

/* Mainly for the thread sanitizer. */
static void another_thread_reads_along(void **state)
{
	struct reader reader = { 0 };
	pthread_t thread;
	struct rig r;
	void *buf;

	rig_up(&r, "mdts=1,size=64m", 4);
	buf = rig_alloc(&r, 64 * 1024);
	reader.rig = &r;
	rig_step_by_hand(&r);
	assert_int_equal(pthread_create(&thread, NULL, read_along, &reader), 0);
	for (int i = 0; i < 2000; i++)
		assert_int_equal(rig_read(&r, buf, 0, i % 4 ? 1 : 64), 0);
	__atomic_store_n(&reader.stop, true, __ATOMIC_RELAXED);
	pthread_join(thread, NULL);
	assert_int_equal(reader.backwards, 0);
	rig_down(&r);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(doorbells_and_wraps_are_counted),
		cmocka_unit_test(spare_slots_are_counted),
		cmocka_unit_test(split_transfers_are_counted),
		cmocka_unit_test(callers_of_other_layouts),
		cmocka_unit_test(another_thread_reads_along),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
