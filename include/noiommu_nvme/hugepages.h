/* SPDX-License-Identifier: MIT */
#ifndef NNVME_HUGEPAGES_H
#define NNVME_HUGEPAGES_H

/* The machine's pools of huge pages. Thread rule: any thread, any time. */

#include <stddef.h>
#include <stdint.h>

#include "err.h"

#ifdef __cplusplus
extern "C" {
#endif
#pragma GCC visibility push(default)

struct nnvme_hugepage_pool {
	uint32_t size;		/* of this structure as the caller knows it */
	int node;		/* NUMA node; -1: this kernel has none */
	uint64_t page_size;	/* bytes */
	uint64_t total, free;	/* pages */
};

/*
 * List all pools, by node, then by page size. @size is sizeof(**pools). The caller frees *pools
 * with free(); it is NULL when *count is 0.
 */
int nnvme_hugepage_pools(struct nnvme_hugepage_pool **pools, size_t *count, uint32_t size,
			 struct nnvme_err *err);

#pragma GCC visibility pop
#ifdef __cplusplus
}
#endif
#endif
