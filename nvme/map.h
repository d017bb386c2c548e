/* SPDX-License-Identifier: MIT */
#ifndef NNVME_NVME_MAP_H
#define NNVME_NVME_MAP_H

/*
 * The data of a vectored request, told to the controller in general: any iovecs, any part of them. The plain
 * cases are in vector.c. PRPs where iovecs join at page borders; else, where the controller has them, a
 * scatter gather list.
 */

#include "nvme/iov.h"

/* How many blocks from @c one command can carry, @most or fewer; 0: not even one. */
uint32_t nnvme_map_blocks(const struct nnvme_qpair *qp, const struct nnvme_ns *ns,
			  struct nnvme_iov_cursor c, uint32_t most);

/* Set the data pointer of @cmd to @blocks blocks, no more than nnvme_map_blocks() said. As nnvme_map_prp(). */
int nnvme_map_iov(struct nnvme_qpair *qp, const struct nnvme_ns *ns, struct nnvme_iov_cursor c,
		  uint32_t blocks, struct nnvme_sqe *cmd, uint16_t *set);

#endif
