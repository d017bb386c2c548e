// SPDX-License-Identifier: MIT
#include "disturbance.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <math.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "clock.h"
#include "sysfs.h"

#define PATIENCE_MS 10000	/* for an answer */
#define LINE 4096

/* --- the threads of a process --- */

/* A known thread keeps its entry. */
static void keep(struct bench_run_delays *delays, unsigned thread, uint64_t ns)
{
	size_t i = 0;

	while (i < delays->count && delays->of[i].thread != thread)
		i++;
	if (i == BENCH_MOST_THREADS)
		return;
	delays->of[i].thread = thread;
	delays->of[i].ns = ns;
	delays->count += i == delays->count;
}

static bool look_at_process(pid_t process, struct bench_run_delays *delays)
{
	char path[64], text[100];
	struct dirent *entry;
	uint64_t ns;
	DIR *dir;

	snprintf(path, sizeof(path), "/proc/%d/task", process);
	dir = opendir(path);
	if (!dir)
		return false;
	delays->us = bench_now() / 1000;
	while ((entry = readdir(dir))) {
		unsigned thread = (unsigned)strtoul(entry->d_name, NULL, 10);

		if (thread &&
		    bench_sysfs_read(text, sizeof(text), "%s/%u/schedstat", path, thread) > 0 &&
		    sscanf(text, "%*u %" SCNu64, &ns) == 1)
			keep(delays, thread, ns);
	}
	closedir(dir);
	return delays->count;
}

/* --- the host --- */

bool bench_run_delays_parse(const char *line, uint64_t number, struct bench_run_delays *delays)
{
	uint64_t answered, ns;
	unsigned thread;
	int n = 0;

	*delays = (struct bench_run_delays){ 0 };
	if (sscanf(line, "%" SCNu64 " %" SCNu64 "%n", &answered, &delays->us, &n) != 2 ||
	    answered != number)
		return false;
	for (line += n; sscanf(line, " %u:%" SCNu64 "%n", &thread, &ns, &n) == 2; line += n)
		keep(delays, thread, ns);
	return delays->count && !line[strspn(line, " \r")];
}

/* A line from @fd without its newline; false if none comes. */
static bool read_line(int fd, char line[LINE])
{
	struct pollfd ready = { .fd = fd, .events = POLLIN };

	for (size_t n = 0; n < LINE; n++) {
		if (poll(&ready, 1, PATIENCE_MS) <= 0 || read(fd, &line[n], 1) != 1)
			return false;
		if (line[n] == '\n') {
			line[n] = '\0';
			return true;
		}
	}
	return false;
}

/* First come answers that an earlier client did not wait for. */
static bool ask_host(const char *port, struct bench_run_delays *delays)
{
	uint64_t number = bench_now();
	int fd = open(port, O_RDWR | O_NOCTTY | O_CLOEXEC);
	bool answered = false;
	char line[LINE];

	if (fd < 0)
		return false;
	if (dprintf(fd, "%" PRIu64 "\n", number) > 0)
		while (!answered && read_line(fd, line))
			answered = bench_run_delays_parse(line, number, delays);
	close(fd);
	return answered;
}

/* --- both --- */

double bench_run_delay(const struct bench_run_delays *before, const struct bench_run_delays *after)
{
	double most = NAN;

	for (size_t i = 0; after->us > before->us && i < after->count; i++) {
		uint64_t since = 0;	/* a thread that began in between */

		for (size_t k = 0; k < before->count; k++)
			if (before->of[k].thread == after->of[i].thread)
				since = before->of[k].ns;
		if (after->of[i].ns >= since)
			most = fmax(most, (double)(after->of[i].ns - since) / 1e3 /
				    (double)(after->us - before->us));
	}
	return most;
}

void bench_disturbance_begin(struct bench_disturbance *d, const char *port, pid_t process)
{
	*d = (struct bench_disturbance){ .process = process };
	if (access(port, F_OK) == 0) {
		d->port = port;
		ask_host(port, &d->before);
	} else {
		look_at_process(process, &d->before);
		d->last = d->before;
	}
}

void bench_disturbance_look(struct bench_disturbance *d)
{
	if (!d->port)
		look_at_process(d->process, &d->last);
}

double bench_disturbance_end(struct bench_disturbance *d)
{
	if (d->port && !ask_host(d->port, &d->last))
		return NAN;
	bench_disturbance_look(d);
	return d->before.us ? bench_run_delay(&d->before, &d->last) : NAN;
}
