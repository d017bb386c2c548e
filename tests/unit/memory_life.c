// SPDX-License-Identifier: MIT
/*
 * Memory comes and goes: what stays registered, pinned or known if the device does not let go of
 * it.
 */
#include <sys/wait.h>
#include <unistd.h>

#include "driver_rig.h"

#define MIB ((size_t)1 << 20)

/* A chunk that could not be unmapped is not handed out, and not forgotten. */
static void a_failed_unmap_hands_out_no_unregistered_memory(void **state)
{
	struct rig r;
	void *a, *b;

	rig_up(&r, NULL, 4);
	a = rig_alloc(&r, MIB);
	model_fail_call(r.m, MODEL_UNMAP, 0, 1, -EIO);
	nnvme_mem_free(r.ctrl, a);
	b = rig_alloc(&r, MIB);
	assert_int_equal(rig_read(&r, b, 0, 8), 0);
	assert_int_equal(nnvme_read(r.qp, r.ns, a, 0, 8, a), -EFAULT);
	assert_non_null(strstr(r.log, "stay pinned"));
	rig_down(&r);	/* nothing is left mapped */
}

static void a_failed_unregister_can_be_repeated(void **state)
{
	char *own = aligned_alloc(4096, 4 * 4096);
	struct nnvme_ctrl_info before = { .size = sizeof(before) }, after = before;
	struct rig r;

	rig_up(&r, NULL, 4);
	nnvme_ctrl_info(r.ctrl, &before);
	assert_int_equal(nnvme_mem_register(r.ctrl, own, 4 * 4096, &r.err), 0);
	model_fail_call(r.m, MODEL_UNMAP, 0, 1, -EIO);
	assert_int_equal(nnvme_mem_unregister(r.ctrl, own, 4 * 4096, &r.err), -EIO);
	assert_non_null(strstr(r.err.text, "stay pinned"));
	assert_int_equal(nnvme_read(r.qp, r.ns, own, 0, 8, own), -EFAULT);
	assert_int_equal(nnvme_mem_register(r.ctrl, own, 4096, &r.err), -EEXIST);
	assert_int_equal(nnvme_mem_unregister(r.ctrl, own, 4 * 4096, &r.err), 0);
	assert_int_equal(nnvme_mem_unregister(r.ctrl, own, 4 * 4096, &r.err), -ENOENT);
	nnvme_ctrl_info(r.ctrl, &after);
	assert_int_equal(after.registered, before.registered);
	assert_int_equal(nnvme_mem_register(r.ctrl, own, 4 * 4096, &r.err), 0);
	assert_int_equal(rig_read(&r, own, 0, 8), 0);
	rig_down(&r);
	free(own);
}

/* Ordinary pages far apart: no deep queue is contiguous, however often it is tried. */
static void a_failed_queue_pair_pins_nothing(void **state)
{
	struct nnvme_qpair *qp;
	uint64_t mapped;
	struct rig r;

	rig_up(&r, "run=1", 63);
	mapped = rig_mapped(&r);
	for (int i = 0; i < 4; i++) {
		assert_int_equal(nnvme_qpair_create(r.ctrl, 500, &qp, &r.err), -ENOMEM);
		assert_non_null(strstr(r.err.text, "one physical piece"));
	}
	assert_int_equal(rig_mapped(&r), mapped);
	/* kept if it can't be given back, and used */
	model_fail_call(r.m, MODEL_UNMAP, 0, 1, -EIO);
	assert_int_equal(nnvme_qpair_create(r.ctrl, 500, &qp, &r.err), -ENOMEM);
	assert_int_equal(nnvme_qpair_create(r.ctrl, 63, &qp, &r.err), 0);
	rig_down(&r);
}

/* Whether a child process has our memory: a system call tells without a crash. */
static bool child_has(const void *va)
{
	int fd[2], status;
	pid_t child;

	assert_int_equal(pipe(fd), 0);
	child = fork();
	assert_true(child >= 0);
	if (!child)
		_exit(write(fd[1], va, 1) == 1 ? 1 : errno == EFAULT ? 0 : 2);
	assert_int_equal(waitpid(child, &status, 0), child);
	close(fd[0]);
	close(fd[1]);
	assert_true(WIFEXITED(status) && WEXITSTATUS(status) < 2);
	return WEXITSTATUS(status);
}

/* With ordinary pages; the guest's test memory.sh tests huge ones. */
static void a_child_inherits_none_of_it(void **state)
{
	struct rig r;
	void *buf;

	rig_up(&r, "dbbuf=1", 4);
	buf = rig_alloc(&r, MIB);
	assert_true(child_has(&r));
	assert_false(child_has(buf));
	assert_false(child_has(r.qp->sq));
	assert_false(child_has(r.qp->cq));
	assert_int_equal(rig_read(&r, buf, 0, 8), 0);
	rig_down(&r);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_failed_unmap_hands_out_no_unregistered_memory),
		cmocka_unit_test(a_failed_unregister_can_be_repeated),
		cmocka_unit_test(a_failed_queue_pair_pins_nothing),
		cmocka_unit_test(a_child_inherits_none_of_it),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
