// SPDX-License-Identifier: MIT
/* Reads and writes with command flags. */
#include <errno.h>

#include "nvme/request.h"
#include "nvme/sq.h"

#define FLAGS (NNVME_FUA | NNVME_LIMITED_RETRY)

int nnvme_rw_flags(struct nnvme_qpair *qp, const struct nnvme_ns *ns, uint8_t opcode, void *buf,
		   uint64_t lba, uint32_t blocks, uint32_t flags, void *tag)
{
	struct nnvme_sqe *sqe = nnvme_sqe_at(qp, qp->tail);

	if (flags & ~FLAGS)
		return -EINVAL;
	if (!nnvme_rw_fast(qp, ns, opcode, buf, lba, blocks, tag))
		return nnvme_request_rw(qp, ns, opcode, buf, lba, blocks, flags, tag);
	/* The controller looks at it once it is rung, and in_flight.c only at the length. */
	NNVME_STORE(&sqe->cdw12, (blocks - 1) | flags);
	return 0;
}

int nnvme_rwv_flags(struct nnvme_qpair *qp, const struct nnvme_ns *ns, uint8_t opcode,
		    const struct iovec *iov, int iovcnt, uint64_t lba, uint32_t flags, void *tag)
{
	if (flags & ~FLAGS)
		return -EINVAL;
	if (!flags)
		return nnvme_rwv(qp, ns, opcode, iov, iovcnt, lba, tag);
	return nnvme_request_rwv(qp, ns, opcode, iov, iovcnt, lba, flags, tag);
}
