// SPDX-License-Identifier: MIT
#include "fio.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "disturbance.h"

#define MOST_WORDS 40
#define LOOK_US 100000		/* between two looks at fio's threads */
#define MOST_BYTES (1 << 20)	/* of fio's output, which is about 6 KiB */

/*
 * The errnos of a failed I/O (blk_errors[] in the kernel's block/blk-core.c): EIO, ETIMEDOUT,
 * ENOLINK, EREMOTEIO, ENODATA and EILSEQ. By default, fio goes on only after the first and the
 * last.
 */
#define IO_ERRORS "5:110:67:121:61:84"

/* By enum bench_wait. */
static const char *const waits[] = { "poll", "hybrid", "interrupt" };

static void put_nnvme(FILE *f, const struct bench_fio_job *job)
{
	fputs(" --ioengine=libnoiommu_nvme --filename=", f);
	/* fio separates names at colons; the engine accepts a BDF with dots. */
	for (const char *c = job->target; *c; c++)
		fputc(*c == ':' ? '.' : *c, f);
	if (job->nsid)
		fprintf(f, "n%u", job->nsid);
	fprintf(f, " --mode=%s --wait=%s", job->row->mode == NNVME_MODE_IOMMU ? "iommu" : "noiommu",
		waits[job->row->wait]);
}

static void put_uring(FILE *f, const char *node, enum bench_uring kind)
{
	fprintf(f, " --ioengine=%s --filename=%s", kind == BENCH_URING_PASSTHROUGH ?
		"io_uring_cmd --cmd_type=nvme" : "io_uring --direct=1", node);
	if (kind != BENCH_URING_PLAIN)
		fputs(" --fixedbufs --registerfiles", f);
	if (kind >= BENCH_URING_POLLED)
		fputs(" --hipri", f);
}

static void put_work(FILE *f, const struct bench_workload *work)
{
	const char *random = work->random ? "rand" : "";

	if (!work->percent_write)
		fprintf(f, " --rw=%sread --readonly", random);
	else if (work->percent_write == 100)
		fprintf(f, " --rw=%swrite", random);
	else
		fprintf(f, " --rw=%srw --rwmixwrite=%u", random, work->percent_write);
	fprintf(f, " --bs=%u --iodepth=%u --norandommap --randseed=%llu", work->bytes, work->depth,
		(unsigned long long)work->seed);
}

char **bench_fio_words(const struct bench_fio_job *job)
{
	char **words = calloc(MOST_WORDS, sizeof(*words)), *text = NULL;
	size_t size;
	FILE *f = words ? open_memstream(&text, &size) : NULL;

	if (!f) {
		free(words);
		return NULL;
	}
	fputs("fio --name=bench --thread", f);
	if (job->row->nnvme)
		put_nnvme(f, job);
	else
		put_uring(f, job->target, job->row->uring);
	put_work(f, job->work);
	fprintf(f, " --time_based --runtime=%lums", (unsigned long)(job->seconds * 1000));
	if (job->warm_up > 0)
		fprintf(f, " --ramp_time=%lums", (unsigned long)(job->warm_up * 1000));
	/*
	 * Reads and writes together, errors counted without ending the job, latencies from
	 * submission on.
	 */
	fputs(" --unified_rw_reporting=mixed --continue_on_error=io "
	      "--ignore_error=" IO_ERRORS "," IO_ERRORS " --lat_percentiles=1 --clat_percentiles=0 "
	      "--percentile_list=50:99:99.9 --output-format=json", f);
	if (fclose(f) || !text) {
		free(text);
		free(words);
		return NULL;
	}
	for (size_t i = 0; text && i < MOST_WORDS - 1; i++)
		words[i] = strsep(&text, " ");
	return words;
}

void bench_fio_free(char **words)
{
	free(words[0]);		/* the others are in the same text */
	free(words);
}

/* In the child: JSON to @out, errors to @log. */
static void become_fio(char **words, int out, int log)
{
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	if (dup2(out, STDOUT_FILENO) < 0 || dup2(log, STDERR_FILENO) < 0)
		_exit(126);
	execvp(words[0], words);
	dprintf(STDERR_FILENO, "fio: %s\n", strerror(errno));
	_exit(127);
}

/* The last line that fio wrote to @log. */
static int last_words(int log, int status, struct nnvme_err *err)
{
	char text[301], *line;
	off_t size = lseek(log, 0, SEEK_END);
	ssize_t n = pread(log, text, sizeof(text) - 1, size > 300 ? size - 300 : 0);

	while (n > 0 && text[n - 1] == '\n')
		n--;
	text[n > 0 ? n : 0] = '\0';
	line = strrchr(text, '\n');
	line = line ? line + 1 : text;
	return nnvme_fail(err, -EIO, "fio ended with status %#x: %s", (unsigned)status,
			  *line ? line : "it said nothing");
}

/* The output in @out, as a round. */
static int parse_output(int out, uint32_t bytes, struct bench_round *round, struct nnvme_err *err)
{
	size_t size = (size_t)lseek(out, 0, SEEK_END) + 1;	/* with the zero that ends it */
	char *text = ftruncate(out, (off_t)size) ? MAP_FAILED :
		     mmap(NULL, size, PROT_READ, MAP_PRIVATE, out, 0);
	int ret;

	if (text == MAP_FAILED)
		return nnvme_fail(err, -errno, "no memory for fio's output: %s", strerror(errno));
	ret = bench_fio_parse(text, bytes, round, err);
	munmap(text, size);
	return ret;
}

static int run(char **words, const int files[2], uint32_t bytes, struct bench_round *round,
	       struct nnvme_err *err)
{
	struct bench_disturbance disturbance;
	pid_t child = fork(), ended;
	int status = 0, ret;
	struct stat st;

	if (child == 0)
		become_fio(words, files[0], files[1]);
	if (child < 0)
		return nnvme_fail(err, -errno, "fio cannot be started: %s", strerror(errno));
	bench_disturbance_begin(&disturbance, BENCH_HOST_PORT, child);
	/* fio's threads end before fio does. */
	while ((ended = waitpid(child, &status, WNOHANG)) == 0 || (ended < 0 && errno == EINTR)) {
		bench_disturbance_look(&disturbance);
		usleep(LOOK_US);
		if (fstat(files[0], &st) || st.st_size > MOST_BYTES)
			kill(child, SIGKILL);
	}
	ret = status ? last_words(files[1], status, err) :
	      parse_output(files[0], bytes, round, err);
	round->value[BENCH_RUN_DELAY] = bench_disturbance_end(&disturbance);
	return ret;
}

int bench_fio_run(const struct bench_fio_job *job, struct bench_round *round, struct nnvme_err *err)
{
	int files[2] = { memfd_create("out", MFD_CLOEXEC), memfd_create("log", MFD_CLOEXEC) }, ret;
	char **words = bench_fio_words(job);

	if (words && files[0] >= 0 && files[1] >= 0)
		ret = run(words, files, job->work->bytes, round, err);
	else
		ret = nnvme_fail(err, -ENOMEM, "no memory for fio's command line and output");
	close(files[0]);
	close(files[1]);
	if (words)
		bench_fio_free(words);
	return ret;
}
