// SPDX-License-Identifier: MIT
/*
 * The kernel's driver through io_uring, used as well as possible: submit() only writes the entries
 * of a batch; one io_uring_enter() in reap() submits them and waits for the first completion. The
 * kernel may merge neighbours in a batch into one command, as for any program: sequential I/Os
 * smaller than a command can outnumber the device's commands, and fail together.
 */
#include "path_uring.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/mman.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#define HUGE ((size_t)2 << 20)

static uint32_t prepare_plain(struct uring_path *p, struct io_uring_sqe *sqe,
			      const struct bench_io *io)
{
	io_uring_prep_rw(io->write ? IORING_OP_WRITE : IORING_OP_READ, sqe, p->fd,
			 p->path.buffers + io->slot * p->path.stride, io->bytes, io->offset);
	return io->bytes;
}

/* The only registered file is number 0, and slot n has registered buffer n. */
static uint32_t prepare_registered(struct uring_path *p, struct io_uring_sqe *sqe,
				   const struct bench_io *io)
{
	io_uring_prep_rw(io->write ? IORING_OP_WRITE_FIXED : IORING_OP_READ_FIXED, sqe, 0,
			 p->path.buffers + io->slot * p->path.stride, io->bytes, io->offset);
	sqe->flags = IOSQE_FIXED_FILE;
	sqe->buf_index = (uint16_t)io->slot;
	return io->bytes;
}

/* A short result is a failure too: an aligned I/O inside the device is never partial. */
static int error_of_rw(int32_t result)
{
	return result < 0 ? -result : EIO;
}

static int uring_submit(struct bench_path *path, const struct bench_io *ios, unsigned count)
{
	struct uring_path *p = (struct uring_path *)path;

	for (unsigned i = 0; i < count; i++) {
		struct io_uring_sqe *sqe = io_uring_get_sqe(&p->ring);

		if (!sqe)
			return -EAGAIN;	/* more in flight than the ring is made for */
		p->expect[ios[i].slot] = p->prepare(p, sqe, &ios[i]);
		sqe->user_data = ios[i].slot;
	}
	return 0;
}

static int uring_reap(struct bench_path *path, struct bench_done *done, unsigned max)
{
	struct uring_path *p = (struct uring_path *)path;
	struct io_uring_cqe *cqe;
	unsigned head, n = 0;
	int ret;

	/*
	 * Completions already there are taken without a system call, unless there is something to
	 * submit.
	 */
	if (io_uring_sq_ready(&p->ring) || !io_uring_cq_ready(&p->ring)) {
		ret = io_uring_submit_and_wait(&p->ring, 1);
		if (ret < 0 && ret != -EINTR)
			return ret;
	}
	io_uring_for_each_cqe(&p->ring, head, cqe) {
		if (n == max)
			break;
		if (cqe->user_data >= path->shape.depth)
			return -EPROTO;
		done[n].slot = (uint32_t)cqe->user_data;
		done[n].error = cqe->res == (int32_t)p->expect[cqe->user_data] ? 0 :
				p->error_of(cqe->res);
		n++;
	}
	io_uring_cq_advance(&p->ring, n);
	return (int)n;
}

static void uring_close(struct bench_path *path)
{
	struct uring_path *p = (struct uring_path *)path;

	/* I/Os in flight keep their pages pinned: they may end after they are unmapped */
	if (p->has_ring) {
		io_uring_unregister_files(&p->ring);	/* else a work queue does it later */
		io_uring_queue_exit(&p->ring);
	}
	if (p->fd >= 0)
		close(p->fd);
	if (path->buffers)
		munmap(path->buffers, p->mapped);
	free(p);
}

static const struct bench_path_ops uring_ops = {
	.submit = uring_submit, .reap = uring_reap, .close = uring_close,
};

static int map_buffers(struct uring_path *p, struct nnvme_err *err)
{
	bool huge = !p->path.shape.ordinary_pages;
	size_t len = p->path.stride * p->path.shape.depth;
	void *va;

	if (huge)
		len = (len + HUGE - 1) / HUGE * HUGE;
	va = mmap(NULL, len, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_POPULATE |
		  (huge ? MAP_HUGETLB | MAP_HUGE_2MB : 0), -1, 0);
	if (va == MAP_FAILED && huge)
		return nnvme_fail(err, -ENOMEM, "io_uring's buffers need %zu free "
				  "huge pages of 2 MiB: write that many more to "
				  "/proc/sys/vm/nr_hugepages", len / HUGE);
	if (va == MAP_FAILED)
		return nnvme_fail(err, -ENOMEM, "io_uring's buffers: no %zu bytes of memory", len);
	p->path.buffers = va;
	p->mapped = len;
	if (p->path.shape.writes)
		bench_path_fill(&p->path);
	return 0;
}

/*
 * One thread submits and reaps, so completions may wait until it asks (SINGLE_ISSUER and
 * DEFER_TASKRUN, Linux 6.1) or at least need not interrupt it (COOP_TASKRUN, 5.19): the best that
 * the kernel knows.
 */
static int make_ring(struct uring_path *p, unsigned flags, struct nnvme_err *err)
{
	static const unsigned manners[] = {
		IORING_SETUP_SINGLE_ISSUER | IORING_SETUP_DEFER_TASKRUN, IORING_SETUP_COOP_TASKRUN,
		0,
	};
	int ret = -EINVAL;

	for (unsigned i = 0; i < 3 && ret == -EINVAL; i++)
		ret = io_uring_queue_init(p->path.shape.depth, &p->ring, flags | manners[i]);
	p->has_ring = !ret;
	switch (ret) {
	case 0:
		return 0;
	case -ENOSYS:
		return nnvme_fail(err, -EOPNOTSUPP, "this kernel has no io_uring "
				  "(CONFIG_IO_URING)");
	case -EPERM:
		return nnvme_fail(err, -EOPNOTSUPP, "io_uring is not allowed here: see "
				  "/proc/sys/kernel/io_uring_disabled, and the seccomp filter "
				  "of a container");
	case -EINVAL:
		return nnvme_fail(err, -EOPNOTSUPP, "this kernel's io_uring lacks a flag of %#x "
				  "that this kind needs: passthrough came with Linux 5.19", flags);
	default:
		return nnvme_fail(err, ret, "io_uring_setup for "
				  "%u entries: %s", p->path.shape.depth, strerror(-ret));
	}
}

static int register_all(struct uring_path *p, struct nnvme_err *err)
{
	struct iovec *iov = calloc(p->path.shape.depth, sizeof(*iov));
	int ret;

	if (!iov)
		return nnvme_fail(err, -ENOMEM, "no memory");
	for (unsigned i = 0; i < p->path.shape.depth; i++)
		iov[i] = (struct iovec){ p->path.buffers + i * p->path.stride, p->path.stride };
	ret = io_uring_register_buffers(&p->ring, iov, p->path.shape.depth);
	free(iov);
	if (ret)
		return nnvme_fail(err, ret, "registering %u buffers of %zu bytes with io_uring: "
				  "%s%s", p->path.shape.depth, p->path.stride, strerror(-ret),
				  ret == -ENOMEM ? ": raise RLIMIT_MEMLOCK (ulimit -l)" : "");
	ret = io_uring_register_files(&p->ring, &p->fd, 1);
	if (ret)
		return nnvme_fail(err, ret, "registering a file with io_uring: %s", strerror(-ret));
	/* saves looking up the ring itself; since Linux 5.18, optional */
	io_uring_register_ring_fd(&p->ring);
	return 0;
}

/* Before anything is opened: what the node can't do. */
static int fits_node(struct uring_path *p, const char *node, enum bench_uring kind,
		     const struct bench_node *facts, struct nnvme_err *err)
{
	bool generic = kind == BENCH_URING_PASSTHROUGH;

	if (kind >= BENCH_URING_POLLED && !facts->polls)
		return nnvme_fail(err, -EOPNOTSUPP, "%s has no poll queues: boot with "
				  "nvme.poll_queues=2, or give the nvme module that option "
				  "(poll_queues=2) and load it again", node);
	if (generic && facts->is_disk)
		return nnvme_fail(err, -EINVAL, "%s is a block device: passthrough needs the "
				  "generic device, /dev/ng0n1 for /dev/nvme0n1", node);
	if (generic && facts->max_transfer && p->path.shape.bytes > facts->max_transfer)
		return nnvme_fail(err, -EOPNOTSUPP, "%s takes %u bytes "
				  "in a command, and passthrough does "
				  "not split %u", node, facts->max_transfer, p->path.shape.bytes);
	if (facts->bytes < p->path.shape.bytes || p->path.shape.bytes % facts->block)
		return nnvme_fail(err, -EOPNOTSUPP, "%s has %llu bytes in blocks of %u: "
				  "no I/Os of %u", node, (unsigned long long)facts->bytes,
				  facts->block, p->path.shape.bytes);
	return 0;
}

static int open_node(struct uring_path *p, const char *node, enum bench_uring kind,
		     struct nnvme_err *err)
{
	int flags = O_CLOEXEC | (p->path.shape.writes ? O_RDWR : O_RDONLY);
	struct bench_node facts;
	int ret = bench_node_look(node, &facts, err);

	if (!ret)
		ret = fits_node(p, node, kind, &facts, err);
	if (ret)
		return ret;
	p->path.bytes = facts.bytes;
	p->path.block = facts.block;
	/*
	 * the page cache is not involved; O_EXCL fails if it is mounted or held, and keeps it
	 * unmounted
	 */
	if (kind != BENCH_URING_PASSTHROUGH)
		flags |= O_DIRECT;
	if (facts.is_disk)
		flags |= O_EXCL;
	p->fd = open(node, flags);
	if (p->fd < 0)
		return nnvme_fail(err, -errno, "%s: %m%s", node, errno == EBUSY ? ": it is "
				  "mounted or held" : "");
	return 0;
}

static int open_uring(struct uring_path *p, const char *node, enum bench_uring kind,
		      struct nnvme_err *err)
{
	bool generic = kind == BENCH_URING_PASSTHROUGH;
	int ret = open_node(p, node, kind, err);

	if (!ret && generic)
		ret = bench_passthrough_open(p, node, err);
	if (!ret)
		ret = map_buffers(p, err);
	if (!ret)
		ret = make_ring(p, (kind >= BENCH_URING_POLLED ? IORING_SETUP_IOPOLL : 0) |
				(generic ? IORING_SETUP_SQE128 | IORING_SETUP_CQE32 : 0), err);
	if (!ret && kind != BENCH_URING_PLAIN)
		ret = register_all(p, err);
	if (!ret && generic)
		ret = bench_passthrough_try(p, node, err);
	return ret;
}

int bench_path_uring(const char *node, enum bench_uring kind, const struct bench_shape *shape,
		     struct bench_path **path, struct nnvme_err *err)
{
	struct uring_path *p = bench_path_new(sizeof(*p), node, &uring_ops, shape, err);
	int ret;

	if (!p)
		return err->code;
	p->path.spins = kind >= BENCH_URING_POLLED;
	p->fd = -1;
	p->prepare = kind == BENCH_URING_PLAIN ? prepare_plain : prepare_registered;
	p->error_of = error_of_rw;
	ret = open_uring(p, node, kind, err);
	if (ret)
		uring_close(&p->path);
	else
		*path = &p->path;
	return ret;
}
