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
static unsigned long event_id(const char *event)
{
	char text[24];

	if (bench_sysfs_read(text, sizeof(text), "/sys/kernel/tracing/events/%s/id", event) <= 0 &&
	    bench_sysfs_read(text, sizeof(text), "/sys/kernel/debug/tracing/events/%s/id", event) <= 0)
		return 0;
	return strtoul(text, NULL, 10);
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

static int open_event(unsigned long id, int cpu)
{
	struct perf_event_attr attr = {
		.type = PERF_TYPE_TRACEPOINT,
		.size = sizeof(attr),
		.config = id,
		.disabled = 1,
	};

	return (int)syscall(SYS_perf_event_open, &attr, -1, cpu, -1, PERF_FLAG_FD_CLOEXEC);
}

/* One for each CPU present. NULL: not available. */
static int *open_events(unsigned long id, size_t nr_cpus)
{
	int *fd = id ? malloc(nr_cpus * sizeof(*fd)) : NULL;
	bool any = false;

	for (size_t cpu = 0; fd && cpu < nr_cpus; cpu++) {
		fd[cpu] = open_event(id, (int)cpu);
		any = any || fd[cpu] >= 0;
	}
	if (any)
		return fd;
	free(fd);
	return NULL;
}

bool bench_tracer_open(struct bench_tracer *t)
{
	struct rlimit limit;
	bool any = false;

	*t = (struct bench_tracer){ .nr_cpus = (size_t)sysconf(_SC_NPROCESSORS_CONF) };
	if (!getrlimit(RLIMIT_NOFILE, &limit)) {
		limit.rlim_cur = limit.rlim_max;
		setrlimit(RLIMIT_NOFILE, &limit);
	}
	for (int i = 0; i < BENCH_TRACES; i++) {
		if (i == BENCH_TRACE_INVALIDATION && other_iommu())
			continue;
		t->fd[i] = open_events(event_id(events[i]), t->nr_cpus);
		any = any || t->fd[i];
	}
	return any;
}

void bench_tracer_start(struct bench_tracer *t)
{
	for (int i = 0; i < BENCH_TRACES; i++)
		for (size_t cpu = 0; t->fd[i] && cpu < t->nr_cpus; cpu++)
			ioctl(t->fd[i][cpu], PERF_EVENT_IOC_ENABLE, 0);
}

void bench_tracer_stop(struct bench_tracer *t, double counts[BENCH_TRACES])
{
	for (int i = 0; i < BENCH_TRACES; i++)
		for (size_t cpu = 0; t->fd[i] && cpu < t->nr_cpus; cpu++)
			ioctl(t->fd[i][cpu], PERF_EVENT_IOC_DISABLE, 0);
	for (int i = 0; i < BENCH_TRACES; i++) {
		counts[i] = t->fd[i] ? 0 : NAN;
		for (size_t cpu = 0; t->fd[i] && cpu < t->nr_cpus; cpu++) {
			uint64_t count;

			if (read(t->fd[i][cpu], &count, sizeof(count)) == sizeof(count))
				counts[i] += (double)count;
		}
	}
}

void bench_tracer_close(struct bench_tracer *t)
{
	for (int i = 0; i < BENCH_TRACES; i++) {
		for (size_t cpu = 0; t->fd[i] && cpu < t->nr_cpus; cpu++)
			if (t->fd[i][cpu] >= 0)
				close(t->fd[i][cpu]);
		free(t->fd[i]);
		t->fd[i] = NULL;
	}
}
