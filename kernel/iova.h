/* SPDX-License-Identifier: MIT */
#ifndef NNVME_KERNEL_IOVA_H
#define NNVME_KERNEL_IOVA_H

/*
 * Choosing IOVAs when the kernel doesn't: free ones within the ranges that an IOMMU can map.
 *
 * Thread rule: callers serialise. Private to the library.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "noiommu_nvme/dma_limits.h"

struct nnvme_iova_space {
	const struct nnvme_iova_range *iova_ranges;	/* ascending; the caller's */
	size_t nr_iova_ranges;
	struct nnvme_iova_range *taken;		/* ascending */
	size_t nr_taken, max_taken;
};

/* Whether [iova, iova + len) lies within one of the ranges. */
bool nnvme_iova_within(const struct nnvme_iova_range *iova_ranges, size_t nr_iova_ranges,
		       uint64_t iova, uint64_t len);

/*
 * The lowest free IOVA for @len bytes at a multiple of @alignment, a power of two; never 0.
 * -ENOSPC there is none; -ENOMEM.
 */
int nnvme_iova_take(struct nnvme_iova_space *space, uint64_t len, uint64_t alignment,
		    uint64_t *iova);

/* Free what was taken; -ENOENT unless it was taken exactly so. */
int nnvme_iova_give(struct nnvme_iova_space *space, uint64_t iova, uint64_t len);

void nnvme_iova_free(struct nnvme_iova_space *space);

#endif
