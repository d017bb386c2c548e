// SPDX-License-Identifier: GPL-2.0-only
/*
 * A job's life: fio calls setup for all jobs in its main thread; then, in each job's own thread,
 * init, buffer allocation, I/O, buffer release and cleanup. With create_serialize=0, setup is
 * called late, in the job's thread, when the buffers already exist.
 */

#include <stdlib.h>

#include "engine.h"
#include "noiommu_nvme/pci.h"
#include "registry.h"

/* Jobs between init and cleanup. */
static unsigned int nnvme_fio_running;

/* Only whole pages can be registered. */
#define NNVME_FIO_ROUND(len) (((len) + NNVME_PAGE_SIZE - 1) & ~(NNVME_PAGE_SIZE - 1))

static void nnvme_fio_log(void *arg, enum nnvme_log_level level, const char *line)
{
	if (level <= NNVME_LOG_WARNING)
		log_err(NNVME_FIO_PREFIX "%s\n", line);
	else
		dprint(FD_PROCESS, NNVME_FIO_PREFIX "%s\n", line);
}

/*
 * Forked jobs could not share a controller, nor keep its memory in place (a write after fork() may
 * move a page). fio reads use_thread after setup.
 */
static void nnvme_fio_use_threads(struct thread_data *td)
{
	static bool said;

	if (td->o.use_thread)
		return;
	td->o.use_thread = 1;
	if (!said && (output_format & FIO_OUTPUT_NORMAL))
		log_info(NNVME_FIO_PREFIX "jobs share the controller and run as threads: "
			 "thread=1 switched on\n");
	said = true;
}

/*
 * 0000.41.00.0n2: a controller and a namespace, as in nvme0n2; without n2, nsid= gives the
 * namespace.
 */
static int nnvme_fio_name(const struct thread_data *td, const char *name,
			  char bdf[NNVME_BDF_SIZE], uint32_t *nsid, struct nnvme_err *err)
{
	const struct nnvme_fio_options *options = td->eo;
	char text[64], *suffix, *end;
	unsigned long long value = options->nsid;
	int rc;

	snprintf(text, sizeof(text), "%s", name);
	suffix = strrchr(text, 'n');
	if (suffix)
		*suffix++ = 0;
	rc = nnvme_bdf_parse(text, bdf, NULL);
	if (rc)
		return nnvme_bdf_parse(name, bdf, err);
	if (suffix)
		value = strtoull(suffix, &end, 10);
	if (suffix && (*suffix < '1' || *suffix > '9' || *end || value >= UINT32_MAX))
		return nnvme_fail(err, -EINVAL, "file name %s: no namespace after the n; write it "
				  "like 0000.41.00.0n2", name);
	*nsid = (uint32_t)value;
	return 0;
}

/* Open what the file name names and tell fio its size. */
static int nnvme_fio_attach(struct thread_data *td, struct fio_file *f,
			    struct nnvme_fio_file *file, struct nnvme_err *err)
{
	const struct nnvme_fio_options *options = td->eo;
	struct nnvme_options opts = {
		.size = sizeof(opts),
		.mode = options->mode, .hugepages = options->hugepages,
		.shadow_doorbells = options->shadow_doorbells,
		.interrupts = options->wait != NNVME_FIO_POLL, .log = nnvme_fio_log,
	};
	char bdf[NNVME_BDF_SIZE];
	uint32_t nsid = 0;
	int rc;

	rc = nnvme_fio_name(td, f->file_name, bdf, &nsid, err);
	if (!rc)
		rc = nnvme_registry_get(bdf, &opts, &file->ctrl, err);
	if (rc)
		return rc;
	file->ns = nnvme_ns_get(file->ctrl, nsid, err);
	if (!file->ns) {
		nnvme_registry_put(file->ctrl);
		return -ENODEV;
	}
	file->block_shift = file->ns->block_shift;
	file->block_mask = (1ULL << file->block_shift) - 1;
	/* Whether a log has writes is not known yet. */
	if (td->o.sync_io && (td_write(td) || td->o.read_iolog_file)) {
		file->write_flags = NNVME_FUA;
		file->block_mask = ~0ULL;
	}
	f->real_file_size = file->ns->blocks << file->ns->block_shift;
	/* A device, not a regular file: nothing to lay out, extend or unlink. */
	f->filetype = FIO_TYPE_BLOCK;
	fio_file_set_size_known(f);
	file->fio = f;
	FILE_SET_ENG_DATA(f, file);
	return 0;
}

static bool nnvme_fio_seen(const struct nnvme_fio_job *job, const struct nnvme_ctrl *ctrl)
{
	for (unsigned int i = 0; i < job->files; i++)
		if (job->file[i]->ctrl == ctrl)
			return true;
	return false;
}

static int nnvme_fio_add(struct thread_data *td, struct fio_file *f, struct nnvme_err *err)
{
	struct nnvme_fio_job *job = td->io_ops_data;
	struct nnvme_fio_file **array, *file;
	int rc;

	array = realloc(job->file, (job->files + 1) * sizeof(*array));
	if (!array)
		return nnvme_fail(err, -ENOMEM, "out of memory");
	job->file = array;
	file = calloc(1, sizeof(*file));
	if (!file)
		return nnvme_fail(err, -ENOMEM, "out of memory");
	rc = nnvme_fio_attach(td, f, file, err);
	if (rc) {
		free(file);
		return rc;
	}
	file->shared = nnvme_fio_seen(job, file->ctrl);
	job->file[job->files++] = file;
	return 0;
}

/*
 * Attach the files that are not attached yet: at first all, later those that a replayed log added.
 */
static int nnvme_fio_open(struct thread_data *td)
{
	struct nnvme_err err = {0};
	struct fio_file *f;
	unsigned int i;
	int rc;

	if (!td->io_ops_data)
		td->io_ops_data = calloc(1, sizeof(struct nnvme_fio_job));
	if (!td->io_ops_data)
		return -ENOMEM;
	for_each_file(td, f, i) {
		rc = FILE_ENG_DATA(f) ? 0 : nnvme_fio_add(td, f, &err);
		if (rc) {
			log_err(NNVME_FIO_PREFIX "%s\n", err.text);
			return rc;
		}
	}
	return nnvme_fio_check_job(td);
}

static int nnvme_fio_check(struct thread_data *td)
{
	struct nnvme_fio_job *job = td->io_ops_data;
	int rc = 0;

	for (unsigned int i = 0; !rc && i < job->files; i++)
		rc = nnvme_fio_check_file(td, job->file[i]);
	return rc;
}

/*
 * For fio, fill_device=1 without size= means a file without an end, which ENOSPC ends. A namespace
 * has an end, so treat it as without fill_device.
 */
static void nnvme_fio_fill(struct thread_data *td)
{
	if (td->o.fill_device && td->o.size == -1ULL)
		td->o.size = 0;
}

int nnvme_fio_setup(struct thread_data *td)
{
	bool early = !td->io_ops_data;
	int rc;

	nnvme_fio_use_threads(td);
	nnvme_fio_fill(td);
	rc = nnvme_fio_open(td);
	if (!rc)
		rc = nnvme_fio_check(td);
	if (!rc)
		return 0;
	/* fio cleans up after init, but not after a failed setup before it */
	if (early)
		nnvme_fio_cleanup(td);
	td_verror(td, -rc, "setup");
	return -rc;
}

static void nnvme_fio_stop(struct nnvme_fio_job *job)
{
	nnvme_fio_sleep_end(job);
	for (unsigned int i = 0; i < job->files; i++) {
		/* -EBUSY is reported when the buffers are released: they must be kept then */
		nnvme_qpair_destroy(job->file[i]->qp);
		job->file[i]->qp = NULL;
	}
	free(job->done);
	job->done = NULL;
}

static int nnvme_fio_start(struct thread_data *td)
{
	const struct nnvme_fio_options *options = td->eo;
	struct nnvme_fio_job *job = td->io_ops_data;
	struct nnvme_err err = {0};
	int rc = 0;

	if (!job->files) {
		log_err(NNVME_FIO_PREFIX "job %s names no controller: give filename=0000.41.00.0\n",
			td->o.name);
		return -EINVAL;
	}
	job->max_found = td->o.iodepth;
	job->timeout_ns = options->io_timeout * 1000000000ULL;
	job->done = calloc(job->max_found, sizeof(*job->done));
	if (!job->done)
		return -ENOMEM;
	for (unsigned int i = 0; !rc && i < job->files; i++)
		rc = nnvme_qpair_create(job->file[i]->ctrl, td->o.iodepth, &job->file[i]->qp, &err);
	if (rc)
		log_err(NNVME_FIO_PREFIX "job %s: %s%s\n", td->o.name, err.text, rc != -ENOSPC ?
			"" : "; each job takes one for each of its files: use fewer of either");
	else
		rc = nnvme_fio_sleep_begin(td, options->wait);
	if (rc)
		nnvme_fio_stop(job);
	else if (job->files == 1)
		job->only = job->file[0]->qp;
	return rc;
}

int nnvme_fio_init(struct thread_data *td)
{
	int rc;

	if (!td->o.use_thread) {
		log_err(NNVME_FIO_PREFIX "jobs have to be threads; with create_serialize=0 add "
			"thread=1\n");
		return EINVAL;
	}
	rc = nnvme_fio_open(td);
	if (!rc)
		rc = nnvme_fio_start(td);
	if (!rc) {
		struct nnvme_fio_job *job = td->io_ops_data;

		job->running = true;
		__atomic_add_fetch(&nnvme_fio_running, 1, __ATOMIC_RELAXED);
	} else {
		td_verror(td, -rc, "init");
	}
	return -rc;
}

void nnvme_fio_cleanup(struct thread_data *td)
{
	struct nnvme_fio_job *job = td->io_ops_data;

	if (!job)
		return;
	nnvme_fio_stop(job);
	if (job->running)
		__atomic_sub_fetch(&nnvme_fio_running, 1, __ATOMIC_RELAXED);
	/* fio has freed its files by now, unless setup failed */
	for (unsigned int i = 0; i < job->files; i++) {
		nnvme_registry_put(job->file[i]->ctrl);
		free(job->file[i]);
	}
	free(job->file);
	free(job);
	td->io_ops_data = NULL;
}

/*
 * fio never cleans up a job that it did not start (an interrupt, an error in another job): shut its
 * controllers down properly all the same, unless a job that fio gave up waiting for uses them.
 */
__attribute__((destructor)) static void nnvme_fio_exit(void)
{
	if (!__atomic_load_n(&nnvme_fio_running, __ATOMIC_RELAXED))
		nnvme_registry_close_all();
}

/* The first file's controller allocated the buffer; register it with the others. */
static int nnvme_fio_share(struct nnvme_fio_job *job, struct nnvme_err *err)
{
	int rc = 0;

	for (job->registered = 1; job->registered < job->files; job->registered++) {
		struct nnvme_fio_file *file = job->file[job->registered];

		if (!file->shared)
			rc = nnvme_mem_register(file->ctrl, job->buffer, job->buffer_len, err);
		if (rc)
			return rc;
	}
	return 0;
}

/* If one controller may still write to it, another one's jobs must not get it either. */
static void nnvme_fio_drop_buffer(struct nnvme_fio_job *job)
{
	int rc = 0;

	while (--job->registered) {
		struct nnvme_fio_file *file = job->file[job->registered];

		if (!file->shared &&
		    nnvme_mem_unregister(file->ctrl, job->buffer, job->buffer_len, NULL) == -EBUSY)
			rc = -EBUSY;
	}
	if (!rc)
		rc = nnvme_mem_free(job->file[0]->ctrl, job->buffer);
	if (rc)
		log_err(NNVME_FIO_PREFIX "%zu bytes of buffers are kept: a controller could not be "
			"stopped and may still write to them\n", job->buffer_len);
	job->buffer = NULL;
}

/* Allocate from registered memory, so that no data is copied. */
int nnvme_fio_iomem_alloc(struct thread_data *td, size_t len)
{
	struct nnvme_fio_job *job = td->io_ops_data;
	struct nnvme_err err = {0};

	job->buffer_len = NNVME_FIO_ROUND(len);
	job->buffer = nnvme_mem_alloc(job->file[0]->ctrl, job->buffer_len, &err);
	if (job->buffer && !nnvme_fio_share(job, &err)) {
		td->orig_buffer = job->buffer;
		return 0;
	}
	log_err(NNVME_FIO_PREFIX "job %s: buffers of %zu bytes (iodepth times the largest block): "
		"%s\n", td->o.name, job->buffer_len, err.text);
	if (job->buffer)
		nnvme_fio_drop_buffer(job);
	/* fio 3.33 records the error and begins the job's I/O all the same, without buffers. */
	td->terminate = true;
	return 1;
}

/*
 * The last chance before the buffers go: a job that ended with an error may have commands in
 * flight, which write to the buffers until the queues are gone.
 */
void nnvme_fio_iomem_free(struct thread_data *td)
{
	struct nnvme_fio_job *job = td->io_ops_data;

	if (!job || !job->buffer)
		return;
	nnvme_fio_stop(job);
	nnvme_fio_drop_buffer(job);
}
