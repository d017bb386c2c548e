/* SPDX-License-Identifier: MIT */
#ifndef NNVME_DMA_LIMITS_H
#define NNVME_DMA_LIMITS_H

/**
 * @file
 * Addresses that a device can be given.
 */

#include <stdint.h>

/** IOVAs, both ends included. */
struct nnvme_iova_range {
	uint64_t first, last;
};

#endif
