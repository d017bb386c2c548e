/* SPDX-License-Identifier: MIT */
#ifndef NNVME_BUS_H
#define NNVME_BUS_H

#include <stdint.h>

/*
 * A bus address: what a device puts on the bus to reach memory. A physical
 * address without an IOMMU, an IOVA behind one. A type of its own, so that a
 * pointer, a physical address or an IOVA can't be taken for one by accident.
 * 0 is never valid: it is how "no page here" is written.
 */
typedef struct {
	uint64_t v;
} nnvme_bus_t;

/* How bus addresses come about. */
enum nnvme_mode {
	NNVME_MODE_AUTO,	/* noiommu where the kernel says so, iommu otherwise */
	NNVME_MODE_NOIOMMU,	/* physical addresses: the device can reach all memory */
	NNVME_MODE_IOMMU,	/* IOVAs: the device can reach what is registered */
};

#endif
