/* SPDX-License-Identifier: MIT */
#ifndef NNVME_DMA_NODE_H
#define NNVME_DMA_NODE_H

/*
 * Memory of one NUMA node, by system calls: set_mempolicy(2), mbind(2), get_mempolicy(2). For @node
 * NNVME_NODE_ANY all of these do nothing.
 *
 * Thread rule: any thread; a policy belongs to the calling thread. Private to the library.
 */

#include <stddef.h>

#include "noiommu_nvme/err.h"

#define NNVME_NODE_ANY (-1)
#define NNVME_NODES 1024 /* the most that Linux can be built for, CONFIG_NODES_SHIFT */

/* Does the kernel know that node? -EINVAL: it doesn't. */
int nnvme_node_check(int node, struct nnvme_err *err);

/* What the thread had before. */
struct nnvme_node_policy {
	int mode;
	unsigned long nodes[NNVME_NODES / (8 * sizeof(long))];
};

/*
 * Huge pages that this thread allocates between begin() and end() come from that node, or it gets
 * none: a file's pages don't follow the policy of a mapping. For huge pages only: with ordinary
 * ones the kernel would kill a process when the node is full.
 */
int nnvme_node_begin(int node, struct nnvme_node_policy *old, struct nnvme_err *err);
void nnvme_node_end(int node, const struct nnvme_node_policy *old);

/*
 * Before @len bytes at @va are touched: their pages come from that node while it has any. Those
 * that are there all the same are moved.
 */
int nnvme_node_prefer(int node, void *va, size_t len, struct nnvme_err *err);

/* Do all pages, of @page_size bytes, lie on it? -ENOMEM: no. */
int nnvme_node_verify(int node, const void *va, size_t len, size_t page_size,
		      struct nnvme_err *err);

#endif
