/* SPDX-License-Identifier: MIT */
#ifndef NNVME_BENCH_PATH_PRIVATE_H
#define NNVME_BENCH_PATH_PRIVATE_H

/* What the implementations of paths share. */

#include "path.h"

/* Buffers begin at a page, so that an I/O of a page's size takes one page on every path. */
#define BENCH_PAGE 4096u

/*
 * Allocate @size bytes that begin with a path; its operations, clock, shape and stride are set, the
 * rest is zero. NULL: no memory, or (-EINVAL) no path of @what can have @shape.
 */
void *bench_path_new(size_t size, const char *what, const struct bench_path_ops *ops,
		     const struct bench_shape *shape, struct nnvme_err *err);

/*
 * Fill all buffers with data that no storage can compress, for writing. Done here, so that no
 * measured time includes it.
 */
void bench_path_fill(struct bench_path *path);

/* What must be known of a device node before I/O to it. */
struct bench_node {
	uint64_t bytes;
	uint32_t block;
	uint32_t max_transfer;	/* bytes of one command; 0: not known */
	bool polls;		/* the driver has queues without interrupts */
	bool is_disk;		/* a block device: not a file, not a generic device */
};

/*
 * A block device, a regular file, or an NVMe generic device (ng0n1), whose namespace's block device
 * has the remaining facts. -errno: it can't be examined; -EINVAL: it is something else.
 */
int bench_node_look(const char *node, struct bench_node *facts, struct nnvme_err *err);

#endif
