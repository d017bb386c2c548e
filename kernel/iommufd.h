/* SPDX-License-Identifier: MIT */
#ifndef NNVME_KERNEL_IOMMUFD_H
#define NNVME_KERNEL_IOMMUFD_H

/*
 * The ioctls of /dev/iommu with types. All return 0 or the kernel's -errno unchanged: what an error
 * means depends on what was tried, so the caller writes the text.
 *
 * Private to the library; not installed.
 */

#include <stddef.h>
#include <stdint.h>

#include "noiommu_nvme/dma_limits.h"

/* A new descriptor, or -errno. */
int nnvme_iommufd_open(void);

int nnvme_ioas_alloc(int iommufd, uint32_t *ioas);
int nnvme_iommufd_destroy(int iommufd, uint32_t id);

/* For reading and writing by the device, at an IOVA of the kernel's choice. */
int nnvme_ioas_map(int iommufd, uint32_t ioas, void *va, size_t len, uint64_t *iova);
int nnvme_ioas_unmap(int iommufd, uint32_t ioas, uint64_t iova, size_t len);

/*
 * The ranges that the kernel can map: what the IOMMUs of all attached devices can map, without what
 * they reserve. Attaching a device narrows them. Ascending; free() *iova_ranges.
 */
int nnvme_ioas_ranges(int iommufd, uint32_t ioas, struct nnvme_iova_range **iova_ranges,
		      size_t *nr_iova_ranges, uint64_t *alignment);

/* Does the IOMMU force snooping for transfers that devices want unsnooped? 1, 0 or -errno. */
int nnvme_ioas_coherency_enforced(int iommufd, uint32_t ioas);

/* *len: in, the bytes wanted, not 0; out, what the kernel says is contiguous, unchecked. */
int nnvme_ioas_get_pa(int iommufd, uint32_t ioas, uint64_t iova, uint64_t *len, uint64_t *phys);

/* Does this kernel have that call? Needs no device. 1, 0 or -errno. */
int nnvme_iommufd_has_get_pa(int iommufd);

#endif
