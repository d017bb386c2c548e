// SPDX-License-Identifier: MIT
/* Addresses, what sysfs says about a device, and the errors' form. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "noiommu_nvme/pci.h"
#include "kernel_fake.h"

static void bdf_spellings(void **state)
{
	static const char *const good[][2] = {
		{ "0000:41:00.0", "0000:41:00.0" }, { "41:00.0", "0000:41:00.0" },
		{ "0000.41.00.0", "0000:41:00.0" }, { "41.00.0", "0000:41:00.0" },
		{ "0000:AB:1f.7", "0000:ab:1f.7" }, { "ABCD.ef.1F.3", "abcd:ef:1f.3" },
		{ "10000:01:00.0", "10000:01:00.0" }, { "1:2:3.4", "0001:02:03.4" },
	};
	char bdf[NNVME_BDF_SIZE];
	struct nnvme_err err;

	for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
		assert_int_equal(nnvme_bdf_parse(good[i][0], bdf, &err), 0);
		assert_string_equal(bdf, good[i][1]);
	}
}

static void bdf_rejects(void **state)
{
	static const char *const bad[] = {
		"", "nvme0", "0000:41:00", "0000:41:00.8", "0000:41:20.0", "0000:141:00.0",
		"0000:41:00.0 ",
		" 41:00.0", "0000:41.00.0", "0000.41:00.0", "0000:41:00:0", "0000:41:00.00",
		"41:00.0.0.0",
		"0x41:00.0", "-1:00.0", "0000::00.0", "123456789:41:00.0", "/dev/nvme0n1",
		"41:00.0\n",
	};
	char bdf[NNVME_BDF_SIZE];
	struct nnvme_err err;

	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		fake_assert_err(nnvme_bdf_parse(bad[i], bdf, &err), -EINVAL, &err, "0000:41:00.0");
	fake_assert_err(nnvme_bdf_parse(NULL, bdf, &err), -EINVAL, &err, "no PCI address");
	assert_int_equal(nnvme_bdf_parse("nvme0", bdf, NULL), -EINVAL);
}

static void bdf_cut_at_colons(void **state)
{
	static const char *const cut[] = { "0000", "41", "00.0", "0", "AB" };
	char bdf[NNVME_BDF_SIZE];
	struct nnvme_err err;

	for (size_t i = 0; i < sizeof(cut) / sizeof(cut[0]); i++) {
		fake_assert_err(nnvme_bdf_parse(cut[i], bdf, &err), -EINVAL, &err,
				"0000\\:41\\:00.0");
		assert_non_null(strstr(err.text, "0000.41.00.0"));
		assert_non_null(strstr(err.text, cut[i]));
	}
}

/* Names that are not addresses, but lead to one. */
static void bdf_of_a_node(void **state)
{
	static const char *const nodes[] = {
		"/dev/nvme0n1", "nvme0n1p2", "nvme0", "/dev/ng0n1", "/dev/nvme7n2", "ng7n2",
	};
	char bdf[NNVME_BDF_SIZE];
	struct nnvme_err err;

	/* A namespace with several paths: below its subsystem, beside the disk itself. */
	fake_link("../../nvme-subsys7", "/sys/class/block/nvme7n2/device");
	fake_file("", "/sys/class/nvme-subsystem/nvme-subsys7/nvme7n2/size");
	fake_file("", "/sys/class/nvme-subsystem/nvme-subsys7/nvme0/model");
	for (size_t i = 0; i < sizeof(nodes) / sizeof(nodes[0]); i++)
		fake_assert_err(nnvme_bdf_parse(nodes[i], bdf, &err), -EINVAL, &err,
				"its controller is " FAKE_NOIOMMU);
	fake_assert_err(nnvme_bdf_parse("/dev/nvme1n1", bdf, &err), -EINVAL, &err,
			"its controller is " FAKE_IOMMU);
	fake_assert_err(nnvme_bdf_parse("/dev/nvme9n1", bdf, &err), -EINVAL, &err, "write it like");
	fake_link("../../nvme8", "/sys/class/block/nvme8n1/device");
	fake_file("traddr=192.168.0.1,trsvcid=4420\n", "/sys/class/nvme/nvme8/address");
	fake_assert_err(nnvme_bdf_parse("/dev/nvme8n1", bdf, &err), -EINVAL, &err, "write it like");
	assert_int_equal(fake.fds, 0);
}

/* A driver's name may be as long as a file name. */
static void long_driver(void **state)
{
	char name[256] = "", target[300];
	struct nnvme_pci_info *list;
	size_t count;

	memset(name, 'x', sizeof(name) - 1);
	snprintf(target, sizeof(target), "../../drivers/%s", name);
	fake_link(target, "/sys/bus/pci/devices/%s/driver", FAKE_IOMMU);
	assert_int_equal(nnvme_pci_list(&list, &count, sizeof(*list), NULL), 0);
	assert_int_equal(count, 2);
	assert_string_equal(list[0].driver, name);
	free(list);
}

static void error_is_one_line(void **state)
{
	struct nnvme_err err;

	assert_int_equal(nnvme_fail(&err, -EIO, "a\nb\t%s", "c\r\x7f"), -EIO);
	assert_string_equal(err.text, "a?b?c??");
	assert_int_equal(nnvme_fail(&err, -EIO, "%0999d", 1), -EIO);
	assert_int_equal(strlen(err.text), sizeof(err.text) - 1);
	assert_int_equal(nnvme_fail(NULL, -EIO, "x"), -EIO);
}

static void info_without_iommu(void **state)
{
	struct nnvme_pci_info info = { .size = sizeof(info) };

	assert_int_equal(nnvme_pci_info("41:00.0", &info, NULL), 0);
	assert_string_equal(info.bdf, FAKE_NOIOMMU);
	assert_int_equal(info.vendor, 0x1b36);
	assert_int_equal(info.device, 0x0010);
	assert_int_equal(info.class_code, NNVME_PCI_CLASS);
	assert_string_equal(info.driver, "nvme");
	assert_string_equal(info.group, "");
	assert_false(info.iommu);
	assert_string_equal(info.vfio_dev, "");
	assert_false(info.cdev);
	assert_string_equal(info.model, "QEMU NVMe Ctrl");
	assert_int_equal(info.capacity, 1 << 30);
}

static void info_with_iommu(void **state)
{
	struct nnvme_pci_info info = { .size = sizeof(info) };

	assert_int_equal(nnvme_pci_info(FAKE_IOMMU, &info, NULL), 0);
	assert_string_equal(info.group, "5");
	assert_true(info.iommu);
}

/* The stand-in group that VFIO's containers make is no IOMMU. */
static void info_stand_in_group(void **state)
{
	struct nnvme_pci_info info = { .size = sizeof(info) };

	fake_bind_vfio(FAKE_NOIOMMU);
	fake_file("vfio-noiommu\n", "/sys/kernel/iommu_groups/9/name");
	fake_link("../../../../kernel/iommu_groups/9", "/sys/bus/pci/devices/%s/iommu_group",
		  FAKE_NOIOMMU);
	assert_int_equal(nnvme_pci_info(FAKE_NOIOMMU, &info, NULL), 0);
	assert_string_equal(info.group, "9");
	assert_false(info.iommu);
	assert_string_equal(info.driver, "vfio-pci");
	assert_string_equal(info.vfio_dev, "noiommu-vfio0");
	assert_true(info.cdev);
	assert_int_equal(info.capacity, 0);
}

static void info_errors(void **state)
{
	struct nnvme_pci_info info = { .size = sizeof(info) };
	struct nnvme_err err;

	fake_assert_err(nnvme_pci_info("0000:99:00.0", &info, &err), -ENODEV, &err, "0000:99:00.0");
	fake_assert_err(nnvme_pci_info("99", &info, &err), -EINVAL, &err, "0000.41.00.0");
}

static void info_sums_namespaces(void **state)
{
	struct nnvme_pci_info info = { .size = sizeof(info) };

	fake_disk(FAKE_NOIOMMU, "nvme0n2", "259:7\n");
	/* A path of a multipath namespace: its disk is the subsystem's. */
	fake_file("", "/sys/bus/pci/devices/%s/nvme/nvme0/nvme5c0n3/uevent", FAKE_NOIOMMU);
	fake_disk(NULL, "nvme5n3", "259:8\n");
	fake_file("", "/sys/bus/pci/devices/%s/nvme/nvme0/ng0n1/dev", FAKE_NOIOMMU);
	assert_int_equal(nnvme_pci_info(FAKE_NOIOMMU, &info, NULL), 0);
	assert_int_equal(info.capacity, 3ull << 30);
}

static void list_controllers(void **state)
{
	struct nnvme_pci_info *list;
	size_t count;

	assert_int_equal(nnvme_pci_list(&list, &count, sizeof(*list), NULL), 0);
	assert_int_equal(count, 2);
	assert_string_equal(list[0].bdf, FAKE_IOMMU);
	assert_string_equal(list[1].bdf, FAKE_NOIOMMU);
	free(list);
	fake_remove("/sys/bus/pci/devices");
	assert_int_equal(nnvme_pci_list(&list, &count, sizeof(*list), NULL), 0);
	assert_int_equal(count, 0);
	assert_null(list);
}

/*
 * Whichever call fails: no descriptor is left, and info never turns "can't tell" into "no IOMMU".
 */
static void info_each_call_fails(void **state)
{
	struct nnvme_pci_info info = { .size = sizeof(info) };
	struct nnvme_err err;
	long n = 0;

	do {
		int rc;

		fake.calls = fake.injected = 0;
		fake.fail_at = ++n;
		rc = nnvme_pci_info(FAKE_IOMMU, &info, &err);
		if (rc)
			fake_assert_err(rc, rc, &err, NULL);
		else
			assert_true(info.iommu && !strcmp(info.driver, "nvme"));
		assert_int_equal(fake.fds, 0);
	} while (fake.injected);
	assert_true(n > 8);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, fake_setup, fake_teardown)

/* Two programs, whose structures are smaller and larger than the library's. */
static void info_of_other_sizes(void **state)
{
	struct {
		struct nnvme_pci_info info;
		char later[64];
	} new;
	struct nnvme_pci_info info;
	struct nnvme_err err;

	memset(&new, 'x', sizeof(new));
	new.info.size = sizeof(new);
	assert_int_equal(nnvme_pci_info(FAKE_IOMMU, &new.info, NULL), 0);
	assert_int_equal(new.info.size, sizeof(new));
	assert_string_equal(new.info.driver, "nvme");
	for (size_t i = 0; i < sizeof(new.later); i++)
		assert_int_equal(new.later[i], 0);
	info.driver[0] = 'x';
	for (info.size = 0; info.size < offsetof(struct nnvme_pci_info, model) + 64; info.size++)
		fake_assert_err(nnvme_pci_info(FAKE_IOMMU, &info, &err), -EINVAL, &err,
				"sizeof(struct nnvme_pci_info)");
	assert_int_equal(info.driver[0], 'x');
}

static void list_of_other_sizes(void **state)
{
	const uint32_t size = sizeof(struct nnvme_pci_info) + 24;
	const struct nnvme_pci_info *second;
	struct nnvme_pci_info *list;
	struct nnvme_err err;
	size_t count;

	assert_int_equal(nnvme_pci_list(&list, &count, size, NULL), 0);
	assert_int_equal(count, 2);
	assert_int_equal(list[0].size, size);
	second = (void *)((char *)list + size);
	assert_int_equal(second->size, size);
	assert_string_equal(second->bdf, FAKE_NOIOMMU);
	free(list);
	fake_assert_err(nnvme_pci_list(&list, &count, 8, &err), -EINVAL, &err, "size 8");
	assert_null(list);
	assert_int_equal(count, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(bdf_spellings), TEST(bdf_rejects), TEST(bdf_cut_at_colons),
		TEST(bdf_of_a_node),
		TEST(long_driver),
		TEST(error_is_one_line), TEST(info_without_iommu), TEST(info_with_iommu),
		TEST(info_stand_in_group), TEST(info_errors), TEST(info_sums_namespaces),
		TEST(list_controllers), TEST(info_each_call_fails),
		TEST(info_of_other_sizes), TEST(list_of_other_sizes),
	};

	return cmocka_run_group_tests_name("kernel_pci", tests, NULL, NULL);
}
