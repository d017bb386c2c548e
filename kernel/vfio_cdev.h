/* SPDX-License-Identifier: MIT */
#ifndef NNVME_KERNEL_VFIO_CDEV_H
#define NNVME_KERNEL_VFIO_CDEV_H

/*
 * The ioctls of an opened VFIO device node with types. All return 0 or the kernel's -errno
 * unchanged: what an error means depends on what was tried, so the caller writes the text.
 *
 * Private to the library; not installed.
 */

#include <stdint.h>

struct nnvme_vfio_region {
	uint64_t size, offset;	/* offset: of the region in the node, for mmap and pread */
	uint32_t flags;		/* VFIO_REGION_INFO_FLAG_... */
};

/* *devid, the device's name in the iommufd's own calls, may be NULL. */
int nnvme_vfio_bind(int cdev, int iommufd, uint32_t *devid);
int nnvme_vfio_attach(int cdev, uint32_t pt_id);
int nnvme_vfio_detach(int cdev);
int nnvme_vfio_info(int cdev, uint32_t *flags, uint32_t *regions);
int nnvme_vfio_region(int cdev, uint32_t index, struct nnvme_vfio_region *region);
int nnvme_vfio_reset(int cdev);

#endif
