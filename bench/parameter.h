/* SPDX-License-Identifier: MIT */
#ifndef NNVME_BENCH_PARAMETER_H
#define NNVME_BENCH_PARAMETER_H

/* A number or a switch of the kernel's that a run changes for its time. */

#include "noiommu_nvme/err.h"

struct bench_parameter {
	char was[24];	/* as found; "" where the kernel has none */
	char set[24];	/* what the run makes of it; "" it leaves it alone */
};

/* In the order in which they are put back, the devices after the first of them. */
enum {
	BENCH_POLL_QUEUES,	/* of the nvme driver */
	BENCH_NOIOMMU,		/* the switch, "Y" or "N" */
	BENCH_HUGEPAGES,	/* of 2 MiB */
	BENCH_PARAMETERS
};
extern const char *const bench_parameter_paths[BENCH_PARAMETERS];

void bench_parameter_read(struct bench_parameter *p, const char *path);

/*
 * Make it p->set, when that is not "". The kernel may give another value, fewer huge pages for one: p->set
 * is then what it gave, and "" when that is what was. -errno.
 */
int bench_parameter_apply(struct bench_parameter *p, const char *path);

/*
 * As it was, if a run set it and it still has that value; what somebody else made of it since is left
 * alone, and said on stderr.
 */
int bench_parameter_restore(const struct bench_parameter *p, const char *path, struct nnvme_err *err);

#endif
