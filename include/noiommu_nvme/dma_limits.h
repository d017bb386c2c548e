/* SPDX-License-Identifier: MIT */
#ifndef NNVME_DMA_LIMITS_H
#define NNVME_DMA_LIMITS_H

/**
 * @file
 * What memory an open device can access, and what restricts it to that.
 */

#include <stddef.h>
#include <stdint.h>

#include "probe.h"

/** IOVAs, both ends included. */
struct nnvme_iova_range {
	uint64_t first, last;
};

/** What restricts an open device. */
struct nnvme_dma_limits {
	const struct nnvme_iova_range *iova_ranges;	/* where memory can be mapped, ascending;
						 * none without an IOMMU */
	size_t nr_iova_ranges;
	uint64_t alignment;		/* of what can be mapped, in bytes */
	/* The device can't bypass the CPU's caches, even for accesses that it marks no-snoop. */
	enum nnvme_have coherency_enforced;
	/*
	 * It can't raise other devices' interrupts by writing to memory. Unknown where the
	 * administrator has switched the kernel's check off (allow_unsafe_interrupts).
	 */
	enum nnvme_have interrupts_isolated;
};

#endif
