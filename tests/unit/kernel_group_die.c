// SPDX-License-Identifier: MIT
/*
 * Changing an IOMMU group's type while each system call in turn fails, or is the last one before
 * kill -9.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "noiommu_nvme/iommu_group.h"
#include "kernel_fake.h"

#define TYPE "/sys/kernel/iommu_groups/5/type"
#define STATE "/run/noiommu-nvme/group-5"
#define SECOND "0000:00:10.1"

/*
 * Processes and trees take time, so die before every n-th call only; in the short tier fewer calls
 * fail, and fewer are the last.
 */
#define STRIDE 6
#define COARSE 7
static long step;

/* Two controllers, so that one can be done and the other not. */
static void rebuild(void)
{
	fake_rebuild();
	fake_pci_device(SECOND, "0x010802\n", "nvme");
	fake_group_add(SECOND);
	fake_disk(SECOND, "nvme2n1", "259:2\n");
}

static void assert_at_rest(const char *bdf)
{
	assert_string_equal(fake_driver(bdf), "nvme");
	assert_string_equal(fake_text("/sys/bus/pci/devices/%s/driver_override", bdf), "(null)\n");
	assert_string_equal(fake_text("/run/noiommu-nvme/%s", bdf), "");
	assert_string_equal(fake_text(STATE), "");
	assert_int_equal(fake.fds, 0);
}

static void each_call_fails(void **state)
{
	struct nnvme_err err;
	long n = 0, failed = 0;
	int rc;

	do {
		rebuild();
		fake.fail_at = n += step;
		rc = nnvme_iommu_group_set(FAKE_IOMMU, NNVME_DOMAIN_IDENTITY, &err);
		fake.fail_at = 0;
		assert_at_rest(FAKE_IOMMU);
		assert_at_rest(SECOND);
		assert_string_equal(fake_text(TYPE), rc ? "DMA-FQ\n" : "identity\n");
		if (!rc)
			continue;
		fake_assert_err(rc, rc, &err, NULL);
		failed++;
	} while (fake.injected);
	assert_int_equal(rc, 0);
	assert_true(failed > 60 / step);
}

/* The same for restoring: what failed can be done again. */
static void each_call_of_release_fails(void **state)
{
	struct nnvme_iommu_hold *hold;
	struct nnvme_err err;
	long n = 0, failed = 0;
	int rc;

	do {
		rebuild();
		assert_int_equal(nnvme_iommu_group_hold(FAKE_IOMMU, NNVME_DOMAIN_IDENTITY, &hold,
							&err), 0);
		fake.calls = 0;
		fake.fail_at = n += step;
		rc = nnvme_iommu_group_release(&hold, &err);
		fake.fail_at = 0;
		if (rc) {
			fake_assert_err(rc, rc, &err, NULL);
			failed++;
			assert_int_equal(nnvme_iommu_group_restore(FAKE_IOMMU, &err), 1);
		}
		assert_at_rest(FAKE_IOMMU);
		assert_at_rest(SECOND);
		assert_string_equal(fake_text(TYPE), "DMA-FQ\n");
	} while (fake.injected);
	assert_int_equal(rc, 0);
	assert_true(failed > 60 / step);
}

/*
 * Run it in a child that dies before its @n-th system call. True if it came to its end before that.
 */
static bool dies(void (*what)(void), long n)
{
	int status;
	pid_t child = fork();

	if (!child) {
		fake.calls = 0;
		fake.die_at = n;
		what();
		_exit(0);
	}
	assert_int_equal(waitpid(child, &status, 0), child);
	fake_remove("/proc/%d", child);
	assert_true(WIFEXITED(status));
	assert_true(WEXITSTATUS(status) == 0 || WEXITSTATUS(status) == FAKE_DIED);
	return WEXITSTATUS(status) == 0;
}

static void set_identity(void)
{
	nnvme_iommu_group_set(FAKE_IOMMU, NNVME_DOMAIN_IDENTITY, NULL);
}

static void hold_and_release(void)
{
	struct nnvme_iommu_hold *hold;

	if (!nnvme_iommu_group_hold(FAKE_IOMMU, NNVME_DOMAIN_IDENTITY, &hold, NULL))
		nnvme_iommu_group_release(&hold, NULL);
}

/* Whenever it was killed, the next run undoes it, by whichever device of the group. */
static void killed_then_restored(void **state)
{
	static void (*const what[])(void) = { set_identity, hold_and_release };
	struct nnvme_err err;

	for (int i = 0; i < 2; i++) {
		long n = 0, undone = 0;
		bool ended;

		do {
			int rc;

			rebuild();
			ended = dies(what[i], n += STRIDE * step);
			rc = nnvme_iommu_group_restore(SECOND, &err);
			assert_in_range(rc, 0, 1);
			undone += rc;
			assert_at_rest(FAKE_IOMMU);
			assert_at_rest(SECOND);
			/* Nothing to undo: not begun yet, or done. */
			assert_string_equal(fake_text(TYPE),
					    ended && !i ? "identity\n" : rc || i ? "DMA-FQ\n" :
					    fake_text(TYPE));
		} while (!ended);
		assert_true(undone > 60 / STRIDE / step);
	}
}

/* Or changes it again. */
static void killed_then_set(void **state)
{
	struct nnvme_err err;
	long n = 0;
	bool ended;
	int rc;

	do {
		rebuild();
		ended = dies(set_identity, n += STRIDE * step);
		rc = nnvme_iommu_group_set(FAKE_IOMMU, NNVME_DOMAIN_DMA, &err);
		if (rc)
			print_message("killed before call %ld: %s\n", n, err.text);
		assert_int_equal(rc, 0);
		assert_at_rest(FAKE_IOMMU);
		assert_at_rest(SECOND);
		assert_string_equal(fake_text(TYPE), "DMA\n");
	} while (!ended);
	assert_true(n > 100);
}

static void bind_vfio(void)
{
	nnvme_pci_bind(FAKE_IOMMU, 0, NULL);
}

static void unbind_vfio(void)
{
	nnvme_pci_unbind(FAKE_IOMMU, NULL);
}

/* A bind or unbind that was killed is completed or undone by the next one. */
static void killed_bind(void **state)
{
	static void (*const what[])(void) = { bind_vfio, unbind_vfio };
	struct nnvme_err err;

	for (int i = 0; i < 4; i++) {
		long n = 0;
		bool ended;

		do {
			rebuild();
			if (i % 2)
				bind_vfio();
			ended = dies(what[i % 2], n += step);
			if (i < 2) {
				assert_int_equal(nnvme_pci_bind(FAKE_IOMMU, 0, &err), 0);
				assert_string_equal(fake_driver(FAKE_IOMMU), "vfio-pci");
			}
			assert_int_equal(nnvme_pci_unbind(FAKE_IOMMU, &err), 0);
			assert_at_rest(FAKE_IOMMU);
		} while (!ended);
		assert_true(n > 10);
	}
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, fake_setup, fake_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(each_call_fails), TEST(each_call_of_release_fails), TEST(killed_then_restored),
		TEST(killed_then_set), TEST(killed_bind),
	};
	const char *is_long = getenv("NNVME_LONG");

	step = is_long && *is_long == '1' ? 1 : COARSE;
	return cmocka_run_group_tests_name("kernel_group_die", tests, NULL, NULL);
}
