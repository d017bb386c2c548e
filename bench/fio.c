// SPDX-License-Identifier: MIT
#include "fio.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "disturbance.h"

#define MOST_WORDS 40
#define LOOK_MS 100		/* between two looks at fio's threads */
#define MOST_BYTES (1 << 20)	/* of fio's output, which is about 6 KiB */

/*
 * The errnos of a failed I/O (blk_errors[] in the kernel's block/blk-core.c): EIO, ETIMEDOUT,
 * ENOLINK, EREMOTEIO, ENODATA and EILSEQ. By default, fio goes on only after the first and the
 * last.
 */
#define IO_ERRORS "5:110:67:121:61:84"

struct words {
	char **word;
	size_t count;
	bool failed;
};

__attribute__((format(printf, 2, 3)))
static void say(struct words *words, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	if (words->failed || words->count + 1 >= MOST_WORDS || vasprintf(&words->word[words->count], fmt, ap) < 0)
		words->failed = true;
	else
		words->word[++words->count] = NULL;
	va_end(ap);
}

/* By enum bench_wait. */
static const char *const waits[] = { "poll", "hybrid", "interrupt" };

static void say_engine(struct words *words, const struct bench_fio_job *job)
{
	const struct bench_row *row = job->row;

	if (row->nnvme) {
		size_t i = words->count + 1;

		say(words, "--ioengine=libnoiommu_nvme");
		if (job->nsid)
			say(words, "--filename=%sn%u", job->target, job->nsid);
		else
			say(words, "--filename=%s", job->target);
		/* fio separates names at colons; the engine accepts a BDF with dots. */
		for (char *c = words->failed ? "" : words->word[i]; *c; c++)
			if (*c == ':')
				*c = '.';
		say(words, "--mode=%s", row->mode == NNVME_MODE_IOMMU ? "iommu" : "noiommu");
		say(words, "--wait=%s", waits[row->wait]);
		return;
	}
	if (row->uring == BENCH_URING_PASSTHROUGH) {
		say(words, "--ioengine=io_uring_cmd");
		say(words, "--cmd_type=nvme");
	} else {
		say(words, "--ioengine=io_uring");
		say(words, "--direct=1");
	}
	say(words, "--filename=%s", job->target);
	if (row->uring != BENCH_URING_PLAIN) {
		say(words, "--fixedbufs");
		say(words, "--registerfiles");
	}
	if (row->uring == BENCH_URING_POLLED || row->uring == BENCH_URING_PASSTHROUGH)
		say(words, "--hipri");
}

static void say_work(struct words *words, const struct bench_workload *work)
{
	const char *random = work->random ? "rand" : "";

	if (!work->percent_write || work->percent_write == 100) {
		say(words, "--rw=%s%s", random, work->percent_write ? "write" : "read");
	} else {
		say(words, "--rw=%s", work->random ? "randrw" : "rw");
		say(words, "--rwmixwrite=%u", work->percent_write);
	}
	if (!work->percent_write)
		say(words, "--readonly");
	say(words, "--bs=%u", work->bytes);
	say(words, "--iodepth=%u", work->depth);
	say(words, "--norandommap");
	say(words, "--randseed=%llu", (unsigned long long)work->seed);
}

char **bench_fio_words(const struct bench_fio_job *job)
{
	struct words words = { .word = calloc(MOST_WORDS, sizeof(*words.word)) };

	if (!words.word)
		return NULL;
	say(&words, "fio");
	say(&words, "--name=bench");
	say(&words, "--thread");
	say_engine(&words, job);
	say_work(&words, job->work);
	say(&words, "--time_based");
	say(&words, "--runtime=%lums", (unsigned long)(job->seconds * 1000));
	if (job->warm_up > 0)
		say(&words, "--ramp_time=%lums", (unsigned long)(job->warm_up * 1000));
	/*
	 * Reads and writes together, errors counted without ending the job, latencies from
	 * submission on.
	 */
	say(&words, "--unified_rw_reporting=mixed");
	say(&words, "--continue_on_error=io");
	say(&words, "--ignore_error=" IO_ERRORS "," IO_ERRORS);
	say(&words, "--lat_percentiles=1");
	say(&words, "--clat_percentiles=0");
	say(&words, "--percentile_list=50:99:99.9");
	say(&words, "--output-format=json");
	if (!words.failed)
		return words.word;
	bench_fio_free(words.word);
	return NULL;
}

void bench_fio_free(char **words)
{
	for (char **word = words; word && *word; word++)
		free(*word);
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

/*
 * All of the output as a string to be freed; NULL if that fails or is too much. Checks @d
 * meanwhile.
 */
static char *read_all(int fd, struct bench_disturbance *d)
{
	struct pollfd ready = { .fd = fd, .events = POLLIN };
	char *text = malloc(MOST_BYTES + 1);
	size_t length = 0;
	ssize_t n = text ? 1 : -1;

	while (n > 0 && length < MOST_BYTES) {
		/* fio's threads end before fio does. */
		while (poll(&ready, 1, LOOK_MS) == 0)
			bench_disturbance_look(d);
		n = read(fd, text + length, MOST_BYTES - length);
		if (n > 0)
			length += (size_t)n;
	}
	if (n != 0) {
		free(text);
		return NULL;
	}
	text[length] = '\0';
	return text;
}

/* The last line that fio wrote to @log. */
static int last_words(int log, int status, struct nnvme_err *err)
{
	char text[301];
	off_t size = lseek(log, 0, SEEK_END);
	ssize_t n = pread(log, text, sizeof(text) - 1, size > 300 ? size - 300 : 0);
	char *line = text;

	text[n > 0 ? n : 0] = '\0';
	for (char *c = text; *c; c++) {
		if (*c != '\n')
			continue;
		*c = '\0';
		if (c[1])
			line = c + 1;
	}
	return nnvme_fail(err, -EIO, "fio ended with status %#x: %s", (unsigned)status,
			  *line ? line : "it said nothing");
}

/* Start fio; its JSON comes from *@from. */
static pid_t start(char **words, int log, int *from)
{
	int pipes[2];
	pid_t child;

	if (pipe2(pipes, O_CLOEXEC))
		return -1;
	child = fork();
	if (child == 0)
		become_fio(words, pipes[1], log);
	close(pipes[1]);
	if (child < 0)
		close(pipes[0]);
	*from = pipes[0];
	return child;
}

static int wait_for(char **words, uint32_t bytes, int log, struct bench_round *round, struct nnvme_err *err)
{
	int from, status = 0, ret;
	pid_t child = start(words, log, &from);
	struct bench_disturbance disturbance;
	double run_delay;
	char *text;

	if (child < 0)
		return nnvme_fail(err, -errno, "fio cannot be started: %s", strerror(errno));
	bench_disturbance_begin(&disturbance, BENCH_HOST_PORT, child);
	errno = 0;
	text = read_all(from, &disturbance);
	ret = text ? 0 : errno == EINTR ? -EINTR : -EIO;
	run_delay = bench_disturbance_end(&disturbance);
	if (ret)
		kill(child, SIGKILL);
	close(from);
	while (waitpid(child, &status, 0) < 0 && errno == EINTR)
		;
	if (ret == -EINTR)
		nnvme_fail(err, ret, "fio was interrupted");
	else if (ret || status)
		ret = last_words(log, status, err);
	else
		ret = bench_fio_parse(text, bytes, round, err);
	round->value[BENCH_RUN_DELAY] = run_delay;
	free(text);
	return ret;
}

int bench_fio_run(const struct bench_fio_job *job, struct bench_round *round, struct nnvme_err *err)
{
	char **words = bench_fio_words(job);
	int ret, log;

	if (!words)
		return nnvme_fail(err, -ENOMEM, "no memory for fio's command line");
	log = open("/tmp", O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);
	if (log < 0)
		ret = nnvme_fail(err, -errno, "no temporary file in /tmp for what fio says: %s", strerror(errno));
	else
		ret = wait_for(words, job->work->bytes, log, round, err);
	if (log >= 0)
		close(log);
	bench_fio_free(words);
	return ret;
}
