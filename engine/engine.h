/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef NNVME_ENGINE_ENGINE_H
#define NNVME_ENGINE_ENGINE_H

/*
 * What the files of the engine share.
 *
 * A job is one of fio's threads. It has its own buffers and a queue pair for each of its files; a
 * file is a namespace. All jobs of the process share the controllers: registry.h.
 */

#include "fio.h"

#include "noiommu_nvme/ctrl.h"
#include "noiommu_nvme/batch.h"

/* Before every line that the engine writes. */
#define NNVME_FIO_PREFIX "libnoiommu_nvme: "

#define fio_likely(x) __builtin_expect(!!(x), 1)

/* How a job waits for completions. */
enum nnvme_fio_wait_mode {
	NNVME_FIO_POLL,
	NNVME_FIO_HYBRID,
	NNVME_FIO_INTERRUPT,
};

/* What a job may set; fio fills it. */
struct nnvme_fio_options {
	void *fio_owns_this;		/* fio keeps the thread_data here while it parses */
	unsigned int nsid;
	unsigned int hugepages;		/* enum nnvme_hugepages */
	unsigned int mode;		/* enum nnvme_mode */
	unsigned int shadow_doorbells;	/* enum nnvme_shadow_doorbells */
	unsigned int wait;		/* enum nnvme_fio_wait_mode */
	unsigned int io_timeout;	/* seconds; 0: none */
};

extern struct fio_option nnvme_fio_option_list[];

/* One file of one job; the file's engine_data. */
struct nnvme_fio_file {
	struct nnvme_qpair *qp;
	const struct nnvme_ns *ns;
	unsigned int block_shift;	/* the namespace's */
	/* bits of an offset or a length that must be 0; all ones where I/O is to go out of line */
	unsigned long long block_mask;
	struct nnvme_ctrl *ctrl;
	uint32_t write_flags;		/* NNVME_FUA for sync=; then the mask is all ones */
	int dead;			/* the errno of every I/O; the mask is all ones */
	bool shared;			/* an earlier file of the job is on the same controller */
	struct fio_file *fio;
};

/*
 * Time spent waiting for nothing, over one or more calls; the clock is read only after a round that
 * found nothing.
 */
struct nnvme_fio_idle {
	struct timespec seen;		/* the clock, when it was last read; 0: not yet */
	uint64_t ns;
};

/* One job; the thread's io_ops_data. */
struct nnvme_fio_job {
	struct nnvme_completion *done;	/* iodepth of them */
	struct nnvme_completion *shown;	/* what the last getevents returned, up to done[taken] */
	unsigned int taken;		/* done[taken, found) is what the next ones will return */
	unsigned int found;
	unsigned int max_found;		/* iodepth */
	unsigned int hold;		/* commits left that need no doorbell write */
	struct nnvme_qpair *only;	/* the queue pair of a job with one file, else NULL */
	struct nnvme_fio_file **file;
	unsigned int files;
	unsigned int next;		/* the file that is polled first, so that none starves */
	unsigned int patience;		/* empty rounds of polling before something else is done */
	unsigned int spin_ns;		/* how long a job that sleeps polls before it sleeps */
	uint64_t timeout_ns;		/* the job is given up after waiting so long; 0: never */
	struct nnvme_fio_idle idle;
	struct nnvme_qpair **sleep;	/* the queue pair of each file; NULL: it never sleeps */
	unsigned int reported;		/* failures reported that fio would not have shown */
	bool dead;			/* one of its files is */
	bool running;			/* from init to cleanup */
	void *buffer;
	size_t buffer_len;
	unsigned int registered;	/* files whose controllers have the buffer registered */
};

/* job.c: fio's hooks from setup to cleanup. 0 or a positive errno, as fio wants. */
int nnvme_fio_setup(struct thread_data *td);
int nnvme_fio_init(struct thread_data *td);
void nnvme_fio_cleanup(struct thread_data *td);
int nnvme_fio_iomem_alloc(struct thread_data *td, size_t len);
void nnvme_fio_iomem_free(struct thread_data *td);

/*
 * sleep.c: begin() prepares a job with queue pairs for @wait; 0 or -errno, reported. sleep() polls
 * and sleeps for at most a second, or @wait; true if there is something to poll.
 */
int nnvme_fio_sleep_begin(struct thread_data *td, enum nnvme_fio_wait_mode wait);
void nnvme_fio_sleep_end(struct nnvme_fio_job *job);
bool nnvme_fio_sleep(const struct nnvme_fio_job *job, const struct timespec *wait);

/* check.c: refuse what fio would run as something else, or not at all. 0 or -EINVAL, reported. */
int nnvme_fio_check_job(struct thread_data *td);
int nnvme_fio_check_file(struct thread_data *td, const struct nnvme_fio_file *file);

/* failure.c: reports failed I/O, and handles controllers that are gone. */
enum fio_q_status nnvme_fio_refuse(struct thread_data *td, struct io_u *io_u, int error);
void nnvme_fio_failed(struct thread_data *td, struct io_u *io_u, uint16_t status);
bool nnvme_fio_look(struct nnvme_fio_job *job);
void nnvme_fio_time_out(struct thread_data *td);
void nnvme_fio_give_up(struct thread_data *td);
char *nnvme_fio_errdetails(struct io_u *io_u);
char *nnvme_fio_errdetails_td(struct thread_data *td, struct io_u *io_u);

#endif
