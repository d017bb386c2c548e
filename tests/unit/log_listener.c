// SPDX-License-Identifier: MIT
/* A log function that calls the library, whatever the library was doing when it logged. */
#include <unistd.h>

#include "driver_rig.h"

struct listener {
	struct rig *r;
	bool busy;		/* in a call of its own */
	unsigned lines;
	char text[8192];
};

/*
 * Calls that take the library's locks. Errors don't count: the controller may be given up already.
 */
static void use_all(struct rig *r)
{
	static uint8_t own[4096] __attribute__((aligned(4096)));
	struct nnvme_ctrl_info info = { .size = sizeof(info) };
	struct nnvme_qpair *qp;
	struct nnvme_err err;

	nnvme_mem_free(r->ctrl, nnvme_mem_alloc(r->ctrl, 4096, &err));
	if (!nnvme_mem_register(r->ctrl, own, sizeof(own), &err))
		nnvme_mem_unregister(r->ctrl, own, sizeof(own), &err);
	nnvme_ctrl_info(r->ctrl, &info);
	nnvme_ctrl_check(r->ctrl, &err);
	if (!nnvme_qpair_create(r->ctrl, 2, &qp, &err))
		nnvme_qpair_destroy(qp);
}

static void listen(void *arg, enum nnvme_log_level level, const char *line)
{
	struct listener *l = arg;
	size_t n = strlen(l->text);

	l->lines++;
	snprintf(l->text + n, sizeof(l->text) - n, "%s\n", line);
	if (l->busy || !l->r->ctrl)	/* being opened or closed */
		return;
	l->busy = true;
	use_all(l->r);
	l->busy = false;
}

static void up(struct rig *r, struct listener *l)
{
	rig_model(r, "queues=4");
	*l = (struct listener){ .r = r };
	r->options.log = listen;
	r->options.log_arg = l;
	if (rig_open(r))
		fail_msg("%s", r->err.text);
	r->ns = nnvme_ns_get(r->ctrl, 1, &r->err);
	rig_queue(r, 4);
	l->text[0] = 0;
	l->lines = 0;
	alarm(60);	/* if it has to wait for a lock, it waits for ever */
}

static void down(struct rig *r)
{
	struct nnvme_ctrl *ctrl = r->ctrl;

	r->ctrl = NULL;
	nnvme_ctrl_close(ctrl);
	rig_down(r);
	alarm(0);
}

static void fail_admin(struct rig *r, uint8_t opcode)
{
	struct model_rule rule = model_rule(MODEL_FAIL);

	rule.qid = 0;
	rule.status = RIG_DNR(NVME_SC_INTERNAL);
	rule.opcode = opcode;
	model_inject(r->m, &rule);
}

/* @first is logged before @then. */
static void expect_order(const struct listener *l, const char *first, const char *then)
{
	const char *a = strstr(l->text, first), *b = strstr(l->text, then);

	if (!a || !b || a > b)
		fail_msg("'%s' before '%s' in: %s", first, then, l->text);
}

static void it_may_call_the_library_when_a_queue_is_destroyed(void **state)
{
	struct listener l;
	struct rig r;

	up(&r, &l);
	nnvme_qpair_destroy(r.qp);
	assert_true(l.lines >= 1);
	assert_non_null(strstr(l.text, "doorbells"));
	down(&r);
}

static void it_may_when_the_controller_is_stopped(void **state)
{
	struct listener l;
	struct rig r;

	up(&r, &l);
	fail_admin(&r, nvme_admin_delete_sq);
	nnvme_qpair_destroy(r.qp);
	expect_order(&l, "doorbells", "Delete I/O Submission Queue failed");
	down(&r);
}

static void it_may_when_a_queue_is_not_created(void **state)
{
	struct nnvme_qpair *qp;
	struct listener l;
	struct rig r;

	up(&r, &l);
	model_fail_call(r.m, MODEL_RESET, 0, 0, -EIO);
	fail_admin(&r, nvme_admin_create_sq);
	fail_admin(&r, nvme_admin_delete_cq);
	assert_int_equal(nnvme_qpair_create(r.ctrl, 4, &qp, &r.err), -EIO);
	down(&r);
}

static void it_may_when_a_completion_is_nobodys(void **state)
{
	struct nnvme_completion done;
	struct listener l;
	struct rig r;

	up(&r, &l);
	assert_int_equal(model_post(r.m, 1, 1, 0x7ff0, 0), 0);
	assert_int_equal(nnvme_poll(r.qp, &done, 1), 0);
	assert_non_null(strstr(l.text, "not in flight"));
	down(&r);
}

/* No line kept back under a lock gets lost, however many there are. */
static void every_line_comes(void **state)
{
	struct nnvme_qpair *qp;
	struct listener l;
	struct rig r;

	up(&r, &l);
	for (unsigned i = 0; i < 3; i++)
		assert_int_equal(nnvme_qpair_create(r.ctrl, 4, &qp, &r.err), 0);
	down(&r);
	for (unsigned i = 1; i <= 4; i++) {
		char queue[40];

		snprintf(queue, sizeof(queue), "queue %u: ", i);
		assert_non_null(strstr(l.text, queue));
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(it_may_call_the_library_when_a_queue_is_destroyed),
		cmocka_unit_test(it_may_when_the_controller_is_stopped),
		cmocka_unit_test(it_may_when_a_queue_is_not_created),
		cmocka_unit_test(it_may_when_a_completion_is_nobodys),
		cmocka_unit_test(every_line_comes),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
