// SPDX-License-Identifier: MIT
#include "kernel/iommufd.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/vfio.h>
#include <stdlib.h>

#include "kernel/sys.h"
#include "kernel/uapi/iommufd.h"

int nnvme_iommufd_open(void)
{
	return nnvme_sys_open(O_RDWR, "/dev/iommu");
}

int nnvme_ioas_alloc(int iommufd, uint32_t *ioas)
{
	struct nnvme_uapi_ioas_alloc arg = { .size = sizeof(arg) };
	int rc = nnvme_sys_ioctl(iommufd, NNVME_IOMMU_IOAS_ALLOC, &arg);

	*ioas = arg.out_ioas_id;
	return rc;
}

int nnvme_iommufd_destroy(int iommufd, uint32_t id)
{
	struct nnvme_uapi_destroy arg = { .size = sizeof(arg), .id = id };

	return nnvme_sys_ioctl(iommufd, NNVME_IOMMU_DESTROY, &arg);
}

int nnvme_ioas_map(int iommufd, uint32_t ioas, void *va, size_t len, uint64_t *iova)
{
	struct nnvme_uapi_ioas_map arg = {
		.size = sizeof(arg),
		.flags = NNVME_IOAS_MAP_READABLE | NNVME_IOAS_MAP_WRITEABLE,
		.ioas_id = ioas,
		.user_va = (uintptr_t)va,
		.length = len,
	};
	int rc = nnvme_sys_ioctl(iommufd, NNVME_IOMMU_IOAS_MAP, &arg);

	*iova = arg.iova;
	return rc;
}

int nnvme_ioas_unmap(int iommufd, uint32_t ioas, uint64_t iova, size_t len)
{
	struct nnvme_uapi_ioas_unmap arg = {
		.size = sizeof(arg), .ioas_id = ioas, .iova = iova, .length = len,
	};

	return nnvme_sys_ioctl(iommufd, NNVME_IOMMU_IOAS_UNMAP, &arg);
}

int nnvme_ioas_ranges(int iommufd, uint32_t ioas, struct nnvme_iova_range **iova_ranges,
		      size_t *nr_iova_ranges, uint64_t *alignment)
{
	struct nnvme_uapi_ioas_iova_ranges arg = { .size = sizeof(arg), .ioas_id = ioas };
	struct nnvme_iova_range *list = NULL, *more;
	uint32_t max = 8;
	int rc;

	_Static_assert(sizeof(*list) == sizeof(struct nnvme_uapi_iova_range),
		       "the same two numbers");
	do {	/* a list that is too short gets the number; it may grow meanwhile */
		more = realloc(list, max * sizeof(*list));
		if (!more) {
			free(list);
			return -ENOMEM;
		}
		list = more;
		arg.num_iovas = max;
		arg.allowed_iovas = (uintptr_t)list;
		rc = nnvme_sys_ioctl(iommufd, NNVME_IOMMU_IOAS_IOVA_RANGES, &arg);
		if (rc != -EMSGSIZE || arg.num_iovas <= max)
			break;
		max = arg.num_iovas;
	} while (max < 65536);
	if (!rc && arg.num_iovas > max)
		rc = -EIO;
	if (rc) {
		free(list);
		return rc;
	}
	*iova_ranges = list;
	*nr_iova_ranges = arg.num_iovas;
	*alignment = arg.out_iova_alignment;
	return 0;
}

int nnvme_ioas_coherency_enforced(int iommufd, uint32_t ioas)
{
	struct nnvme_uapi_vfio_ioas arg = {
		.size = sizeof(arg), .ioas_id = ioas, .op = NNVME_VFIO_IOAS_SET,
	};
	int rc = nnvme_sys_ioctl(iommufd, NNVME_IOMMU_VFIO_IOAS, &arg);

	/*
	 * Only the call for the container emulation answers this, for the address space behind it.
	 */
	if (!rc)
		rc = nnvme_sys_ioctl(iommufd, VFIO_CHECK_EXTENSION, (void *)VFIO_DMA_CC_IOMMU);
	return rc;
}

int nnvme_ioas_get_pa(int iommufd, uint32_t ioas, uint64_t iova, uint64_t *len, uint64_t *phys)
{
	struct nnvme_uapi_ioas_noiommu_get_pa arg = {
		.size = sizeof(arg), .ioas_id = ioas, .iova = iova, .length = *len,
	};
	int rc = nnvme_sys_ioctl(iommufd, NNVME_IOMMU_IOAS_NOIOMMU_GET_PA, &arg);

	*len = arg.length;
	*phys = arg.out_phys;
	return rc;
}

int nnvme_iommufd_has_get_pa(int iommufd)
{
	/* An empty request does nothing, but shows whether the call exists. */
	struct nnvme_uapi_ioas_noiommu_get_pa arg = { .size = sizeof(arg) };
	int rc = nnvme_sys_ioctl(iommufd, NNVME_IOMMU_IOAS_NOIOMMU_GET_PA, &arg);

	/* The latter: Linux 7.3 without CONFIG_VFIO_NOIOMMU. */
	if (rc == -ENOTTY || rc == -EOPNOTSUPP)
		return 0;
	/* Before the merge, length 0 was no error, but address space 0 does not exist. */
	return rc == -EINVAL || rc == -EPERM || rc == -ENOENT ? 1 : rc;
}
