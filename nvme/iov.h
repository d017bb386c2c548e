/* SPDX-License-Identifier: MIT */
#ifndef NNVME_NVME_IOV_H
#define NNVME_NVME_IOV_H

#include "nvme/private.h"

/*
 * A cursor: how far a walk through iovecs has come. As a value, so that looking ahead costs
 * nothing.
 */
struct nnvme_iov_cursor {
	const struct iovec *iov;	/* the current one */
	size_t skip;			/* bytes of it that are done */
	unsigned n;			/* including the current one; 0: at the end */
};

void nnvme_iov_skip(struct nnvme_iov_cursor *c, size_t len);

/* The current address; not at the end. */
static inline uintptr_t nnvme_iov_va(const struct nnvme_iov_cursor *c)
{
	return (uintptr_t)c->iov->iov_base + c->skip;
}

/* 0 and the lengths' sum; -EINVAL not aligned or too much. */
int nnvme_iov_sum(const struct iovec *iov, unsigned n, uint64_t *sum);

/* 0 when all of them are registered, else -EFAULT. */
int nnvme_iov_check(const struct nnvme_qpair *qp, const struct iovec *iov, unsigned n);

#endif
