// SPDX-License-Identifier: GPL-2.0-only
/* Jobs that sleep: wait=hybrid and wait=interrupt. A job waits for all of its files at once. */

#include "engine.h"
#include "noiommu_nvme/wait.h"

/* Empty polling rounds between two checks of the controller: tens of milliseconds. */
#define NNVME_FIO_PATIENCE (1u << 20)

/* The longest sleep; then the controllers are checked. */
#define NNVME_FIO_SLEEP_MS 1000

static int nnvme_fio_sleep_list(struct nnvme_fio_job *job)
{
	if (job->files > NNVME_WAIT_MAX)
		return -E2BIG;
	job->sleep = calloc(job->files, sizeof(*job->sleep));
	if (!job->sleep)
		return -ENOMEM;
	for (unsigned int i = 0; i < job->files; i++)
		job->sleep[i] = job->file[i]->qp;
	return 0;
}

int nnvme_fio_sleep_begin(struct thread_data *td, enum nnvme_fio_wait_mode wait)
{
	struct nnvme_fio_job *job = td->io_ops_data;
	int rc;

	job->patience = NNVME_FIO_PATIENCE;
	if (wait == NNVME_FIO_POLL)
		return 0;
	job->patience = 0;
	job->spin_ns = wait == NNVME_FIO_HYBRID ? NNVME_SPIN_NS : 0;
	rc = nnvme_fio_sleep_list(job);
	if (rc)
		log_err(NNVME_FIO_PREFIX "job %s: wait: cannot wait for %u files: %s; use fewer, "
			"or wait=poll\n", td->o.name, job->files, strerror(-rc));
	return rc;
}

void nnvme_fio_sleep_end(struct nnvme_fio_job *job)
{
	free(job->sleep);
	job->sleep = NULL;
}

/* Not 0, which would not sleep at all; a longer wait is slept in pieces. */
static int nnvme_fio_sleep_ms(const struct timespec *wait)
{
	if (!wait || wait->tv_sec)
		return NNVME_FIO_SLEEP_MS;
	return (int)(wait->tv_nsec / 1000000) + 1;
}

bool nnvme_fio_sleep(const struct nnvme_fio_job *job, const struct timespec *wait)
{
	return nnvme_wait_many(job->sleep, job->files, job->spin_ns, nnvme_fio_sleep_ms(wait)) > 0;
}
