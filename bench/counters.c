// SPDX-License-Identifier: MIT
#include "counters.h"

#include <fcntl.h>
#include <glob.h>
#include <linux/perf_event.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "sysfs.h"

/* --- interrupts --- */

/* "nvme0q1" is a vector of nvme0; "vfio-msix[0](0000:01:00.0)" one of that device. */
static bool is_vector(const char *action, const char *controller, const char *bdf)
{
	size_t length = strlen(controller);
	char device[32];

	if (length && !strncmp(action, controller, length) && action[length] == 'q')
		return true;
	snprintf(device, sizeof(device), "(%s)", bdf);
	return !strncmp(action, "vfio-", 5) && strstr(action, device);
}

/*
 * "  27:   12   0  IR-PCI-MSIX-0000:01:00.0  1-edge  nvme0q1": a count per CPU, and the owner last.
 */
static uint64_t line_count(char *line, const char *controller, const char *bdf)
{
	char *colon = strchr(line, ':'), *action, *end;
	uint64_t sum = 0;

	line[strcspn(line, "\n")] = '\0';
	action = strrchr(line, ' ');
	if (!colon || !action || !is_vector(action + 1, controller, bdf))
		return 0;
	for (char *at = colon + 1;; at = end) {
		unsigned long long count = strtoull(at, &end, 10);

		if (end == at || !strchr(" \t", *end))
			return sum;
		sum += count;
	}
}

uint64_t bench_interrupts_in(FILE *file, const char *controller, const char *bdf)
{
	char *line = NULL;
	size_t size = 0;
	uint64_t sum = 0;

	while (getline(&line, &size, file) > 0)
		sum += line_count(line, controller, bdf);
	free(line);
	return sum;
}

uint64_t bench_interrupts(const char *controller, const char *bdf)
{
	FILE *file = fopen("/proc/interrupts", "re");
	uint64_t sum = 0;

	if (!file)
		return 0;
	sum = bench_interrupts_in(file, controller, bdf);
	fclose(file);
	return sum;
}

/* --- tracepoints --- */

static const char *const events[BENCH_TRACES] = {
	[BENCH_TRACE_MAP] = "iommu/map",
	[BENCH_TRACE_UNMAP] = "iommu/unmap",
	[BENCH_TRACE_INVALIDATION] = "intel_iommu/qi_submit",
};

/* The number of an event; 0 when there is no such event. */
static uint64_t event_id(const char *event)
{
	uint64_t id = bench_sysfs_number(0, "/sys/kernel/tracing/events/%s/id", event);

	return id ? id : bench_sysfs_number(0, "/sys/kernel/debug/tracing/events/%s/id", event);
}

/*
 * Distribution kernels have the events of Intel's IOMMU everywhere; on other machines they never
 * fire.
 */
static bool other_iommu(void)
{
	glob_t found;
	bool other = !glob("/sys/class/iommu/*", GLOB_NOSORT, NULL, &found) &&
		     strncmp(found.gl_pathv[0], "/sys/class/iommu/dmar", 21) != 0;

	globfree(&found);
	return other;
}

static int open_event(uint64_t id, int cpu)
{
	struct perf_event_attr attr = {
		.type = PERF_TYPE_TRACEPOINT,
		.size = sizeof(attr),
		.config = id,
		.disabled = 1,
	};

	return (int)syscall(SYS_perf_event_open, &attr, -1, cpu, -1, PERF_FLAG_FD_CLOEXEC);
}

bool bench_tracer_open(struct bench_tracer *t)
{
	size_t nr_cpus = (size_t)sysconf(_SC_NPROCESSORS_CONF);
	uint64_t id = 0;
	struct rlimit limit;

	*t = (struct bench_tracer){
		.nr_cpus = nr_cpus, .fd = malloc(BENCH_TRACES * nr_cpus * sizeof(*t->fd)),
	};
	if (!getrlimit(RLIMIT_NOFILE, &limit)) {
		limit.rlim_cur = limit.rlim_max;
		setrlimit(RLIMIT_NOFILE, &limit);
	}
	for (size_t i = 0; t->fd && i < BENCH_TRACES * nr_cpus; i++) {
		size_t trace = i / nr_cpus;

		if (i % nr_cpus == 0)
			id = trace == BENCH_TRACE_INVALIDATION &&
			     other_iommu() ? 0 : event_id(events[trace]);
		t->fd[i] = id ? open_event(id, (int)(i % nr_cpus)) : -1;
		t->counts[trace] = t->counts[trace] || t->fd[i] >= 0;
	}
	if (t->counts[BENCH_TRACE_MAP] || t->counts[BENCH_TRACE_UNMAP] ||
	    t->counts[BENCH_TRACE_INVALIDATION])
		return true;
	bench_tracer_close(t);
	return false;
}

void bench_tracer_start(struct bench_tracer *t)
{
	for (size_t i = 0; i < BENCH_TRACES * t->nr_cpus; i++)
		ioctl(t->fd[i], PERF_EVENT_IOC_ENABLE, 0);
}

void bench_tracer_stop(struct bench_tracer *t, double counts[BENCH_TRACES])
{
	uint64_t count;

	for (size_t i = 0; i < BENCH_TRACES * t->nr_cpus; i++)
		ioctl(t->fd[i], PERF_EVENT_IOC_DISABLE, 0);
	for (int i = 0; i < BENCH_TRACES; i++)
		counts[i] = t->counts[i] ? 0 : NAN;
	for (size_t i = 0; i < BENCH_TRACES * t->nr_cpus; i++)
		if (read(t->fd[i], &count, sizeof(count)) == sizeof(count))
			counts[i / t->nr_cpus] += (double)count;
}

void bench_tracer_close(struct bench_tracer *t)
{
	for (size_t i = 0; t->fd && i < BENCH_TRACES * t->nr_cpus; i++)
		if (t->fd[i] >= 0)
			close(t->fd[i]);
	free(t->fd);
	t->fd = NULL;
}
