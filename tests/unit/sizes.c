// SPDX-License-Identifier: MIT
/* Programs compiled with other layouts of structures that carry their size. */
#include "driver_rig.h"
#include "noiommu_nvme/isolation.h"

static void options_below_the_first_layout(void **state)
{
	struct rig r;

	rig_model(&r, NULL);
	r.options.size = 0;
	assert_int_equal(rig_open(&r), -EINVAL);
	assert_non_null(strstr(r.err.text, "sizeof(struct nnvme_options)"));
	r.options.size = sizeof(r.options) - 1;
	assert_int_equal(rig_open(&r), -EINVAL);
	assert_null(r.ctrl);
	rig_down(&r);
}

static void options_of_a_newer_program(void **state)
{
	struct {
		struct nnvme_options options;
		uint64_t more;
	} newer = { .more = 1 };
	struct rig r;

	rig_model(&r, NULL);
	newer.options = r.options;
	newer.options.size = sizeof(newer);
	assert_int_equal(rig_open(&r), 0);	/* makes the model */
	rig_close(&r);
	assert_int_equal(nnvme_ctrl_open(RIG_NAME, &newer.options, &r.ctrl, &r.err), -E2BIG);
	newer.more = 0;
	assert_int_equal(nnvme_ctrl_open(RIG_NAME, &newer.options, &r.ctrl, &r.err), 0);
	rig_down(&r);
}

/* Constants come without a new layout: what is not known is refused, not misunderstood. */
static void constants_of_a_newer_program(void **state)
{
	struct nnvme_options good;
	struct rig r;

	rig_model(&r, NULL);
	assert_int_equal(rig_open(&r), 0);	/* makes the model */
	rig_close(&r);
	good = r.options;
	for (unsigned field = 0; field < 6; field++) {
		r.options = good;
		r.options.mode = field == 0 ? NNVME_MODE_IOMMU + 1 : good.mode;
		r.options.hugepages = field == 1 ? NNVME_HUGEPAGES_1G + 1 : good.hugepages;
		r.options.shadow_doorbells = field == 2 ? NNVME_SHADOW_OFF + 1 :
					     good.shadow_doorbells;
		r.options.quirks = field == 3 ? 1u << 2 : field == 4 ? 1u << 31 : 0;
		r.options.reserved[6] = field == 5;
		assert_int_equal(rig_open(&r), -E2BIG);
		assert_non_null(strstr(r.err.text, "use a newer library"));
	}
	r.options = good;
	r.options.quirks = NNVME_QUIRK_ALIGNED_LISTS | NNVME_QUIRK_CQ_DOORBELL_EACH_POLL;
	assert_int_equal(rig_open(&r), 0);
	rig_down(&r);
}

static void no_options(void **state)
{
	struct nnvme_ctrl_info info = { .size = sizeof(info) };
	struct rig r;

	rig_model(&r, NULL);
	assert_int_equal(rig_open(&r), 0);
	rig_close(&r);
	if (nnvme_ctrl_open(RIG_NAME, NULL, &r.ctrl, &r.err)) {
		assert_int_equal(r.err.code, -ENOMEM);	/* there may be no huge pages here */
	} else {
		assert_int_equal(nnvme_ctrl_info(r.ctrl, &info), 0);
		assert_string_equal(info.bdf, RIG_NAME);
	}
	rig_down(&r);
}

static void reports_of_other_sizes(void **state)
{
	struct {
		struct nnvme_ctrl_info info;
		uint64_t more;
	} newer = { .info.size = sizeof(newer), .more = 1 };
	struct nnvme_ctrl_info older = { .size = sizeof(older) - 1 };
	struct nnvme_isolation report = { .size = sizeof(report) - 8 };
	struct rig r;

	rig_up(&r, NULL, 4);
	assert_int_equal(nnvme_ctrl_info(r.ctrl, &older), -EINVAL);
	assert_null(older.bdf);
	assert_int_equal(nnvme_ctrl_info(r.ctrl, &newer.info), 0);
	assert_int_equal(newer.info.size, sizeof(newer));
	assert_string_equal(newer.info.bdf, RIG_NAME);
	assert_int_equal(newer.more, 0);
	assert_int_equal(nnvme_isolation(r.ctrl, &report, &r.err), -EINVAL);
	assert_non_null(strstr(r.err.text, "struct nnvme_isolation"));
	rig_down(&r);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(options_below_the_first_layout),
		cmocka_unit_test(options_of_a_newer_program),
		cmocka_unit_test(constants_of_a_newer_program),
		cmocka_unit_test(no_options),
		cmocka_unit_test(reports_of_other_sizes),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
