// SPDX-License-Identifier: MIT
#include "nvme/iov.h"

#include <errno.h>

#include "dma/table_build.h"

void nnvme_iov_skip(struct nnvme_iov_cursor *c, size_t len)
{
	c->skip += len;
	while (c->n && c->skip >= c->iov->iov_len) {
		c->skip -= c->iov->iov_len;
		c->iov++;
		c->n--;
	}
}

int nnvme_iov_sum(const struct iovec *iov, unsigned n, uint64_t *sum)
{
	*sum = 0;
	for (unsigned i = 0; i < n; i++) {
		size_t len = iov[i].iov_len;

		if (len && ((uintptr_t)iov[i].iov_base | len) % 4)
			return -EINVAL;
		if (__builtin_add_overflow(*sum, len, sum))
			return -EINVAL;
	}
	return 0;
}

int nnvme_iov_check(const struct nnvme_qpair *qp, const struct iovec *iov, unsigned n)
{
	for (unsigned i = 0; i < n; i++)
		if (iov[i].iov_len &&
		    nnvme_table_check(qp->table, (uintptr_t)iov[i].iov_base, iov[i].iov_len))
			return -EFAULT;
	return 0;
}
