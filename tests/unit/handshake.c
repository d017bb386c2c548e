// SPDX-License-Identifier: MIT
/*
 * How long the driver waits for a controller's registers, and what it does with a controller that
 * was left half-way.
 */
#include "clock_rig.h"
#include "nvme/private.h"

static void up(struct rig *r, const char *settings)
{
	rig_model(r, settings);
	rig_clock(r);
}

static void must_open(struct rig *r)
{
	if (rig_open(r))
		fail_msg("%s", r->err.text);
	assert_string_equal(r->err.text, "");
}

static void readiness_may_take_as_long_as_cap_to(void **state)
{
	struct rig r;

	up(&r, "to=20,ready=90");
	must_open(&r);
	rig_clock_down(&r);
	up(&r, "to=20,ready=110");
	assert_int_equal(rig_open(&r), -ETIMEDOUT);
	assert_non_null(strstr(r.err.text, "10000 ms"));
	rig_down(&r);
}

/*
 * CRTO: the low half is the time with media, which the driver waits for; the high half that
 * without.
 */
static void readiness_may_take_as_long_as_crto(void **state)
{
	struct rig r;

	up(&r, "to=2,crms=1,crto=20,ready=90");
	must_open(&r);
	rig_clock_down(&r);
	up(&r, "to=2,crms=3,crto=65556,ready=90");
	must_open(&r);
	rig_clock_down(&r);
	up(&r, "to=2,crms=1,crto=20,ready=110");
	assert_int_equal(rig_open(&r), -ETIMEDOUT);
	assert_non_null(strstr(r.err.text, "10000 ms"));
	rig_down(&r);
	up(&r, "to=20,crms=1,crto=2,ready=90");		/* less than CAP.TO: not believed */
	must_open(&r);
	rig_clock_down(&r);
}

static void crto_is_nothing_without_crms(void **state)
{
	struct rig r;

	up(&r, "to=2,crms=0,crto=20,ready=90");
	assert_int_equal(rig_open(&r), -ETIMEDOUT);
	assert_non_null(strstr(r.err.text, "1000 ms"));
	rig_down(&r);
	up(&r, "to=2,crms=2,crto=1310740,ready=90");
	assert_int_equal(rig_open(&r), -ETIMEDOUT);
	rig_down(&r);
}

/*
 * A shutdown that lasts @looks; whether the driver waits for its end. Returns how long closing
 * took.
 */
static uint64_t shut_down(const char *settings, unsigned looks, bool in_time)
{
	char text[100];
	struct rig r;
	uint64_t ms;

	snprintf(text, sizeof(text), "%s,shutdown=%u", settings, looks);
	up(&r, text);
	must_open(&r);
	ms = rig_clock_down(&r);
	assert_int_equal(!strstr(r.log, "shutdown"), in_time);
	return ms;
}

static void a_shutdown_may_take_5_s(void **state)
{
	shut_down("to=1", 45, true);
	assert_true(shut_down("to=1", 1000, false) < 6000);
	assert_true(shut_down("to=100", 1000, false) < 6000);
	shut_down("to=1,rtd3e=1", 45, true);
	shut_down("to=1,rtd3e=3000000", 45, true);
}

static void a_shutdown_may_take_as_long_as_rtd3e(void **state)
{
	shut_down("to=1,rtd3e=20000000", 190, true);
	assert_true(shut_down("to=1,rtd3e=20000000", 1000, false) < 21000);
	shut_down("to=1,rtd3e=4294967295", 590, true);
	assert_true(shut_down("to=1,rtd3e=4294967295", 10000, false) < 61000);
}

/* No answer is not a refusal: the controller may still write what was asked for. */
static void a_namespace_that_is_not_answered_for_fails_the_open(void **state)
{
	struct model_rule silent = model_rule(MODEL_SILENT);
	struct rig r;

	up(&r, "ns=3,size=1m");
	silent.qid = 0;
	silent.opcode = nvme_admin_identify;
	silent.skip = 4;	/* the controller, its limits, the list, one namespace */
	model_inject(r.m, &silent);
	assert_int_equal(rig_open(&r), -ETIMEDOUT);
	assert_non_null(strstr(r.err.text, "namespace 2"));
	rig_down(&r);
}

static volatile uint32_t *reg(struct rig *r, unsigned offset)
{
	return (volatile uint32_t *)((volatile char *)model_device(r->m)->bar + offset);
}

/* Somebody's queues, mapped for as long as the test lasts. */
struct before {
	void *queues;
	uint64_t iova;
	nnvme_bus_t bus;
};

/* Somebody enabled the controller and was killed. */
static void enable_before(struct rig *r, struct before *b)
{
	struct nnvme_device *dev = model_device(r->m);
	size_t len = 8192;

	b->queues = aligned_alloc(4096, len);
	assert_int_equal(dev->ops->map(dev, b->queues, len, &b->iova, NULL), 0);
	assert_int_equal(dev->ops->bus_addr(dev, b->iova, &len, &b->bus, NULL), 0);
	dev->ops->bus_master(dev, true, NULL);
	*reg(r, NVME_REG_AQA) = 15 << 16 | 15;
	*reg(r, NVME_REG_ASQ) = *reg(r, NVME_REG_ACQ) = (uint32_t)b->bus.v;
	*reg(r, NVME_REG_ASQ + 4) = *reg(r, NVME_REG_ACQ + 4) = (uint32_t)(b->bus.v >> 32);
	*reg(r, NVME_REG_CC) = 0x460001;
	model_step(r->m, 0);
	assert_false(model_ready(r->m));
	dev->ops->bus_master(dev, false, NULL);
}

/* Open a controller left so, use it, close it. Its resets are counted. */
static uint64_t take_over(struct rig *r, struct before *b, const char *warning)
{
	struct model_counts c;

	must_open(r);
	if (warning)
		assert_non_null(strstr(r->log, warning));
	else
		assert_string_equal(r->log, "");
	rig_queue(r, 4);
	nnvme_ctrl_close(r->ctrl);
	r->ctrl = NULL;
	model_counts(r->m, &c);
	assert_int_equal(model_device(r->m)->ops->unmap(model_device(r->m), b->iova, 8192), 0);
	free(b->queues);
	return c.reset;
}

/* The former user's memory was still mapped when its device was closed, and when it was reset. */
static void expect_violations(struct rig *r, const char *other)
{
	for (unsigned i = 0; i < model_violations(r->m); i++) {
		const char *text = model_violation_text(r->m, i);

		if (!strstr(text, "mapped") && !(other && strstr(text, other)))
			fail_msg("%s", text);
	}
	model_forgive(r->m);
	rig_down(r);
}

static void one_that_is_getting_ready_is_waited_for(void **state)
{
	struct before b;
	struct rig r;

	up(&r, "run=512,to=2,ready=5");
	enable_before(&r, &b);
	assert_int_equal(take_over(&r, &b, NULL), 0);
	expect_violations(&r, NULL);
}

static void one_that_is_never_ready_is_reset(void **state)
{
	struct before b;
	struct rig r;

	up(&r, "run=512,to=2,stuck=1");
	enable_before(&r, &b);
	assert_int_equal(take_over(&r, &b, "resetting the function"), 1);
	expect_violations(&r, NULL);
}

static void one_that_has_no_reset_is_disabled_all_the_same(void **state)
{
	struct before b;
	struct rig r;

	up(&r, "run=512,to=2,stuck=1");
	enable_before(&r, &b);
	model_fail_call(r.m, MODEL_RESET, 0, 0, -ENOTTY);
	assert_int_equal(take_over(&r, &b, "clearing CC.EN"), 1);
	expect_violations(&r, "EN cleared before");
}

/* RDY was 0 before the reset and is after it: only CFS shows its end. */
static void one_that_failed_to_start_is_disabled(void **state)
{
	struct before b;
	struct rig r;

	up(&r, "run=512,to=2,stuck=1");
	enable_before(&r, &b);
	model_fatal(r.m);
	assert_int_equal(take_over(&r, &b, NULL), 0);
	expect_violations(&r, NULL);
}

static void one_that_nothing_helps_is_told_with_both_reasons(void **state)
{
	struct before b;
	struct rig r;

	up(&r, "run=512,to=2,stuck=1");
	enable_before(&r, &b);
	model_fatal(r.m);
	model_freeze(r.m, true);
	model_fail_call(r.m, MODEL_RESET, 0, 0, -ENOTTY);
	assert_int_equal(rig_open(&r), -ETIMEDOUT);
	assert_non_null(strstr(r.err.text, "CFS=0 not seen within 1000 ms"));
	assert_non_null(strstr(r.err.text, "reset did not help"));
	model_device(r.m)->ops->unmap(model_device(r.m), b.iova, 8192);
	free(b.queues);
	expect_violations(&r, NULL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(readiness_may_take_as_long_as_cap_to),
		cmocka_unit_test(readiness_may_take_as_long_as_crto),
		cmocka_unit_test(crto_is_nothing_without_crms),
		cmocka_unit_test(a_shutdown_may_take_5_s),
		cmocka_unit_test(a_shutdown_may_take_as_long_as_rtd3e),
		cmocka_unit_test(a_namespace_that_is_not_answered_for_fails_the_open),
		cmocka_unit_test(one_that_is_getting_ready_is_waited_for),
		cmocka_unit_test(one_that_is_never_ready_is_reset),
		cmocka_unit_test(one_that_has_no_reset_is_disabled_all_the_same),
		cmocka_unit_test(one_that_failed_to_start_is_disabled),
		cmocka_unit_test(one_that_nothing_helps_is_told_with_both_reasons),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
