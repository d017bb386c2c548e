// SPDX-License-Identifier: MIT
/* Who uses a controller's disks. */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>

#include "noiommu_nvme/pci.h"
#include "kernel/pci_in_use.h"
#include "kernel/sys.h"
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
	fake_file("22 1 0:2 / / rw - rootfs rootfs rw\n" "30 22 259:0 / /mnt/my\\040data\\134x "
		  "rw,relatime shared:1 - ext4 /dev/nvme0n1 rw\n", "/proc/self/mountinfo");
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
	assert_used("/dev/nvme0n1p1 is swap space", "swapoff /dev/nvme0n1p1");
}

static void held(void **state)
{
	fake_disk(NULL, "dm-0", "253:0\n");
	fake_file("", "/sys/class/block/nvme0n1/holders/dm-0");
	assert_used("/dev/nvme0n1 is held by /dev/dm-0", "remove that first");
}

static void holder_mounted(void **state)
{
	fake_partition("nvme0n1", "nvme0n1p1", "259:5\n");
	fake_disk(NULL, "md0", "9:0\n");
	fake_disk(NULL, "dm-0", "253:0\n");
	fake_file("", "/sys/class/block/nvme0n1p1/holders/md0");
	fake_file("", "/sys/class/block/md0/holders/dm-0");
	fake_file("30 22 253:0 / /srv rw - ext4 /dev/mapper/v rw\n", "/proc/self/mountinfo");
	assert_used("/dev/dm-0, on top of /dev/md0, is mounted on /srv", "umount /srv");
}

/* Circular stacking is impossible, but must not hang us. */
static void holders_in_circle(void **state)
{
	fake_file("", "/sys/class/block/nvme0n1/holders/nvme0n1");
	assert_used("/dev/nvme0n1 is held by /dev/nvme0n1", "");
}

/* Mounted in another mount namespace: no mount is visible, but the disk can't be claimed. */
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
}

static void claims_are_held(void **state)
{
	struct nnvme_pci_claim claim;

	fake_disk(FAKE_NOIOMMU, "nvme0n2", "259:6\n");
	assert_int_equal(nnvme_pci_claim(FAKE_NOIOMMU, &claim, NULL), 0);
	assert_int_equal(claim.count, 2);
	assert_int_equal(fake.fds, 2);
	assert_int_equal(fake.exclusive, 2);
	assert_int_equal(nnvme_pci_claim_check(&claim, NULL), 0);	/* our own don't count */
	nnvme_pci_release(&claim);
	assert_int_equal(fake.fds, 0);
	fake.fail_open = "/dev/nvme0n2";
	fake.open_errno = EBUSY;
	assert_int_equal(nnvme_pci_claim(FAKE_NOIOMMU, &claim, NULL), -EBUSY);
	assert_int_equal(fake.fds, 0);
}

/* A failed call never means "nobody"; somebody must be there. */
static void fail_each_call(long least)
{
	struct nnvme_err err;
	long n = 0, unnoticed = 0;

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
	assert_true(n > least);
	assert_int_equal(unnoticed, 0);
}

static void each_call_fails(void **state)
{
	fake_partition("nvme0n1", "nvme0n1p2", "259:5\n");
	fake_file("30 22 259:5 / /boot rw - ext4 /dev/nvme0n1p2 rw\n", "/proc/self/mountinfo");
	fail_each_call(15);
}

/* --- programs that have a node open, by its number and whatever its name --- */

static void assert_unused(void)
{
	struct nnvme_err err;
	int rc = nnvme_pci_in_use(FAKE_NOIOMMU, &err);

	if (rc)
		print_message("%s\n", err.text);
	assert_int_equal(rc, 0);
	assert_int_equal(fake.fds, 0);
}

static void opened_by_77(const char *target)
{
	fake_link("/dev/null", "/proc/77/fd/0");
	fake_link("socket:[4711]", "/proc/77/fd/1");
	fake_link(target, "/proc/77/fd/9");
	fake_file("dd\n", "/proc/77/comm");
}

static void disk_open(void **state)
{
	opened_by_77("/dev/nvme1n1");	/* another's */
	assert_unused();
	opened_by_77("/dev/nvme0n1");
	assert_used("process 77 (dd) has /dev/nvme0n1 open", "end that");
}

static void disk_open_by_another_name(void **state)
{
	fake_node("b", "259:0", "/tmp/my-node");
	opened_by_77("/tmp/my-node");
	assert_used("process 77 (dd) has /dev/nvme0n1 open", "end that");
	fake_node("c", "259:0", "/tmp/my-node");	/* the same number, of another kind */
	assert_unused();
}

static void partition_open(void **state)
{
	fake_partition("nvme0n1", "nvme0n1p2", "259:5\n");
	opened_by_77("/dev/nvme0n1p2");
	assert_used("process 77 (dd) has /dev/nvme0n1p2 open", "end that");
}

static void generic_nodes_open(void **state)
{
	opened_by_77("/dev/ng0n1");
	assert_used("process 77 (dd) has /dev/ng0n1 open", "end that");
	opened_by_77("/dev/nvme0");
	assert_used("process 77 (dd) has /dev/nvme0 open", "end that");
	opened_by_77("/dev/ng1n1");
	assert_unused();
}

/* A namespace with several paths: its disk and its generic node are the subsystem's. */
static void multipath_nodes_open(void **state)
{
	fake_file("", "/sys/bus/pci/devices/%s/nvme/nvme0/nvme3c0n1/uevent", FAKE_NOIOMMU);
	fake_disk(NULL, "nvme3n1", "259:9\n");
	fake_file("242:99\n", "/sys/class/nvme-generic/ng3n1/dev");
	fake_node("c", "242:99", "/dev/ng3n1");
	assert_unused();
	opened_by_77("/dev/nvme3n1");
	assert_used("has /dev/nvme3n1 open", "process 77");
	opened_by_77("/dev/ng3n1");
	assert_used("has /dev/ng3n1 open", "process 77");
}

/* A mapping keeps a device when the descriptor is closed. */
static void disk_mapped(void **state)
{
	fake_link("/usr/lib/libc.so.6", "/proc/77/map_files/7f00-7f01");
	fake_link("/dev/nvme0n1", "/proc/77/map_files/7f01-7f02");
	fake_file("db\n", "/proc/77/comm");
	assert_used("process 77 (db) has /dev/nvme0n1 mapped", "end that");
}

/* The main thread has ended, or a thread has its own. */
static void open_in_a_thread(void **state)
{
	fake_link("/dev/null", "/proc/77/fd/0");
	fake_link("/dev/nvme0n1", "/proc/77/task/78/fd/3");
	fake_file("worker\n", "/proc/77/comm");
	assert_unused();	/* they share them */
	fake.own_files = true;
	assert_used("process 77 (worker) has /dev/nvme0n1 open", "end that");
}

static void open_in_this_program(void **state)
{
	int fd = nnvme_sys_open(O_RDONLY, "/dev/nvme0n1");
	struct nnvme_err err;

	fake_assert_err(nnvme_pci_in_use(FAKE_NOIOMMU, &err), -EBUSY, &err, "this program itself");
	nnvme_sys_close(&fd);
	assert_unused();
}

/*
 * The descriptor is closed, and the file is registered. What the kernel shows of that:
 * io_uring/fdinfo.c.
 */
static void ring_says(const char *text)
{
	fake_link("anon_inode:[io_uring]", "/proc/77/fd/4");
	fake_file("uring\n", "/proc/77/comm");
	fake_file(text, "/proc/77/fdinfo/4");
}

static void open_in_a_ring(void **state)
{
	ring_says("pos:\t0\nSqThread:\t-1\nUserFiles:\t2\n    0: /dev/null\n    1: /dev/nvme1n1\n"
		  "UserBufs:\t0\n");
	assert_unused();
	ring_says("UserFiles:\t2\n    0: /dev/null\n    1: /dev/nvme0n1\nUserBufs:\t0\n");
	assert_used("process 77 (uring) has /dev/nvme0n1 open in an io_uring", "end that");
	ring_says("UserFiles:\t1\n    0: /dev/ng0n1\\040(deleted)\nUserBufs:\t0\n");
	assert_used("process 77 (uring) has /dev/ng0n1 open in an io_uring", "end that");
}

/* Before Linux 6.14: without the directory, and with a line for an empty slot. */
static void open_in_an_older_ring(void **state)
{
	ring_says("UserFiles:\t2\n    0: <none>\n    1: nvme0n10\nUserBufs:\t1\n    0: "
		  "0x7f00/4096\n");
	assert_unused();
	ring_says("UserFiles:\t2\n    0: <none>\n    1: nvme0n1\nUserBufs:\t0\n");
	assert_used("process 77 (uring) has /dev/nvme0n1 open in an io_uring", "end that");
}

/*
 * While the ring is locked, the kernel leaves the files out; from Linux 6.17 on it leaves out
 * everything.
 */
static void ring_is_busy(void **state)
{
	ring_says("pos:\t0\nUserFiles:\t0\nUserBufs:\t0\n");
	assert_unused();
	ring_says("pos:\t0\nUserFiles:\t2\nUserBufs:\t0\nPollList:\n");
	assert_used("an io_uring of process 77 (uring) does not show", "try again");
	fake_file("7.3.4\n", "/proc/sys/kernel/osrelease");
	assert_unused();
	ring_says("pos:\t0\nflags:\t02000002\n");
	assert_used("an io_uring of process 77 (uring) does not show", "try again");
	fake.pauses = 0;
	fake.until_pause = 3;
	fake.at_pause = "/proc/77";
	assert_unused();
	fake_bind_vfio(FAKE_NOIOMMU);
	ring_says("pos:\t0\nflags:\t02000002\n");
	assert_unused();	/* no disk that it could have */
}

/* udev looks at a new disk for a moment. */
static void udev_has_it_open(void **state)
{
	opened_by_77("/dev/nvme0n1");
	fake.until_pause = 3;
	fake.at_pause = "/proc/77";
	assert_unused();
	assert_int_equal(fake.pauses, 3);
}

static int fds_meanwhile;

static void count_fds(unsigned ms)
{
	fds_meanwhile = fake.fds;
	fake.pauses++;
}

/* Checking takes time, and a mere question must not prevent a mount. */
static void asking_claims_for_a_moment(void **state)
{
	struct nnvme_pci_claim claim;

	nnvme_sys.pause = count_fds;
	opened_by_77("/dev/nvme0n1");
	assert_int_equal(nnvme_pci_in_use(FAKE_NOIOMMU, NULL), -EBUSY);
	assert_true(fake.pauses > 0);
	assert_int_equal(fds_meanwhile, 0);
	assert_int_equal(nnvme_pci_claim(FAKE_NOIOMMU, &claim, NULL), -EBUSY);
	assert_int_equal(fds_meanwhile, 1);
}

/* While waiting for one process, the others are not examined again. */
static void waiting_is_cheap(void **state)
{
	for (int pid = 10; pid < 30; pid++)
		for (int fd = 0; fd < 10; fd++)
			fake_link("/dev/null", "/proc/%d/fd/%d", pid, fd);
	fake.calls = 0;
	assert_unused();
	long calls = fake.calls;

	opened_by_77("/dev/nvme0n1");
	fake.calls = 0;
	assert_used("process 77 (dd) has /dev/nvme0n1 open", "end that");
	assert_in_range(fake.pauses, 20, 30);
	assert_in_range(fake.calls, 1, 2 * calls);
}

static void resource_mapped(void **state)
{
	fake_link("/sys/devices/pci0000:40/0000:40:01.0/" FAKE_NOIOMMU "/resource0",
		  "/proc/77/map_files/7f01-7f02");
	fake_file("upcie\n", "/proc/77/comm");
	assert_used("process 77 (upcie) has resource0 of the device in sysfs mapped", "end that");
	fake_link("/sys/devices/pci0000:40/0000:40:01.0/" FAKE_IOMMU "/resource0",
		  "/proc/77/map_files/7f01-7f02");
	assert_unused();
}

static void uio_open(void **state)
{
	fake_file("245:3\n", "/sys/bus/pci/devices/%s/uio/uio3/dev", FAKE_NOIOMMU);
	fake_node("c", "245:3", "/dev/uio3");
	assert_unused();
	opened_by_77("/dev/uio3");
	assert_used("process 77 (dd) has /dev/uio3 open", "end that");
}

/* --- the kernel itself --- */

static void loop_over_it(void **state)
{
	fake_disk(NULL, "loop0", "7:0\n");
	assert_unused();
	fake_file("/dev/nvme0n1\n", "/sys/class/block/loop0/loop/backing_file");
	fake.loop_number = 259 << 8 | 1;	/* the path is stale: it is another disk */
	assert_unused();
	fake_file("/dev/disk/by-id/x (deleted)\n", "/sys/class/block/loop0/loop/backing_file");
	fake.loop_number = 259 << 8;
	assert_used("/dev/loop0 is backed by /dev/nvme0n1", "losetup -d /dev/loop0");
	fake_file("30 22 7:0 / /mnt rw - ext4 /dev/loop0 rw\n", "/proc/self/mountinfo");
	assert_used("/dev/loop0, on top of /dev/nvme0n1, is mounted on /mnt", "umount /mnt");
}

/* Without a node, the path tells, by number or by name. */
static void loop_without_a_node(void **state)
{
	fake_partition("nvme0n1", "nvme0n1p2", "259:5\n");
	fake_disk(NULL, "loop0", "7:0\n");
	fake_remove("/dev/loop0");
	fake_file("/dev/nvme0n1p2 (deleted)\n", "/sys/class/block/loop0/loop/backing_file");
	assert_used("/dev/loop0 is backed by /dev/nvme0n1p2", "losetup");
	fake_node("b", "259:0", "/dev/disk/by-id/x");
	fake_file("/dev/disk/by-id/x\n", "/sys/class/block/loop0/loop/backing_file");
	assert_used("/dev/loop0 is backed by /dev/nvme0n1", "losetup");
	fake_file("/dev/nvme0n10\n", "/sys/class/block/loop0/loop/backing_file");
	assert_unused();
}

#define NVMET "/sys/kernel/config/nvmet/subsystems/nqn.x"

static void nvmet_offers_it(void **state)
{
	fake_file("/dev/nvme0n1\n", NVMET "/namespaces/1/device_path");
	fake_file("0\n", NVMET "/namespaces/1/enable");
	assert_unused();
	fake_file("1\n", NVMET "/namespaces/1/enable");
	assert_used("nvmet exports /dev/nvme0n1", "echo 0 > " NVMET "/namespaces/1/enable");
	fake_remove(NVMET "/namespaces");
	fake_file("/dev/nvme0\n", NVMET "/passthru/device_path");
	fake_file("1\n", NVMET "/passthru/enable");
	assert_used("nvmet exports /dev/nvme0", "passthru/enable");
	fake_remove("/sys/kernel/config");
	assert_unused();
	fake_file("", "/sys/module/nvmet/initstate");	/* but nobody can ask it */
	assert_used("configfs", "mount -t configfs");
}

static void scsi_target_has_it(void **state)
{
	fake_file("", "/sys/kernel/config/target/core/fileio_0/hba_info");
	fake_file("TCM FILEIO ID: 0        File: /dev/nvme0n1  Size: 1 Mode: O_DSYNC Async: 0\n",
		  "/sys/kernel/config/target/core/fileio_0/disk/info");
	assert_used("backstore fileio_0/disk has /dev/nvme0n1", "targetcli");
	fake_remove("/sys/kernel/config/target/core/fileio_0");
	fake_file("Status: ACTIVATED\n        iBlock device: nvme0n1  UDEV PATH: /x  readonly: 0\n"
		  "        Major: 259 Minor: 0  CLAIMED: IBLOCK\n",
		  "/sys/kernel/config/target/core/iblock_1/disk/info");
	assert_used("backstore iblock_1/disk has /dev/nvme0n1", "targetcli");
}

/* Its virtual functions are controllers of others. */
static void has_virtual_functions(void **state)
{
	fake_file("0\n", "/sys/bus/pci/devices/%s/sriov_numvfs", FAKE_NOIOMMU);
	assert_unused();
	fake_file("2\n", "/sys/bus/pci/devices/%s/sriov_numvfs", FAKE_NOIOMMU);
	assert_used("it has 2 virtual functions", "echo 0 > ");
}

/* --- where it can't be told --- */

static void no_node(void **state)
{
	fake_remove("/dev/nvme0n1");
	assert_used("there is nothing by that name here", "mknod /dev/nvme0n1 b 259 0");
	fake_node("b", "8:0", "/dev/nvme0n1");	/* a static /dev of another machine */
	assert_used("there is another file by that name here", "mknod /dev/nvme0n1 b 259 0");
}

static void in_a_container(void **state)
{
	fake_link("pid:[4026532000]", "/proc/self/ns/pid");
	assert_used("only the processes of this container", "--pid=host");
	fake_remove("/proc/self/ns/pid");	/* a kernel without PID namespaces */
	assert_unused();
}

static void processes_hidden(void **state)
{
	struct nnvme_err err;

	opened_by_77("/dev/null");
	fake.fail_scandir = "/proc/77/fd";
	fake.open_errno = EACCES;
	fake_assert_err(nnvme_pci_in_use(FAKE_NOIOMMU, &err), -EPERM, &err, "CAP_SYS_PTRACE");
	fake.open_errno = ENOENT;	/* gone meanwhile */
	assert_unused();
}

static void each_call_fails_before_a_program(void **state)
{
	opened_by_77("/dev/nvme0n1");
	fail_each_call(40);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, fake_setup, fake_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(unused), TEST(disk_mounted), TEST(other_disk_mounted), TEST(mounted_by_name),
		TEST(partition_mounted), TEST(second_namespace_mounted),
		TEST(multipath_disk_mounted),
		TEST(swapped), TEST(held), TEST(holder_mounted), TEST(holders_in_circle),
		TEST(claimed_elsewhere), TEST(claim_errors), TEST(claims_are_held),
		TEST(each_call_fails), TEST(disk_open), TEST(disk_open_by_another_name),
		TEST(partition_open), TEST(generic_nodes_open), TEST(multipath_nodes_open),
		TEST(disk_mapped), TEST(open_in_a_thread), TEST(open_in_this_program),
		TEST(open_in_a_ring), TEST(open_in_an_older_ring), TEST(ring_is_busy),
		TEST(udev_has_it_open), TEST(asking_claims_for_a_moment), TEST(waiting_is_cheap),
		TEST(resource_mapped), TEST(uio_open),
		TEST(loop_over_it),
		TEST(loop_without_a_node), TEST(nvmet_offers_it), TEST(scsi_target_has_it),
		TEST(has_virtual_functions),
		TEST(no_node), TEST(in_a_container), TEST(processes_hidden),
		TEST(each_call_fails_before_a_program),
	};

	return cmocka_run_group_tests_name("kernel_in_use", tests, NULL, NULL);
}
