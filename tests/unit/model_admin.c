// SPDX-License-Identifier: MIT
/* The software controller's admin commands: Identify, features, queues, events. */
#include "model_host.h"

#define NUM_QUEUES NVME_FEAT_FID_NUM_QUEUES

static uint16_t identify(struct host *h, uint8_t cns, uint32_t nsid, void *page)
{
	return host_run(h, 0, &(struct nnvme_sqe){ .opcode = nvme_admin_identify, .nsid = nsid,
						   .cdw10 = cns, .prp1 = host_bus(h, page) });
}

static void identify_controller_says_what_was_configured(void **state)
{
	struct nvme_id_ctrl *id;
	struct host h;

	host_open(&h, "mdts=3,oncs=5,vwc=0,ns=3");
	host_enable(&h);
	id = host_pages(&h, 1);
	assert_int_equal(identify(&h, NVME_IDENTIFY_CNS_CTRL, 0, id), 0);
	assert_int_equal(id->mdts, 3);
	assert_int_equal(id->oncs, 5);
	assert_int_equal(id->vwc, 0);
	assert_int_equal(id->nn, 3);
	assert_int_equal(id->sqes, 0x66);
	assert_int_equal(id->cqes, 0x44);
	assert_memory_equal(id->sn, "0000:00:01.0 ", 13);
	assert_int_equal(id->mn[39], ' ');
	host_close(&h);
}

static void identify_lists_active_namespaces_only(void **state)
{
	struct nvme_id_ns *id;
	struct host h;
	uint32_t *list;

	host_open(&h, "ns=4,block=4096,size=1m");
	model_destroy(h.m);
	h.config.ns[1].blocks = 0;
	assert_int_equal(model_create(&h.config, &h.m, NULL), 0);
	h.dev = model_device(h.m);
	assert_int_equal(h.dev->ops->map(h.dev, h.mem, HOST_PAGES * PAGE, &h.iova, NULL), 0);
	h.dev->ops->bus_master(h.dev, true, NULL);
	host_enable(&h);
	list = host_pages(&h, 1);
	id = host_pages(&h, 1);
	assert_int_equal(identify(&h, NVME_IDENTIFY_CNS_NS_ACTIVE_LIST, 0, list), 0);
	assert_int_equal(list[0], 1);
	assert_int_equal(list[1], 3);
	assert_int_equal(list[2], 4);
	assert_int_equal(list[3], 0);
	assert_int_equal(identify(&h, NVME_IDENTIFY_CNS_NS_ACTIVE_LIST, 3, list), 0);
	assert_int_equal(list[0], 4);
	assert_int_equal(identify(&h, NVME_IDENTIFY_CNS_NS_ACTIVE_LIST, 0xfffffffe, list),
			 HOST_DNR(NVME_SC_INVALID_NS));
	assert_int_equal(identify(&h, NVME_IDENTIFY_CNS_NS, 3, id), 0);
	assert_int_equal(id->nsze, 256);
	assert_int_equal(id->lbaf[id->flbas & 15].ds, 12);
	assert_int_equal(identify(&h, NVME_IDENTIFY_CNS_NS, 2, id), 0);
	assert_int_equal(id->nsze, 0);
	assert_int_equal(identify(&h, NVME_IDENTIFY_CNS_NS, 0, id), HOST_DNR(NVME_SC_INVALID_NS));
	assert_int_equal(identify(&h, NVME_IDENTIFY_CNS_NS, 5, id), HOST_DNR(NVME_SC_INVALID_NS));
	assert_int_equal(identify(&h, NVME_IDENTIFY_CNS_NS, ~0u, id), HOST_DNR(NVME_SC_INVALID_NS));
	assert_int_equal(identify(&h, NVME_IDENTIFY_CNS_NS_DESC_LIST, 3, id), 0);
	assert_int_equal(*(uint8_t *)id, NVME_NIDT_EUI64);
	assert_int_equal(identify(&h, NVME_IDENTIFY_CNS_NS_DESC_LIST, 2, id),
			 HOST_DNR(NVME_SC_INVALID_NS));
	assert_int_equal(identify(&h, 0x77, 0, id), HOST_DNR(NVME_SC_INVALID_FIELD));
	host_close(&h);
}

static void metadata_shows_in_the_format(void **state)
{
	struct nvme_id_ns *id;
	struct host h;

	host_open(&h, "meta=8,extended=1");
	host_enable(&h);
	id = host_pages(&h, 1);
	assert_int_equal(identify(&h, NVME_IDENTIFY_CNS_NS, 1, id), 0);
	assert_int_equal(id->lbaf[0].ms, 8);
	assert_true(id->flbas & NVME_NS_FLBAS_META_EXT);
	host_close(&h);
}

static void make_hostile(void *arg, uint8_t cns, uint32_t nsid, void *data)
{
	if (cns == NVME_IDENTIFY_CNS_NS && nsid == 1)
		((struct nvme_id_ns *)data)->nsze = *(uint64_t *)arg;
}

static void identify_can_be_made_hostile(void **state)
{
	struct model_config config;
	uint64_t nsze = 77;
	struct nvme_id_ns *id;
	struct host h;

	host_open(&h, NULL);
	config = h.config;
	model_destroy(h.m);
	config.identify = make_hostile;
	config.identify_arg = &nsze;
	assert_int_equal(model_create(&config, &h.m, NULL), 0);
	h.dev = model_device(h.m);
	assert_int_equal(h.dev->ops->map(h.dev, h.mem, HOST_PAGES * PAGE, &h.iova, NULL), 0);
	h.dev->ops->bus_master(h.dev, true, NULL);
	host_enable(&h);
	id = host_pages(&h, 1);
	assert_int_equal(identify(&h, NVME_IDENTIFY_CNS_NS, 1, id), 0);
	assert_int_equal(id->nsze, 77);
	host_close(&h);
}

static void number_of_queues_is_granted_before_any_exists(void **state)
{
	struct host h;

	host_open(&h, "queues=5");
	host_enable(&h);
	assert_int_equal(host_admin(&h, nvme_admin_set_features, NUM_QUEUES, 63 << 16 | 63, 0), 0);
	assert_int_equal(h.last.result, 4 << 16 | 4);
	assert_int_equal(host_admin(&h, nvme_admin_get_features, NUM_QUEUES, 0, 0), 0);
	assert_int_equal(h.last.result, 4 << 16 | 4);
	assert_int_equal(host_admin(&h, nvme_admin_set_features, NUM_QUEUES, 0xffff, 0),
			 HOST_DNR(NVME_SC_INVALID_FIELD));
	host_create(&h, 1, 16);
	assert_int_equal(host_admin(&h, nvme_admin_set_features, NUM_QUEUES, 0, 0),
			 HOST_DNR(NVME_SC_CMD_SEQ_ERROR));
	host_close(&h);
}

static void features_are_kept_or_refused(void **state)
{
	struct host h;

	host_open(&h, "vwc=1");
	host_enable(&h);
	assert_int_equal(host_admin(&h, nvme_admin_get_features, NVME_FEAT_FID_VOLATILE_WC, 0, 0),
			 0);
	assert_int_equal(h.last.result, 1);
	assert_int_equal(host_admin(&h, nvme_admin_set_features, NVME_FEAT_FID_VOLATILE_WC, 0, 0),
			 0);
	assert_int_equal(host_admin(&h, nvme_admin_get_features, NVME_FEAT_FID_VOLATILE_WC, 0, 0),
			 0);
	assert_int_equal(h.last.result, 0);
	assert_int_equal(host_admin(&h, nvme_admin_set_features,
				    1u << 31 | NVME_FEAT_FID_VOLATILE_WC, 0, 0),
			 HOST_SPECIFIC(NVME_SC_FEATURE_NOT_SAVEABLE));
	assert_int_equal(host_admin(&h, nvme_admin_get_features, 0xee, 0, 0),
			 HOST_DNR(NVME_SC_INVALID_FIELD));
	host_close(&h);

	host_open(&h, "vwc=0");
	host_enable(&h);
	assert_int_equal(host_admin(&h, nvme_admin_get_features, NVME_FEAT_FID_VOLATILE_WC, 0, 0),
			 HOST_DNR(NVME_SC_INVALID_FIELD));
	host_close(&h);
}

static uint16_t cq(struct host *h, uint32_t id, uint32_t size, uint32_t flags, uint64_t prp1)
{
	return host_admin(h, nvme_admin_create_cq, (size - 1) << 16 | id, flags, prp1);
}

static uint16_t sq(struct host *h, uint32_t id, uint32_t size, uint32_t cqid, uint64_t prp1)
{
	return host_admin(h, nvme_admin_create_sq, (size - 1) << 16 | id, cqid << 16 | 1, prp1);
}

static void completion_queues_are_checked(void **state)
{
	struct host h;
	uint64_t bus;

	host_open(&h, "mqes=31,queues=2");
	host_enable(&h);
	bus = host_bus(&h, host_pages(&h, 1));
	assert_int_equal(cq(&h, 0, 16, 1, bus), HOST_SPECIFIC(NVME_SC_QID_INVALID));
	assert_int_equal(cq(&h, 3, 16, 1, bus), HOST_SPECIFIC(NVME_SC_QID_INVALID));
	assert_int_equal(cq(&h, 1, 1, 1, bus), HOST_SPECIFIC(NVME_SC_QUEUE_SIZE));
	assert_int_equal(cq(&h, 1, 33, 1, bus), HOST_SPECIFIC(NVME_SC_QUEUE_SIZE));
	assert_int_equal(cq(&h, 1, 16, 0, bus), HOST_DNR(NVME_SC_INVALID_FIELD));
	assert_int_equal(cq(&h, 1, 16, 1, bus + 64), HOST_DNR(NVME_SC_PRP_INVALID_OFFSET));
	assert_int_equal(cq(&h, 1, 16, 9 << 16 | 3, bus), HOST_SPECIFIC(NVME_SC_INVALID_VECTOR));
	assert_int_equal(cq(&h, 1, 32, 1, bus), 0);
	assert_int_equal(cq(&h, 1, 32, 1, bus), HOST_SPECIFIC(NVME_SC_QID_INVALID));
	host_clean(&h);
	assert_int_equal(cq(&h, 2, 16, 1, 0), NVME_SC_DATA_XFER_ERROR);
	host_expect_fault(&h, "queue memory");
	host_close(&h);
}

static void submission_queues_are_checked(void **state)
{
	struct host h;
	uint64_t bus;

	host_open(&h, "mqes=31,queues=2");
	host_enable(&h);
	bus = host_bus(&h, host_pages(&h, 1));
	assert_int_equal(sq(&h, 1, 16, 1, bus), HOST_SPECIFIC(NVME_SC_CQ_INVALID));
	assert_int_equal(cq(&h, 1, 16, 1, host_bus(&h, host_pages(&h, 1))), 0);
	assert_int_equal(sq(&h, 0, 16, 1, bus), HOST_SPECIFIC(NVME_SC_QID_INVALID));
	assert_int_equal(sq(&h, 3, 16, 1, bus), HOST_SPECIFIC(NVME_SC_QID_INVALID));
	assert_int_equal(sq(&h, 1, 16, 0, bus), HOST_SPECIFIC(NVME_SC_QID_INVALID));
	assert_int_equal(sq(&h, 1, 16, 3, bus), HOST_SPECIFIC(NVME_SC_QID_INVALID));
	assert_int_equal(sq(&h, 1, 16, 2, bus), HOST_SPECIFIC(NVME_SC_CQ_INVALID));
	assert_int_equal(sq(&h, 1, 1, 1, bus), HOST_SPECIFIC(NVME_SC_QUEUE_SIZE));
	assert_int_equal(sq(&h, 1, 33, 1, bus), HOST_SPECIFIC(NVME_SC_QUEUE_SIZE));
	assert_int_equal(sq(&h, 1, 16, 1, bus + 8), HOST_DNR(NVME_SC_PRP_INVALID_OFFSET));
	assert_int_equal(sq(&h, 2, 16, 1, bus), 0);
	assert_int_equal(sq(&h, 2, 16, 1, bus), HOST_SPECIFIC(NVME_SC_QID_INVALID));
	host_close(&h);
}

static void queues_die_in_order(void **state)
{
	struct host h;

	host_up(&h, NULL);
	assert_int_equal(host_admin(&h, nvme_admin_delete_cq, 1, 0, 0),
			 HOST_SPECIFIC(NVME_SC_INVALID_QUEUE));
	assert_int_equal(host_admin(&h, nvme_admin_delete_sq, 2, 0, 0),
			 HOST_SPECIFIC(NVME_SC_QID_INVALID));
	assert_int_equal(host_admin(&h, nvme_admin_delete_sq, 0, 0, 0),
			 HOST_SPECIFIC(NVME_SC_QID_INVALID));
	assert_int_equal(host_admin(&h, nvme_admin_delete_sq, 1, 0, 0), 0);
	assert_int_equal(host_admin(&h, nvme_admin_delete_sq, 1, 0, 0),
			 HOST_SPECIFIC(NVME_SC_QID_INVALID));
	assert_int_equal(host_admin(&h, nvme_admin_delete_cq, 1, 0, 0), 0);
	assert_int_equal(host_admin(&h, nvme_admin_delete_cq, 1, 0, 0),
			 HOST_SPECIFIC(NVME_SC_QID_INVALID));
	host_create(&h, 1, 16);
	assert_int_equal(host_run(&h, 1, &(struct nnvme_sqe){ .nsid = 1 }), 0);
	host_close(&h);
}

static void entry_sizes_must_be_set_before_queues(void **state)
{
	struct host h;

	host_open(&h, NULL);
	host_enable(&h);
	host_set(&h, NVME_REG_CC, 1);
	assert_int_equal(cq(&h, 1, 16, 1, host_bus(&h, host_pages(&h, 1))),
			 HOST_SPECIFIC(NVME_SC_QUEUE_SIZE));
	host_expect_violation(&h, "IOCQES");
	host_close(&h);
}

/* A queue of several pages that are nowhere near each other, given as a list. */
static void queues_may_be_scattered_where_cqr_says_so(void **state)
{
	struct nnvme_sqe flush = { .nsid = 1 };
	uint64_t *list;
	struct host h;

	host_open(&h, "cqr=0,mqes=255");
	host_enable(&h);
	host_queue_memory(&h, 1, 256);
	list = host_pages(&h, 1);
	list[0] = host_bus(&h, h.q[1].cq);
	assert_int_equal(cq(&h, 1, 256, 0, host_bus(&h, list)), 0);
	for (int i = 0; i < 4; i++)
		list[i] = host_bus(&h, (char *)h.q[1].sq + (unsigned)i * PAGE);
	assert_int_equal(host_admin(&h, nvme_admin_create_sq, 255 << 16 | 1, 1 << 16,
				    host_bus(&h, list)), 0);
	for (int i = 0; i < 1000; i++)
		assert_int_equal(host_run(&h, 1, &flush), 0);
	host_close(&h);
}

static void events_are_held_up_to_the_limit(void **state)
{
	struct nnvme_sqe aer = { .opcode = nvme_admin_async_event };
	struct host h;
	uint16_t cid = 0;

	host_open(&h, "aerl=1");
	host_enable(&h);
	assert_false(model_event(h.m, 1));
	for (int i = 0; i < 2; i++) {
		cid = host_write(&h, 0, &aer);
		host_ring(&h, 0);
		model_drain(h.m);
		assert_false(host_reap(&h, 0));
	}
	assert_int_equal(host_run(&h, 0, &aer), HOST_SPECIFIC(NVME_SC_ASYNC_LIMIT));
	assert_true(model_event(h.m, 0x10002));
	assert_true(host_reap(&h, 0));
	assert_int_equal(host_last_cid(&h), cid);
	assert_int_equal(h.last.result, 0x10002);
	host_close(&h);
}

static void abort_ends_what_is_held(void **state)
{
	struct model_rule hold = model_rule(MODEL_HOLD);
	struct nnvme_sqe flush = { .nsid = 1 };
	struct host h;
	uint16_t cid;

	host_up(&h, NULL);
	model_inject(h.m, &hold);
	cid = host_write(&h, 1, &flush);
	host_ring(&h, 1);
	model_drain(h.m);
	assert_false(host_reap(&h, 1));
	assert_int_equal(host_admin(&h, nvme_admin_abort_cmd, (cid + 1u) << 16 | 1, 0, 0), 0);
	assert_int_equal(h.last.result, 1);
	assert_int_equal(host_admin(&h, nvme_admin_abort_cmd, (uint32_t)cid << 16 | 1, 0, 0), 0);
	assert_int_equal(h.last.result, 0);
	model_drain(h.m);
	assert_true(host_reap(&h, 1));
	assert_int_equal(host_status(&h), NVME_SC_ABORT_REQ);
	host_close(&h);
}

static void deleting_a_queue_ends_its_commands(void **state)
{
	struct model_rule hold = model_rule(MODEL_HOLD);
	struct host h;

	host_up(&h, NULL);
	model_inject(h.m, &hold);
	host_write(&h, 1, &(struct nnvme_sqe){ .nsid = 1 });
	host_ring(&h, 1);
	model_drain(h.m);
	assert_int_equal(host_admin(&h, nvme_admin_delete_sq, 1, 0, 0), 0);
	assert_true(host_reap(&h, 1));
	assert_int_equal(host_status(&h), NVME_SC_ABORT_QUEUE);
	host_close(&h);
}

static void logs_are_minimal(void **state)
{
	struct host h;
	uint64_t bus;
	uint8_t *page;

	host_open(&h, NULL);
	host_enable(&h);
	page = host_pages(&h, 1);
	bus = host_bus(&h, page);
	assert_int_equal(host_admin(&h, nvme_admin_get_log_page, 127 << 16 | 2, 0, bus), 0);
	assert_int_equal(page[1] | page[2] << 8, 310);
	assert_int_equal(host_admin(&h, nvme_admin_get_log_page, 127 << 16 | 0x70, 0, bus),
			 HOST_SPECIFIC(NVME_SC_INVALID_LOG_PAGE));
	assert_int_equal(host_admin(&h, nvme_admin_get_log_page, 127 << 16, 0, bus),
			 HOST_SPECIFIC(NVME_SC_INVALID_LOG_PAGE));
	host_close(&h);
}

static void what_is_unknown_is_refused_for_good(void **state)
{
	struct host h;

	host_open(&h, NULL);
	host_enable(&h);
	assert_int_equal(host_admin(&h, 0xc7, 0, 0, 0), HOST_DNR(NVME_SC_INVALID_OPCODE));
	assert_int_equal(host_admin(&h, nvme_admin_dbbuf, 0, 0, 0),
			 HOST_DNR(NVME_SC_INVALID_OPCODE));
	assert_int_equal(host_run(&h, 0, &(struct nnvme_sqe){ .opcode = nvme_admin_identify,
							      .flags = 0x40 }),
			 HOST_DNR(NVME_SC_INVALID_FIELD));
	host_close(&h);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(identify_controller_says_what_was_configured),
		cmocka_unit_test(identify_lists_active_namespaces_only),
		cmocka_unit_test(metadata_shows_in_the_format),
		cmocka_unit_test(identify_can_be_made_hostile),
		cmocka_unit_test(number_of_queues_is_granted_before_any_exists),
		cmocka_unit_test(features_are_kept_or_refused),
		cmocka_unit_test(completion_queues_are_checked),
		cmocka_unit_test(submission_queues_are_checked),
		cmocka_unit_test(queues_die_in_order),
		cmocka_unit_test(entry_sizes_must_be_set_before_queues),
		cmocka_unit_test(queues_may_be_scattered_where_cqr_says_so),
		cmocka_unit_test(events_are_held_up_to_the_limit),
		cmocka_unit_test(abort_ends_what_is_held),
		cmocka_unit_test(deleting_a_queue_ends_its_commands),
		cmocka_unit_test(logs_are_minimal),
		cmocka_unit_test(what_is_unknown_is_refused_for_good),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
