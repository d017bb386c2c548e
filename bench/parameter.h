/* SPDX-License-Identifier: MIT */
#ifndef NNVME_BENCH_PARAMETER_H
#define NNVME_BENCH_PARAMETER_H

/* A number or a switch of the kernel that a run changes while it lasts. */

#include "noiommu_nvme/err.h"

struct bench_parameter {
	char was[24];	/* as found; "" if the kernel has none */
	char set[24];	/* what the run sets it to; "": unchanged */
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
 * Set it to p->set, unless that is "". The kernel may choose another value, for example fewer huge
 * pages: p->set is then that value, or "" if nothing changed. -errno.
 */
int bench_parameter_apply(struct bench_parameter *p, const char *path);

/*
 * Restore it, if a run set it and it still has that value; a value that somebody else has set since
 * is kept, and reported on stderr.
 */
int bench_parameter_restore(const struct bench_parameter *p, const char *path,
			    struct nnvme_err *err);

#endif
