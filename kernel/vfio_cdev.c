// SPDX-License-Identifier: MIT
#include "kernel/vfio_cdev.h"

#include <linux/vfio.h>

#include "kernel/sys.h"
#include "kernel/uapi/vfio_cdev.h"

int nnvme_vfio_bind(int cdev, int iommufd, uint32_t *devid)
{
	struct nnvme_uapi_vfio_bind arg = { .argsz = sizeof(arg), .iommufd = iommufd };
	int rc = nnvme_sys_ioctl(cdev, NNVME_VFIO_DEVICE_BIND_IOMMUFD, &arg);

	if (!rc && devid)
		*devid = arg.out_devid;
	return rc;
}

int nnvme_vfio_attach(int cdev, uint32_t pt_id)
{
	struct nnvme_uapi_vfio_attach arg = { .argsz = sizeof(arg), .pt_id = pt_id };

	return nnvme_sys_ioctl(cdev, NNVME_VFIO_DEVICE_ATTACH_IOMMUFD_PT, &arg);
}

int nnvme_vfio_detach(int cdev)
{
	struct nnvme_uapi_vfio_detach arg = { .argsz = sizeof(arg) };

	return nnvme_sys_ioctl(cdev, NNVME_VFIO_DEVICE_DETACH_IOMMUFD_PT, &arg);
}

int nnvme_vfio_info(int cdev, uint32_t *flags, uint32_t *regions)
{
	struct vfio_device_info arg = { .argsz = sizeof(arg) };
	int rc = nnvme_sys_ioctl(cdev, VFIO_DEVICE_GET_INFO, &arg);

	*flags = arg.flags;
	*regions = arg.num_regions;
	return rc;
}

int nnvme_vfio_region(int cdev, uint32_t index, struct nnvme_vfio_region *region)
{
	struct vfio_region_info arg = { .argsz = sizeof(arg), .index = index };
	int rc = nnvme_sys_ioctl(cdev, VFIO_DEVICE_GET_REGION_INFO, &arg);

	region->size = arg.size;
	region->offset = arg.offset;
	region->flags = arg.flags;
	return rc;
}

int nnvme_vfio_reset(int cdev)
{
	return nnvme_sys_ioctl(cdev, VFIO_DEVICE_RESET, NULL);
}
