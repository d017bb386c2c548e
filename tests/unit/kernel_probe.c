// SPDX-License-Identifier: MIT
/* What the running kernel has. */
#include <errno.h>
#include <linux/capability.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "noiommu_nvme/hugepages.h"
#include "noiommu_nvme/probe.h"
#include "kernel/uapi/iommufd.h"
#include "kernel_fake.h"

static void all_there(void **state)
{
	struct nnvme_probe p = { .size = sizeof(p) };

	assert_int_equal(nnvme_probe(&p, NULL), 0);
	assert_string_equal(p.release, "6.12.117");
	assert_int_equal(p.iommufd, NNVME_HAVE);
	assert_int_equal(p.vfio_pci, NNVME_HAVE);
	assert_int_equal(p.vfio_cdev, NNVME_HAVE);
	assert_int_equal(p.noiommu_mode, NNVME_HAVE);
	assert_int_equal(p.noiommu_on, NNVME_HAVE_NOT);
	assert_int_equal(p.noiommu_cdev, NNVME_HAVE);
	assert_int_equal(p.get_pa, NNVME_HAVE);
	assert_int_equal(p.sys_rawio, NNVME_HAVE);
	assert_true(p.memlock == UINT64_MAX);
	assert_int_equal(fake.fds, 0);
}

static void switched_on(void **state)
{
	struct nnvme_probe p = { .size = sizeof(p) };

	fake_file("Y\n", "/sys/module/vfio/parameters/enable_unsafe_noiommu_mode");
	assert_int_equal(nnvme_probe(&p, NULL), 0);
	assert_int_equal(p.noiommu_on, NNVME_HAVE);
}

/* A stock 6.12: VFIO and iommufd, without what the series adds. */
static void without_the_series(void **state)
{
	struct nnvme_probe p = { .size = sizeof(p) };

	fake.fail_ioctl = NNVME_IOMMU_IOAS_NOIOMMU_GET_PA;
	fake.fail_errno = ENOTTY;
	assert_int_equal(nnvme_probe(&p, NULL), 0);
	assert_int_equal(p.iommufd, NNVME_HAVE);
	assert_int_equal(p.get_pa, NNVME_HAVE_NOT);
	assert_int_equal(p.vfio_cdev, NNVME_HAVE);
	assert_int_equal(p.noiommu_cdev, NNVME_HAVE_NOT);
}

/* Every answer to the empty request; the last but one is that of a kernel without the mode. */
static void get_pa_by_errno(void **state)
{
	static const struct { int error; enum nnvme_have have; } cases[] = {
		{ EINVAL, NNVME_HAVE }, { EPERM, NNVME_HAVE }, { ENOENT, NNVME_HAVE },
		{ ENOTTY, NNVME_HAVE_NOT }, { EOPNOTSUPP, NNVME_HAVE_NOT },
		{ EIO, NNVME_HAVE_UNKNOWN },
	};
	struct nnvme_probe p = { .size = sizeof(p) };

	fake.fail_ioctl = NNVME_IOMMU_IOAS_NOIOMMU_GET_PA;
	for (unsigned i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		fake.fail_errno = cases[i].error;
		assert_int_equal(nnvme_probe(&p, NULL), 0);
		assert_int_equal(p.get_pa, cases[i].have);
		assert_int_equal(p.noiommu_cdev, cases[i].have);
	}
}

static enum nnvme_have phys_addr(void)
{
	struct nnvme_probe p = { .size = sizeof(p) };

	assert_int_equal(nnvme_probe(&p, NULL), 0);
	return p.phys_addr;
}

static void cpu(const char *flags)
{
	char text[256];

	snprintf(text, sizeof(text), "processor\t: 0\nmodel name\t: sev sme\nflags\t\t: "
		 "%s\nbugs\t\t: sme\n" "\nprocessor\t: 1\n", flags);
	fake_file(text, "/proc/cpuinfo");
}

static void physical_addresses_that_do_not_fit(void **state)
{
	assert_int_equal(phys_addr(), NNVME_HAVE);	/* neither file is there */
	cpu("fpu smep sev sev_es smepx xsme");
	assert_int_equal(phys_addr(), NNVME_HAVE);	/* the host of such machines */
	cpu("fpu sme sev");
	assert_int_equal(phys_addr(), NNVME_HAVE_NOT);
	cpu("fpu sev sme");
	assert_int_equal(phys_addr(), NNVME_HAVE_NOT);
	cpu("fpu hypervisor sev");
	assert_int_equal(phys_addr(), NNVME_HAVE_NOT);
	cpu("fpu hypervisor tdx_guest");
	assert_int_equal(phys_addr(), NNVME_HAVE_NOT);
	cpu("fpu hypervisor");
	fake_file("kvm\n", "/sys/hypervisor/type");
	assert_int_equal(phys_addr(), NNVME_HAVE);
	fake_file("xen\n", "/sys/hypervisor/type");
	assert_int_equal(phys_addr(), NNVME_HAVE_NOT);
	fake.fail_open = "/sys/hypervisor/type";
	fake.open_errno = EACCES;
	assert_int_equal(phys_addr(), NNVME_HAVE_UNKNOWN);
}

/* A Debian 12 kernel. */
static void without_anything(void **state)
{
	struct nnvme_probe p = { .size = sizeof(p) };

	fake_remove("/dev/iommu");
	fake_file("Character devices:\n  1 mem\n", "/proc/devices");
	fake_remove("/sys/module/vfio");
	assert_int_equal(nnvme_probe(&p, NULL), 0);
	assert_int_equal(p.iommufd, NNVME_HAVE_NOT);
	assert_int_equal(p.get_pa, NNVME_HAVE_NOT);
	assert_int_equal(p.vfio_cdev, NNVME_HAVE_NOT);
	assert_int_equal(p.noiommu_mode, NNVME_HAVE_NOT);
	assert_int_equal(p.noiommu_on, NNVME_HAVE_NOT);
	assert_int_equal(p.noiommu_cdev, NNVME_HAVE_NOT);
	fake_remove("/sys/class/vfio-dev");	/* a module that isn't loaded */
	assert_int_equal(nnvme_probe(&p, NULL), 0);
	assert_int_equal(p.vfio_cdev, NNVME_HAVE_UNKNOWN);
	assert_int_equal(p.noiommu_mode, NNVME_HAVE_UNKNOWN);
	assert_int_equal(p.noiommu_cdev, NNVME_HAVE_UNKNOWN);
}

static void not_allowed(void **state)
{
	struct nnvme_probe p = { .size = sizeof(p) };

	fake.fail_open = "/dev/iommu";
	fake.open_errno = EACCES;
	fake.caps_missing = CAP_SYS_RAWIO;
	fake.memlock = 65536;
	assert_int_equal(nnvme_probe(&p, NULL), 0);
	assert_int_equal(p.iommufd, NNVME_HAVE);
	assert_int_equal(p.get_pa, NNVME_HAVE_UNKNOWN);
	assert_int_equal(p.sys_rawio, NNVME_HAVE_NOT);
	assert_int_equal(p.ipc_lock, NNVME_HAVE);
	assert_int_equal(p.sys_admin, NNVME_HAVE);
	assert_int_equal(p.memlock, 65536);
}

/* A node is proof, whatever else can be found out. */
static void node_is_proof(void **state)
{
	struct nnvme_probe p = { .size = sizeof(p) };

	fake.fail_open = "/dev/iommu";
	fake.open_errno = EACCES;
	fake_file("250:0\n", "/sys/class/vfio-dev/noiommu-vfio0/dev");
	assert_int_equal(nnvme_probe(&p, NULL), 0);
	assert_int_equal(p.get_pa, NNVME_HAVE_UNKNOWN);
	assert_int_equal(p.noiommu_cdev, NNVME_HAVE);
}

static void iommu_container_taint(void **state)
{
	struct nnvme_probe p = { .size = sizeof(p) };

	assert_int_equal(nnvme_probe(&p, NULL), 0);
	assert_int_equal(p.iommu, NNVME_HAVE_NOT);
	assert_int_equal(p.container, NNVME_HAVE_NOT);
	assert_int_equal(p.tainted, NNVME_HAVE_UNKNOWN);
	fake_file("", "/sys/class/iommu/dmar0/uevent");
	fake_groups();
	fake_file("64\n", "/proc/sys/kernel/tainted");
	assert_int_equal(nnvme_probe(&p, NULL), 0);
	assert_int_equal(p.iommu, NNVME_HAVE);
	assert_int_equal(p.container, NNVME_HAVE);
	assert_int_equal(p.tainted, NNVME_HAVE);
	fake_file("4128\n", "/proc/sys/kernel/tainted");	/* marked for other reasons */
	assert_int_equal(nnvme_probe(&p, NULL), 0);
	assert_int_equal(p.tainted, NNVME_HAVE_NOT);
}

static void cpu_vendor(void **state)
{
	struct nnvme_probe p = { .size = sizeof(p) };

	assert_int_equal(nnvme_probe(&p, NULL), 0);
	assert_string_equal(p.cpu_vendor, "");
	fake_file("processor\t: 0\nvendor_id\t: AuthenticAMD\ncpu family\t: 25\n", "/proc/cpuinfo");
	assert_int_equal(nnvme_probe(&p, NULL), 0);
	assert_string_equal(p.cpu_vendor, "AuthenticAMD");
}

static void pool(const char *dir, const char *kib, const char *total, const char *free)
{
	fake_file(total, "%s/hugepages/hugepages-%skB/nr_hugepages", dir, kib);
	fake_file(free, "%s/hugepages/hugepages-%skB/free_hugepages", dir, kib);
}

static void hugepages(void **state)
{
	struct nnvme_hugepage_pool *pools;
	struct nnvme_err err;
	size_t count;
	long n = 0;
	int rc;

	assert_int_equal(nnvme_hugepage_pools(&pools, &count, sizeof(*pools), &err), 0);
	assert_int_equal(count, 0);
	assert_null(pools);
	pool("/sys/kernel/mm", "2048", "7\n", "5\n");
	assert_int_equal(nnvme_hugepage_pools(&pools, &count, sizeof(*pools), &err), 0);
	assert_int_equal(count, 1);
	assert_int_equal(pools[0].node, -1);
	assert_int_equal(pools[0].page_size, 2 << 20);
	assert_int_equal(pools[0].total, 7);
	assert_int_equal(pools[0].free, 5);
	free(pools);
	for (int i = 0; i < 11; i += 5) {
		char dir[64];

		snprintf(dir, sizeof(dir), "/sys/devices/system/node/node%d", i);
		pool(dir, "1048576", "1\n", "0\n");
		pool(dir, "2048", "100\n", "99\n");
	}
	assert_int_equal(nnvme_hugepage_pools(&pools, &count, sizeof(*pools), &err), 0);
	assert_int_equal(count, 6);
	assert_int_equal(pools[1].page_size, 1 << 30);
	assert_int_equal(pools[2].node, 5);
	assert_int_equal(pools[5].node, 10);
	assert_int_equal(pools[4].free, 99);
	free(pools);
	do {	/* each call fails in turn */
		fake.calls = fake.injected = 0;
		fake.fail_at = ++n;
		rc = nnvme_hugepage_pools(&pools, &count, sizeof(*pools), &err);
		if (rc)
			fake_assert_err(rc, -EIO, &err, "huge pages");
		else
			free(pools);
		assert_int_equal(fake.fds, 0);
	} while (fake.injected);
	assert_true(n > 10);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, fake_setup, fake_teardown)

static void other_sizes(void **state)
{
	struct {
		struct nnvme_probe probe;
		char later[16];
	} new;
	struct nnvme_hugepage_pool *pools;
	struct nnvme_err err;
	size_t count;

	memset(&new, 'x', sizeof(new));
	new.probe.size = sizeof(new);
	assert_int_equal(nnvme_probe(&new.probe, NULL), 0);
	assert_int_equal(new.probe.size, sizeof(new));
	assert_int_equal(new.probe.memlock, UINT64_MAX);
	assert_int_equal(new.later[0], 0);
	assert_int_equal(new.later[15], 0);
	new.probe.size = sizeof(struct nnvme_probe) - 1;
	fake_assert_err(nnvme_probe(&new.probe, &err), -EINVAL, &err, "sizeof(struct nnvme_probe)");
	pool("/sys/kernel/mm", "2048", "7\n", "5\n");
	assert_int_equal(nnvme_hugepage_pools(&pools, &count, sizeof(*pools) + 8, NULL), 0);
	assert_int_equal(pools[0].size, sizeof(*pools) + 8);
	assert_int_equal(pools[0].free, 5);
	free(pools);
	fake_assert_err(nnvme_hugepage_pools(&pools, &count, 0, &err), -EINVAL, &err,
			"sizeof(struct nnvme_hugepage_pool)");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(all_there), TEST(switched_on), TEST(without_the_series), TEST(get_pa_by_errno),
		TEST(physical_addresses_that_do_not_fit),
		TEST(without_anything), TEST(not_allowed), TEST(node_is_proof),
		TEST(iommu_container_taint), TEST(cpu_vendor), TEST(hugepages),
		TEST(other_sizes),
	};

	return cmocka_run_group_tests_name("kernel_probe", tests, NULL, NULL);
}
