/* SPDX-License-Identifier: MIT */
#ifndef NNVME_NVME_REQUEST_H
#define NNVME_NVME_REQUEST_H

#include "nvme/private.h"

/* Whatever nnvme_rwv() finds unusual; results as nnvme_readv(). */
int nnvme_rwv_slow(struct nnvme_qpair *qp, const struct nnvme_ns *ns, uint8_t opcode,
		   const struct iovec *iov, int iovcnt, uint64_t lba, void *tag);

#endif
