/* SPDX-License-Identifier: MIT */
#ifndef NNVME_BENCH_PARAMETER_H
#define NNVME_BENCH_PARAMETER_H

/* A number or a switch of the kernel's that a run changes for its time. */

#include "noiommu_nvme/err.h"

struct bench_parameter {
	char was[24];	/* as found; "" where the kernel has none */
	char set[24];	/* what the run makes of it; "" it leaves it alone */
};

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
