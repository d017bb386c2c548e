// SPDX-License-Identifier: MIT
/* The group and container interfaces beside the cdev; or none at all where VFIO has no groups. */

#include <errno.h>
#include <fcntl.h>
#include <linux/vfio.h>
#include <sys/capability.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "contract.h"

static int open_group(const char *bdf)
{
	char path[64];
	int fd;

	assert_int_equal(pcidev_group_path(bdf, path), 0);
	fd = open(path, O_RDWR | O_CLOEXEC);
	return fd < 0 ? -errno : fd;
}

static int open_group_without_rawio(void *bdf)
{
	int ret = contract_drop_capability(CAP_SYS_RAWIO);

	if (!ret)
		ret = open_group(bdf);
	return ret < 0 ? -ret : 0;
}

static void group_takes_rawio(void **state)
{
	void *bdf = (void *)contract_noiommu[0];

	assert_int_equal(contract_in_child(open_group_without_rawio, bdf), EPERM);
}

static void group_and_cdev_exclude_each_other(const char *bdf)
{
	int group, cdev, iommufd;
	struct session s;
	uint32_t devid;

	group = open_group(bdf);
	assert_true(group >= 0);
	cdev = session_open_cdev(bdf);
	iommufd = open("/dev/iommu", O_RDWR | O_CLOEXEC);
	assert_true(cdev >= 0 && iommufd >= 0);
	assert_int_equal(session_bind(cdev, iommufd, &devid), -EBUSY);
	close(group);
	close(cdev);
	close(iommufd);

	session_open(&s, bdf);
	assert_int_equal(open_group(bdf), -EBUSY);
	session_close(&s);

	group = open_group(bdf);
	assert_true(group >= 0);
	close(group);
}

static void group_excludes_cdev_and_back(void **state)
{
	group_and_cdev_exclude_each_other(contract_noiommu[0]);
	group_and_cdev_exclude_each_other(contract_iommu[0]);
}

/* Opens the device by its group, and shows that its registers can be read. */
static void check_group_device(int group, const char *bdf)
{
	struct vfio_region_info config = { .argsz = sizeof(config),
					   .index = VFIO_PCI_CONFIG_REGION_INDEX };
	uint32_t id;
	int device;

	device = ioctl(group, VFIO_GROUP_GET_DEVICE_FD, bdf);
	assert_true(device >= 0);
	assert_int_equal(ioctl(device, VFIO_DEVICE_GET_REGION_INFO, &config), 0);
	assert_int_equal(pread(device, &id, 4, config.offset), 4);
	assert_int_equal(id, pcidev_config(bdf, 0, 4));
	close(device);
}

/* *group: that of @bdf, in the container that is returned. */
static int open_container(const char *bdf, int *group)
{
	int container = open("/dev/vfio/vfio", O_RDWR | O_CLOEXEC);

	*group = open_group(bdf);
	assert_true(container >= 0 && *group >= 0);
	assert_int_equal(ioctl(*group, VFIO_GROUP_SET_CONTAINER, &container), 0);
	return container;
}

static void legacy_noiommu_container_works(void **state)
{
	int group, container = open_container(contract_noiommu[0], &group);

	assert_int_not_equal(ioctl(container, VFIO_SET_IOMMU, VFIO_TYPE1_IOMMU), 0);
	assert_int_equal(ioctl(container, VFIO_SET_IOMMU, VFIO_NOIOMMU_IOMMU), 0);
	check_group_device(group, contract_noiommu[0]);
}

static void type1_container_works(void **state)
{
	struct vfio_iommu_type1_dma_map map = {
		.argsz = sizeof(map), .flags = VFIO_DMA_MAP_FLAG_READ | VFIO_DMA_MAP_FLAG_WRITE,
		.iova = 1 << 20, .size = PAGE,
	};
	int group, container = open_container(contract_iommu[0], &group);

	assert_int_equal(ioctl(container, VFIO_SET_IOMMU, VFIO_TYPE1v2_IOMMU), 0);
	map.vaddr = (uintptr_t)memory_get(PAGE);
	assert_int_equal(ioctl(container, VFIO_IOMMU_MAP_DMA, &map), 0);
	check_group_device(group, contract_iommu[0]);
}

/* An iommufd instead of the container */
static void check_iommufd_as_container(const char *bdf, int type)
{
	int iommufd = open("/dev/iommu", O_RDWR | O_CLOEXEC);
	int group = open_group(bdf);

	assert_true(iommufd >= 0 && group >= 0);
	assert_int_equal(ioctl(group, VFIO_GROUP_SET_CONTAINER, &iommufd), 0);
	assert_int_equal(ioctl(iommufd, VFIO_SET_IOMMU, type), 0);
	check_group_device(group, bdf);
}

static void iommufd_serves_as_container(void **state)
{
	check_iommufd_as_container(contract_iommu[0], VFIO_TYPE1v2_IOMMU);
}

static void iommufd_serves_as_noiommu_container(void **state)
{
	check_iommufd_as_container(contract_noiommu[0], VFIO_NOIOMMU_IOMMU);
}

static void noiommu_device_has_a_group(void **state)
{
	for (unsigned i = 0; i < 2; i++)
		assert_true(pcidev_has_group(contract_noiommu[i]));
}

/* The IOMMU has groups, but VFIO has nodes for none. */
static void no_device_has_a_group_of_vfio(void **state)
{
	char path[64];

	for (unsigned i = 0; i < 2; i++) {
		assert_false(pcidev_has_group(contract_noiommu[i]));
		assert_true(pcidev_has_group(contract_iommu[i]));
		assert_int_equal(pcidev_group_path(contract_iommu[i], path), 0);
		assert_int_equal(access(path, F_OK), -1);
	}
	assert_int_equal(access("/dev/vfio/vfio", F_OK), -1);
}

int contract_test_group(void)
{
	const struct CMUnitTest with_containers[] = {
		CONTRACT_TEST(noiommu_device_has_a_group),
		CONTRACT_TEST(group_takes_rawio),
		CONTRACT_TEST(group_excludes_cdev_and_back),
		CONTRACT_TEST(legacy_noiommu_container_works),
		CONTRACT_TEST(type1_container_works),
		CONTRACT_TEST(iommufd_serves_as_container),
		CONTRACT_TEST(iommufd_serves_as_noiommu_container),
	};
	const struct CMUnitTest without[] = {
		CONTRACT_TEST(no_device_has_a_group_of_vfio),
	};

	if (pcidev_containers())
		return cmocka_run_group_tests_name("group", with_containers, NULL, NULL);
	return cmocka_run_group_tests_name("no group", without, NULL, NULL);
}
