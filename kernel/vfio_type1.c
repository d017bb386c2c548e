// SPDX-License-Identifier: MIT
#include "kernel/vfio_type1.h"

#include <errno.h>
#include <linux/vfio.h>
#include <stdlib.h>
#include <string.h>

#include "kernel/sys.h"

#define INFO_MAX 65536		/* bytes; a plausible answer has a few hundred */

/* For calls whose argument is a number and not a pointer. */
static int call(int fd, unsigned long request, unsigned long number)
{
	return nnvme_sys_ioctl(fd, request, (void *)(uintptr_t)number);
}

int nnvme_type1_has(int container, unsigned long extension)
{
	return call(container, VFIO_CHECK_EXTENSION, extension);
}

int nnvme_type1_usable(int container)
{
	int rc = call(container, VFIO_GET_API_VERSION, 0);

	if (rc < 0)
		return rc;
	if (rc != VFIO_API_VERSION)
		return -EOPNOTSUPP;
	rc = nnvme_type1_has(container, VFIO_TYPE1v2_IOMMU);
	return rc < 0 ? rc : rc ? 0 : -EOPNOTSUPP;
}

int nnvme_type1_join(int container, int group)
{
	struct vfio_group_status status = { .argsz = sizeof(status) };
	int rc = nnvme_sys_ioctl(group, VFIO_GROUP_GET_STATUS, &status);

	if (rc)
		return rc;
	if (!(status.flags & VFIO_GROUP_FLAGS_VIABLE))
		return -ESRCH;
	rc = nnvme_sys_ioctl(group, VFIO_GROUP_SET_CONTAINER, &container);
	if (rc)
		return rc;
	rc = call(container, VFIO_SET_IOMMU, VFIO_TYPE1v2_IOMMU);
	if (rc)
		nnvme_type1_leave(group);
	return rc;
}

int nnvme_type1_leave(int group)
{
	return nnvme_sys_ioctl(group, VFIO_GROUP_UNSET_CONTAINER, NULL);
}

int nnvme_type1_device(int group, const char *bdf)
{
	return nnvme_sys_ioctl(group, VFIO_GROUP_GET_DEVICE_FD, (void *)(uintptr_t)bdf);
}

/* Read the ranges from their capability, in an answer of @size bytes. */
static int read_ranges(const char *answer, size_t size, uint32_t offset,
		       struct nnvme_iova_range **iova_ranges, size_t *nr_iova_ranges)
{
	struct vfio_iommu_type1_info_cap_iova_range cap;

	for (int hops = 0; offset && hops < 64; hops++, offset = cap.header.next) {
		const size_t one = sizeof(struct vfio_iova_range);

		if (offset > size || size - offset < sizeof(cap.header))
			return -EIO;
		memcpy(&cap, answer + offset, sizeof(cap.header));
		if (cap.header.id != VFIO_IOMMU_TYPE1_INFO_CAP_IOVA_RANGE)
			continue;
		if (size - offset < sizeof(cap))
			return -EIO;
		memcpy(&cap, answer + offset, sizeof(cap));
		if (!cap.nr_iovas || (size - offset - sizeof(cap)) / one < cap.nr_iovas)
			return -EIO;
		/* Both are two 64-bit numbers, start and end. */
		*iova_ranges = calloc(cap.nr_iovas, one);
		if (!*iova_ranges)
			return -ENOMEM;
		memcpy(*iova_ranges, answer + offset + sizeof(cap), cap.nr_iovas * one);
		*nr_iova_ranges = cap.nr_iovas;
		return 0;
	}
	return -EOPNOTSUPP;
}

int nnvme_type1_ranges(int container, struct nnvme_iova_range **iova_ranges, size_t *nr_iova_ranges,
		       uint64_t *alignment)
{
	struct vfio_iommu_type1_info info = { .argsz = sizeof(info) };
	uint32_t size;
	char *answer;
	int rc = nnvme_sys_ioctl(container, VFIO_IOMMU_GET_INFO, &info);

	if (rc)
		return rc;
	size = info.argsz;		/* of the whole answer */
	if (size < sizeof(info) || size > INFO_MAX)
		return size > INFO_MAX ? -EIO : -EOPNOTSUPP;
	answer = calloc(1, size);
	if (!answer)
		return -ENOMEM;
	memcpy(answer, &size, sizeof(size));	/* argsz, its first field */
	rc = nnvme_sys_ioctl(container, VFIO_IOMMU_GET_INFO, answer);
	memcpy(&info, answer, sizeof(info));
	if (!rc)
		rc = info.flags & VFIO_IOMMU_INFO_CAPS ?
		     read_ranges(answer, size, info.cap_offset, iova_ranges, nr_iova_ranges) :
		     -EOPNOTSUPP;
	free(answer);
	/* The smallest page is the lowest bit. */
	*alignment = info.iova_pgsizes & -info.iova_pgsizes;
	return rc;
}

int nnvme_type1_map(int container, void *va, size_t len, uint64_t iova)
{
	struct vfio_iommu_type1_dma_map arg = {
		.argsz = sizeof(arg), .flags = VFIO_DMA_MAP_FLAG_READ | VFIO_DMA_MAP_FLAG_WRITE,
		.vaddr = (uintptr_t)va, .iova = iova, .size = len,
	};

	return nnvme_sys_ioctl(container, VFIO_IOMMU_MAP_DMA, &arg);
}

int nnvme_type1_unmap(int container, uint64_t iova, size_t len)
{
	struct vfio_iommu_type1_dma_unmap arg = {
		.argsz = sizeof(arg), .iova = iova, .size = len,
	};
	int rc = nnvme_sys_ioctl(container, VFIO_IOMMU_UNMAP_DMA, &arg);

	/* The call returns how much was unmapped; nothing counts as success, too. */
	return rc ? rc : arg.size == len ? 0 : -ENOENT;
}
