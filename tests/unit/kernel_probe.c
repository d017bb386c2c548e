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

#define DEBIAN "6.12.117+deb12-amd64"
#define DEBIAN_CLOUD "6.12.117+deb12-cloud-amd64"
#define DEBIAN_7_3 "7.3.4+deb13-amd64"
#define INSTALL "apt install "
#define PACKAGE "./build/noiommu-vfio-dkms_*.deb"

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

static struct nnvme_probe probe_origin(const char *release)
{
	struct nnvme_probe p = { .size = sizeof(p) };

	fake_file(release, "/proc/sys/kernel/osrelease");
	assert_int_equal(nnvme_probe(&p, NULL), 0);
	assert_int_equal(fake.fds, 0);
	return p;
}

static void where_nodes_come_from(void **state)
{
	static const struct {
		const char *release, *mark;
		enum nnvme_noiommu_origin origin;
	} cases[] = {
		{ "6.12.117", NULL, NNVME_NOIOMMU_SERIES },
		{ "7.2.99-rc1", NULL, NNVME_NOIOMMU_SERIES },
		{ "7.3.0", NULL, NNVME_NOIOMMU_MERGED },
		{ "7.10.1-foo", NULL, NNVME_NOIOMMU_MERGED },
		{ "10.0.0", NULL, NNVME_NOIOMMU_MERGED },
		{ DEBIAN, "noiommu-vfio 6.12\n", NNVME_NOIOMMU_MODULES },
		{ "7.3.4+deb13-amd64", "noiommu-vfio 7.3\n", NNVME_NOIOMMU_MODULES },
		{ "7.3.4", "1.0\n", NNVME_NOIOMMU_MERGED },
	};

	for (unsigned i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		struct nnvme_probe p;

		fake_remove("/sys/module/iommufd");
		if (cases[i].mark)
			fake_file(cases[i].mark, "/sys/module/iommufd/version");
		p = probe_origin(cases[i].release);
		assert_int_equal(p.noiommu_origin, cases[i].origin);
		assert_string_equal(p.noiommu_fix, "");
	}
}

/* A kernel with VFIO and without all that the series adds. */
static void stock(void)
{
	fake_remove("/dev/iommu");
	fake_file("Character devices:\n  1 mem\n", "/proc/devices");
}

static void assert_fix(const char *release, enum nnvme_noiommu_origin origin, const char *fix)
{
	struct nnvme_probe p = probe_origin(release);

	assert_int_equal(p.noiommu_origin, origin);
	assert_string_equal(p.noiommu_fix, fix);
}

static void what_debian_installs(void **state)
{
	static const char boot[] = INSTALL "linux-image-" DEBIAN " linux-headers-" DEBIAN " "
		PACKAGE ", and boot that kernel";

	stock();
	fake_file("PRETTY_NAME=\"Debian\"\nVERSION_ID=\"12\"\nVERSION=\"12 (b)\"\nID=debian\n",
		  "/etc/os-release");
	assert_fix(DEBIAN, NNVME_NOIOMMU_ABSENT, INSTALL "linux-headers-" DEBIAN " " PACKAGE);
	assert_fix(DEBIAN_CLOUD, NNVME_NOIOMMU_ABSENT,
		   INSTALL "linux-headers-" DEBIAN_CLOUD " " PACKAGE);
	assert_fix("6.1.0-13-amd64", NNVME_NOIOMMU_ABSENT, boot);
	assert_fix("6.12.1+deb12-amd64", NNVME_NOIOMMU_ABSENT, boot);
	assert_fix("6.1.0-13-cloud-amd64", NNVME_NOIOMMU_ABSENT, INSTALL "linux-image-" DEBIAN_CLOUD
		   " linux-headers-" DEBIAN_CLOUD " " PACKAGE ", and boot that kernel");
	fake_file("ID=debian\nVERSION_ID=13\n", "/etc/os-release");	/* two series */
	assert_fix("7.3.1+deb13-amd64", NNVME_NOIOMMU_ABSENT, INSTALL "linux-image-" DEBIAN_7_3
		   " linux-headers-" DEBIAN_7_3 " " PACKAGE ", and boot that kernel");
	assert_fix(DEBIAN_7_3, NNVME_NOIOMMU_ABSENT,
		   INSTALL "linux-headers-" DEBIAN_7_3 " " PACKAGE);
	fake_file("ID='debian'\nVERSION_ID='12'", "/etc/os-release");	/* no newline at the end */
	assert_fix("6.1.0-13-amd64", NNVME_NOIOMMU_ABSENT, boot);
}

static void what_others_need(void **state)
{
	static const char options[] =
		"CONFIG_IOMMUFD, CONFIG_VFIO_DEVICE_CDEV and CONFIG_VFIO_NOIOMMU";
	char older[256], newer[256];

	snprintf(older, sizeof(older), "Linux 7.3, or 6.12 with the series in "
		 "kernel/module/patches/6.12, with %s", options);
	snprintf(newer, sizeof(newer), "a kernel with %s", options);
	stock();
	assert_fix("6.12.117", NNVME_NOIOMMU_ABSENT, older);	/* no os-release */
	assert_fix("7.3.4", NNVME_NOIOMMU_ABSENT, newer);
	fake_file("ID=fedora\nVERSION_ID=12\n", "/etc/os-release");
	assert_fix(DEBIAN, NNVME_NOIOMMU_ABSENT, older);
	fake_file("ID=debian\nVERSION_ID=12\n", "/etc/os-release");
	assert_fix("6.1.0-13-arm64", NNVME_NOIOMMU_ABSENT, older);
	assert_fix("6.12.117", NNVME_NOIOMMU_ABSENT, older);	/* one of the user's own */
	fake_file("ID=debian\nVERSION_ID=99\n", "/etc/os-release");
	assert_fix("6.12.117+deb99-amd64", NNVME_NOIOMMU_ABSENT, older);
}

static void modules_that_are_not_loaded(void **state)
{
	stock();
	fake_file("", "/lib/modules/" DEBIAN "/updates/dkms/iommufd.ko.xz");
	assert_fix(DEBIAN, NNVME_NOIOMMU_ABSENT, "/usr/lib/noiommu-vfio/reload, once nothing uses "
		   "VFIO: the modules that are loaded are not those of noiommu-vfio-dkms");
	fake_remove("/sys/class/vfio-dev");
	assert_fix(DEBIAN, NNVME_NOIOMMU_UNKNOWN, "modprobe vfio-pci");
	fake_remove("/lib/modules");
	fake_file("", "/lib/modules/7.3.4/kernel/drivers/iommu/iommufd/iommufd.ko");
	assert_fix("7.3.4", NNVME_NOIOMMU_UNKNOWN, "modprobe vfio-pci");
	assert_string_not_equal(probe_origin("7.3.5").noiommu_fix, "modprobe vfio-pci");
	fake_file("10:125\n", "/sys/class/misc/iommu/dev");
	assert_fix("7.3.4", NNVME_NOIOMMU_UNKNOWN, "mknod /dev/iommu c 10 125");
}

static void modules_half_loaded_or_unseen(void **state)
{
	struct nnvme_probe p;

	fake_remove("/sys/class/vfio-dev");	/* iommufd is, and its node */
	assert_fix("7.3.4", NNVME_NOIOMMU_UNKNOWN, "modprobe vfio-pci");
	fake.fail_open = "/dev/iommu";
	fake.open_errno = EACCES;
	p = probe_origin("7.3.4");
	assert_string_equal(p.noiommu_fix, "run as root");
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
	new.probe.size = offsetof(struct nnvme_probe, noiommu_origin);	/* that of older programs */
	new.probe.noiommu_origin = 99;
	assert_int_equal(nnvme_probe(&new.probe, NULL), 0);
	assert_int_equal(new.probe.memlock, UINT64_MAX);
	assert_int_equal(new.probe.noiommu_origin, 99);
	new.probe.size--;
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
		TEST(where_nodes_come_from), TEST(what_debian_installs), TEST(what_others_need),
		TEST(modules_that_are_not_loaded), TEST(modules_half_loaded_or_unseen),
		TEST(iommu_container_taint), TEST(cpu_vendor), TEST(hugepages),
		TEST(other_sizes),
	};

	return cmocka_run_group_tests_name("kernel_probe", tests, NULL, NULL);
}
