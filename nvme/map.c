// SPDX-License-Identifier: MIT
#include "nvme/map.h"

#include "nvme/prp.h"
#include "nvme/sgl.h"

uint32_t nnvme_map_blocks(const struct nnvme_qpair *qp, const struct nnvme_ns *ns,
			  struct nnvme_iov_cursor c, uint32_t most)
{
	size_t want = (size_t)most << ns->block_shift, len;

	if (c.skip >= c.iov->iov_len)
		nnvme_iov_skip(&c, 0);	/* empty ones in front */
	len = nnvme_prp_bytes(c, want);
	if (len < want && nnvme_qp(qp)->ctrl->can_sgl)
		len = nnvme_sgl_bytes(qp, c, want);
	return (uint32_t)(len >> ns->block_shift);
}

int nnvme_map_iov(struct nnvme_qpair *qp, const struct nnvme_ns *ns, struct nnvme_iov_cursor c,
		  uint32_t blocks, struct nnvme_sqe *cmd, uint16_t *set)
{
	size_t len = (size_t)blocks << ns->block_shift;

	nnvme_iov_skip(&c, 0);	/* empty ones in front */
	if (nnvme_prp_bytes(c, len) == len)
		return nnvme_map_iov_prp(qp, c, len, cmd, set);
	return nnvme_map_iov_sgl(qp, c, len, cmd, set);
}
