/* SPDX-License-Identifier: MIT */
#ifndef NNVME_NVME_SGL_H
#define NNVME_NVME_SGL_H

#include "nvme/iov.h"

/*
 * The number of bytes from @c that the scatter gather list of one command can describe, at most
 * @want.
 */
size_t nnvme_sgl_bytes(const struct nnvme_qpair *qp, struct nnvme_iov_cursor c, size_t want);

/* Set the data pointer of @cmd to the @len bytes from @c. Errors as nnvme_map_prp(). */
int nnvme_map_iov_sgl(struct nnvme_qpair *qp, struct nnvme_iov_cursor c, size_t len,
		      struct nnvme_sqe *cmd, uint16_t *set);

#endif
