/* SPDX-License-Identifier: MIT */
#ifndef NNVME_DMA_POOL_H
#define NNVME_DMA_POOL_H

/*
 * Memory shared by driver and controller that callers don't see: queues, list pages, Identify
 * buffers. In units of 4 KiB; each allocation is contiguous on the bus.
 *
 * Thread rule: callers serialise (struct nnvme_space has the lock). Private to the library.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "dma/memory.h"
#include "kernel/device.h"

struct nnvme_chunk;

struct nnvme_pool {
	struct nnvme_device *dev;
	size_t page_size;		/* of the memory: 0 for ordinary */
	struct nnvme_chunk *chunks;
	uint64_t bytes;			/* mapped for the device */
	uint64_t bus_addr_calls;
};

/*
 * Get the bus address of each 4 KiB page of a mapping, @pages of them from @iova, into @bus, with
 * as few calls as contiguity allows; adds their number to *calls.
 */
int nnvme_resolve(struct nnvme_device *dev, uint64_t iova, size_t pages, nnvme_bus_t *bus,
		  uint64_t *calls, struct nnvme_err *err);

/* @size bytes (rounded up to 4 KiB), zeroed, contiguous on the bus at *bus. NULL: see @err. */
void *nnvme_pool_get(struct nnvme_pool *pool, size_t size, nnvme_bus_t *bus,
		     struct nnvme_err *err);
void nnvme_pool_put(struct nnvme_pool *pool, void *va);

/* Behind an IOMMU: is any of [iova, iova + len) mapped here? */
bool nnvme_pool_maps(const struct nnvme_pool *pool, uint64_t iova, size_t len);

/* Unmap and free everything. */
void nnvme_pool_destroy(struct nnvme_pool *pool);

#endif
