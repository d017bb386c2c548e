// SPDX-License-Identifier: MIT
/* The software controller's registers: what enables it, what they show, what is recorded. */
#include "model_host.h"

static void capabilities_are_as_configured(void **state)
{
	struct host h;
	uint64_t cap;

	host_open(&h, "mqes=63,dstrd=2,to=7,cqr=0,mpsmin=0,mpsmax=2");
	cap = host_get(&h, NVME_REG_CAP) | (uint64_t)host_get(&h, NVME_REG_CAP + 4) << 32;
	assert_int_equal(NVME_CAP_MQES(cap), 63);
	assert_int_equal(NVME_CAP_DSTRD(cap), 2);
	assert_int_equal(NVME_CAP_TO(cap), 7);
	assert_int_equal(NVME_CAP_CQR(cap), 0);
	assert_int_equal(NVME_CAP_MPSMAX(cap), 2);
	assert_int_equal(NVME_CAP_CSS(cap), 1);
	assert_int_equal(host_get(&h, NVME_REG_VS), 0x20000);
	host_close(&h);
}

static void ready_follows_enable_after_a_while(void **state)
{
	struct host h;

	host_open(&h, "ready=5");
	host_queue_memory(&h, 0, 16);
	host_set(&h, NVME_REG_AQA, 15 << 16 | 15);
	host_set64(&h, NVME_REG_ASQ, host_bus(&h, h.q[0].sq));
	host_set64(&h, NVME_REG_ACQ, host_bus(&h, h.q[0].cq));
	host_set(&h, NVME_REG_CC, CC_ON);
	for (int i = 0; i < 5; i++) {
		model_step(h.m, 0);
		assert_int_equal(host_get(&h, NVME_REG_CSTS), 0);
	}
	model_step(h.m, 0);
	assert_int_equal(host_get(&h, NVME_REG_CSTS), 1);
	host_set(&h, NVME_REG_CC, CC_ON & ~1u);
	model_step(h.m, 0);
	assert_int_equal(host_get(&h, NVME_REG_CSTS), 1);
	for (int i = 0; i < 5; i++)
		model_step(h.m, 0);
	assert_int_equal(host_get(&h, NVME_REG_CSTS), 0);
	host_close(&h);
}

static void never_ready_means_never(void **state)
{
	struct host h;

	host_open(&h, "never_ready=1");
	host_queue_memory(&h, 0, 16);
	host_set(&h, NVME_REG_AQA, 15 << 16 | 15);
	host_set64(&h, NVME_REG_ASQ, host_bus(&h, h.q[0].sq));
	host_set64(&h, NVME_REG_ACQ, host_bus(&h, h.q[0].cq));
	host_set(&h, NVME_REG_CC, CC_ON);
	for (int i = 0; i < 100; i++)
		model_step(h.m, 0);
	assert_int_equal(host_get(&h, NVME_REG_CSTS), 0);
	host_close(&h);
}

/* Enable with one thing wrong: fatal status, never ready, and a violation recorded. */
static void enable_wrongly(uint32_t cc, uint32_t aqa, uint64_t asq, const char *word, bool fault)
{
	struct host h;

	host_open(&h, NULL);
	host_queue_memory(&h, 0, 16);
	host_set(&h, NVME_REG_AQA, aqa);
	host_set64(&h, NVME_REG_ASQ, asq == 1 ? host_bus(&h, h.q[0].sq) : asq);
	host_set64(&h, NVME_REG_ACQ, host_bus(&h, h.q[0].cq));
	host_set(&h, NVME_REG_CC, cc);
	host_settle(&h);
	assert_int_equal(host_get(&h, NVME_REG_CSTS), 2);
	if (fault)
		host_expect_fault(&h, word);
	else
		host_expect_violation(&h, word);
	host_disable(&h);
	host_close(&h);
}

static void a_bad_enable_is_fatal(void **state)
{
	uint32_t aqa = 15 << 16 | 15;

	enable_wrongly(CC_ON | 5u << NVME_CC_MPS_SHIFT, aqa, 1, "MPS", false);
	enable_wrongly(CC_ON | 7u << NVME_CC_CSS_SHIFT, aqa, 1, "CSS", false);
	enable_wrongly(CC_ON | 1u << NVME_CC_AMS_SHIFT, aqa, 1, "AMS", false);
	enable_wrongly(CC_ON, 15 << 16, 1, "AQA", false);
	enable_wrongly(CC_ON, 15, 1, "AQA", false);
	enable_wrongly(CC_ON, aqa, 0x123456789800ull, "ASQ", false);
	enable_wrongly(CC_ON, aqa, 0, "0x0, which is not mapped", true);
	enable_wrongly(CC_ON, aqa, 0x777000, "0x777000", true);
}

static void enabling_again_before_disabled_is_fatal(void **state)
{
	struct host h;

	host_open(&h, "ready=10");
	host_enable(&h);
	host_set(&h, NVME_REG_CC, 0);
	model_step(h.m, 0);
	host_set(&h, NVME_REG_CC, CC_ON);
	model_step(h.m, 0);
	assert_true(host_get(&h, NVME_REG_CSTS) & 2);
	host_expect_violation(&h, "RDY");
	host_close(&h);
}

static void what_is_fixed_while_enabled_must_not_change(void **state)
{
	struct host h;

	host_open(&h, NULL);
	host_enable(&h);
	host_set(&h, NVME_REG_CC, CC_ON | 1u << NVME_CC_MPS_SHIFT);
	model_step(h.m, 0);
	assert_true(host_get(&h, NVME_REG_CSTS) & 2);
	host_expect_violation(&h, "while enabled");
	host_close(&h);

	host_open(&h, NULL);
	host_enable(&h);
	host_set(&h, NVME_REG_AQA, 7 << 16 | 7);
	model_step(h.m, 0);
	host_expect_violation(&h, "AQA");
	host_close(&h);
}

static void read_only_registers_stay(void **state)
{
	struct host h;

	host_open(&h, NULL);
	host_set(&h, NVME_REG_CSTS, 1);
	model_step(h.m, 0);
	assert_int_equal(host_get(&h, NVME_REG_CSTS), 0);
	host_expect_violation(&h, "CSTS");
	host_set(&h, NVME_REG_CAP, 0);
	model_step(h.m, 0);
	assert_int_not_equal(host_get(&h, NVME_REG_CAP), 0);
	host_expect_violation(&h, "CAP");
	host_close(&h);
}

static void shutdown_passes_through_occurring(void **state)
{
	struct host h;

	host_up(&h, "ready=3");
	host_set(&h, NVME_REG_CC, CC_ON | NVME_CC_SHN_NORMAL << NVME_CC_SHN_SHIFT);
	model_step(h.m, 0);
	assert_int_equal(NVME_CSTS_SHST(host_get(&h, NVME_REG_CSTS)), NVME_CSTS_SHST_OCCUR);
	for (int i = 0; i < 4; i++)
		model_step(h.m, 0);
	assert_int_equal(NVME_CSTS_SHST(host_get(&h, NVME_REG_CSTS)), NVME_CSTS_SHST_CMPLT);
	/* a controller that was shut down processes nothing until it was reset */
	assert_int_equal(host_run(&h, 1, &(struct nnvme_sqe){ .nsid = 1 }), NO_COMPLETION);
	host_disable(&h);
	host_close(&h);
}

static void doorbells_outside_are_refused(void **state)
{
	struct host h;

	host_up(&h, "dstrd=3");
	host_set(&h, host_doorbell(&h, 1, false), 16);
	assert_int_equal(model_drain(h.m), 0);
	host_expect_violation(&h, "SQ 1 tail doorbell 16");
	host_set(&h, host_doorbell(&h, 1, true), 16);
	model_step(h.m, 0);
	host_expect_violation(&h, "CQ 1 head doorbell 16, its size is 16");
	host_set(&h, host_doorbell(&h, 1, true), 1);
	model_step(h.m, 0);
	host_expect_violation(&h, "frees 1 entries of 0");
	host_set(&h, host_doorbell(&h, 3, false), 1);
	model_step(h.m, 0);
	host_expect_violation(&h, "SQ 3 does not exist");
	host_set(&h, host_doorbell(&h, 2, true), 1);
	model_step(h.m, 0);
	host_expect_violation(&h, "CQ 2 does not exist");
	host_close(&h);
}

static void a_tail_that_passes_the_head_is_seen(void **state)
{
	struct host h;

	host_up(&h, NULL);
	h.q[1].tail = 10;
	host_ring(&h, 1);
	model_step(h.m, 0);
	h.q[1].tail = 0;	/* six more: all 16 entries, which an SQ can't hold */
	host_ring(&h, 1);
	model_step(h.m, 0);
	host_expect_violation(&h, "passes the head");
	host_close(&h);
}

static void disabling_forgets_queues_and_doorbells(void **state)
{
	struct host h;
	struct nnvme_sqe flush = { .nsid = 1 };

	host_up(&h, NULL);
	assert_int_equal(host_run(&h, 1, &flush), 0);
	host_disable(&h);
	host_enable(&h);
	host_set(&h, host_doorbell(&h, 1, false), 1);
	model_step(h.m, 0);
	host_expect_violation(&h, "does not exist");
	host_close(&h);
}

static void a_reset_clears_everything_but_the_mappings(void **state)
{
	struct host h;

	host_up(&h, NULL);
	assert_int_equal(h.dev->ops->reset(h.dev, NULL), 0);
	assert_int_equal(host_get(&h, NVME_REG_CC), 0);
	assert_int_equal(host_get(&h, NVME_REG_CSTS), 0);
	assert_int_equal(host_get(&h, NVME_REG_AQA), 0);
	assert_true(model_bus_mastering(h.m));
	assert_int_not_equal(host_bus(&h, h.mem), 0);
	host_enable(&h);
	host_create(&h, 1, 16);
	host_close(&h);
}

static void without_bus_mastering_nothing_is_fetched(void **state)
{
	struct host h;
	struct nnvme_sqe flush = { .nsid = 1 };

	host_up(&h, NULL);
	h.dev->ops->bus_master(h.dev, false, NULL);
	assert_int_equal(host_run(&h, 1, &flush), NO_COMPLETION);
	h.dev->ops->bus_master(h.dev, true, NULL);
	model_drain(h.m);
	assert_true(host_reap(&h, 1));
	host_close(&h);

	host_open(&h, NULL);
	h.dev->ops->bus_master(h.dev, false, NULL);
	host_queue_memory(&h, 0, 16);
	host_set(&h, NVME_REG_AQA, 15 << 16 | 15);
	host_set64(&h, NVME_REG_ASQ, host_bus(&h, h.q[0].sq));
	host_set64(&h, NVME_REG_ACQ, host_bus(&h, h.q[0].cq));
	host_set(&h, NVME_REG_CC, CC_ON);
	model_step(h.m, 0);
	assert_non_null(strstr(model_violation_text(h.m, 0), "bus mastering off"));
	assert_non_null(strstr(model_fault_text(h.m, 0), "bus mastering off"));
	assert_true(host_get(&h, NVME_REG_CSTS) & 2);
	model_forgive(h.m);
	host_close(&h);
}

static void a_vanished_controller_reads_all_ones(void **state)
{
	struct host h;

	host_up(&h, NULL);
	model_vanish(h.m);
	assert_int_equal(host_get(&h, NVME_REG_CSTS), 0xffffffff);
	host_set(&h, NVME_REG_CC, 0);
	model_step(h.m, 0);
	assert_int_equal(host_get(&h, NVME_REG_CC), 0xffffffff);
	assert_int_not_equal(h.dev->ops->reset(h.dev, NULL), 0);
	host_close(&h);
}

static void fatal_status_stops_and_reset_by_cc_cures(void **state)
{
	struct host h;

	host_up(&h, NULL);
	model_fatal(h.m);
	assert_int_equal(host_get(&h, NVME_REG_CSTS), 3);
	assert_int_equal(host_run(&h, 1, &(struct nnvme_sqe){ .nsid = 1 }), NO_COMPLETION);
	host_disable(&h);
	host_enable(&h);
	host_close(&h);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(capabilities_are_as_configured),
		cmocka_unit_test(ready_follows_enable_after_a_while),
		cmocka_unit_test(never_ready_means_never),
		cmocka_unit_test(a_bad_enable_is_fatal),
		cmocka_unit_test(enabling_again_before_disabled_is_fatal),
		cmocka_unit_test(what_is_fixed_while_enabled_must_not_change),
		cmocka_unit_test(read_only_registers_stay),
		cmocka_unit_test(shutdown_passes_through_occurring),
		cmocka_unit_test(doorbells_outside_are_refused),
		cmocka_unit_test(a_tail_that_passes_the_head_is_seen),
		cmocka_unit_test(disabling_forgets_queues_and_doorbells),
		cmocka_unit_test(a_reset_clears_everything_but_the_mappings),
		cmocka_unit_test(without_bus_mastering_nothing_is_fetched),
		cmocka_unit_test(a_vanished_controller_reads_all_ones),
		cmocka_unit_test(fatal_status_stops_and_reset_by_cc_cures),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
