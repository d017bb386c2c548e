/* SPDX-License-Identifier: MIT */
#ifndef NNVME_BUS_H
#define NNVME_BUS_H

#include <stdint.h>

/**
 * @file
 * Bus addresses.
 */

/**
 * A bus address: what a device puts on the bus to access memory. Without an IOMMU that is a
 * physical address, behind one an IOVA. It is a type of its own, so that a pointer, a physical
 * address or an IOVA can't be used as one by mistake. 0 is never valid: it stands for "no page
 * here".
 */
typedef struct {
	uint64_t v;
} nnvme_bus_t;

/** What bus addresses are. */
enum nnvme_mode {
	NNVME_MODE_AUTO,	/* noiommu if no IOMMU is behind the device, iommu otherwise */
	NNVME_MODE_NOIOMMU,	/* physical addresses: the device can access all of memory */
	NNVME_MODE_IOMMU,	/* IOVAs: the device can access what is registered */
};

#endif
