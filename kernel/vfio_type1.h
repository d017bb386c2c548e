/* SPDX-License-Identifier: MIT */
#ifndef NNVME_KERNEL_VFIO_TYPE1_H
#define NNVME_KERNEL_VFIO_TYPE1_H

/*
 * The ioctls of VFIO's container, its groups and its IOMMU driver type1 (version 2) with types. All
 * return 0 or the kernel's -errno unchanged, unless noted otherwise.
 *
 * Private to the library; not installed.
 */

#include <stddef.h>
#include <stdint.h>

#include "noiommu_nvme/dma_limits.h"

/* 0, or -EOPNOTSUPP if the container has another API version or no such driver. */
int nnvme_type1_usable(int container);

/* An extension, VFIO_..._IOMMU: its value, 0 without it, or -errno. */
int nnvme_type1_has(int container, unsigned long extension);

/*
 * Put a group into the container. -ESRCH: a device of the group is bound to a driver that is not
 * VFIO's; -EPERM: its interrupts are not isolated.
 */
int nnvme_type1_join(int container, int group);
int nnvme_type1_leave(int group);

/* A descriptor of one device of the group, or -errno. */
int nnvme_type1_device(int group, const char *bdf);

/*
 * What can be mapped; free() *iova_ranges. -EOPNOTSUPP where the kernel doesn't show it (before
 * 5.4).
 */
int nnvme_type1_ranges(int container, struct nnvme_iova_range **iova_ranges, size_t *nr_iova_ranges,
		       uint64_t *alignment);

int nnvme_type1_map(int container, void *va, size_t len, uint64_t iova);
int nnvme_type1_unmap(int container, uint64_t iova, size_t len);

#endif
