// SPDX-License-Identifier: GPL-2.0-only
/*
 * The path of an I/O: queue writes a submission queue entry, commit rings the doorbell, getevents polls,
 * event translates.
 */

#include <string.h>

#include "engine.h"

/* Empty rounds of polling between two looks at the controller: tens of milliseconds. */
#define NNVME_FIO_PATIENCE (1u << 20)

/* Commits that one doorbell may stand for. */
#define NNVME_FIO_BATCH 32

/* What a library call that submits returned, in fio's terms. */
static enum fio_q_status nnvme_fio_queued(struct thread_data *td, struct io_u *io_u, int rc)
{
	if (fio_likely(!rc))
		return FIO_Q_QUEUED;
	return rc == -EAGAIN ? FIO_Q_BUSY : nnvme_fio_refuse(td, io_u, -rc);
}

/* All that is no read or write of whole blocks on a living controller. */
static __attribute__((noinline)) enum fio_q_status nnvme_fio_queue_other(struct thread_data *td,
									 struct io_u *io_u)
{
	const struct nnvme_fio_file *file = FILE_ENG_DATA(io_u->file);
	const struct nnvme_ns *ns = file->ns;
	unsigned long long mask = (1ULL << ns->block_shift) - 1;

	if (file->dead)
		return nnvme_fio_refuse(td, io_u, ENODEV);
	if (ddir_sync(io_u->ddir))
		return nnvme_fio_queued(td, io_u, nnvme_flush(file->qp, ns, io_u));
	if ((io_u->offset | io_u->xfer_buflen) & mask)
		return nnvme_fio_refuse(td, io_u, EDOM);
	if (io_u->ddir != DDIR_TRIM)
		return nnvme_fio_refuse(td, io_u, EOPNOTSUPP);
	return nnvme_fio_queued(td, io_u,
				nnvme_deallocate(file->qp, ns, io_u->offset >> ns->block_shift,
						 io_u->xfer_buflen >> ns->block_shift, io_u));
}

static enum fio_q_status nnvme_fio_queue(struct thread_data *td, struct io_u *io_u)
{
	const struct nnvme_fio_file *file = FILE_ENG_DATA(io_u->file);
	const struct nnvme_ns *ns = file->ns;
	unsigned long long offset = io_u->offset, len = io_u->xfer_buflen;
	uint8_t opcode = io_u->ddir == DDIR_READ ? NNVME_OP_READ : NNVME_OP_WRITE;

	if (fio_unlikely(io_u->ddir > DDIR_WRITE || file->dead ||
			 (offset | len) & ((1u << ns->block_shift) - 1)))
		return nnvme_fio_queue_other(td, io_u);
	return nnvme_fio_queued(td, io_u,
				nnvme_rw(file->qp, ns, opcode, io_u->xfer_buf,
					 offset >> ns->block_shift,
					 (uint32_t)(len >> ns->block_shift), io_u));
}

static void nnvme_fio_ring(struct nnvme_fio_job *job)
{
	for (unsigned int i = 0; i < job->files; i++)
		nnvme_ring(job->file[i]->qp);
	job->held = 0;
}

/*
 * fio commits after every queue by default. While completions that were found wait for fio, it comes
 * back for them before it does anything else, and is likely to queue one more for each: they can go out
 * under one doorbell, when the last has been fetched or a batch is full.
 */
static int nnvme_fio_commit(struct thread_data *td)
{
	struct nnvme_fio_job *job = td->io_ops_data;

	if (job->taken == job->found || ++job->held >= NNVME_FIO_BATCH)
		nnvme_fio_ring(job);
	return 0;
}

/*
 * One round over the job's queue pairs, beginning with another one each time. It takes all that is there,
 * though fio asks for one at a time by default: one doorbell then says so to the controller.
 */
static void nnvme_fio_poll(struct nnvme_fio_job *job)
{
	unsigned int at = job->next;

	for (unsigned int i = 0; i < job->files; i++) {
		struct nnvme_fio_file *file = job->file[at];

		if (fio_likely(!file->dead))
			job->found += nnvme_poll(file->qp, &job->done[job->found],
						 job->room - job->found);
		if (++at == job->files)
			at = 0;
	}
	if (++job->next == job->files)
		job->next = 0;
}

static bool nnvme_fio_over(const struct timespec *end)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return now.tv_sec > end->tv_sec ||
	       (now.tv_sec == end->tv_sec && now.tv_nsec >= end->tv_nsec);
}

static struct timespec nnvme_fio_end(const struct timespec *wait)
{
	struct timespec end;

	clock_gettime(CLOCK_MONOTONIC, &end);
	end.tv_sec += wait->tv_sec;
	end.tv_nsec += wait->tv_nsec;
	if (end.tv_nsec >= 1000000000) {
		end.tv_nsec -= 1000000000;
		end.tv_sec++;
	}
	return end;
}

/* Hand out at most @max of what was found; event() fetches them one by one. */
static int nnvme_fio_show(struct nnvme_fio_job *job, unsigned int max)
{
	unsigned int n = job->found - job->taken;

	if (n > max)
		n = max;
	job->shown = job->taken;
	job->taken += n;
	return (int)n;
}

/* Nothing came for a while: true when that is to be the end of waiting. */
static bool nnvme_fio_tired(struct thread_data *td, const struct timespec *wait,
			    struct timespec *end)
{
	struct nnvme_fio_job *job = td->io_ops_data;

	if (nnvme_fio_look(job)) {
		/* those found are still marked as in flight: the rest is given up next time */
		if (!job->found)
			nnvme_fio_give_up(td);
		return true;
	}
	if (!wait)
		return false;
	if (end->tv_sec)
		return nnvme_fio_over(end);
	*end = nnvme_fio_end(wait);
	return false;
}

static int nnvme_fio_getevents(struct thread_data *td, unsigned int min, unsigned int max,
			       const struct timespec *wait)
{
	struct nnvme_fio_job *job = td->io_ops_data;
	unsigned int left = job->found - job->taken, idle = 0;
	struct timespec end = {0};

	if (left && left >= min)
		return nnvme_fio_show(job, max);
	if (fio_unlikely(left))
		memmove(job->done, &job->done[job->taken], left * sizeof(*job->done));
	job->taken = 0;
	job->found = left;
	nnvme_fio_ring(job);
	for (;;) {
		nnvme_fio_poll(job);
		if (fio_likely(job->found >= min))
			break;
		if (fio_likely(++idle < NNVME_FIO_PATIENCE && !job->dead))
			continue;
		if (nnvme_fio_tired(td, wait, &end))
			break;
		idle = 0;
	}
	return nnvme_fio_show(job, max);
}

static struct io_u *nnvme_fio_event(struct thread_data *td, int event)
{
	const struct nnvme_fio_job *job = td->io_ops_data;
	const struct nnvme_completion *done = &job->done[job->shown + (unsigned int)event];

	if (fio_unlikely(done->status))
		nnvme_fio_failed(td, done->tag, done->status);
	return done->tag;
}

/* A file is open from setup to cleanup. */
static int nnvme_fio_open_file(struct thread_data *td, struct fio_file *f)
{
	if (FILE_ENG_DATA(f))
		return 0;
	log_err(NNVME_FIO_SAYS "%s was not known when the job started\n", f->file_name);
	td_verror(td, ENODEV, "open");
	return 1;
}

static int nnvme_fio_close_file(struct thread_data *td, struct fio_file *f)
{
	return 0;
}

/* Nothing is cached on the way to the device. */
static int nnvme_fio_invalidate(struct thread_data *td, struct fio_file *f)
{
	return 0;
}

/*
 * The one symbol that the module exports. fio finds it under this name both as
 * --ioengine=libnoiommu_nvme and as --ioengine=external:PATH, and writes into it.
 */
__attribute__((visibility("default"))) struct ioengine_ops ioengine = {
	.name = "libnoiommu_nvme",
	.version = FIO_IOOPS_VERSION,
	/* fio's submission threads would share a queue pair: FIO_NO_OFFLOAD makes it say so */
	.flags = FIO_RAWIO | FIO_DISKLESSIO | FIO_NOEXTEND | FIO_NODISKUTIL | FIO_NO_OFFLOAD,
	.setup = nnvme_fio_setup,
	.init = nnvme_fio_init,
	.queue = nnvme_fio_queue,
	.commit = nnvme_fio_commit,
	.getevents = nnvme_fio_getevents,
	.event = nnvme_fio_event,
	.errdetails = nnvme_fio_errdetails,
	.cleanup = nnvme_fio_cleanup,
	.open_file = nnvme_fio_open_file,
	.close_file = nnvme_fio_close_file,
	.invalidate = nnvme_fio_invalidate,
	.iomem_alloc = nnvme_fio_iomem_alloc,
	.iomem_free = nnvme_fio_iomem_free,
	.option_struct_size = sizeof(struct nnvme_fio_options),
	.options = nnvme_fio_option_list,
};
