// SPDX-License-Identifier: MIT
/* Behind an IOMMU, through iommufd or a container: where memory is mapped, and what is reported. */
#include <errno.h>
#include <linux/capability.h>
#include <linux/vfio.h>
#include <stdio.h>
#include <string.h>

#include "noiommu_nvme/pci.h"
#include "kernel/uapi/iommufd.h"
#include "kernel/uapi/vfio_cdev.h"
#include "device_rig.h"

static char memory[6 << 20] __attribute__((aligned(2 << 20)));

/* A kernel without iommufd, and so without device nodes. */
static int setup_container(void **state)
{
	if (device_setup(state))
		return -1;
	fake_remove("/dev/iommu");
	fake_remove("/dev/vfio");
	fake_remove("/sys/bus/pci/devices/%s/vfio-dev/vfio0/dev", FAKE_IOMMU);
	fake_groups();
	return 0;
}

static void refuses(enum nnvme_mode mode, int code, const char *words)
{
	struct nnvme_device *dev = NULL;
	struct nnvme_err err;

	fake_assert_err(nnvme_device_open(FAKE_IOMMU, mode, &dev, &err), code, &err, words);
	assert_null(dev);
	fake_assert_clean();
}

static void reasons(void **state)
{
	struct nnvme_device *dev = must_open(FAKE_IOMMU, NNVME_MODE_AUTO);

	assert_string_equal(dev->mode_reason, "mode iommu, chosen: it is in IOMMU group 5; through "
			    "iommufd (node vfio0)");
	dev->ops->close(dev);
	dev = must_open(FAKE_IOMMU, NNVME_MODE_IOMMU);
	assert_non_null(strstr(dev->mode_reason, "mode iommu, as asked:"));
	dev->ops->close(dev);
	dev = must_open(FAKE_NOIOMMU, NNVME_MODE_AUTO);
	assert_string_equal(dev->mode_reason, "mode noiommu, chosen: no IOMMU is behind it (node "
			    "noiommu-vfio0)");
	dev->ops->close(dev);
}

static void reason_container(void **state)
{
	struct nnvme_device *dev = must_open(FAKE_IOMMU, NNVME_MODE_AUTO);

	assert_int_equal(dev->mode, NNVME_MODE_IOMMU);
	assert_string_equal(dev->mode_reason, "mode iommu, chosen: it is in IOMMU group 5; through "
			    "a VFIO container, because there is no iommufd");
	dev->ops->close(dev);
	fake_assert_clean();
	refuses(NNVME_MODE_NOIOMMU, -EOPNOTSUPP, "behind an IOMMU (group 5)");
}

/* Without /dev/iommu, device nodes are useless; with it the container isn't tried. */
static void container_or_not(void **state)
{
	struct nnvme_device *dev;

	fake_groups();
	dev = must_open(FAKE_IOMMU, NNVME_MODE_AUTO);
	assert_non_null(strstr(dev->mode_reason, "iommufd (node"));
	dev->ops->close(dev);
	fake_remove("/dev/iommu");
	dev = must_open(FAKE_IOMMU, NNVME_MODE_AUTO);
	assert_non_null(strstr(dev->mode_reason, "container"));
	dev->ops->close(dev);
	fake_remove("/dev/vfio/5");
	refuses(NNVME_MODE_AUTO, -EOPNOTSUPP, "/dev/iommu");
	fake_remove("/sys/bus/pci/devices/%s/vfio-dev", FAKE_IOMMU);
	refuses(NNVME_MODE_AUTO, -EOPNOTSUPP, "CONFIG_VFIO_CONTAINER");
}

/* Whatever is missing, a device behind an IOMMU is never opened as noiommu. */
static void never_noiommu(void **state)
{
	struct nnvme_device *dev = NULL;

	fake_remove("/sys/bus/pci/devices/%s/iommu_group", FAKE_NOIOMMU);
	assert_int_equal(nnvme_device_open(FAKE_NOIOMMU, NNVME_MODE_IOMMU, &dev, NULL),
			 -EOPNOTSUPP);
	fake_remove("/dev/iommu");
	assert_int_equal(nnvme_device_open(FAKE_IOMMU, NNVME_MODE_IOMMU, &dev, NULL), -EOPNOTSUPP);
	assert_null(dev);
	fake_assert_clean();
}

static void within_ranges(void **state)
{
	static const struct { uint64_t iova; bool good; } places[] = {
		{ 0xfedff000, true }, { 0xfee00000, false }, { 0xfedff800, false },
		{ 0xfef00000, true }, { 0x7ffffff000, true }, { 0x8000000000, false },
		{ 0xfffffffff000, true },
	};
	struct nnvme_device *dev = must_open(FAKE_IOMMU, NNVME_MODE_AUTO);
	struct nnvme_err err;
	uint64_t iova;

	for (size_t i = 0; i < sizeof(places) / sizeof(places[0]); i++) {
		fake.iova = places[i].iova;
		if (places[i].good) {
			assert_int_equal(dev->ops->map(dev, memory, 4096, &iova, &err), 0);
			assert_int_equal(iova, places[i].iova);
			assert_int_equal(dev->ops->unmap(dev, iova, 4096), 0);
			continue;
		}
		fake_assert_err(dev->ops->map(dev, memory, 4096, &iova, &err), -EIO, &err,
				"which its IOMMU can't map");
		assert_int_equal(fake.mappings, 0);
	}
	fake.iova = 0xfedff000;	/* runs out of its range */
	fake_assert_err(dev->ops->map(dev, memory, 8192, &iova, &err), -EIO, &err, "0xfedff000");
	dev->ops->close(dev);
}

static void check_reach(struct nnvme_device *dev)
{
	struct nnvme_dma_limits r;

	assert_int_equal(dev->ops->dma_limits(dev, &r, NULL), 0);
	assert_int_equal(r.nr_iova_ranges, 3);
	assert_int_equal(r.iova_ranges[0].last, 0xfedfffff);
	assert_int_equal(r.iova_ranges[2].first, 0xfffffffff000);
	assert_int_equal(r.alignment, 4096);
	assert_int_equal(r.coherency_enforced, NNVME_HAVE_NOT);
	assert_int_equal(r.interrupts_isolated, NNVME_HAVE);
	fake.enforced = 1;
	assert_int_equal(dev->ops->dma_limits(dev, &r, NULL), 0);
	assert_int_equal(r.coherency_enforced, NNVME_HAVE);
	fake.fail_ioctl = VFIO_CHECK_EXTENSION;
	fake.fail_errno = ENODEV;
	assert_int_equal(dev->ops->dma_limits(dev, &r, NULL), 0);
	assert_int_equal(r.coherency_enforced, NNVME_HAVE_UNKNOWN);
	fake.fail_ioctl = 0;
	dev->ops->close(dev);
}

/* @module has the switch. */
static void check_interrupts(const char *module)
{
	static const char *const waived[] = { "Y\n", "1\n", NULL };
	struct nnvme_device *dev;
	struct nnvme_dma_limits r;

	for (int i = 0; i < 3; i++) {
		if (waived[i])
			fake_file(waived[i], "/sys/module/%s/parameters/allow_unsafe_interrupts",
				  module);
		else
			fake_remove("/sys/module/%s", module);
		dev = must_open(FAKE_IOMMU, NNVME_MODE_AUTO);
		assert_int_equal(dev->ops->dma_limits(dev, &r, NULL), 0);
		assert_int_equal(r.interrupts_isolated, NNVME_HAVE_UNKNOWN);
		dev->ops->close(dev);
	}
}

static void reach_iommufd(void **state)
{
	check_reach(must_open(FAKE_IOMMU, NNVME_MODE_AUTO));
	check_interrupts("iommufd");
}

static void reach_container(void **state)
{
	check_reach(must_open(FAKE_IOMMU, NNVME_MODE_AUTO));
	check_interrupts("vfio_iommu_type1");
}

static void reach_noiommu(void **state)
{
	struct nnvme_device *dev = must_open(FAKE_NOIOMMU, NNVME_MODE_AUTO);
	struct nnvme_dma_limits r;

	assert_int_equal(dev->ops->dma_limits(dev, &r, NULL), 0);
	assert_int_equal(r.nr_iova_ranges, 0);
	assert_int_equal(r.coherency_enforced, NNVME_HAVE_NOT);
	assert_int_equal(r.interrupts_isolated, NNVME_HAVE_NOT);
	dev->ops->close(dev);
}

static void odd_ranges(void **state)
{
	struct nnvme_device *dev;
	struct nnvme_dma_limits r;

	fake.many_ranges = 1000;	/* more than room was made for at first */
	dev = must_open(FAKE_IOMMU, NNVME_MODE_AUTO);
	assert_int_equal(dev->ops->dma_limits(dev, &r, NULL), 0);
	assert_int_equal(r.nr_iova_ranges, 1000);
	assert_int_equal(r.iova_ranges[999].first, 1ull << 50);
	dev->ops->close(dev);
	fake.many_ranges = 0;
	fake.no_ranges = true;
	refuses(NNVME_MODE_AUTO, -ENOSPC, "that the IOMMU of " FAKE_IOMMU " can map");
	fake.fail_ioctl = NNVME_IOMMU_IOAS_IOVA_RANGES;
	fake.fail_errno = EMSGSIZE;	/* for ever */
	refuses(NNVME_MODE_AUTO, -EMSGSIZE, "can map");
}

static void big_pages(void **state)
{
	struct nnvme_device *dev;
	struct nnvme_err err;
	uint64_t iova;

	fake.iova_alignment = 65536;
	dev = must_open(FAKE_IOMMU, NNVME_MODE_AUTO);
	fake_assert_err(dev->ops->map(dev, memory, 4096, &iova, &err), -EINVAL, &err, "65536");
	assert_int_equal(dev->ops->map(dev, memory, 65536, &iova, &err), 0);
	dev->ops->unmap(dev, iova, 65536);
	dev->ops->close(dev);
}

static void container_maps(void **state)
{
	struct nnvme_device *dev = must_open(FAKE_IOMMU, NNVME_MODE_AUTO);
	uint64_t a, b, c, huge;
	struct nnvme_err err;
	nnvme_bus_t bus;
	size_t len = 4096;

	assert_int_equal(dev->ops->map(dev, memory, 4096, &a, &err), 0);
	assert_int_equal(a, 4096);		/* never 0 */
	assert_int_equal(dev->ops->map(dev, memory, 8192, &b, &err), 0);
	assert_int_equal(b, 8192);
	assert_int_equal(dev->ops->map(dev, memory, sizeof(memory), &huge, &err), 0);
	assert_int_equal(huge, 2 << 20);	/* aligned as the memory is */
	assert_int_equal(dev->ops->unmap(dev, a, 4096), 0);
	assert_int_equal(dev->ops->map(dev, memory + 4096, 4096, &c, &err), 0);
	assert_int_equal(c, a);			/* used again */
	assert_int_equal(dev->ops->bus_addr(dev, b + 5, &len, &bus, &err), 0);
	assert_int_equal(bus.v, b + 5);
	len = 0;
	fake_assert_err(dev->ops->bus_addr(dev, b, &len, &bus, &err), -EINVAL, &err, "0 bytes");
	assert_int_equal(dev->ops->unmap(dev, a, 8192), -ENOENT);
	assert_int_equal(fake.mappings, 3);
	assert_int_equal(dev->ops->unmap(dev, b, 8192), 0);
	assert_int_equal(dev->ops->unmap(dev, c, 4096), 0);
	assert_int_equal(dev->ops->unmap(dev, huge, sizeof(memory)), 0);
	assert_int_equal(dev->ops->unmap(dev, huge, sizeof(memory)), -ENOENT);
	fake_assert_err(dev->ops->map(dev, memory, 4097, &a, &err), -EINVAL, &err, "whole pages");
	dev->ops->close(dev);
	fake_assert_clean();
	assert_int_equal(fake.unset, 1);	/* a forked child may keep the container */
}

static void container_map_fails(void **state)
{
	struct nnvme_device *dev = must_open(FAKE_IOMMU, NNVME_MODE_AUTO);
	struct nnvme_err err;
	uint64_t iova;

	fake.fail_ioctl = VFIO_IOMMU_MAP_DMA;
	fake.fail_errno = ENOSPC;	/* type1's limit on their number */
	fake_file("4096\n", "/sys/module/vfio_iommu_type1/parameters/dma_entry_limit");
	fake_assert_err(dev->ops->map(dev, memory, sizeof(memory), &iova, &err), -ENOSPC, &err,
			"takes 4096 mappings");
	assert_non_null(strstr(err.text, "dma_entry_limit"));
	fake.fail_errno = ENOMEM;
	fake.memlock = 8192 * 1024;
	fake.caps_missing = CAP_IPC_LOCK;
	for (int i = 0; i < 3; i++)	/* the place is free again */
		fake_assert_err(dev->ops->map(dev, memory, 4096, &iova, &err), -ENOMEM, &err,
				"RLIMIT_MEMLOCK is 8192 KiB");
	fake.fail_ioctl = 0;
	assert_int_equal(dev->ops->map(dev, memory, 4096, &iova, &err), 0);
	assert_int_equal(iova, 4096);
	fake.fail_ioctl = VFIO_IOMMU_UNMAP_DMA;
	fake.fail_errno = EIO;
	assert_int_equal(dev->ops->unmap(dev, iova, 4096), -EIO);
	assert_int_equal(dev->ops->map(dev, memory, 4096, &iova, &err), 0);
	assert_int_equal(iova, 8192);	/* IOVAs that may still be mapped are not reused */
	fake_assert_err(dev->ops->map(dev, memory, (size_t)1 << 50, &iova, &err), -ENOSPC, &err,
			"IOVA range");
	dev->ops->close(dev);
}

static void container_refused(void **state)
{
	fake.api_version = 1;
	refuses(NNVME_MODE_AUTO, -EOPNOTSUPP, "type1");
	fake.api_version = 0;
	fake.no_type1 = true;
	refuses(NNVME_MODE_AUTO, -EOPNOTSUPP, "modprobe vfio_iommu_type1");
	fake.no_type1 = false;
	fake.no_capabilities = true;
	refuses(NNVME_MODE_AUTO, -EOPNOTSUPP, "Linux 5.4");
	fake.no_capabilities = false;
	fake.no_ranges = true;
	refuses(NNVME_MODE_AUTO, -EIO, "can map");
	fake.no_ranges = false;
	fake.info_cut = true;
	refuses(NNVME_MODE_AUTO, -EIO, "can map");
	fake.info_cut = false;
	fake.fail_ioctl = VFIO_SET_IOMMU;
	fake.fail_errno = EPERM;
	fake.unset = 0;
	refuses(NNVME_MODE_AUTO, -EPERM, "vfio_iommu_type1.allow_unsafe_interrupts=1");
	assert_int_equal(fake.unset, 1);	/* an explicit call: a child may have it */
	fake.fail_errno = ENODEV;
	refuses(NNVME_MODE_AUTO, -ENODEV, "into a VFIO container");
	fake.fail_ioctl = VFIO_GROUP_GET_DEVICE_FD;
	refuses(NNVME_MODE_AUTO, -ENODEV, "VFIO does not open");
}

static void container_nodes(void **state)
{
	fake.fail_open = "/dev/vfio/vfio";
	fake.open_errno = EACCES;
	refuses(NNVME_MODE_AUTO, -EPERM, "run as root");
	fake.fail_open = "/dev/vfio/5";
	fake.open_errno = EPERM;
	refuses(NNVME_MODE_AUTO, -EPERM, "/dev/vfio/5");
	fake.open_errno = EBUSY;	/* one opener a group */
	refuses(NNVME_MODE_AUTO, -EBUSY, "is busy: another program may");
	fake_link("/dev/vfio/5", "/proc/77/fd/9");
	fake_file("fio\n", "/proc/77/comm");
	refuses(NNVME_MODE_AUTO, -EBUSY, "process 77 (fio)");
}

static void add_mate(const char *driver)
{
	char target[64];

	snprintf(target, sizeof(target), "../../drivers/%s", driver);
	fake_group_add(FAKE_OTHER);
	fake_link(target, "/sys/bus/pci/devices/%s/driver", FAKE_OTHER);
}

static void shared_group_container(void **state)
{
	fake.not_viable = true;
	refuses(NNVME_MODE_AUTO, -EBUSY, "other devices of IOMMU group 5");
	add_mate("e1000e");
	refuses(NNVME_MODE_AUTO, -EBUSY, "shares IOMMU group 5 with " FAKE_OTHER ", which the "
		"driver e1000e has");
}

static void shared_group_iommufd(void **state)
{
	fake.fail_ioctl = NNVME_VFIO_DEVICE_BIND_IOMMUFD;
	fake.fail_errno = EBUSY;
	add_mate("pcieport");
	refuses(NNVME_MODE_AUTO, -EBUSY, "is busy");
	add_mate("e1000e");
	refuses(NNVME_MODE_AUTO, -EBUSY, FAKE_OTHER ", which the driver e1000e has");
	fake.fail_errno = EPERM;	/* as Linux 6.12 has it */
	refuses(NNVME_MODE_AUTO, -EBUSY, FAKE_OTHER ", which the driver e1000e has");
	add_mate("vfio-pci");
	refuses(NNVME_MODE_AUTO, -EPERM, "allow_unsafe_interrupts");
}

static void says(enum nnvme_mode mode, const char *bdf, int code, const char *words)
{
	struct nnvme_err err;

	fake_assert_err(nnvme_pci_can_open(bdf, mode, &err), code, &err, words);
	fake_assert_clean();
}

/* Without opening, the reason is the one that opening gives. */
static void can_open(void **state)
{
	struct nnvme_device *dev;

	assert_int_equal(nnvme_pci_can_open(FAKE_IOMMU, NNVME_MODE_AUTO, NULL), 0);
	assert_int_equal(nnvme_pci_can_open(FAKE_NOIOMMU, NNVME_MODE_AUTO, NULL), 0);
	fake_assert_clean();
	says(NNVME_MODE_NOIOMMU, FAKE_IOMMU, -EOPNOTSUPP, "behind an IOMMU");
	fake.caps_missing = CAP_SYS_RAWIO;
	says(NNVME_MODE_AUTO, FAKE_NOIOMMU, -EPERM, "CAP_SYS_RAWIO");
	assert_int_equal(nnvme_pci_can_open(FAKE_IOMMU, NNVME_MODE_AUTO, NULL), 0);
	dev = must_open(FAKE_IOMMU, NNVME_MODE_AUTO);
	assert_int_equal(nnvme_pci_can_open(FAKE_IOMMU, NNVME_MODE_AUTO, NULL), -EBUSY);
	dev->ops->close(dev);
	add_mate("e1000e");
	says(NNVME_MODE_AUTO, FAKE_IOMMU, -EBUSY, FAKE_OTHER);
	add_mate("pcieport");
	fake_remove("/dev/iommu");
	says(NNVME_MODE_AUTO, FAKE_IOMMU, -EOPNOTSUPP, "/dev/iommu");
	fake_groups();
	assert_int_equal(nnvme_pci_can_open(FAKE_IOMMU, NNVME_MODE_AUTO, NULL), 0);
}

/* An arm64 kernel may have been built with larger pages: nothing is opened then. */
static void other_pages_are_refused(void **state)
{
	static const long sizes[] = { 16384, 65536 };
	char words[64];

	for (int i = 0; i < 2; i++) {
		fake.page_size = sizes[i];
		snprintf(words, sizeof(words), "pages have %ld bytes", sizes[i]);
		refuses(NNVME_MODE_AUTO, -EOPNOTSUPP, words);
		refuses(NNVME_MODE_IOMMU, -EOPNOTSUPP, "CONFIG_ARM64_4K_PAGES");
		says(NNVME_MODE_AUTO, FAKE_NOIOMMU, -EOPNOTSUPP, words);
	}
	fake.page_size = 4096;
	assert_int_equal(nnvme_pci_can_open(FAKE_IOMMU, NNVME_MODE_AUTO, NULL), 0);
}

static void each_call_fails(void **state)
{
	each_call_of_opening_fails(FAKE_IOMMU, NNVME_MODE_IOMMU);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, device_setup, fake_teardown)
#define CONTAINER(f) cmocka_unit_test_setup_teardown(f, setup_container, fake_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(reasons), CONTAINER(reason_container), TEST(container_or_not),
		TEST(never_noiommu), TEST(within_ranges), TEST(reach_iommufd),
		CONTAINER(reach_container), TEST(reach_noiommu), TEST(odd_ranges), TEST(big_pages),
		CONTAINER(container_maps), CONTAINER(container_map_fails),
		CONTAINER(container_refused), CONTAINER(container_nodes),
		CONTAINER(shared_group_container), TEST(shared_group_iommufd),
		TEST(can_open), TEST(other_pages_are_refused),
		TEST(each_call_fails),
		{ "each_call_fails_container", each_call_fails, setup_container, fake_teardown,
		  NULL },
	};

	return cmocka_run_group_tests_name("kernel_vfio_modes", tests, NULL, NULL);
}
