// SPDX-License-Identifier: MIT
/* The inline paths with a barrier, as functions for barriers.sh to look at. */
#include "noiommu_nvme/io.h"

void ring(struct nnvme_qpair *qp);
unsigned poll_one(struct nnvme_qpair *qp, struct nnvme_completion *out);

void ring(struct nnvme_qpair *qp)
{
	nnvme_sq_doorbell(qp, 1);
}

unsigned poll_one(struct nnvme_qpair *qp, struct nnvme_completion *out)
{
	return nnvme_poll(qp, out, 1);
}
