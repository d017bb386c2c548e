// SPDX-License-Identifier: MIT
/* The ioctls of a VFIO cdev and of /dev/iommu. See contract.h. */

#include <errno.h>
#include <fcntl.h>
#include <linux/vfio.h>
#include <stdio.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "contract.h"

static int call(int fd, unsigned long request, void *arg)
{
	return ioctl(fd, request, arg) < 0 ? -errno : 0;
}

int session_open_cdev(const char *bdf)
{
	char name[64], path[128];
	int ret, fd;

	ret = pcidev_vfio_name(bdf, name);
	if (ret)
		return ret;
	snprintf(path, sizeof(path), "/dev/vfio/devices/%s", name);
	fd = open(path, O_RDWR | O_CLOEXEC);
	return fd < 0 ? -errno : fd;
}

int session_bind(int cdev, int iommufd, uint32_t *devid)
{
	struct nnvme_uapi_vfio_bind bind = { .argsz = sizeof(bind), .iommufd = iommufd };
	int ret = call(cdev, NNVME_VFIO_DEVICE_BIND_IOMMUFD, &bind);

	if (!ret)
		*devid = bind.out_devid;
	return ret;
}

int session_try_open(struct session *s, const char *bdf)
{
	int ret;

	*s = (struct session){ .cdev = session_open_cdev(bdf), .iommufd = -1 };
	if (s->cdev < 0)
		return s->cdev;
	s->iommufd = open("/dev/iommu", O_RDWR | O_CLOEXEC);
	if (s->iommufd < 0)
		return -errno;
	ret = session_bind(s->cdev, s->iommufd, &s->devid);
	return ret ? ret : iommufd_ioas(s->iommufd, &s->ioas);
}

void session_open(struct session *s, const char *bdf)
{
	assert_int_equal(session_try_open(s, bdf), 0);
}

void session_join(struct session *s, const char *bdf, const struct session *with)
{
	s->cdev = session_open_cdev(bdf);
	assert_true(s->cdev >= 0);
	s->iommufd = dup(with->iommufd);
	assert_true(s->iommufd >= 0);
	s->ioas = with->ioas;
	assert_int_equal(session_bind(s->cdev, s->iommufd, &s->devid), 0);
}

void session_close(struct session *s)
{
	close(s->cdev);
	close(s->iommufd);
}

int session_attach(const struct session *s, uint32_t *pt)
{
	struct nnvme_uapi_vfio_attach attach = { .argsz = sizeof(attach), .pt_id = *pt };
	int ret = call(s->cdev, NNVME_VFIO_DEVICE_ATTACH_IOMMUFD_PT, &attach);

	if (!ret)
		*pt = attach.pt_id;
	return ret;
}

int session_detach(const struct session *s)
{
	struct nnvme_uapi_vfio_detach detach = { .argsz = sizeof(detach) };

	return call(s->cdev, NNVME_VFIO_DEVICE_DETACH_IOMMUFD_PT, &detach);
}

int iommufd_ioas(int iommufd, uint32_t *ioas)
{
	struct nnvme_uapi_ioas_alloc alloc = { .size = sizeof(alloc) };
	int ret = call(iommufd, NNVME_IOMMU_IOAS_ALLOC, &alloc);

	if (!ret)
		*ioas = alloc.out_ioas_id;
	return ret;
}

int iommufd_hwpt(int iommufd, uint32_t devid, uint32_t ioas, uint32_t flags, uint32_t *hwpt)
{
	struct nnvme_uapi_hwpt_alloc alloc = { .size = sizeof(alloc), .flags = flags,
					       .dev_id = devid, .pt_id = ioas };
	int ret = call(iommufd, NNVME_IOMMU_HWPT_ALLOC, &alloc);

	if (!ret)
		*hwpt = alloc.out_hwpt_id;
	return ret;
}

int iommufd_hwpt_with_data(int iommufd, uint32_t devid, uint32_t ioas, uint32_t type,
			   uint64_t data)
{
	struct nnvme_uapi_hwpt_alloc alloc = {
		.size = sizeof(alloc), .dev_id = devid, .pt_id = ioas,
		.data_type = type, .data_len = sizeof(data), .data_uptr = (uintptr_t)&data,
	};

	return call(iommufd, NNVME_IOMMU_HWPT_ALLOC, &alloc);
}

int iommufd_destroy(int iommufd, uint32_t id)
{
	struct nnvme_uapi_destroy destroy = { .size = sizeof(destroy), .id = id };

	return call(iommufd, NNVME_IOMMU_DESTROY, &destroy);
}

int iommufd_hw_info(int iommufd, uint32_t devid)
{
	struct nnvme_uapi_get_hw_info info = { .size = sizeof(info), .dev_id = devid };

	return call(iommufd, NNVME_IOMMU_GET_HW_INFO, &info);
}

int iommufd_iova_range(int iommufd, uint32_t ioas, struct nnvme_uapi_iova_range *range)
{
	struct nnvme_uapi_ioas_iova_ranges ranges = { .size = sizeof(ranges), .ioas_id = ioas,
						      .num_iovas = 1,
						      .allowed_iovas = (uintptr_t)range };
	int ret = call(iommufd, NNVME_IOMMU_IOAS_IOVA_RANGES, &ranges);

	return ret ? ret : ranges.num_iovas == 1 && ranges.out_iova_alignment == PAGE ? 0 : -ENXIO;
}

static int map(int iommufd, uint32_t ioas, const void *va, uint64_t length, uint64_t *iova,
	       uint32_t flags)
{
	struct nnvme_uapi_ioas_map map = {
		.size = sizeof(map), .ioas_id = ioas,
		.flags = flags | (*iova ? NNVME_IOAS_MAP_FIXED_IOVA : 0),
		.user_va = (uintptr_t)va, .length = length, .iova = *iova,
	};
	int ret = call(iommufd, NNVME_IOMMU_IOAS_MAP, &map);

	if (!ret)
		*iova = map.iova;
	return ret;
}

int iommufd_map(int iommufd, uint32_t ioas, const void *va, uint64_t length, uint64_t *iova)
{
	return map(iommufd, ioas, va, length, iova,
		   NNVME_IOAS_MAP_READABLE | NNVME_IOAS_MAP_WRITEABLE);
}

int iommufd_map_readable(int iommufd, uint32_t ioas, const void *va, uint64_t length,
			 uint64_t *iova)
{
	return map(iommufd, ioas, va, length, iova, NNVME_IOAS_MAP_READABLE);
}

int iommufd_copy(int iommufd, uint32_t to, uint32_t from, uint64_t from_iova, uint64_t length,
		 uint64_t *iova)
{
	struct nnvme_uapi_ioas_copy copy = {
		.size = sizeof(copy), .dst_ioas_id = to, .src_ioas_id = from,
		.flags = NNVME_IOAS_MAP_READABLE | NNVME_IOAS_MAP_WRITEABLE |
			 (*iova ? NNVME_IOAS_MAP_FIXED_IOVA : 0),
		.length = length, .dst_iova = *iova, .src_iova = from_iova,
	};
	int ret = call(iommufd, NNVME_IOMMU_IOAS_COPY, &copy);

	if (!ret)
		*iova = copy.dst_iova;
	return ret;
}

int iommufd_unmap(int iommufd, uint32_t ioas, uint64_t iova, uint64_t length)
{
	struct nnvme_uapi_ioas_unmap unmap = { .size = sizeof(unmap), .ioas_id = ioas, .iova = iova,
					       .length = length };

	return call(iommufd, NNVME_IOMMU_IOAS_UNMAP, &unmap);
}

int iommufd_unmap_by_vfio(int iommufd, uint32_t ioas, uint64_t iova, uint64_t length)
{
	struct nnvme_uapi_vfio_ioas set = { .size = sizeof(set), .ioas_id = ioas,
					    .op = NNVME_VFIO_IOAS_SET };
	struct vfio_iommu_type1_dma_unmap unmap = { .argsz = sizeof(unmap), .iova = iova,
						    .size = length };
	int ret = call(iommufd, NNVME_IOMMU_VFIO_IOAS, &set);

	if (!ret)
		ret = call(iommufd, VFIO_IOMMU_UNMAP_DMA, &unmap);
	return ret;
}

int iommufd_set_huge_pages(int iommufd, uint32_t ioas, bool on)
{
	struct nnvme_uapi_option option = {
		.size = sizeof(option), .option_id = NNVME_OPTION_HUGE_PAGES,
		.op = NNVME_OPTION_SET, .object_id = ioas, .val64 = on,
	};

	return call(iommufd, NNVME_IOMMU_OPTION, &option);
}

int iommufd_get_huge_pages(int iommufd, uint32_t ioas)
{
	struct nnvme_uapi_option option = {
		.size = sizeof(option), .option_id = NNVME_OPTION_HUGE_PAGES,
		.op = NNVME_OPTION_GET, .object_id = ioas,
	};
	int ret = call(iommufd, NNVME_IOMMU_OPTION, &option);

	return ret ? ret : (int)option.val64;
}

int iommufd_get_pa(int iommufd, uint32_t ioas, uint64_t iova, uint64_t *length, uint64_t *phys)
{
	struct nnvme_uapi_ioas_noiommu_get_pa get = { .size = sizeof(get), .ioas_id = ioas,
						      .iova = iova, .length = *length };
	int ret = call(iommufd, NNVME_IOMMU_IOAS_NOIOMMU_GET_PA, &get);

	if (!ret) {
		*length = get.length;
		*phys = get.out_phys;
	}
	return ret;
}
