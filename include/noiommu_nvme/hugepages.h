/* SPDX-License-Identifier: MIT */
#ifndef NNVME_HUGEPAGES_H
#define NNVME_HUGEPAGES_H

/**
 * @file
 * The machine's pools of huge pages.
 *
 * @threads any thread, any time.
 */

#include <stddef.h>
#include <stdint.h>

#include "err.h"

#ifdef __cplusplus
extern "C" {
#endif
#pragma GCC visibility push(default)

/** One pool. */
struct nnvme_hugepage_pool {
	uint32_t size;		/* of this structure as the caller knows it */
	int node;		/* NUMA node; -1: this kernel has none */
	uint64_t page_size;	/* bytes */
	uint64_t total, free;	/* pages */
};

/**
 * List the machine's pools of huge pages, by node, then by page size.
 *
 * @param[out] pools  the list, for the caller to free(); NULL when there are none
 * @param[out] count  how many
 * @param size        sizeof(**pools)
 * @retval 0        listed
 * @retval -EINVAL  `size` is below that of the structure's first layout
 * @retval -ENOMEM  no memory
 */
int nnvme_hugepage_pools(struct nnvme_hugepage_pool **pools, size_t *count, uint32_t size,
			 struct nnvme_err *err);

#pragma GCC visibility pop
#ifdef __cplusplus
}
#endif
#endif
