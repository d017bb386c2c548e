/* SPDX-License-Identifier: MIT */
#ifndef NNVME_NVME_REQUEST_H
#define NNVME_NVME_REQUEST_H

#include "nvme/private.h"

/*
 * A read or write off the inline path, of a buffer or of iovecs, with flags of CDW12; results as
 * nnvme_read() and nnvme_readv().
 */
int nnvme_request_rw(struct nnvme_qpair *qp, const struct nnvme_ns *ns, uint8_t opcode, void *buf,
		     uint64_t lba, uint32_t blocks, uint32_t flags, void *tag);
int nnvme_request_rwv(struct nnvme_qpair *qp, const struct nnvme_ns *ns, uint8_t opcode,
		      const struct iovec *iov, int iovcnt, uint64_t lba, uint32_t flags, void *tag);

#endif
