// SPDX-License-Identifier: GPL-2.0-only
/*
 * Options that fio accepts and this engine can't do, or that make fio silently do less I/O than
 * asked for: refused before any I/O, with the option, its value and what to write instead.
 */

#include "engine.h"

/* Option @name must be a multiple of the namespace's block size. */
static int nnvme_fio_check_blocks(const struct nnvme_fio_file *file, const char *name,
				  unsigned long long value)
{
	unsigned long long block = 1ULL << file->ns->block_shift;

	if (!(value % block))
		return 0;
	log_err(NNVME_FIO_PREFIX "%s=%llu does not fit the %llu-byte blocks of %s: give a "
		"multiple, for example %s=%llu\n", name, value, block, file->fio->file_name, name,
		(value / block + 1) * block);
	return -EINVAL;
}

static int nnvme_fio_check_bssplit(const struct thread_data *td, const struct nnvme_fio_file *file,
				   enum fio_ddir ddir)
{
	int rc = 0;

	for (unsigned int i = 0; !rc && i < td->o.bssplit_nr[ddir]; i++)
		rc = nnvme_fio_check_blocks(file, "bssplit", td->o.bssplit[ddir][i].bs);
	return rc;
}

static int nnvme_fio_check_sizes(const struct thread_data *td, const struct nnvme_fio_file *file)
{
	const struct thread_options *o = &td->o;
	int rc = 0;

	for_each_rw_ddir(ddir) {
		if (!(o->td_ddir & (1 << ddir)))
			continue;
		if (!rc)
			rc = nnvme_fio_check_bssplit(td, file, ddir);
		if (!rc)
			rc = nnvme_fio_check_blocks(file, "bs", o->min_bs[ddir]);
		if (!rc)
			rc = nnvme_fio_check_blocks(file, "bs", o->max_bs[ddir]);
		if (!rc)
			rc = nnvme_fio_check_blocks(file, "blockalign", o->ba[ddir]);
	}
	if (!rc && o->bs_unaligned) {
		log_err(NNVME_FIO_PREFIX "bs_unaligned makes blocks of any number of bytes, %s "
			"takes multiples of %u: leave it out\n", file->fio->file_name,
			1u << file->ns->block_shift);
		rc = -EINVAL;
	}
	return rc;
}

/* How much of the file the job will cover, as fio's setup_files() works it out; 0: all of it. */
static unsigned long long nnvme_fio_length(const struct thread_data *td,
					   const struct nnvme_fio_file *file,
					   unsigned long long offset)
{
	const struct thread_options *o = &td->o;
	unsigned long long size = file->fio->real_file_size;

	if (!o->file_size_low)
		return o->nr_files ? o->size / o->nr_files : 0;
	if (size < o->file_size_low && offset < o->file_size_low)
		return o->file_size_low - offset;
	if (size > o->file_size_high && offset < o->file_size_high)
		return o->file_size_high - offset;
	return 0;
}

/* The largest size= that fits all of the job's files: fio gives each the same share. */
static unsigned long long nnvme_fio_most(struct thread_data *td)
{
	const struct nnvme_fio_job *job = td->io_ops_data;
	unsigned long long least = ~0ULL;

	for (unsigned int i = 0; i < job->files; i++) {
		struct fio_file *f = job->file[i]->fio;
		unsigned long long offset = get_start_offset(td, f);

		if (offset < f->real_file_size && f->real_file_size - offset < least)
			least = f->real_file_size - offset;
	}
	return least * td->o.nr_files;
}

static int nnvme_fio_say_over(struct thread_data *td, const struct fio_file *f,
			      unsigned long long offset)
{
	const struct thread_options *o = &td->o;
	unsigned long long most = f->real_file_size;
	char share[60] = "";

	if (o->file_size_low) {
		log_err(NNVME_FIO_PREFIX "filesize=%llu goes past the end of %s, which has %llu "
			"bytes: give at most filesize=%llu\n", o->file_size_low, f->file_name,
			most, most);
		return -EINVAL;
	}
	if (o->nr_files > 1)
		snprintf(share, sizeof(share), " (%llu for each of %u files)",
			 o->size / o->nr_files, o->nr_files);
	log_err(NNVME_FIO_PREFIX "size=%llu%s at offset=%llu goes past the end of %s, which has "
		"%llu bytes: give at most size=%llu\n", o->size, share, offset, f->file_name,
		most, nnvme_fio_most(td));
	return -EINVAL;
}

/*
 * If the offset is beyond the end of a device, fio does no I/O and reports success; if the size
 * reaches beyond the end, it stops early.
 */
static int nnvme_fio_check_range(struct thread_data *td, const struct nnvme_fio_file *file)
{
	unsigned long long size = file->fio->real_file_size;
	unsigned long long offset = get_start_offset(td, file->fio);
	int rc;

	rc = nnvme_fio_check_blocks(file, "offset", offset);
	if (rc)
		return rc;
	if (offset >= size) {
		log_err(NNVME_FIO_PREFIX "offset=%llu is past the end of %s, which has %llu bytes: "
			"give a smaller offset\n", offset, file->fio->file_name, size);
		return -EINVAL;
	}
	if (nnvme_fio_length(td, file, offset) > size - offset)
		return nnvme_fio_say_over(td, file->fio, offset);
	return 0;
}

/* Options whose limits depend on the controller. */
static int nnvme_fio_check_ctrl(const struct thread_data *td, const struct nnvme_fio_file *file)
{
	struct nnvme_ns_info ns = { .size = sizeof(ns) };
	struct nnvme_ctrl_info info = { .size = sizeof(info) };

	nnvme_ctrl_info(file->ctrl, &info);
	nnvme_ns_info(file->ns, &ns);
	if (td->o.iodepth > info.max_depth) {
		log_err(NNVME_FIO_PREFIX "iodepth=%u is more than %s can queue: give at most "
			"iodepth=%u\n", td->o.iodepth, info.bdf, info.max_depth);
		return -EINVAL;
	}
	if (td_trim(td) && !ns.can_deallocate) {
		log_err(NNVME_FIO_PREFIX "%s has no Dataset Management command: trim "
			"can't be done\n", info.bdf);
		return -EOPNOTSUPP;
	}
	return 0;
}

int nnvme_fio_check_file(struct thread_data *td, const struct nnvme_fio_file *file)
{
	int rc = nnvme_fio_check_ctrl(td, file);

	if (!rc)
		rc = nnvme_fio_check_sizes(td, file);
	if (!rc && !td->o.read_iolog_file)
		rc = nnvme_fio_check_range(td, file);
	return rc;
}

/*
 * Promises about writes that fio itself would silently do without. sync= is kept: each write has
 * Force Unit Access.
 */
static int nnvme_fio_check_stable(const struct thread_data *td)
{
	const struct thread_options *o = &td->o;

	if (o->oatomic) {
		log_err(NNVME_FIO_PREFIX "atomic=1: no write is made atomic here: leave it "
			"out; for stable writes give sync=1, or fsync=1 end_fsync=1, a Flush "
			"after each\n");
		return -EINVAL;
	}
	if (o->barrier_blocks) {
		log_err(NNVME_FIO_PREFIX "write_barrier=%u: no write is a barrier here: leave it "
			"out and give fsync=%u end_fsync=1, a Flush after as many\n",
			o->barrier_blocks, o->barrier_blocks);
		return -EINVAL;
	}
	return 0;
}

int nnvme_fio_check_job(struct thread_data *td)
{
	/* PRP1 is dword-aligned (NVM Express Base 2.x, PRP Entry Layout) */
	if (td->o.mem_align % 4) {
		log_err(NNVME_FIO_PREFIX "iomem_align=%u: NVMe buffers start at a multiple of 4 "
			"bytes, for example iomem_align=%u\n", td->o.mem_align,
			td->o.mem_align / 4 * 4 + 4);
		return -EINVAL;
	}
	if (td->o.pre_read) {
		log_err(NNVME_FIO_PREFIX "pre_read needs a file descriptor, which a controller "
			"driven from user space doesn't have: leave it out\n");
		return -EINVAL;
	}
	return nnvme_fio_check_stable(td);
}
