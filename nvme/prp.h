/* SPDX-License-Identifier: MIT */
#ifndef NNVME_NVME_PRP_H
#define NNVME_NVME_PRP_H

#include "nvme/iov.h"
#include "nvme/private.h"

/*
 * The number of bytes from @c that join at page borders, so that PRPs describe them; at most
 * @want.
 */
size_t nnvme_prp_bytes(struct nnvme_iov_cursor c, size_t want);

/* nnvme_map_prp() where no list of the table serves. */
int nnvme_map_prp_slow(struct nnvme_qpair *qp, uintptr_t va, size_t len, struct nnvme_prp *prp,
		       uint16_t *set);

/*
 * The PRPs of one command for the @len bytes at @va: a list of the table, or a set of list
 * pages. 0, or -EFAULT if another thread has unregistered the memory meanwhile.
 */
static inline int nnvme_map_prp(struct nnvme_qpair *qp, uintptr_t va, size_t len,
				struct nnvme_prp *prp, uint16_t *set)
{
	if (nnvme_table_fill(qp->table, va, len, &prp->prp1, &prp->prp2) &&
	    !(nnvme_qp(qp)->ctrl->opts.quirks & NNVME_QUIRK_ALIGNED_LISTS))
		return 0;
	return nnvme_map_prp_slow(qp, va, len, prp, set);
}

/*
 * The same for the @len bytes from @c: in the command, in the slot's list, or in a set of list
 * pages.
 */
int nnvme_map_iov_prp(struct nnvme_qpair *qp, struct nnvme_iov_cursor c, size_t len,
		      struct nnvme_sqe *cmd, uint16_t *set);

#endif
