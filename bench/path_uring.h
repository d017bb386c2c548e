/* SPDX-License-Identifier: MIT */
#ifndef NNVME_BENCH_PATH_URING_H
#define NNVME_BENCH_PATH_URING_H

/* A path over io_uring: what its kinds share. */

#include <liburing.h>

#include "path_private.h"

struct uring_path {
	struct bench_path path;
	struct io_uring ring;
	bool has_ring;
	int fd;
	uint32_t nsid;			/* passthrough */
	unsigned block_shift;
	size_t mapped;			/* bytes at path.buffers */
	uint32_t expect[BENCH_MAX_DEPTH];	/* by slot: the result of a successful completion */

	/*
	 * Fill the entry for an I/O, except user_data; returns the result of a successful
	 * completion.
	 */
	uint32_t (*prepare)(struct uring_path *p, struct io_uring_sqe *sqe,
			    const struct bench_io *io);
	/* The positive errno for a result that was not expected. */
	int (*error_of)(int32_t result);
};

/* path_passthrough.c: the commands of kind PASSTHROUGH, with the node open. */
int bench_passthrough_open(struct uring_path *p, const char *node, struct nnvme_err *err);

/* Does the kernel accept these commands at all: one read. */
int bench_passthrough_try(struct uring_path *p, const char *node, struct nnvme_err *err);

#endif
