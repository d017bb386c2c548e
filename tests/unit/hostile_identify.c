// SPDX-License-Identifier: MIT
/*
 * A controller that reports impossible things. Opening either fails with a reason, or the resulting
 * numbers can be relied on; neither leaves anything behind.
 */
#include "identify_rig.h"

/* What to write over what Identify sends. */
struct lie {
	uint8_t cns;
	unsigned offset;
	unsigned len;
	uint8_t bytes[16];
};

#define LIE_CTRL(field, n, ...) \
	{ NVME_IDENTIFY_CNS_CTRL, offsetof(struct nvme_id_ctrl, field), n, { __VA_ARGS__ } }
#define LIE_NS(field, n, ...) \
	{ NVME_IDENTIFY_CNS_NS, offsetof(struct nvme_id_ns, field), n, { __VA_ARGS__ } }

static void tell(void *arg, uint8_t cns, uint32_t nsid, void *data)
{
	const struct lie *lie = arg;

	if (lie->cns == cns)
		memcpy((char *)data + lie->offset, lie->bytes, lie->len);
}

static void expect_namespaces(const struct lie *lie, unsigned want)
{
	struct rig r;

	up(&r, NULL, tell, lie);
	assert_int_equal(check(&r), want);
	rig_down(&r);
}

/* The namespace is there but can't be used; the error says why. */
static void expect_refusal(const struct lie *lie, const char *word)
{
	struct rig r;

	up(&r, NULL, tell, lie);
	assert_int_equal(check(&r), 0);
	assert_non_null(r.ctrl);
	assert_null(nnvme_ns_get(r.ctrl, 1, &r.err));
	check_line(r.err.text);
	if (!strstr(r.err.text, word))
		fail_msg("'%s' does not say '%s'", r.err.text, word);
	rig_down(&r);
}

static void impossible_sizes_are_refused(void **state)
{
	expect_refusal(&(struct lie)LIE_NS(nsze, 8, 0), "0 blocks");
	expect_refusal(&(struct lie)LIE_NS(nsze, 8, 255, 255, 255, 255, 255, 255, 255, 255),
		       "makes no sense");
	expect_refusal(&(struct lie)LIE_NS(nsze, 8, 0, 0, 0, 0, 0, 0, 0, 128), "makes no sense");
}

static void impossible_block_sizes_are_refused(void **state)
{
	static const uint8_t ds[] = { 0, 1, 8, 17, 31, 32, 63, 64, 255 };

	for (unsigned i = 0; i < sizeof(ds); i++)
		expect_refusal(&(struct lie)LIE_NS(lbaf[0].ds, 1, ds[i]), "block size");
	/* a format that the namespace does not have */
	expect_refusal(&(struct lie)LIE_NS(flbas, 1, 1), "block size");
	expect_refusal(&(struct lie)LIE_NS(flbas, 1, 0x6f), "block size");
	expect_namespaces(&(struct lie)LIE_NS(lbaf[0].ds, 1, 16), 1);
}

/* A valid format, beyond the number of formats that the namespace reports. */
static void name_a_format_too_many(void *arg, uint8_t cns, uint32_t nsid, void *data)
{
	struct nvme_id_ns *id = data;

	if (cns != NVME_IDENTIFY_CNS_NS)
		return;
	id->flbas = 3;
	id->lbaf[3].ds = 12;
	id->nlbaf = *(uint8_t *)arg;
}

static void formats_that_do_not_exist_are_refused(void **state)
{
	uint8_t last = 2;
	struct rig r;

	up(&r, NULL, name_a_format_too_many, &last);
	assert_int_equal(check(&r), 0);
	rig_down(&r);
	last = 3;
	up(&r, NULL, name_a_format_too_many, &last);
	assert_int_equal(check(&r), 1);
	rig_down(&r);
}

static void blocks_larger_than_a_transfer_are_refused(void **state)
{
	struct lie lie = LIE_NS(lbaf[0].ds, 1, 14);
	struct rig r;

	up(&r, "mdts=1", tell, &lie);
	assert_int_equal(check(&r), 0);
	assert_null(nnvme_ns_get(r.ctrl, 1, &r.err));
	check_line(r.err.text);
	rig_down(&r);
}

static void metadata_is_refused(void **state)
{
	struct rig r;

	rig_model(&r, "meta=8,extended=1");
	assert_int_equal(rig_open(&r), 0);
	assert_null(nnvme_ns_get(r.ctrl, 1, &r.err));
	assert_int_equal(r.err.code, -EOPNOTSUPP);
	assert_non_null(strstr(r.err.text, "8 bytes of extended metadata"));
	assert_null(nnvme_ns_next(r.ctrl, 0));
	rig_down(&r);

	rig_model(&r, "meta=64,extended=0");
	assert_int_equal(rig_open(&r), 0);
	assert_null(nnvme_ns_get(r.ctrl, 1, &r.err));
	assert_non_null(strstr(r.err.text, "64 bytes of separate metadata"));
	rig_down(&r);
}

static void absurd_mdts_is_bounded(void **state)
{
	static const uint8_t mdts[] = { 0, 1, 10, 11, 19, 20, 31, 32, 51, 52, 63, 64, 255 };

	for (unsigned i = 0; i < sizeof(mdts); i++)
		expect_namespaces(&(struct lie)LIE_CTRL(mdts, 1, mdts[i]), 1);
}

static void entry_sizes_that_are_not_ours_are_refused(void **state)
{
	static const uint8_t sqes[] = { 0x00, 0x55, 0x77, 0x67 }, cqes[] = { 0x00, 0x33, 0x55 };
	struct lie lie;
	struct rig r;

	for (unsigned i = 0; i < sizeof(sqes) + sizeof(cqes); i++) {
		lie = i < sizeof(sqes) ? (struct lie)LIE_CTRL(sqes, 1, sqes[i]) :
		      (struct lie)LIE_CTRL(cqes, 1, cqes[i - sizeof(sqes)]);
		up(&r, NULL, tell, &lie);
		assert_int_equal(rig_open(&r), -EOPNOTSUPP);
		assert_non_null(strstr(r.err.text, "64 and 16"));
		rig_down(&r);
	}
}

static void any_number_of_namespaces_may_be_claimed(void **state)
{
	expect_namespaces(&(struct lie)LIE_CTRL(nn, 4, 255, 255, 255, 255), 1);
	expect_namespaces(&(struct lie)LIE_CTRL(nn, 4, 0), 0);
}

/* NSIDs that repeat, decrease, are reserved, or that Identify then does not know. */
static void lists_of_rubbish_end(void **state)
{
	static const uint32_t lists[][4] = {
		{ 1, 1, 1, 1 }, { 1, 0, 1, 0 }, { 0xffffffff, 1 }, { 0xfffffffe, 0xffffffff },
		{ 0, 1, 2, 3 },
	};
	struct lie lie = { .cns = NVME_IDENTIFY_CNS_NS_ACTIVE_LIST, .len = 16 };
	struct rig r;

	for (unsigned i = 0; i < sizeof(lists) / sizeof(lists[0]); i++) {
		memcpy(lie.bytes, lists[i], 16);
		up(&r, NULL, tell, &lie);
		assert_true(check(&r) <= 1);
		rig_down(&r);
	}
}

static void every_entry_ones(void *arg, uint8_t cns, uint32_t nsid, void *data)
{
	if (cns == *(uint8_t *)arg)
		memset(data, 0xff, 4096);
}

static void every_entry_zero(void *arg, uint8_t cns, uint32_t nsid, void *data)
{
	if (cns == *(uint8_t *)arg)
		memset(data, 0, 4096);
}

static void pages_of_ones_or_zeroes_are_survived(void **state)
{
	static const uint8_t cns[] = { NVME_IDENTIFY_CNS_NS, NVME_IDENTIFY_CNS_CTRL,
				       NVME_IDENTIFY_CNS_NS_ACTIVE_LIST,
				       NVME_IDENTIFY_CNS_CSI_CTRL };
	struct rig r;

	for (unsigned i = 0; i < sizeof(cns); i++) {
		up(&r, NULL, every_entry_ones, &cns[i]);
		check(&r);
		rig_down(&r);
		up(&r, NULL, every_entry_zero, &cns[i]);
		check(&r);
		rig_down(&r);
	}
}

/* Strings are neither terminated nor trustworthy: the result must be safe on a terminal. */
static void strings_are_made_printable(void **state)
{
	struct lie escape = LIE_CTRL(mn, 16, 27, '[', '2', 'J', '\n', 0, 200, 'x', '\r', 7, 8, 127,
						   255, '%', 's', 'y');
	struct nnvme_ctrl_info info = { .size = sizeof(info) };
	struct rig r;

	up(&r, NULL, tell, &escape);
	assert_int_equal(check(&r), 1);
	nnvme_ctrl_info(r.ctrl, &info);
	assert_true(strlen(info.model) <= 40);
	assert_memory_equal(info.model, "?[2J???x?????%sy", 16);
	assert_string_equal(info.serial, RIG_NAME);
	rig_down(&r);
}

/* Features that the controller did not offer are not used. */
static void oncs_is_believed(void **state)
{
	struct rig r;

	rig_up(&r, "oncs=0", 4);
	assert_false(rig_ns_info(r.ns).can_deallocate);
	assert_false(rig_ns_info(r.ns).can_write_zeroes);
	assert_int_equal(nnvme_deallocate(r.qp, r.ns, 0, 1, NULL), -EOPNOTSUPP);
	assert_int_equal(nnvme_write_zeroes(r.qp, r.ns, 0, 1, NULL), -EOPNOTSUPP);
	rig_down(&r);
	rig_up(&r, "oncs=4,vwc=0", 4);
	assert_true(rig_ns_info(r.ns).can_deallocate);
	assert_false(rig_ns_info(r.ns).can_write_zeroes);
	assert_false(rig_ns_info(r.ns).volatile_cache);
	rig_down(&r);
}

/* More queues than asked for, or than the BAR has doorbells for. */
static void granted_queues_are_bounded(void **state)
{
	static const uint32_t grants[] = { 0, 0xffffffff, 0xffff0000, 0x0000ffff, 0x00010003 };
	static const uint32_t want[] = { 1, 8, 1, 1, 2 };
	struct model_rule rule = model_rule(MODEL_FAIL);
	struct nnvme_ctrl_info info = { .size = sizeof(info) };
	struct rig r;

	for (unsigned i = 0; i < 5; i++) {
		rig_model(&r, "queues=16");
		r.options.qpairs = 8;
		assert_int_equal(model_create(&r.config, &r.m, NULL), 0);
		rule.qid = 0;
		rule.opcode = nvme_admin_set_features;
		rule.result = grants[i];
		model_inject(r.m, &rule);
		assert_int_equal(rig_open(&r), 0);
		nnvme_ctrl_info(r.ctrl, &info);
		assert_int_equal(info.max_qpairs, want[i]);
		rig_down(&r);
	}
	rig_model(&r, "queues=16");
	r.options.qpairs = 60000;
	assert_int_equal(model_create(&r.config, &r.m, NULL), 0);
	rule.result = 0xfffdfffd;
	model_inject(r.m, &rule);
	assert_int_equal(rig_open(&r), 0);
	nnvme_ctrl_info(r.ctrl, &info);
	assert_int_equal(info.max_qpairs, (model_device(r.m)->bar_len - 0x1000) / 8 - 1);
	rig_down(&r);
	rig_model(&r, "dstrd=9,queues=2");	/* 2 KiB apart */
	assert_int_equal(rig_open(&r), 0);
	nnvme_ctrl_info(r.ctrl, &info);
	assert_int_equal(info.max_qpairs, 2);
	rig_queue(&r, 4);
	rig_down(&r);
}

static void fail_admin(struct rig *r, uint8_t opcode, unsigned skip, uint16_t status)
{
	struct model_rule rule = model_rule(MODEL_FAIL);

	rule.qid = 0;
	rule.opcode = opcode;
	rule.skip = skip;
	rule.times = 1;
	rule.status = status;
	assert_int_equal(model_create(&r->config, &r->m, NULL), 0);
	model_inject(r->m, &rule);
}

/* The order of Identify commands. */
enum { CONTROLLER, LIMITS, LIST, NAMESPACE };

static void a_failed_identify_or_feature_is_named(void **state)
{
	static const struct {
		uint8_t opcode;
		unsigned skip;
		const char *name;
	} fails[] = {
		{ nvme_admin_identify, CONTROLLER, "Identify (CNS 0x1" },
		{ nvme_admin_identify, LIST, "Identify (CNS 0x2" },
		{ nvme_admin_set_features, 0, "Number of Queues" },
	};
	struct rig r;

	for (unsigned i = 0; i < 3; i++) {
		rig_model(&r, NULL);
		fail_admin(&r, fails[i].opcode, fails[i].skip, RIG_DNR(NVME_SC_INTERNAL));
		assert_int_equal(rig_open(&r), -EIO);
		assert_non_null(strstr(r.err.text, fails[i].name));
		assert_non_null(strstr(r.err.text, "0x4006"));
		rig_down(&r);
	}
}

/* Not ready, or deleted since the list was read: the others can still be used. */
static void a_namespace_that_fails_leaves_the_others(void **state)
{
	struct nnvme_ctrl_info info = { .size = sizeof(info) };
	struct rig r;

	for (uint32_t nsid = 1; nsid <= 3; nsid++) {
		rig_model(&r, "ns=3,size=1m");
		fail_admin(&r, nvme_admin_identify, NAMESPACE + nsid - 1, NVME_SC_NS_NOT_READY);
		assert_int_equal(check(&r), 2);
		assert_non_null(r.ctrl);
		assert_string_equal(r.err.text, "");
		assert_non_null(strstr(r.log, "0x82"));
		nnvme_ctrl_info(r.ctrl, &info);
		assert_int_equal(info.namespaces, 2);
		for (uint32_t other = 1; other <= 3; other++)
			assert_int_equal(!nnvme_ns_get(r.ctrl, other, &r.err), other == nsid);
		assert_int_equal(r.err.code, -EIO);
		check_line(r.err.text);
		assert_non_null(strstr(r.err.text, "Namespace Not Ready"));
		assert_non_null(strstr(r.err.text, "0x82"));
		rig_down(&r);
	}
}

static uint32_t fuzz_seed;

/* A few random bytes, in random places, now and then a whole page of them. */
static void fuzz(void *arg, uint8_t cns, uint32_t nsid, void *data)
{
	unsigned n = rig_random(&fuzz_seed) % 16 ? rig_random(&fuzz_seed) % 8 : 4096;

	for (unsigned i = 0; i < n; i++) {
		unsigned at = n == 4096 ? i :
			      rig_random(&fuzz_seed) % (cns == NVME_IDENTIFY_CNS_NS ? 192 :
							rig_random(&fuzz_seed) % 2 ? 4096 : 600);

		((uint8_t *)data)[at] = (uint8_t)rig_random(&fuzz_seed);
	}
}

static void random_pages_are_survived(void **state)
{
	unsigned opened = 0;
	struct rig r;

	for (fuzz_seed = 1; fuzz_seed < 300; fuzz_seed++) {
		uint32_t seed = fuzz_seed;

		up(&r, "ns=3,size=1m,to=1", fuzz, NULL);
		check(&r);
		opened += !!r.ctrl;
		rig_down(&r);
		fuzz_seed = seed;
	}
	assert_true(opened > 50);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(impossible_sizes_are_refused),
		cmocka_unit_test(impossible_block_sizes_are_refused),
		cmocka_unit_test(formats_that_do_not_exist_are_refused),
		cmocka_unit_test(blocks_larger_than_a_transfer_are_refused),
		cmocka_unit_test(metadata_is_refused),
		cmocka_unit_test(absurd_mdts_is_bounded),
		cmocka_unit_test(entry_sizes_that_are_not_ours_are_refused),
		cmocka_unit_test(any_number_of_namespaces_may_be_claimed),
		cmocka_unit_test(lists_of_rubbish_end),
		cmocka_unit_test(pages_of_ones_or_zeroes_are_survived),
		cmocka_unit_test(strings_are_made_printable),
		cmocka_unit_test(oncs_is_believed),
		cmocka_unit_test(granted_queues_are_bounded),
		cmocka_unit_test(a_failed_identify_or_feature_is_named),
		cmocka_unit_test(a_namespace_that_fails_leaves_the_others),
		cmocka_unit_test(random_pages_are_survived),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
