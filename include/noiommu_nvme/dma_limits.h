/* SPDX-License-Identifier: MIT */
#ifndef NNVME_DMA_LIMITS_H
#define NNVME_DMA_LIMITS_H

/* What an opened device can be made to address, and what keeps it to that. */

#include <stddef.h>
#include <stdint.h>

#include "probe.h"

/* Both ends included. */
struct nnvme_iova_range {
	uint64_t first, last;
};

struct nnvme_dma_limits {
	const struct nnvme_iova_range *iova_ranges;	/* where memory can be mapped for it, ascending;
						 * none without an IOMMU */
	size_t nr_iova_ranges;
	uint64_t alignment;		/* of what can be mapped, in bytes */
	/* What the device asks not to be snooped in the CPU's caches is snooped all the same. */
	enum nnvme_have coherency_enforced;
	/*
	 * It can't raise other devices' interrupts by writing to memory. Unknown where the
	 * administrator has waived the kernel's check.
	 */
	enum nnvme_have interrupts_isolated;
};

#endif
