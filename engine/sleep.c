// SPDX-License-Identifier: GPL-2.0-only
/* Jobs that sleep: wait=hybrid and wait=interrupt. All files of a job are in one epoll set. */

#include <sys/epoll.h>

#include "engine.h"
#include "noiommu_nvme/wait.h"

/* Empty rounds of polling between two looks at the controller: tens of milliseconds. */
#define NNVME_FIO_PATIENCE (1u << 20)

/* The longest sleep; after it the controllers are looked at. */
#define NNVME_FIO_SLEEP_MS 1000

static int nnvme_fio_sleep_add(const struct nnvme_fio_job *job)
{
	struct epoll_event event = { .events = EPOLLIN };

	for (unsigned int i = 0; i < job->files; i++)
		if (epoll_ctl(job->sleep, EPOLL_CTL_ADD, nnvme_qpair_fd(job->file[i]->qp), &event))
			return -errno;
	return 0;
}

int nnvme_fio_sleep_begin(struct thread_data *td, enum nnvme_fio_ways way)
{
	struct nnvme_fio_job *job = td->io_ops_data;
	int rc;

	job->patience = NNVME_FIO_PATIENCE;
	job->sleep = -1;
	if (way == NNVME_FIO_POLL)
		return 0;
	job->patience = 0;
	job->spin_ns = way == NNVME_FIO_HYBRID ? NNVME_SPIN_NS : 0;
	job->sleep = epoll_create1(EPOLL_CLOEXEC);
	rc = job->sleep < 0 ? -errno : nnvme_fio_sleep_add(job);
	if (rc) {
		log_err(NNVME_FIO_SAYS "job %s: wait: cannot make an epoll set: %s\n", td->o.name,
			strerror(-rc));
		nnvme_fio_sleep_end(job);
	}
	return rc;
}

void nnvme_fio_sleep_end(struct nnvme_fio_job *job)
{
	if (job->sleep >= 0)
		close(job->sleep);
	job->sleep = -1;
}

static bool nnvme_fio_sleep_ready(const struct nnvme_fio_job *job)
{
	for (unsigned int i = 0; i < job->files; i++)
		if (nnvme_ready(job->file[i]->qp))
			return true;
	return false;
}

static bool nnvme_fio_sleep_spin(const struct nnvme_fio_job *job)
{
	struct timespec begin;

	if (!job->spin_ns)
		return false;
	fio_gettime(&begin, NULL);
	do {
		for (unsigned int i = 0; i < 64; i++) {
			if (nnvme_fio_sleep_ready(job))
				return true;
			nop;
		}
	} while (ntime_since_now(&begin) < job->spin_ns);
	return false;
}

/* Not 0, which would not sleep at all; a whole wait that is longer is slept in pieces. */
static int nnvme_fio_sleep_ms(const struct timespec *wait)
{
	if (!wait || wait->tv_sec)
		return NNVME_FIO_SLEEP_MS;
	return (int)(wait->tv_nsec / 1000000) + 1;
}

bool nnvme_fio_sleep(const struct nnvme_fio_job *job, const struct timespec *wait)
{
	struct epoll_event event;

	if (nnvme_fio_sleep_spin(job))
		return true;
	for (unsigned int i = 0; i < job->files; i++) {
		int rc = nnvme_arm(job->file[i]->qp);

		if (rc)
			return rc > 0;
	}
	epoll_wait(job->sleep, &event, 1, nnvme_fio_sleep_ms(wait));
	return nnvme_fio_sleep_ready(job);
}
