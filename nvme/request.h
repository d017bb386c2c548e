/* SPDX-License-Identifier: MIT */
#ifndef NNVME_NVME_REQUEST_H
#define NNVME_NVME_REQUEST_H

#include "nvme/private.h"

/* What nnvme_rwv() does not handle itself; results as nnvme_readv(). */
int nnvme_rwv_slow(struct nnvme_qpair *qp, const struct nnvme_ns *ns, uint8_t opcode,
		   const struct iovec *iov, int iovcnt, uint64_t lba, void *tag);

#endif
