/* SPDX-License-Identifier: MIT */
#ifndef NNVME_UAPI_VFIO_CDEV_H
#define NNVME_UAPI_VFIO_CDEV_H

/*
 * The ioctls of a VFIO device node (/dev/vfio/devices/...), in Linux since 6.6. <linux/vfio.h> of
 * older distributions lacks them; names of our own, so that a newer header beside this one is no
 * conflict. Layouts are the kernel's ABI: include/uapi/linux/vfio.h.
 */

#include <linux/ioctl.h>
#include <linux/vfio.h>
#include <stdint.h>

/* Tie the opened device to an iommufd; until then nothing else works on the node. */
struct nnvme_uapi_vfio_bind {
	uint32_t argsz;
	uint32_t flags;		/* 0 */
	int32_t iommufd;
	uint32_t out_devid;	/* names the device in calls on the iommufd */
};
_Static_assert(sizeof(struct nnvme_uapi_vfio_bind) == 16, "the kernel's ABI");
#define NNVME_VFIO_DEVICE_BIND_IOMMUFD _IO(VFIO_TYPE, VFIO_BASE + 18)

/* Give the device the address space @pt_id, an IOAS or a HWPT. */
struct nnvme_uapi_vfio_attach {
	uint32_t argsz;
	uint32_t flags;		/* 0 */
	uint32_t pt_id;		/* in: what to attach; out: the page table in use */
};
_Static_assert(sizeof(struct nnvme_uapi_vfio_attach) == 12, "the kernel's ABI");
#define NNVME_VFIO_DEVICE_ATTACH_IOMMUFD_PT _IO(VFIO_TYPE, VFIO_BASE + 19)

/* Take its address space away: DMA then goes nowhere, or without an IOMMU on unhindered. */
struct nnvme_uapi_vfio_detach {
	uint32_t argsz;
	uint32_t flags;		/* 0 */
};
_Static_assert(sizeof(struct nnvme_uapi_vfio_detach) == 8, "the kernel's ABI");
#define NNVME_VFIO_DEVICE_DETACH_IOMMUFD_PT _IO(VFIO_TYPE, VFIO_BASE + 20)

#endif
