// SPDX-License-Identifier: MIT
/* Who uses a controller's disks. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "kernel/pci.h"
#include "kernel/pci_private.h"
#include "kernel_fake.h"

static void assert_used(const char *words, const char *more)
{
	struct nnvme_err err;

	fake_assert_err(nnvme_pci_in_use(FAKE_NOIOMMU, &err), -EBUSY, &err, words);
	assert_non_null(strstr(err.text, more));
	assert_non_null(strstr(err.text, FAKE_NOIOMMU));
	assert_int_equal(fake.fds, 0);
}

static void unused(void **state)
{
	struct nnvme_err err;

	assert_int_equal(nnvme_pci_in_use(FAKE_NOIOMMU, &err), 0);
	assert_int_equal(fake.fds, 0);
	fake_remove("/proc/swaps");	/* a kernel without swap */
	assert_int_equal(nnvme_pci_in_use(FAKE_NOIOMMU, &err), 0);
	fake_bind_vfio(FAKE_NOIOMMU);
	assert_int_equal(nnvme_pci_in_use(FAKE_NOIOMMU, &err), 0);
}

static void disk_mounted(void **state)
{
	fake_file("22 1 0:2 / / rw - rootfs rootfs rw\n"
		  "30 22 259:0 / /mnt/my\\040data\\134x rw,relatime shared:1 - ext4 /dev/nvme0n1 rw\n",
		  "/proc/self/mountinfo");
	assert_used("/dev/nvme0n1 is mounted on /mnt/my data\\x", "umount");
}

static void other_disk_mounted(void **state)
{
	struct nnvme_err err;

	fake_file("30 22 259:1 / /mnt rw - ext4 /dev/nvme1n1 rw\n"
		  "31 22 259:01 / /x rw - ext4 /dev/nvme0n11 rw\n", "/proc/self/mountinfo");
	assert_int_equal(nnvme_pci_in_use(FAKE_NOIOMMU, &err), 0);
	fake_assert_err(nnvme_pci_in_use(FAKE_IOMMU, &err), -EBUSY, &err, "/mnt");
}

/* btrfs mounts have a device number of their own. */
static void mounted_by_name(void **state)
{
	fake_file("30 22 0:44 / /mnt rw - btrfs /dev/nvme0n1 rw\n", "/proc/self/mountinfo");
	assert_used("/dev/nvme0n1 is mounted on /mnt", "umount /mnt");
}

static void partition_mounted(void **state)
{
	fake_partition("nvme0n1", "nvme0n1p2", "259:5\n");
	fake_file("30 22 259:5 / /boot rw - ext4 /dev/nvme0n1p2 rw\n", "/proc/self/mountinfo");
	assert_used("/dev/nvme0n1p2 is mounted on /boot", "umount /boot");
}

static void second_namespace_mounted(void **state)
{
	fake_disk(FAKE_NOIOMMU, "nvme0n2", "259:6\n");
	fake_file("30 22 259:6 / /two rw - xfs /dev/nvme0n2 rw\n", "/proc/self/mountinfo");
	assert_used("/dev/nvme0n2 is mounted on /two", "umount");
}

static void multipath_disk_mounted(void **state)
{
	fake_file("", "/sys/bus/pci/devices/%s/nvme/nvme0/nvme3c0n1/uevent", FAKE_NOIOMMU);
	fake_disk(NULL, "nvme3n1", "259:9\n");
	fake_file("30 22 259:9 / /mp rw - xfs /dev/nvme3n1 rw\n", "/proc/self/mountinfo");
	assert_used("/dev/nvme3n1 is mounted on /mp", "umount");
}

static void swapped(void **state)
{
	fake_partition("nvme0n1", "nvme0n1p1", "259:5\n");
	fake_file("Filename\t\tType\n/dev/nvme0n1p1   partition 1 0 -2\n", "/proc/swaps");
	assert_used("/dev/nvme0n1p1 is swapped on", "swapoff /dev/nvme0n1p1");
}

static void held(void **state)
{
	fake_disk(NULL, "dm-0", "253:0\n");
	fake_file("", "/sys/class/block/nvme0n1/holders/dm-0");
	assert_used("/dev/nvme0n1 is held by /dev/dm-0", "take that down");
}

static void holder_mounted(void **state)
{
	fake_partition("nvme0n1", "nvme0n1p1", "259:5\n");
	fake_disk(NULL, "md0", "9:0\n");
	fake_disk(NULL, "dm-0", "253:0\n");
	fake_file("", "/sys/class/block/nvme0n1p1/holders/md0");
	fake_file("", "/sys/class/block/md0/holders/dm-0");
	fake_file("30 22 253:0 / /srv rw - ext4 /dev/mapper/v rw\n", "/proc/self/mountinfo");
	assert_used("/dev/dm-0, which lies on /dev/md0, is mounted on /srv", "umount /srv");
}

/* Stacked in a circle can't be, but must not take us with it. */
static void holders_in_circle(void **state)
{
	fake_file("", "/sys/class/block/nvme0n1/holders/nvme0n1");
	assert_used("/dev/nvme0n1 is held by /dev/nvme0n1", "");
}

/* Mounted in another mount namespace: nothing names it, but it can't be claimed. */
static void claimed_elsewhere(void **state)
{
	fake.fail_open = "/dev/nvme0n1";
	fake.open_errno = EBUSY;
	assert_used("/dev/nvme0n1", "another mount namespace");
}

static void claim_errors(void **state)
{
	struct nnvme_err err;

	fake.fail_open = "/dev/nvme0n1";
	fake.open_errno = EACCES;
	fake_assert_err(nnvme_pci_in_use(FAKE_NOIOMMU, &err), -EPERM, &err, "run as root");
	fake.open_errno = ENXIO;	/* a dead controller's disk */
	assert_int_equal(nnvme_pci_in_use(FAKE_NOIOMMU, &err), 0);
	fake.fail_open = NULL;
	fake_remove("/dev/nvme0n1");
	assert_int_equal(nnvme_pci_in_use(FAKE_NOIOMMU, &err), 0);
}

static void claims_are_held(void **state)
{
	int *fds, n;

	fake_disk(FAKE_NOIOMMU, "nvme0n2", "259:6\n");
	n = nnvme_pci_claim(FAKE_NOIOMMU, &fds, NULL);
	assert_int_equal(n, 2);
	assert_int_equal(fake.fds, 2);
	assert_int_equal(fake.exclusive, 2);
	nnvme_pci_release(fds, n);
	assert_int_equal(fake.fds, 0);
	fake.fail_open = "/dev/nvme0n2";
	fake.open_errno = EBUSY;
	assert_int_equal(nnvme_pci_claim(FAKE_NOIOMMU, &fds, NULL), -EBUSY);
	assert_int_equal(fake.fds, 0);
}

/* A call that fails is never taken for "nobody". */
static void each_call_fails(void **state)
{
	struct nnvme_err err;
	long n = 0, unnoticed = 0;

	fake_partition("nvme0n1", "nvme0n1p2", "259:5\n");
	fake_file("30 22 259:5 / /boot rw - ext4 /dev/nvme0n1p2 rw\n", "/proc/self/mountinfo");
	do {
		int rc;

		fake.calls = fake.injected = 0;
		fake.fail_at = ++n;
		rc = nnvme_pci_in_use(FAKE_NOIOMMU, &err);
		if (!rc)
			unnoticed++;
		else
			fake_assert_err(rc, rc, &err, NULL);
		assert_int_equal(fake.fds, 0);
	} while (fake.injected);
	assert_true(n > 15);
	assert_int_equal(unnoticed, 0);
}

static void node_holder(void **state)
{
	char comm[32];

	fake_link("/dev/null", "/proc/77/fd/0");
	fake_link("/dev/vfio/devices/vfio1", "/proc/77/fd/9");
	fake_file("fio\n", "/proc/77/comm");
	assert_int_equal(nnvme_node_holder("/dev/vfio/devices/vfio1", comm), 77);
	assert_string_equal(comm, "fio");
	assert_int_equal(nnvme_node_holder("/dev/vfio/devices/vfio", comm), 0);
	assert_string_equal(comm, "");
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, fake_setup, fake_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(unused), TEST(disk_mounted), TEST(other_disk_mounted), TEST(mounted_by_name),
		TEST(partition_mounted), TEST(second_namespace_mounted), TEST(multipath_disk_mounted),
		TEST(swapped), TEST(held), TEST(holder_mounted), TEST(holders_in_circle),
		TEST(claimed_elsewhere), TEST(claim_errors), TEST(claims_are_held),
		TEST(each_call_fails), TEST(node_holder),
	};

	return cmocka_run_group_tests_name("kernel_users", tests, NULL, NULL);
}
