/* SPDX-License-Identifier: MIT */
#ifndef NNVME_NVME_MAP_H
#define NNVME_NVME_MAP_H

/*
 * Data pointers of vectored requests in general: any iovecs, any part of them. vector.c has the
 * simple cases. PRPs are used where iovecs join at page borders; otherwise a scatter gather
 * list, if the controller has them.
 */

#include "nvme/iov.h"

/* The number of blocks from @c that one command can carry, at most @most; 0: not even one. */
uint32_t nnvme_map_blocks(const struct nnvme_qpair *qp, const struct nnvme_ns *ns,
			  struct nnvme_iov_cursor c, uint32_t most);

/*
 * Set the data pointer of @cmd to @blocks blocks, no more than nnvme_map_blocks() returned.
 * Errors as nnvme_map_prp().
 */
int nnvme_map_iov(struct nnvme_qpair *qp, const struct nnvme_ns *ns, struct nnvme_iov_cursor c,
		  uint32_t blocks, struct nnvme_sqe *cmd, uint16_t *set);

#endif
