// SPDX-License-Identifier: MIT
/* Opening a controller through VFIO, and all that can prevent it. */
#include <errno.h>
#include <linux/capability.h>
#include <linux/vfio.h>
#include <string.h>

#include "kernel/uapi/iommufd.h"
#include "kernel/uapi/vfio_cdev.h"
#include "device_rig.h"

static char memory[8192] __attribute__((aligned(4096)));

static void refuses(const char *name, enum nnvme_mode mode, int code, const char *words)
{
	struct nnvme_device *dev = NULL;
	struct nnvme_err err;

	fake_assert_err(nnvme_device_open(name, mode, &dev, &err), code, &err, words);
	assert_null(dev);
	fake_assert_clean();
	assert_int_equal(nnvme_device_open(name, mode, &dev, NULL), code);
}

/* Like refuses(), while it is already open. */
static void refuses_as_open(const char *words)
{
	struct nnvme_device *dev = NULL;
	struct nnvme_err err;

	fake_assert_err(nnvme_device_open(FAKE_NOIOMMU, NNVME_MODE_AUTO, &dev, &err), -EBUSY, &err,
			words);
	assert_null(dev);
}

static void open_noiommu(void **state)
{
	struct nnvme_device *dev = must_open("41:00.0", NNVME_MODE_AUTO);

	assert_string_equal(dev->name, FAKE_NOIOMMU);
	assert_int_equal(dev->mode, NNVME_MODE_NOIOMMU);
	assert_int_equal(dev->bar_len, 16384);
	assert_non_null((void *)dev->bar);
	((volatile char *)dev->bar)[16383] = 1;
	assert_true(fake.bound && fake.attached);
	assert_false(fake.command & 4);		/* no bus mastering yet */
	dev->ops->close(dev);
	fake_assert_clean();
	assert_int_equal(fake.destroyed, 1);	/* a forked child may keep the iommufd open */
	dev = must_open("0000.41.00.0", NNVME_MODE_AUTO);
	dev->ops->close(dev);
}

static void open_iommu(void **state)
{
	struct nnvme_device *dev = must_open(FAKE_IOMMU, NNVME_MODE_AUTO);
	nnvme_bus_t bus;
	uint64_t iova;
	size_t len = 8192;

	assert_int_equal(dev->mode, NNVME_MODE_IOMMU);
	assert_int_equal(dev->ops->map(dev, memory, len, &iova, NULL), 0);
	assert_int_equal(dev->ops->bus_addr(dev, iova + 4096, &len, &bus, NULL), 0);
	assert_int_equal(bus.v, iova + 4096);
	assert_int_equal(len, 8192);
	assert_int_equal(fake.get_pa_wanted, 0);	/* never asked */
	assert_int_equal(dev->ops->unmap(dev, iova, 8192), 0);
	dev->ops->close(dev);
	fake_assert_clean();
}

static void modes(void **state)
{
	struct nnvme_device *dev;

	refuses(FAKE_NOIOMMU, NNVME_MODE_IOMMU, -EOPNOTSUPP, "it has no IOMMU");
	refuses(FAKE_IOMMU, NNVME_MODE_NOIOMMU, -EOPNOTSUPP, "behind an IOMMU (group 5)");
	refuses(FAKE_IOMMU, (enum nnvme_mode)9, -EINVAL, "mode 9");
	assert_int_equal(nnvme_device_open(FAKE_NOIOMMU, NNVME_MODE_NOIOMMU, &dev, NULL), 0);
	dev->ops->close(dev);
	assert_int_equal(nnvme_device_open(FAKE_IOMMU, NNVME_MODE_IOMMU, &dev, NULL), 0);
	dev->ops->close(dev);
}

static void which_device(void **state)
{
	refuses("0000:99:00.0", NNVME_MODE_AUTO, -ENODEV, "0000:99:00.0");
	refuses(FAKE_OTHER, NNVME_MODE_AUTO, -ENODEV, "class 0x020000");
	refuses("0000", NNVME_MODE_AUTO, -EINVAL, "0000\\:41\\:00.0");
}

static void which_driver(void **state)
{
	struct nnvme_device *dev;

	fake_link("../../drivers/xe-vfio-pci", "/sys/bus/pci/devices/%s/driver", FAKE_NOIOMMU);
	dev = must_open(FAKE_NOIOMMU, NNVME_MODE_AUTO);		/* a VFIO driver of its own */
	dev->ops->close(dev);
	fake_remove("/sys/bus/pci/devices/%s/vfio-dev", FAKE_NOIOMMU);
	fake_link("../../drivers/nvme", "/sys/bus/pci/devices/%s/driver", FAKE_NOIOMMU);
	refuses(FAKE_NOIOMMU, NNVME_MODE_AUTO, -EBUSY, "driver nvme");
	refuses(FAKE_NOIOMMU, NNVME_MODE_AUTO, -EBUSY, "noiommu-nvme bind " FAKE_NOIOMMU);
	fake_remove("/sys/bus/pci/devices/%s/driver", FAKE_NOIOMMU);
	refuses(FAKE_NOIOMMU, NNVME_MODE_AUTO, -ENODEV, "no driver; run: noiommu-nvme bind");
}

static void no_node(void **state)
{
	fake_remove("/sys/bus/pci/devices/%s/vfio-dev/noiommu-vfio0/dev", FAKE_NOIOMMU);
	refuses(FAKE_NOIOMMU, NNVME_MODE_AUTO, -EOPNOTSUPP, "7.3");
	refuses(FAKE_NOIOMMU, NNVME_MODE_AUTO, -EOPNOTSUPP, "noiommu-nvme bind");
	fake_file("N\n", "/sys/module/vfio/parameters/enable_unsafe_noiommu_mode");
	refuses(FAKE_NOIOMMU, NNVME_MODE_AUTO, -EOPNOTSUPP, "noiommu mode is off");
	fake_remove("/sys/bus/pci/devices/%s/vfio-dev", FAKE_IOMMU);
	refuses(FAKE_IOMMU, NNVME_MODE_AUTO, -EOPNOTSUPP, "CONFIG_VFIO_DEVICE_CDEV");
}

static void node_does_not_open(void **state)
{
	fake.fail_open = "/noiommu-vfio0";
	fake.open_errno = EPERM;
	fake.caps_missing = CAP_SYS_RAWIO;
	refuses(FAKE_NOIOMMU, NNVME_MODE_AUTO, -EPERM, "CAP_SYS_RAWIO");
	fake.caps_missing = -1;
	refuses(FAKE_NOIOMMU, NNVME_MODE_AUTO, -EPERM, "/dev/vfio/devices/noiommu-vfio0");
	fake.open_errno = EACCES;
	refuses(FAKE_NOIOMMU, NNVME_MODE_AUTO, -EPERM, "run as root");
	fake.open_errno = ENOENT;
	refuses(FAKE_NOIOMMU, NNVME_MODE_AUTO, -ENODEV, "devtmpfs");
	fake.open_errno = EBUSY;
	refuses(FAKE_NOIOMMU, NNVME_MODE_AUTO, -EBUSY, "is busy: another program may have it open");
	fake.open_errno = ENFILE;
	refuses(FAKE_NOIOMMU, NNVME_MODE_AUTO, -ENFILE, "Too many open files");
}

static void no_iommufd(void **state)
{
	fake.fail_open = "/dev/iommu";
	fake.open_errno = ENOENT;
	refuses(FAKE_NOIOMMU, NNVME_MODE_AUTO, -EOPNOTSUPP, "CONFIG_IOMMUFD");
	fake.open_errno = EACCES;
	refuses(FAKE_NOIOMMU, NNVME_MODE_AUTO, -EPERM, "run as root");
}

static void open_elsewhere(void **state)
{
	struct nnvme_device *dev;
	struct nnvme_err err;

	fake.bound = true;	/* by somebody whom we can't see */
	fake_assert_err(nnvme_device_open(FAKE_NOIOMMU, NNVME_MODE_AUTO, &dev, &err), -EINVAL, &err,
			"another program may have it open");
	fake_link("/dev/vfio/devices/noiommu-vfio0", "/proc/77/fd/9");
	fake_file("fio\n", "/proc/77/comm");
	refuses_as_open("process 77 (fio)");
	fake_remove("/proc/77");	/* by a mapping alone */
	fake_link("/dev/vfio/devices/noiommu-vfio0", "/proc/78/map_files/7f01-7f02");
	fake_file("spdk\n", "/proc/78/comm");
	refuses_as_open("process 78 (spdk)");
}

/* EINVAL has reasons other than a second opener: "open" is reported only if we have seen one. */
static void bind_invalid(void **state)
{
	fake.fail_ioctl = NNVME_VFIO_DEVICE_BIND_IOMMUFD;
	fake.fail_errno = EINVAL;
	refuses(FAKE_IOMMU, NNVME_MODE_AUTO, -EINVAL, "not coherent");
	refuses(FAKE_NOIOMMU, NNVME_MODE_AUTO, -EINVAL, "dmesg");
}

/* It belongs to another userspace driver, and bind must not take it away. */
static void bound_to_uio(void **state)
{
	fake_remove("/sys/bus/pci/devices/%s/vfio-dev", FAKE_NOIOMMU);
	fake_link("../../drivers/uio_pci_generic", "/sys/bus/pci/devices/%s/driver", FAKE_NOIOMMU);
	fake_file("245:3\n", "/sys/bus/pci/devices/%s/uio/uio3/dev", FAKE_NOIOMMU);
	fake_node("c", "245:3", "/dev/uio3");
	refuses(FAKE_NOIOMMU, NNVME_MODE_AUTO, -EBUSY, "another userspace driver (/dev/uio3)");
	fake_link("/dev/uio3", "/proc/77/fd/9");
	fake_file("spdk\n", "/proc/77/comm");
	refuses(FAKE_NOIOMMU, NNVME_MODE_AUTO, -EBUSY, "process 77 (spdk) has /dev/uio3 open");
}

static void open_twice(void **state)
{
	struct nnvme_device *dev = must_open(FAKE_NOIOMMU, NNVME_MODE_AUTO);
	int fds = fake.fds;

	refuses_as_open("already open in this program");
	/* The first is not affected. */
	assert_int_equal(fake.fds, fds);
	assert_true(fake.bound && fake.attached);
	dev->ops->close(dev);
	fake_assert_clean();
}

static void bind_fails(void **state)
{
	fake.fail_ioctl = NNVME_VFIO_DEVICE_BIND_IOMMUFD;
	fake.fail_errno = EBUSY;
	refuses(FAKE_IOMMU, NNVME_MODE_AUTO, -EBUSY, "is busy");
	fake.fail_errno = EPERM;
	refuses(FAKE_IOMMU, NNVME_MODE_AUTO, -EPERM, "iommufd.allow_unsafe_interrupts=1");
	refuses(FAKE_NOIOMMU, NNVME_MODE_AUTO, -EPERM, "CAP_SYS_RAWIO");
	fake.fail_errno = ENOTTY;
	refuses(FAKE_IOMMU, NNVME_MODE_AUTO, -EOPNOTSUPP, "CONFIG_VFIO_DEVICE_CDEV");
	fake.fail_errno = ENXIO;
	refuses(FAKE_IOMMU, NNVME_MODE_AUTO, -ENXIO, FAKE_IOMMU);
}

static void attach_fails(void **state)
{
	fake.fail_ioctl = NNVME_VFIO_DEVICE_ATTACH_IOMMUFD_PT;
	fake.fail_errno = EINVAL;
	refuses(FAKE_NOIOMMU, NNVME_MODE_AUTO, -EINVAL, "address space");
	fake.fail_ioctl = NNVME_IOMMU_IOAS_ALLOC;
	refuses(FAKE_NOIOMMU, NNVME_MODE_AUTO, -EINVAL, "address space");
}

/* Physical addresses are not bus addresses there: nothing is opened. */
static void physical_addresses_that_do_not_fit(void **state)
{
	fake_file("processor\t: 0\nflags\t\t: fpu sme\n", "/proc/cpuinfo");
	refuses(FAKE_NOIOMMU, NNVME_MODE_AUTO, -EOPNOTSUPP, "mem_encrypt=off");
	fake_file("xen\n", "/sys/hypervisor/type");
	fake_remove("/proc/cpuinfo");
	refuses(FAKE_NOIOMMU, NNVME_MODE_AUTO, -EOPNOTSUPP, "Xen");
	fake_remove("/sys/hypervisor/type");
	/* The kernel may know better */
	fake.fail_ioctl = NNVME_VFIO_DEVICE_BIND_IOMMUFD;
	fake.fail_errno = EOPNOTSUPP;
	refuses(FAKE_NOIOMMU, NNVME_MODE_AUTO, -EOPNOTSUPP, "an offset");
}

static void no_get_pa(void **state)
{
	struct nnvme_device *dev;

	fake.fail_ioctl = NNVME_IOMMU_IOAS_NOIOMMU_GET_PA;
	fake.fail_errno = ENOTTY;
	refuses(FAKE_NOIOMMU, NNVME_MODE_AUTO, -EOPNOTSUPP, "kernel/module/patches/6.12");
	fake.fail_errno = EPERM;
	refuses(FAKE_NOIOMMU, NNVME_MODE_AUTO, -EPERM, "CAP_SYS_RAWIO");
	fake.fail_errno = EOPNOTSUPP;
	refuses(FAKE_NOIOMMU, NNVME_MODE_AUTO, -EOPNOTSUPP, "physical address");
	dev = must_open(FAKE_IOMMU, NNVME_MODE_AUTO);	/* has no need of it */
	dev->ops->close(dev);
}

static void odd_bars(void **state)
{
	static const uint64_t size[] = { 0, 4096, 8191, 12000, 1ull << 63 };

	for (size_t i = 0; i < sizeof(size) / sizeof(size[0]); i++) {
		fake.bar_size = size[i];
		refuses(FAKE_NOIOMMU, NNVME_MODE_AUTO, -ENODEV, "BAR0");
	}
	fake.bar_size = 8192;
	fake.bar_flags = VFIO_REGION_INFO_FLAG_READ | VFIO_REGION_INFO_FLAG_WRITE;
	refuses(FAKE_NOIOMMU, NNVME_MODE_AUTO, -ENODEV, "flags 0x3");
}

static void bus_master(void **state)
{
	struct nnvme_device *dev = must_open(FAKE_NOIOMMU, NNVME_MODE_AUTO);
	struct nnvme_err err;

	assert_int_equal(dev->ops->bus_master(dev, true, &err), 0);
	assert_int_equal(fake.command, 0x406);		/* and INTx off */
	assert_int_equal(dev->ops->bus_master(dev, false, &err), 0);
	assert_int_equal(fake.command, 0x402);
	fake.deaf_config = true;
	fake_assert_err(dev->ops->bus_master(dev, true, &err), -EIO, &err, "bus mastering");
	fake.deaf_config = false;
	fake.gone = true;
	fake_assert_err(dev->ops->bus_master(dev, true, &err), -ENODEV, &err, "gone");
	fake.gone = false;
	assert_int_equal(dev->ops->bus_master(dev, true, &err), 0);
	dev->ops->close(dev);
	assert_int_equal(fake.command, 0x402);	/* off before everything else */
}

static void gone_at_open(void **state)
{
	fake.gone = true;
	refuses(FAKE_NOIOMMU, NNVME_MODE_AUTO, -ENODEV, "gone");
}

static void reset(void **state)
{
	struct nnvme_device *dev = must_open(FAKE_NOIOMMU, NNVME_MODE_AUTO);
	struct nnvme_err err;

	assert_int_equal(dev->ops->reset(dev, &err), 0);
	assert_int_equal(fake.resets, 1);
	fake.fail_ioctl = VFIO_DEVICE_RESET;
	fake.fail_errno = ENOTTY;
	fake_assert_err(dev->ops->reset(dev, &err), -ENOTTY, &err, "function-level reset");
	dev->ops->close(dev);
}

static void map(void **state)
{
	struct nnvme_device *dev = must_open(FAKE_NOIOMMU, NNVME_MODE_AUTO);
	struct nnvme_err err;
	uint64_t iova;

	assert_int_equal(dev->ops->map(dev, memory, 8192, &iova, &err), 0);
	assert_int_not_equal(iova, 0);
	assert_int_equal(fake.mappings, 1);
	assert_int_equal(dev->ops->unmap(dev, iova, 8192), 0);
	assert_int_equal(fake.mappings, 0);
	assert_int_equal(dev->ops->unmap(dev, iova, 8192), -ENOENT);
	fake_assert_err(dev->ops->map(dev, memory, 0, &iova, &err), -EINVAL, &err, "whole pages");
	fake_assert_err(dev->ops->map(dev, memory, 4097, &iova, &err), -EINVAL, &err, "4097");
	fake_assert_err(dev->ops->map(dev, memory + 8, 4096, &iova, &err), -EINVAL, &err, "4096");
	fake.zero_iova = true;
	fake_assert_err(dev->ops->map(dev, memory, 4096, &iova, &err), -EIO, &err, "IOVA 0");
	assert_int_equal(fake.mappings, 0);
	dev->ops->close(dev);
}

static void map_fails(void **state)
{
	struct nnvme_device *dev = must_open(FAKE_NOIOMMU, NNVME_MODE_AUTO);
	struct nnvme_err err;
	uint64_t iova;

	fake.fail_ioctl = NNVME_IOMMU_IOAS_MAP;
	fake.fail_errno = ENOMEM;
	fake.memlock = 8192 * 1024;
	fake_assert_err(dev->ops->map(dev, memory, 8192, &iova, &err), -ENOMEM, &err,
			"out of memory");
	fake.caps_missing = CAP_IPC_LOCK;
	fake_assert_err(dev->ops->map(dev, memory, 8192, &iova, &err), -ENOMEM, &err,
			"RLIMIT_MEMLOCK is 8192 KiB");
	assert_non_null(strstr(err.text, "ulimit -l"));
	assert_non_null(strstr(err.text, "CAP_IPC_LOCK"));
	fake.memlock = UINT64_MAX;
	fake_assert_err(dev->ops->map(dev, memory, 8192, &iova, &err), -ENOMEM, &err,
			"out of memory");
	fake.fail_errno = EFAULT;
	fake_assert_err(dev->ops->map(dev, memory, 8192, &iova, &err), -EFAULT, &err, "writable");
	fake.fail_errno = ENOSPC;
	fake_assert_err(dev->ops->map(dev, memory, 8192, &iova, &err), -ENOSPC, &err, FAKE_NOIOMMU);
	dev->ops->close(dev);
}

static void bus_addr(void **state)
{
	struct nnvme_device *dev = must_open(FAKE_NOIOMMU, NNVME_MODE_AUTO);
	struct nnvme_err err;
	nnvme_bus_t bus;
	uint64_t iova;
	size_t len;

	assert_int_equal(dev->ops->map(dev, memory, 8192, &iova, &err), 0);
	/* A kernel that ignores the length reports more: cut it. */
	len = 8192;
	assert_int_equal(dev->ops->bus_addr(dev, iova, &len, &bus, &err), 0);
	assert_int_equal(bus.v, 0x100000000ull + iova);
	assert_int_equal(len, 8192);
	assert_int_equal(fake.get_pa_wanted, 8192);
	/* Less than wanted is passed on, and the offset in the page kept. */
	fake.pa_run = 4091;
	len = 8187;
	assert_int_equal(dev->ops->bus_addr(dev, iova + 5, &len, &bus, &err), 0);
	assert_int_equal(bus.v, 0x100000005ull + iova);
	assert_int_equal(len, 4091);
	len = 0;
	fake_assert_err(dev->ops->bus_addr(dev, iova, &len, &bus, &err), -EINVAL, &err, "0 bytes");
	len = 1;
	fake_assert_err(dev->ops->bus_addr(dev, iova + 8192, &len, &bus, &err), -ENOENT, &err,
			"not mapped");
	dev->ops->close(dev);
}

static void bus_addr_nonsense(void **state)
{
	struct nnvme_device *dev = must_open(FAKE_NOIOMMU, NNVME_MODE_AUTO);
	struct nnvme_err err;
	nnvme_bus_t bus;
	uint64_t iova;
	size_t len = 4096;

	assert_int_equal(dev->ops->map(dev, memory, 8192, &iova, &err), 0);
	fake.pa_run = 0;
	fake_assert_err(dev->ops->bus_addr(dev, iova, &len, &bus, &err), -EIO, &err,
			"not plausible");
	fake.pa_run = 4096;
	fake.pa_xor = 1;	/* another offset in the page */
	fake_assert_err(dev->ops->bus_addr(dev, iova, &len, &bus, &err), -EIO, &err,
			"not plausible");
	fake.pa_xor = UINT64_MAX;	/* physical address 0 */
	fake_assert_err(dev->ops->bus_addr(dev, iova, &len, &bus, &err), -EIO, &err,
			"not plausible");
	fake.pa_xor = 0xfffffffeffffe000ull;	/* the run wraps around */
	fake_assert_err(dev->ops->bus_addr(dev, iova, &len, &bus, &err), -EIO, &err,
			"not plausible");
	assert_int_equal(len, 4096);
	dev->ops->close(dev);
}

static void open_each_call_fails(void **state)
{
	each_call_of_opening_fails(FAKE_NOIOMMU, NNVME_MODE_NOIOMMU);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, device_setup, fake_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(open_noiommu), TEST(open_iommu), TEST(modes), TEST(which_device),
		TEST(which_driver), TEST(no_node), TEST(node_does_not_open), TEST(no_iommufd),
		TEST(open_elsewhere), TEST(bind_invalid), TEST(bound_to_uio), TEST(open_twice),
		TEST(bind_fails), TEST(attach_fails), TEST(no_get_pa),
		TEST(physical_addresses_that_do_not_fit),
		TEST(odd_bars), TEST(bus_master), TEST(gone_at_open), TEST(reset), TEST(map),
		TEST(map_fails), TEST(bus_addr), TEST(bus_addr_nonsense),
		TEST(open_each_call_fails),
	};

	return cmocka_run_group_tests_name("kernel_vfio", tests, NULL, NULL);
}
