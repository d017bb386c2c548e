/* SPDX-License-Identifier: MIT */
#ifndef NNVME_DMA_SPACE_H
#define NNVME_DMA_SPACE_H

/*
 * What one controller may address: the regions that its user registered, the bus-address table over
 * them, and the pool of the driver's own memory.
 *
 * Thread rule: any thread, any time; except create and destroy. Private to the library.
 */

#include <pthread.h>

#include "dma/pool.h"
#include "noiommu_nvme/table.h"

/* [va, va + len) registered. */
struct nnvme_region {
	uintptr_t va;
	size_t len;
	uint64_t iova;
	bool leaving;		/* not in the table any more, but unmapping failed */
};

struct nnvme_space {
	struct nnvme_table *table;
	struct nnvme_device *dev;
	pthread_mutex_t lock;
	struct nnvme_region *regions;	/* by va */
	size_t nr_regions, max_regions;
	uint64_t registered;		/* bytes in regions */
	struct nnvme_pool pool;
};

/* @page_size: of the pool's memory, 0 for ordinary pages. */
int nnvme_space_create(struct nnvme_device *dev, size_t page_size, struct nnvme_space **space,
		       struct nnvme_err *err);

/* Unmap and free everything. The device must not use any of it any more. */
void nnvme_space_destroy(struct nnvme_space *space);

/*
 * See nnvme_mem_register() and nnvme_mem_unregister(). What could not be unmapped stays a region
 * that I/O may no longer use; removing it again only retries the unmapping.
 */
int nnvme_space_add(struct nnvme_space *space, void *va, size_t len, struct nnvme_err *err);

/*
 * Called with the lock held: do commands use [va, va + len) now? 1, 0 or -errno. NULL: there are
 * none.
 */
typedef int nnvme_busy_fn(void *arg, uintptr_t va, size_t len);
int nnvme_space_busy(struct nnvme_space *space, void *va, size_t len, nnvme_busy_fn *busy,
		     void *arg);
int nnvme_space_remove(struct nnvme_space *space, void *va, size_t len, nnvme_busy_fn *busy,
		       void *arg, struct nnvme_err *err);

/* Behind an IOMMU, with the lock held: is any of [iova, iova + len) mapped for the device? */
bool nnvme_space_maps(const struct nnvme_space *space, uint64_t iova, size_t len);

/* nnvme_pool_get() and put() under the lock. */
void *nnvme_space_get(struct nnvme_space *space, size_t size, nnvme_bus_t *bus,
		      struct nnvme_err *err);
void nnvme_space_put(struct nnvme_space *space, void *va);

#endif
