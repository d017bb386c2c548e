// SPDX-License-Identifier: MIT
/* Who may open what, under which name, and when there is a node at all. */

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/capability.h>
#include <sys/stat.h>
#include <unistd.h>

#include "contract.h"

static void check_node(const char *bdf, const char *prefix)
{
	char name[64], path[160], dev[32] = "", expected[32];
	struct stat st;
	unsigned n;
	FILE *f;

	assert_int_equal(pcidev_vfio_name(bdf, name), 0);
	assert_int_equal(strncmp(name, prefix, strlen(prefix)), 0);
	assert_int_equal(sscanf(name + strlen(prefix), "%u", &n), 1);
	snprintf(path, sizeof(path), "/dev/vfio/devices/%s", name);
	assert_int_equal(stat(path, &st), 0);
	assert_true(S_ISCHR(st.st_mode));

	snprintf(path, sizeof(path), "/sys/bus/pci/devices/%s/vfio-dev/%s/dev", bdf, name);
	f = fopen(path, "re");
	assert_non_null(f);
	assert_non_null(fgets(dev, sizeof(dev), f));
	fclose(f);
	snprintf(expected, sizeof(expected), "%u:%u\n", (unsigned)(st.st_rdev >> 8 & 0xfff),
		 (unsigned)(st.st_rdev & 0xff));
	assert_string_equal(dev, expected);
}

static void nodes_say_whether_there_is_an_iommu(void **state)
{
	for (unsigned i = 0; i < 2; i++) {
		check_node(contract_noiommu[i], "noiommu-vfio");
		check_node(contract_iommu[i], "vfio");
	}
}

static void noiommu_taints_the_kernel(void **state)
{
	unsigned long tainted = 0;
	FILE *f = fopen("/proc/sys/kernel/tainted", "re");

	assert_non_null(f);
	assert_int_equal(fscanf(f, "%lu", &tainted), 1);
	fclose(f);
	assert_true(tainted & 64); /* TAINT_USER */
}

static int open_without_rawio(void *bdf)
{
	int ret = contract_drop_capability(CAP_SYS_RAWIO);

	if (!ret)
		ret = session_open_cdev(bdf);
	return ret < 0 ? -ret : 0;
}

static void opening_takes_rawio(void **state)
{
	assert_int_equal(contract_in_child(open_without_rawio, (void *)contract_noiommu[0]), EPERM);
	/* With an IOMMU only the node's permissions count */
	assert_int_equal(contract_in_child(open_without_rawio, (void *)contract_iommu[0]), 0);
}

/* Each step of the way to a physical address; the caller closes the session. */
static int use(struct session *s, const char *bdf)
{
	uint64_t iova = 0, length = PAGE, phys;
	int ret = session_try_open(s, bdf);
	uint32_t pt = s->ioas;

	if (!ret)
		ret = session_attach(s, &pt);
	if (!ret)
		ret = iommufd_map(s->iommufd, s->ioas, memory_get(PAGE), PAGE, &iova);
	if (!ret)
		ret = iommufd_get_pa(s->iommufd, s->ioas, iova, &length, &phys);
	return ret;
}

static int use_without_admin(void *bdf)
{
	int ret = contract_drop_capability(CAP_SYS_ADMIN);
	struct session s = { 0 };

	return ret ? -ret : -use(&s, bdf);
}

static void rawio_is_enough(void **state)
{
	assert_int_equal(contract_in_child(use_without_admin, (void *)contract_noiommu[0]), 0);
}

static void second_bind_is_refused(void **state)
{
	struct session s;
	uint32_t devid;
	int cdev, iommufd;

	session_open(&s, contract_noiommu[0]);
	assert_int_equal(session_bind(s.cdev, s.iommufd, &devid), -EINVAL);

	/* Another opener may hold the node, but not bind it, to whatever iommufd */
	cdev = session_open_cdev(contract_noiommu[0]);
	assert_true(cdev >= 0);
	assert_int_equal(session_bind(cdev, s.iommufd, &devid), -EINVAL);
	iommufd = open("/dev/iommu", O_RDWR | O_CLOEXEC);
	assert_true(iommufd >= 0);
	assert_int_equal(session_bind(cdev, iommufd, &devid), -EINVAL);

	session_close(&s);
	assert_int_equal(session_bind(cdev, iommufd, &devid), 0);
}

static void bind_checks_its_arguments(void **state)
{
	int cdev = session_open_cdev(contract_noiommu[0]);
	int null = open("/dev/null", O_RDWR | O_CLOEXEC);
	struct session s;
	uint32_t devid;

	assert_true(cdev >= 0 && null >= 0);
	assert_int_equal(session_bind(cdev, -1, &devid), -EINVAL);
	assert_int_equal(session_bind(cdev, null, &devid), -EBADFD);
	close(cdev);
	/* A bind that failed left nothing behind */
	session_open(&s, contract_noiommu[0]);
}

static void mode_off_gives_no_node(void **state)
{
	const char *bdf = contract_noiommu[1];
	char name[64];
	int off, has_entry;

	pcidev_noiommu_mode(false);
	off = pcidev_bind(bdf, "vfio-pci");
	has_entry = !pcidev_vfio_name(bdf, name);
	/* A device with an IOMMU is not affected */
	assert_int_equal(pcidev_bind(contract_iommu[1], "vfio-pci"), 0);
	pcidev_noiommu_mode(true);
	assert_int_equal(pcidev_bind(bdf, "vfio-pci"), 0);

	assert_int_equal(off, -ENXIO);
	assert_false(has_entry);
	assert_int_equal(pcidev_vfio_name(bdf, name), 0);
}

/* The mode counts when a device is bound to its driver; later it may change. */
static void mode_off_later_changes_nothing(void **state)
{
	struct session s;
	int ret;

	pcidev_noiommu_mode(false);
	ret = use(&s, contract_noiommu[1]);
	session_close(&s);
	if (!ret)
		ret = pcidev_bind(contract_noiommu[1], NULL);
	pcidev_noiommu_mode(true);
	assert_int_equal(pcidev_bind(contract_noiommu[1], "vfio-pci"), 0);
	assert_int_equal(ret, 0);
}

int contract_test_access(void)
{
	const struct CMUnitTest tests[] = {
		CONTRACT_TEST(nodes_say_whether_there_is_an_iommu),
		CONTRACT_TEST(noiommu_taints_the_kernel),
		CONTRACT_TEST(opening_takes_rawio),
		CONTRACT_TEST(rawio_is_enough),
		CONTRACT_TEST(second_bind_is_refused),
		CONTRACT_TEST(bind_checks_its_arguments),
		CONTRACT_TEST(mode_off_gives_no_node),
		CONTRACT_TEST(mode_off_later_changes_nothing),
	};

	return cmocka_run_group_tests_name("access", tests, NULL, NULL);
}
