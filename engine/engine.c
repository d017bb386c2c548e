// SPDX-License-Identifier: GPL-2.0-only
/*
 * The path of an I/O: queue writes a submission queue entry, commit rings the doorbell, getevents
 * polls, event returns one completion.
 */

#include <string.h>

#include "engine.h"

/* Commits that one doorbell write may cover. */
#define NNVME_FIO_BATCH 32

/* What a library call that submits returned, in fio's terms. */
static enum fio_q_status nnvme_fio_queued(struct thread_data *td, struct io_u *io_u, int rc)
{
	if (!rc)
		return FIO_Q_QUEUED;
	return rc == -EAGAIN ? FIO_Q_BUSY : nnvme_fio_refuse(td, io_u, -rc);
}

/* An NVMe read is 2 and a write 1; fio counts from 0. */
static uint8_t nnvme_fio_opcode(enum fio_ddir ddir)
{
	_Static_assert(NNVME_OP_READ - DDIR_READ == 2 &&
		       NNVME_OP_READ - DDIR_WRITE == NNVME_OP_WRITE, "opcodes and directions run "
		       "against each other");
	return (uint8_t)(NNVME_OP_READ - (unsigned int)ddir);
}

/*
 * Anything but an ordinary read or write; not inline, or those would have to save registers for it.
 */
static __attribute__((noinline)) enum fio_q_status nnvme_fio_queue_any(struct thread_data *td,
								       struct io_u *io_u)
{
	const struct nnvme_fio_file *file = FILE_ENG_DATA(io_u->file);
	const struct nnvme_ns *ns = file->ns;
	unsigned long long mask = (1ULL << ns->block_shift) - 1;
	unsigned long long lba = io_u->offset >> ns->block_shift;
	unsigned long long blocks = io_u->xfer_buflen >> ns->block_shift;

	if (file->dead)
		return nnvme_fio_refuse(td, io_u, file->dead);
	if (ddir_sync(io_u->ddir))
		return nnvme_fio_queued(td, io_u, nnvme_flush(file->qp, ns, io_u));
	if ((io_u->offset | io_u->xfer_buflen) & mask)
		return nnvme_fio_refuse(td, io_u, EDOM);
	if (io_u->ddir == DDIR_TRIM)
		return nnvme_fio_queued(td, io_u,
					nnvme_deallocate(file->qp, ns, lba, blocks, io_u));
	if (!ddir_rw(io_u->ddir))
		return nnvme_fio_refuse(td, io_u, EOPNOTSUPP);
	return nnvme_fio_queued(td, io_u, nnvme_rw_flags(file->qp, ns, nnvme_fio_opcode(io_u->ddir),
							 io_u->xfer_buf, lba, (uint32_t)blocks,
							 io_u->ddir == DDIR_WRITE ?
							 file->write_flags : 0,
							 io_u));
}

static enum fio_q_status nnvme_fio_queue(struct thread_data *td, struct io_u *io_u)
{
	const struct nnvme_fio_file *file = FILE_ENG_DATA(io_u->file);
	unsigned long long offset = io_u->offset, len = io_u->xfer_buflen;
	unsigned int shift = file->block_shift;

	if (fio_unlikely(io_u->ddir > DDIR_WRITE || (offset | len) & file->block_mask) ||
	    fio_unlikely(!nnvme_rw_fast(file->qp, file->ns, nnvme_fio_opcode(io_u->ddir),
					io_u->xfer_buf, offset >> shift, (uint32_t)(len >> shift),
					io_u)))
		return nnvme_fio_queue_any(td, io_u);
	return FIO_Q_QUEUED;
}

/* Several files are the rare case. */
static __attribute__((noinline)) void nnvme_fio_ring_all(struct nnvme_fio_job *job)
{
	for (unsigned int i = 0; i < job->files; i++)
		nnvme_ring(job->file[i]->qp);
}

static void nnvme_fio_ring(struct nnvme_fio_job *job)
{
	job->hold = NNVME_FIO_BATCH;
	if (fio_likely(job->only != NULL))
		nnvme_ring(job->only);
	else
		nnvme_fio_ring_all(job);
}

/*
 * fio commits after every queue by default. While completions already found wait for fio, it
 * fetches them before it does anything else, and probably queues a new I/O for each. So these can
 * go out with one doorbell write: when the last completion has been fetched, or when a batch is
 * full.
 */
static int nnvme_fio_commit(struct thread_data *td)
{
	struct nnvme_fio_job *job = td->io_ops_data;

	if (job->taken == job->found || !--job->hold)
		nnvme_fio_ring(job);
	return 0;
}

/*
 * Poll the job's queue pairs once, starting with another one each time. Takes all completions,
 * though fio asks for one at a time by default, so that one CQ doorbell write covers them.
 */
static void nnvme_fio_poll(struct nnvme_fio_job *job)
{
	unsigned int at = job->next;

	if (fio_likely(job->only && !job->dead)) {
		job->found += nnvme_poll(job->only, &job->done[job->found],
					 job->max_found - job->found);
		return;
	}
	for (unsigned int i = 0; i < job->files; i++) {
		struct nnvme_fio_file *file = job->file[at];

		if (fio_likely(!file->dead))
			job->found += nnvme_poll(file->qp, &job->done[job->found],
						 job->max_found - job->found);
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
	job->shown = &job->done[job->taken];
	job->taken += n;
	return (int)n;
}

/*
 * Count at most a second per round: if this thread was stopped, or the machine suspended, that is
 * not the controller's fault.
 */
static bool nnvme_fio_timed_out(struct nnvme_fio_job *job)
{
	struct nnvme_fio_idle *idle = &job->idle;
	struct timespec now;
	uint64_t ns = 0;

	if (!job->timeout_ns)
		return false;
	clock_gettime(CLOCK_MONOTONIC, &now);
	if (idle->seen.tv_sec)
		ns = ntime_since(&idle->seen, &now);
	idle->seen = now;
	idle->ns += ns < 1000000000 ? ns : 1000000000;
	return idle->ns >= job->timeout_ns;
}

/*
 * With a dead file: true if there is no point in waiting on. While other files of the job are alive
 * there is one: fio takes a wait that ends with nothing for the end of a successful job.
 */
static bool nnvme_fio_lost(struct thread_data *td)
{
	struct nnvme_fio_job *job = td->io_ops_data;
	bool alive = false;

	/* those already found still count as in flight: the rest is given up next time */
	if (!job->found)
		nnvme_fio_give_up(td);
	for (unsigned int i = 0; i < job->files; i++)
		alive = alive || !job->file[i]->dead;
	return job->found || !alive;
}

/* Nothing came for a while: true if waiting is to end. */
static bool nnvme_fio_tired(struct thread_data *td, const struct timespec *wait,
			    struct timespec *end)
{
	struct nnvme_fio_job *job = td->io_ops_data;

	if (nnvme_fio_timed_out(job))
		nnvme_fio_time_out(td);
	if (nnvme_fio_look(job) && nnvme_fio_lost(td))
		return true;
	if (!wait)
		return false;
	if (end->tv_sec)
		return nnvme_fio_over(end);
	*end = nnvme_fio_end(wait);
	return false;
}

static inline bool nnvme_fio_any_ready(const struct nnvme_fio_job *job)
{
	for (unsigned int i = 0; i < job->files; i++)
		if (!job->file[i]->dead && nnvme_ready(job->file[i]->qp))
			return true;
	return false;
}

/*
 * Wait until there is something to poll; false if that was given up. Not inlined, so that profilers
 * can tell waiting from I/O.
 */
static __attribute__((noinline)) bool nnvme_fio_wait(struct thread_data *td,
						     const struct timespec *wait)
{
	struct nnvme_fio_job *job = td->io_ops_data;
	struct timespec end = {0};

	for (unsigned int round = 0; !nnvme_fio_any_ready(job); round++) {
		if (fio_likely(round < job->patience && !job->dead))
			continue;
		if (job->sleep && !job->dead && nnvme_fio_sleep(job, wait))
			break;
		if (nnvme_fio_tired(td, wait, &end))
			return false;
		round = 0;
	}
	job->idle = (struct nnvme_fio_idle){0};
	return true;
}

/* fio has fetched all that was found: look for more, until there are @min. */
static __attribute__((noinline)) int nnvme_fio_fetch(struct thread_data *td, unsigned int min,
						     unsigned int max, const struct timespec *wait)
{
	struct nnvme_fio_job *job = td->io_ops_data;
	unsigned int left = job->found - job->taken;

	if (fio_unlikely(left))
		memmove(job->done, &job->done[job->taken], left * sizeof(*job->done));
	job->taken = 0;
	job->found = left;
	nnvme_fio_ring(job);
	do {
		if (min && !nnvme_fio_wait(td, wait))
			break;
		nnvme_fio_poll(job);
	} while (job->found < min);
	return nnvme_fio_show(job, max);
}

/*
 * The same for a single queue pair when fio has fetched everything and wants more: no loop if one
 * look is enough, and nothing to ring, because fio commits just before it asks (fio's ioengines.c).
 */
static __attribute__((noinline)) int nnvme_fio_fetch_only(struct thread_data *td, unsigned int min,
							  unsigned int max,
							  const struct timespec *wait)
{
	struct nnvme_fio_job *job = td->io_ops_data;

	if (!nnvme_fio_wait(td, wait))
		return 0;
	job->shown = job->done;
	job->taken = 0;
	job->found = nnvme_poll(job->only, job->done, job->max_found);
	if (fio_unlikely(job->found < min))
		return nnvme_fio_fetch(td, min, max, wait);
	job->taken = job->found < max ? job->found : max;
	return (int)job->taken;
}

static int nnvme_fio_getevents(struct thread_data *td, unsigned int min, unsigned int max,
			       const struct timespec *wait)
{
	struct nnvme_fio_job *job = td->io_ops_data;
	unsigned int left = job->found - job->taken;

	if (left && left >= min)
		return nnvme_fio_show(job, max);
	if (fio_likely(job->only && min && !left && !job->dead))
		return nnvme_fio_fetch_only(td, min, max, wait);
	return nnvme_fio_fetch(td, min, max, wait);
}

static __attribute__((noinline)) struct io_u *
nnvme_fio_event_failed(struct thread_data *td, const struct nnvme_completion *done)
{
	nnvme_fio_failed(td, done->tag, done->status);
	return done->tag;
}

static struct io_u *nnvme_fio_event(struct thread_data *td, int event)
{
	const struct nnvme_fio_job *job = td->io_ops_data;
	const struct nnvme_completion *done = &job->shown[event];

	if (fio_unlikely(done->status))
		return nnvme_fio_event_failed(td, done);
	return done->tag;
}

/* Files are open from setup to cleanup. */
static int nnvme_fio_open_file(struct thread_data *td, struct fio_file *f)
{
	if (FILE_ENG_DATA(f))
		return 0;
	log_err(NNVME_FIO_PREFIX "%s was not known when the job started\n", f->file_name);
	td_verror(td, ENODEV, "open");
	return 1;
}

static int nnvme_fio_close_file(struct thread_data *td, struct fio_file *f)
{
	return 0;
}

/* There is no cache to invalidate. */
static int nnvme_fio_invalidate(struct thread_data *td, struct fio_file *f)
{
	return 0;
}

/*
 * Since fio 3.38 errdetails gets the thread as well (ioengines.h). Chosen by the type that this fio
 * declares; a third type would not compile.
 */
#define NNVME_FIO_ERRDETAILS						\
	_Generic(((struct ioengine_ops *)NULL)->errdetails,		\
		 char *(*)(struct io_u *): nnvme_fio_errdetails,	\
		 char *(*)(struct thread_data *, struct io_u *): nnvme_fio_errdetails_td)

/*
 * The only exported symbol. fio finds it under this name with --ioengine=libnoiommu_nvme and with
 * --ioengine=external:PATH, and writes to it.
 */
__attribute__((visibility("default"))) struct ioengine_ops ioengine = {
	.name = "libnoiommu_nvme",
	.version = FIO_IOOPS_VERSION,
	/* FIO_NO_OFFLOAD: fio's submission threads would share a queue pair */
	.flags = FIO_RAWIO | FIO_DISKLESSIO | FIO_NOEXTEND | FIO_NODISKUTIL | FIO_NO_OFFLOAD,
	.setup = nnvme_fio_setup,
	.init = nnvme_fio_init,
	.queue = nnvme_fio_queue,
	.commit = nnvme_fio_commit,
	.getevents = nnvme_fio_getevents,
	.event = nnvme_fio_event,
	.errdetails = NNVME_FIO_ERRDETAILS,
	.cleanup = nnvme_fio_cleanup,
	.open_file = nnvme_fio_open_file,
	.close_file = nnvme_fio_close_file,
	.invalidate = nnvme_fio_invalidate,
	.iomem_alloc = nnvme_fio_iomem_alloc,
	.iomem_free = nnvme_fio_iomem_free,
	.option_struct_size = sizeof(struct nnvme_fio_options),
	.options = nnvme_fio_option_list,
};

/*
 * fio 3.41 and 3.42 have the same FIO_IOOPS_VERSION but lay out what engines see differently. This
 * runs when the module is loaded, before fio looks at the table: if the engine was built for
 * another release, it gets a version that no fio accepts.
 */
__attribute__((constructor)) static void nnvme_fio_check_release(void)
{
	if (!strcmp(fio_version_string, NNVME_FIO_RELEASE))
		return;
	log_err(NNVME_FIO_PREFIX "made for %s, and this is %s: what the two share may differ; "
		"build the engine with -Dfio_source= of this one\n", NNVME_FIO_RELEASE,
		fio_version_string);
	ioengine.version = -1;
}
