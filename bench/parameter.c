// SPDX-License-Identifier: MIT
#include "parameter.h"

#include <stdio.h>
#include <string.h>

#include "sysfs.h"

const char *const bench_parameter_paths[BENCH_PARAMETERS] = {
	[BENCH_POLL_QUEUES] = "/sys/module/nvme/parameters/poll_queues",
	[BENCH_NOIOMMU] = "/sys/module/vfio/parameters/enable_unsafe_noiommu_mode",
	[BENCH_HUGEPAGES] = "/sys/kernel/mm/hugepages/hugepages-2048kB/nr_hugepages",
};

void bench_parameter_read(struct bench_parameter *p, const char *path)
{
	*p = (struct bench_parameter){ "" };
	bench_sysfs_read(p->was, sizeof(p->was), "%s", path);
}

int bench_parameter_apply(struct bench_parameter *p, const char *path)
{
	char now[sizeof(p->set)];
	int rc;

	if (!*p->set)
		return 0;
	rc = bench_sysfs_write(p->set, "%s", path);
	if (bench_sysfs_read(now, sizeof(now), "%s", path) >= 0)
		strcpy(p->set, strcmp(now, p->was) != 0 ? now : "");
	return rc;
}

int bench_parameter_restore(const struct bench_parameter *p, const char *path,
			    struct nnvme_err *err)
{
	char now[sizeof(p->set)];
	int rc;

	if (!*p->set || bench_sysfs_read(now, sizeof(now), "%s", path) < 0 || !strcmp(now, p->was))
		return 0;
	if (strcmp(now, p->set) != 0) {
		fprintf(stderr, "%s was set to %s, and is %s now: it is left so (before "
			"it was %s)\n", path, p->set, now, p->was);
		return 0;
	}
	rc = bench_sysfs_write(p->was, "%s", path);
	return rc ? nnvme_fail(err, rc, "%s cannot be set "
			       "back to %s: %s", path, p->was, strerror(-rc)) : 0;
}
