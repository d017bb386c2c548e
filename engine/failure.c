// SPDX-License-Identifier: GPL-2.0-only
/* Failed I/O: how fio learns of it, and in which words. */

#include "engine.h"

/* How many failures of a job are reported although fio was told to go on after errors. */
#define NNVME_FIO_REPORTS 10

/*
 * Status values for completions that the controller did not send; a status field has 15 bits (NVM
 * Express Base 2.x, Completion Queue Entry: Status Field).
 */
#define NNVME_FIO_GONE 0x8000u

/* In engine_data of an io_u that failed at submission, with the errno in the low bits. */
#define NNVME_FIO_ERRNO 0x10000u

static const char *nnvme_fio_errno_text(int error)
{
	switch (error) {
	case EDOM:
		return "not a whole number of the namespace's blocks";
	case EFAULT:
		return "the buffer is not in registered memory";
	case ERANGE:
		return "past the end of the namespace";
	case ENODEV:
		return "the controller is gone";
	case ETIMEDOUT:
		return "given up: nothing of the job completed for io_timeout= seconds";
	default:
		return strerror(error);
	}
}

static const char *nnvme_fio_cause(const struct io_u *io_u)
{
	unsigned int cause = (unsigned int)(uintptr_t)io_u->engine_data;

	if (cause & NNVME_FIO_ERRNO)
		return nnvme_fio_errno_text((int)(cause & ~NNVME_FIO_ERRNO));
	return nnvme_status_text((uint16_t)cause);
}

static void nnvme_fio_say(const struct io_u *io_u, char *text, size_t size)
{
	const struct nnvme_fio_file *file = FILE_ENG_DATA(io_u->file);
	unsigned int shift = file->ns->block_shift;

	snprintf(text, size, NNVME_FIO_PREFIX "%s: %s of %llu blocks at LBA %llu of namespace %u: "
		 "%s", io_u->file->file_name, io_ddir_name(io_u->ddir), io_u->xfer_buflen >> shift,
		 io_u->offset >> shift, file->ns->nsid, nnvme_fio_cause(io_u));
}

/* fio prints the result after "io_u error", and frees it. */
char *nnvme_fio_errdetails(struct io_u *io_u)
{
	char text[300];

	nnvme_fio_say(io_u, text, sizeof(text));
	return strdup(text);
}

char *nnvme_fio_errdetails_td(struct thread_data *td, struct io_u *io_u)
{
	return nnvme_fio_errdetails(io_u);
}

static void nnvme_fio_print(const struct io_u *io_u)
{
	char text[300];

	nnvme_fio_say(io_u, text, sizeof(text));
	log_err("%s\n", text);
}

/* fio asks for details only of errors that end the job, not of those it ignores. */
static bool nnvme_fio_passed_over(struct thread_data *td, const struct io_u *io_u)
{
	return !td->o.error_dump &&
	       td_non_fatal_error(td, td_error_type(io_u->ddir, (int)io_u->error),
				  (int)io_u->error);
}

static void nnvme_fio_set_errno(struct io_u *io_u, int error)
{
	io_u->error = (unsigned int)error;
	io_u->engine_data = (void *)(uintptr_t)(NNVME_FIO_ERRNO | (unsigned int)error);
}

/* An I/O that could not be submitted; fio does not report the reason. */
enum fio_q_status nnvme_fio_refuse(struct thread_data *td, struct io_u *io_u, int error)
{
	struct nnvme_fio_job *job = td->io_ops_data;

	nnvme_fio_set_errno(io_u, error);
	if (!nnvme_fio_passed_over(td, io_u) || job->reported++ < NNVME_FIO_REPORTS)
		nnvme_fio_print(io_u);
	return FIO_Q_COMPLETED;
}

/* An I/O that completed with a @status other than 0. */
void nnvme_fio_failed(struct thread_data *td, struct io_u *io_u, uint16_t status)
{
	const struct nnvme_fio_file *file = FILE_ENG_DATA(io_u->file);
	struct nnvme_fio_job *job = td->io_ops_data;

	if (status == NNVME_FIO_GONE) {
		nnvme_fio_set_errno(io_u, file->dead);
	} else {
		io_u->error = (unsigned int)nnvme_status_errno(status);
		io_u->engine_data = (void *)(uintptr_t)status;
	}
	if (nnvme_fio_passed_over(td, io_u) && job->reported++ < NNVME_FIO_REPORTS)
		nnvme_fio_print(io_u);
}

/* Stop polling: a late completion must not return an io_u that fio already has back. */
static void nnvme_fio_bury(struct nnvme_fio_job *job, struct nnvme_fio_file *file, int error)
{
	file->dead = error;
	file->block_mask = ~0ULL;
	job->dead = true;
}

/* Check each controller of the job once; true if the job has lost one. */
bool nnvme_fio_look(struct nnvme_fio_job *job)
{
	struct nnvme_err err;

	for (unsigned int i = 0; i < job->files; i++) {
		struct nnvme_fio_file *file = job->file[i];

		if (file->dead || !nnvme_ctrl_check(file->ctrl, &err))
			continue;
		log_err(NNVME_FIO_PREFIX "%s\n", err.text);
		nnvme_fio_bury(job, file, ENODEV);
	}
	return job->dead;
}

static unsigned int nnvme_fio_in_flight(struct thread_data *td, const struct nnvme_fio_file *file)
{
	unsigned int n = 0;
	struct io_u *io_u;
	int i;

	io_u_qiter(&td->io_u_all, io_u, i)
		n += (io_u->flags & IO_U_F_FLIGHT) && FILE_ENG_DATA(io_u->file) == file;
	return n;
}

/*
 * Commands are in flight and none completes. Files without any are given up as well: all share the
 * buffers, which the controller may use until its queues are gone, at the end of the job.
 */
void nnvme_fio_time_out(struct thread_data *td)
{
	const struct nnvme_fio_options *options = td->eo;
	struct nnvme_fio_job *job = td->io_ops_data;

	for (unsigned int i = 0; i < job->files; i++) {
		struct nnvme_fio_file *file = job->file[i];
		unsigned int n = nnvme_fio_in_flight(td, file);

		if (file->dead)
			continue;
		if (n)
			log_err(NNVME_FIO_PREFIX "%s: nothing completed for %u s (io_timeout=%u) "
				"with %u I/Os in flight: the job is given up\n",
				file->fio->file_name, options->io_timeout, options->io_timeout, n);
		nnvme_fio_bury(job, file, ETIMEDOUT);
	}
}

/*
 * Return what is in flight on a lost file as failed, so that fio ends the job by its own rules:
 * some of its loops wait for every queued I/O, whatever getevents returns.
 */
void nnvme_fio_give_up(struct thread_data *td)
{
	struct nnvme_fio_job *job = td->io_ops_data;
	struct io_u *io_u;
	int i;

	io_u_qiter(&td->io_u_all, io_u, i) {
		const struct nnvme_fio_file *file;

		if (!(io_u->flags & IO_U_F_FLIGHT))
			continue;
		file = FILE_ENG_DATA(io_u->file);
		if (!file->dead)
			continue;
		job->done[job->found++] = (struct nnvme_completion){
			.tag = io_u, .status = NNVME_FIO_GONE,
		};
	}
}
