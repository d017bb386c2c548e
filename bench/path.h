/* SPDX-License-Identifier: MIT */
#ifndef NNVME_BENCH_PATH_H
#define NNVME_BENCH_PATH_H

/*
 * A path: how I/O gets to one namespace: io_uring in its forms, this driver, a simulated device.
 * The load (load.h) is the same for all of them.
 *
 * Thread rule: a path belongs to the thread that opened it (io_uring's SINGLE_ISSUER requires it).
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "clock.h"
#include "noiommu_nvme/bus.h"
#include "noiommu_nvme/err.h"

struct bench_io {
	uint64_t offset;	/* bytes */
	uint32_t bytes;
	uint32_t slot;		/* 0 to depth - 1: different for all I/Os in flight */
	bool write;
};

struct bench_done {
	uint32_t slot;
	int error;		/* 0, or a positive errno */
};

struct bench_path;
struct bench_path_ops {
	/*
	 * Submit @count I/Os, in one step if the path can; that step may be the next reap(). All
	 * are taken: never more than depth are in flight. -errno ends the run.
	 */
	int (*submit)(struct bench_path *path, const struct bench_io *ios, unsigned count);

	/*
	 * Completed I/Os, up to @max. A path that sleeps waits for at least one, but not beyond a
	 * signal or about a second; a path that spins may return 0 at once. -errno ends the run.
	 */
	int (*reap)(struct bench_path *path, struct bench_done *done, unsigned max);

	/* Bring sq_rings and cq_rings up to date; NULL: they always are. */
	void (*count)(struct bench_path *path);

	void (*close)(struct bench_path *path);
};

#define BENCH_MAX_DEPTH 1024

/* What all paths are opened with. */
struct bench_shape {
	unsigned depth;		/* most I/Os in flight, 1 to BENCH_MAX_DEPTH */
	uint32_t bytes;		/* of the largest I/O */
	bool writes;		/* open for writing */
	bool ordinary_pages;	/* buffers of 4 KiB pages instead of huge ones */
};

/* Implementations embed this first. */
struct bench_path {
	const struct bench_path_ops *ops;
	struct bench_clock *clock;	/* for all times of this path's I/Os */
	struct bench_shape shape;
	uint64_t bytes;			/* the namespace's size */
	uint32_t block;			/* bytes of a logical block */
	bool spins;
	char *buffers;			/* slot n at n * stride; NULL: the path has no data */
	size_t stride;
	uint64_t sq_rings, cq_rings;	/* doorbell writes, if known: counts_doorbells */
	bool counts_doorbells;
};

enum bench_uring {
	BENCH_URING_PLAIN,		/* O_DIRECT through the block device */
	BENCH_URING_REGISTERED,		/* registered buffers and files */
	BENCH_URING_POLLED,		/* registered, IOPOLL: needs poll queues */
	BENCH_URING_PASSTHROUGH,	/* uring_cmd on ng0n1, fixed buffers, polled */
};

/*
 * Both set @err (not NULL) when they fail.
 *
 * @node is the block device, or for passthrough the generic device (/dev/ng0n1). -EOPNOTSUPP names
 * what this kernel, device or configuration lacks.
 */
int bench_path_uring(const char *node, enum bench_uring kind, const struct bench_shape *shape,
		     struct bench_path **path, struct nnvme_err *err);

/*
 * This driver, on namespace @nsid, or for 0 on the first that it can use: always polling, polling
 * for NNVME_SPIN_NS and then sleeping, or sleeping at once.
 */
enum bench_wait { BENCH_WAIT_POLL, BENCH_WAIT_HYBRID, BENCH_WAIT_INTERRUPT };
int bench_path_driver(const char *bdf, enum nnvme_mode mode, uint32_t nsid, enum bench_wait wait,
		      const struct bench_shape *shape, struct bench_path **path,
		      struct nnvme_err *err);

#endif
