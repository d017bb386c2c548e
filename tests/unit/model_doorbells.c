// SPDX-License-Identifier: MIT
/* The software controller's shadow doorbells: Base 2.x, Doorbell Buffer Config command. */
#include "model_host.h"

static uint32_t *shadow, *eventidx;

static uint32_t *at(uint32_t *page, unsigned qid, bool cq)
{
	return &page[2 * qid + cq];
}

static uint16_t configure(struct host *h, uint64_t prp1, uint64_t prp2)
{
	return host_run(h, 0, &(struct nnvme_sqe){ .opcode = nvme_admin_dbbuf, .prp1 = prp1,
						   .prp2 = prp2 });
}

static void up(struct host *h, const char *settings)
{
	host_up(h, settings);
	shadow = host_pages(h, 1);
	eventidx = host_pages(h, 1);
	assert_int_equal(configure(h, host_bus(h, shadow), host_bus(h, eventidx)), 0);
}

/* Store to the shadow alone. */
static void tell(struct host *h)
{
	*at(shadow, 1, false) = h->q[1].tail;
	*at(shadow, 1, true) = h->q[1].head;
}

static void flush(struct host *h)
{
	host_write(h, 1, &(struct nnvme_sqe){ .nsid = 1 });
}

static void the_command_is_checked(void **state)
{
	struct nvme_id_ctrl *id;
	struct host h;
	uint64_t bus;

	host_open(&h, "dbbuf=0");
	host_enable(&h);
	bus = host_bus(&h, host_pages(&h, 1));
	assert_int_equal(configure(&h, bus, bus), HOST_DNR(NVME_SC_INVALID_OPCODE));
	host_close(&h);

	host_open(&h, "dbbuf=1");
	host_enable(&h);
	id = host_pages(&h, 1);
	bus = host_bus(&h, id);
	assert_int_equal(host_run(&h, 0, &(struct nnvme_sqe){ .opcode = nvme_admin_identify,
							      .cdw10 = 1, .prp1 = bus }), 0);
	assert_true(id->oacs & NVME_CTRL_OACS_DBBUF_CFG);
	assert_int_equal(configure(&h, bus + 8, bus), HOST_DNR(NVME_SC_INVALID_FIELD));
	assert_int_equal(configure(&h, bus, bus + 8), HOST_DNR(NVME_SC_INVALID_FIELD));
	assert_int_equal(configure(&h, 0, bus), HOST_DNR(NVME_SC_INVALID_FIELD));
	host_clean(&h);
	assert_int_equal(configure(&h, bus, 0x1000), NVME_SC_DATA_XFER_ERROR);
	host_expect_fault(&h, "shadow");
	host_close(&h);
}

static void who_sleeps_needs_the_doorbell(void **state)
{
	struct host h;

	up(&h, "dbbuf=1");
	flush(&h);
	tell(&h);
	assert_int_equal(model_drain(h.m), 0);
	host_ring(&h, 1);
	assert_int_equal(model_drain(h.m), 1);
	assert_true(host_reap(&h, 1));
	assert_int_equal(*at(eventidx, 1, false), 1);
	flush(&h);
	tell(&h);
	assert_int_equal(model_drain(h.m), 0);
	host_ring(&h, 1);
	assert_int_equal(model_drain(h.m), 1);
	host_close(&h);
}

static void who_is_busy_sees_the_shadow(void **state)
{
	struct host h;

	up(&h, "dbbuf=1");
	for (int i = 0; i < 4; i++)
		flush(&h);
	tell(&h);
	host_ring(&h, 1);
	assert_int_equal(model_step(h.m, 1), 1);
	for (int i = 0; i < 3; i++)
		flush(&h);
	tell(&h);
	assert_int_equal(model_step(h.m, 4), 4);
	assert_true(*at(eventidx, 1, false) < 4);
	assert_int_equal(model_drain(h.m), 2);
	assert_int_equal(*at(eventidx, 1, false), 7);
	host_close(&h);
}

/* The doorbell wakes, the shadow counts: it may be newer. */
static void the_shadow_counts(void **state)
{
	struct host h;

	up(&h, "dbbuf=1");
	flush(&h);
	host_ring(&h, 1);
	flush(&h);
	tell(&h);
	assert_int_equal(model_drain(h.m), 2);
	*at(shadow, 1, false) = 99;
	host_ring(&h, 1);
	assert_int_equal(model_drain(h.m), 0);
	host_expect_violation(&h, "SQ 1 tail doorbell 99");
	host_close(&h);
}

/* Storing the same value again is a store all the same, as after a whole round of the ring. */
static void every_store_is_seen(void **state)
{
	struct model_counts counts;
	struct host h;

	up(&h, "dbbuf=1");
	for (int i = 0; i < 3; i++) {
		host_ring(&h, 1);
		model_step(h.m, 0);
	}
	model_counts(h.m, &counts);
	assert_int_equal(counts.sq_doorbells, 3);
	host_close(&h);
}

static void a_full_completion_queue_looks_once_and_then_waits(void **state)
{
	unsigned n = 0;
	struct host h;

	host_open(&h, "dbbuf=1");
	host_enable(&h);
	shadow = host_pages(&h, 1);
	eventidx = host_pages(&h, 1);
	assert_int_equal(configure(&h, host_bus(&h, shadow), host_bus(&h, eventidx)), 0);
	host_queue_memory(&h, 1, 64);
	h.q[1].entries = 4;
	assert_int_equal(host_admin(&h, nvme_admin_create_cq, 3 << 16 | 1, 1,
				    host_bus(&h, h.q[1].cq)), 0);
	assert_int_equal(host_admin(&h, nvme_admin_create_sq, 63 << 16 | 1, 1 << 16 | 1,
				    host_bus(&h, h.q[1].sq)), 0);
	for (unsigned i = 0; i < 20; i++)
		h.q[1].sq[i] = (struct nnvme_sqe){ .nsid = 1, .cid = (uint16_t)i };
	*at(shadow, 1, false) = 20;
	host_set(&h, host_doorbell(&h, 1, false), 20);
	assert_int_equal(model_drain(h.m), 3);
	while (host_reap(&h, 1))
		n++;
	assert_int_equal(n, 3);
	*at(shadow, 1, true) = h.q[1].head;
	assert_int_equal(model_drain(h.m), 0);	/* it asked to be rung */
	assert_int_equal(*at(eventidx, 1, true), 0);
	host_ack(&h, 1);
	assert_int_equal(model_drain(h.m), 3);
	host_close(&h);
}

static void admin_doorbells_stay(void **state)
{
	struct host h;

	up(&h, "dbbuf=1");
	assert_int_equal(host_admin(&h, nvme_admin_get_features, NVME_FEAT_FID_NUM_QUEUES, 0, 0),
			 0);
	assert_int_equal(*at(eventidx, 0, false), 0);
	host_close(&h);
}

static void a_reset_ends_it(void **state)
{
	struct host h;

	up(&h, "dbbuf=1");
	host_disable(&h);
	host_enable(&h);
	host_create(&h, 1, 16);
	*at(shadow, 1, false) = 9;
	assert_int_equal(host_run(&h, 1, &(struct nnvme_sqe){ .nsid = 1 }), 0);
	host_close(&h);
}

static void its_pages_must_stay(void **state)
{
	void *pages = aligned_alloc(PAGE, 2 * PAGE);
	struct host h;
	nnvme_bus_t bus;
	uint64_t iova;
	size_t len = 1;

	host_up(&h, "dbbuf=1");
	assert_int_equal(h.dev->ops->map(h.dev, pages, 2 * PAGE, &iova, NULL), 0);
	assert_int_equal(h.dev->ops->bus_addr(h.dev, iova, &len, &bus, NULL), 0);
	assert_int_equal(configure(&h, bus.v, bus.v), 0);
	assert_int_equal(h.dev->ops->unmap(h.dev, iova, 2 * PAGE), 0);
	host_expect_violation(&h, "shadow doorbells while enabled");
	free(pages);
	host_close(&h);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_command_is_checked),
		cmocka_unit_test(who_sleeps_needs_the_doorbell),
		cmocka_unit_test(who_is_busy_sees_the_shadow),
		cmocka_unit_test(the_shadow_counts),
		cmocka_unit_test(every_store_is_seen),
		cmocka_unit_test(a_full_completion_queue_looks_once_and_then_waits),
		cmocka_unit_test(admin_doorbells_stay),
		cmocka_unit_test(a_reset_ends_it),
		cmocka_unit_test(its_pages_must_stay),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
