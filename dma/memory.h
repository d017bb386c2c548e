/* SPDX-License-Identifier: MIT */
#ifndef NNVME_DMA_MEMORY_H
#define NNVME_DMA_MEMORY_H

/*
 * Memory to give to a device: huge pages from a hugetlb memfd, or ordinary pages. Huge pages make
 * GET_PA's answers long and registration quick. What keeps a page where it is is the pin that
 * registration takes, not its size. Child processes don't inherit it.
 *
 * Private to the library.
 */

#include <stddef.h>

#include "noiommu_nvme/err.h"

/* One piece of it. */
struct nnvme_memory {
	void *va;
	size_t len;
};

/* The smallest huge page size of this machine in bytes, 0 when it has none. */
size_t nnvme_hugepage_smallest(void);

/*
 * At least @len zeroed bytes in pages of @page_size (0: ordinary), all present, on NUMA node @node
 * (NNVME_NODE_ANY: on any). The length is rounded up to whole pages. -ENOMEM with the command that
 * reserves huge pages in @err; -EINVAL: no such node.
 */
int nnvme_memory_get(size_t len, size_t page_size, int node, struct nnvme_memory *mem,
		     struct nnvme_err *err);
void nnvme_memory_put(struct nnvme_memory *mem);

#endif
