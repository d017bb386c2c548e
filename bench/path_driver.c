// SPDX-License-Identifier: MIT
/* This driver, through its public interface alone. */
#include "path_private.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "noiommu_nvme/batch.h"
#include "noiommu_nvme/ctrl.h"
#include "noiommu_nvme/stats.h"
#include "noiommu_nvme/wait.h"

#define CHECK_EVERY (1u << 20)	/* empty reaps between two checks that the controller is alive */
#define SLEEP_MS 1000		/* longest sleep: a signal may have come before it began */

struct driver_path {
	struct bench_path path;
	struct nnvme_ctrl *ctrl;
	const struct nnvme_ns *ns;
	struct nnvme_qpair *qp;
	uint64_t spin_ns;		/* before it sleeps; unused where path.spins */
	unsigned empty;
	unsigned nr_refused;		/* by the library: they come back as failed */
	struct bench_done refused[BENCH_MAX_DEPTH];
	struct nnvme_completion done[BENCH_MAX_DEPTH];
};

static int driver_submit(struct bench_path *path, const struct bench_io *ios, unsigned count)
{
	struct driver_path *p = (struct driver_path *)path;
	struct nnvme_batch b = nnvme_batch_begin(p->qp, p->ns);
	unsigned shift = p->ns->block_shift;
	int ret;

	for (unsigned i = 0; i < count; i++) {
		const struct bench_io *io = &ios[i];
		void *buf = path->buffers + io->slot * path->stride,
		     *tag = (void *)(uintptr_t)io->slot;

		if (io->write)
			ret = nnvme_batch_write(&b, buf, io->offset >> shift, io->bytes >> shift,
						tag);
		else
			ret = nnvme_batch_read(&b, buf, io->offset >> shift, io->bytes >> shift,
					       tag);
		if (ret)
			p->refused[p->nr_refused++] = (struct bench_done){ .slot = io->slot,
									   .error = -ret };
	}
	nnvme_batch_end(&b);
	return 0;
}

static int give_refused(struct driver_path *p, struct bench_done *done, unsigned max)
{
	unsigned n = 0;

	while (p->nr_refused && n < max)
		done[n++] = p->refused[--p->nr_refused];
	return (int)n;
}

/* Nothing was there: 1 if there is now, 0 if not yet. */
static int wait_for_more(struct driver_path *p)
{
	int ret;

	if (!p->path.spins) {
		ret = nnvme_wait(p->qp, p->spin_ns, SLEEP_MS);
		return ret == -EINTR ? 0 : ret;
	}
	if (++p->empty % CHECK_EVERY)
		return 0;
	return nnvme_ctrl_check(p->ctrl, NULL);
}

static int driver_reap(struct bench_path *path, struct bench_done *done, unsigned max)
{
	struct driver_path *p = (struct driver_path *)path;
	unsigned n = nnvme_poll(p->qp, p->done, max);
	int ret;

	if (!n) {
		if (p->nr_refused)
			return give_refused(p, done, max);
		ret = wait_for_more(p);
		if (ret <= 0)
			return ret;
		n = nnvme_poll(p->qp, p->done, max);
	}
	for (unsigned i = 0; i < n; i++) {
		done[i].slot = (uint32_t)(uintptr_t)p->done[i].tag;
		done[i].error = p->done[i].status ? nnvme_status_errno(p->done[i].status) : 0;
	}
	return (int)n;
}

static void driver_count(struct bench_path *path)
{
	struct nnvme_qpair_stats stats = { .size = sizeof(stats) };

	nnvme_qpair_stats(((struct driver_path *)path)->qp, &stats);
	path->sq_rings = stats.sq_doorbells;
	path->cq_rings = stats.cq_doorbells;
}

static void driver_close(struct bench_path *path)
{
	struct driver_path *p = (struct driver_path *)path;
	struct nnvme_ctrl_info info = { .size = sizeof(info) };

	/* Closing the controller frees the queue pair and the buffers. */
	if (nnvme_ctrl_close(p->ctrl)) {
		nnvme_ctrl_info(p->ctrl, &info);
		fprintf(stderr, "%s could not be stopped; the kernel resets it when this program "
			"ends\n", info.bdf);
	}
	free(p);
}

static const struct bench_path_ops driver_ops = {
	.submit = driver_submit, .reap = driver_reap, .count = driver_count, .close = driver_close,
};

/* A queue pair with space for every command that the I/Os in flight are split into. */
static int make_queue(struct driver_path *p, const char *bdf, struct nnvme_err *err)
{
	const struct bench_shape *shape = &p->path.shape;
	struct nnvme_ns_info ns = { .size = sizeof(ns) };
	struct nnvme_ctrl_info info = { .size = sizeof(info) };
	uint64_t per_command, commands;

	nnvme_ctrl_info(p->ctrl, &info);
	nnvme_ns_info(p->ns, &ns);
	per_command = (uint64_t)ns.max_blocks * ns.block_size;
	commands = shape->depth * ((shape->bytes + per_command - 1) / per_command);
	if (commands > info.max_depth)
		return nnvme_fail(err, -EOPNOTSUPP, "%s: %u I/Os of %u bytes are %llu "
				  "commands in flight, and a queue of it takes %u: use "
				  "a smaller depth", bdf, shape->depth, shape->bytes,
				  (unsigned long long)commands, info.max_depth);
	return nnvme_qpair_create(p->ctrl, (unsigned)commands, &p->qp, err);
}

/* It must be the namespace of the kernel's rows: another would not compare. */
static int choose_namespace(struct driver_path *p, const char *bdf, uint32_t nsid,
			    struct nnvme_err *err)
{
	struct nnvme_err why = { 0 };

	p->ns = nsid ? nnvme_ns_get(p->ctrl, nsid, &why) : nnvme_ns_next(p->ctrl, 0);
	if (p->ns)
		return 0;
	if (nsid)
		return nnvme_fail(err, -EOPNOTSUPP, "%s: namespace %u, which the kernel's rows "
				  "have: %.300s", bdf, nsid, why.text);
	return nnvme_fail(err, -ENODEV, "%s has no namespace that can be used (noiommu-nvme list "
			  "shows them under the kernel's driver)", bdf);
}

static int open_driver(struct driver_path *p, const char *bdf, enum nnvme_mode mode, uint32_t nsid,
		       struct nnvme_err *err)
{
	struct nnvme_options options = {
		.size = sizeof(options),
		.mode = mode, .qpairs = 1, .interrupts = !p->path.spins,
		.hugepages = p->path.shape.ordinary_pages ? NNVME_HUGEPAGES_OFF :
		NNVME_HUGEPAGES_AUTO,
	};
	int ret = nnvme_ctrl_open(bdf, &options, &p->ctrl, err);

	if (ret)
		return ret;
	ret = choose_namespace(p, bdf, nsid, err);
	if (!ret)
		ret = make_queue(p, bdf, err);
	if (ret)
		return ret;
	p->path.buffers = nnvme_mem_alloc(p->ctrl, p->path.stride * p->path.shape.depth, err);
	if (!p->path.buffers)
		return err ? err->code : -ENOMEM;
	if (p->path.shape.writes)
		bench_path_fill(&p->path);
	p->path.bytes = p->ns->blocks << p->ns->block_shift;
	p->path.block = 1u << p->ns->block_shift;
	return 0;
}

int bench_path_driver(const char *bdf, enum nnvme_mode mode, uint32_t nsid, enum bench_wait wait,
		      const struct bench_shape *shape, struct bench_path **path,
		      struct nnvme_err *err)
{
	struct driver_path *p = bench_path_new(sizeof(*p), bdf, &driver_ops, shape, err);
	int ret;

	if (!p)
		return err->code;
	p->path.spins = wait == BENCH_WAIT_POLL;
	p->path.counts_doorbells = true;
	p->spin_ns = wait == BENCH_WAIT_HYBRID ? NNVME_SPIN_NS : 0;
	ret = open_driver(p, bdf, mode, nsid, err);
	if (ret)
		driver_close(&p->path);
	else
		*path = &p->path;
	return ret;
}
