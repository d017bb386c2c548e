// SPDX-License-Identifier: MIT
/* Requests that do not take the inline path: check the arguments and count the commands. */
#include "nvme/request.h"

#include <errno.h>

#include "dma/table_build.h"
#include "nvme/map.h"
#include "nvme/split.h"
#include "nvme/sq.h"

#define MAX_ZEROES 65536	/* NLB has 16 bits, counting from 0 */

static int submit(struct nnvme_qpair *qp, struct nnvme_split *whole)
{
	int ret = nnvme_sq_check(qp);

	if (ret)
		return ret;
	return whole->blocks <= whole->max ? nnvme_split_one(qp, whole, 0) :
					     nnvme_split_submit(qp, whole);
}

static int check_blocks(const struct nnvme_ns *ns, uint64_t lba, uint64_t blocks)
{
	if (nnvme_namespace(ns)->stale)
		return -ESTALE;
	if (!blocks)
		return -EINVAL;
	if (lba >= ns->blocks || blocks > ns->blocks - lba)
		return -ERANGE;
	return 0;
}

int nnvme_request_rw(struct nnvme_qpair *qp, const struct nnvme_ns *ns, uint8_t opcode, void *buf,
		     uint64_t lba, uint32_t blocks, uint32_t flags, void *tag)
{
	struct nnvme_split whole = {
		.tag = tag, .ns = ns, .va = (uintptr_t)buf, .lba = lba, .blocks = blocks,
		.max = nnvme_namespace(ns)->max_blocks, .opcode = opcode, .flags = flags,
	};
	int ret = check_blocks(ns, lba, blocks);

	if (ret)
		return ret;
	if (whole.va % 4)
		return -EINVAL;
	/*
	 * Check all of it before the first command: do not begin a transfer that cannot be
	 * finished.
	 */
	if (nnvme_table_check(qp->table, whole.va, (size_t)blocks << ns->block_shift))
		return -EFAULT;
	return submit(qp, &whole);
}

int nnvme_rw_slow(struct nnvme_qpair *qp, const struct nnvme_ns *ns, uint8_t opcode, void *buf,
		  uint64_t lba, uint32_t blocks, void *tag)
{
	return nnvme_request_rw(qp, ns, opcode, buf, lba, blocks, 0, tag);
}

/* The number of commands; 0: no command can carry some block. */
static uint64_t count_commands(struct nnvme_qpair *qp, struct nnvme_split whole)
{
	uint64_t n = 0;

	while (whole.blocks) {
		uint32_t most = (uint32_t)(whole.blocks < whole.max ? whole.blocks : whole.max);
		uint32_t blocks = nnvme_map_blocks(qp, whole.ns, whole.at, most);

		if (!blocks)
			return 0;
		whole.blocks -= blocks;
		nnvme_iov_skip(&whole.at, (size_t)blocks << whole.ns->block_shift);
		n++;
	}
	return n;
}

int nnvme_request_rwv(struct nnvme_qpair *qp, const struct nnvme_ns *ns, uint8_t opcode,
		      const struct iovec *iov, int iovcnt, uint64_t lba, uint32_t flags, void *tag)
{
	struct nnvme_split whole = {
		.tag = tag, .ns = ns, .at = { iov, 0, (unsigned)iovcnt }, .lba = lba,
		.max = nnvme_namespace(ns)->max_blocks, .opcode = opcode, .flags = flags,
	};
	uint64_t bytes, commands;
	int ret;

	if (iovcnt < 1 || iovcnt > NNVME_IOV_MAX)
		return -EINVAL;
	ret = nnvme_iov_sum(iov, (unsigned)iovcnt, &bytes);
	whole.blocks = bytes >> ns->block_shift;
	if (!ret && whole.blocks << ns->block_shift != bytes)
		ret = -EINVAL;
	if (!ret)
		ret = check_blocks(ns, lba, whole.blocks);
	if (!ret)
		ret = nnvme_iov_check(qp, iov, (unsigned)iovcnt);
	if (!ret)
		ret = nnvme_sq_check(qp);
	if (ret)
		return ret;
	/* As above: do not begin a transfer that cannot be finished. */
	commands = count_commands(qp, whole);
	if (!commands)
		return -EOPNOTSUPP;
	return commands == 1 ? nnvme_split_one(qp, &whole, 0) : nnvme_split_iov(qp, &whole);
}

int nnvme_flush(struct nnvme_qpair *qp, const struct nnvme_ns *ns, void *tag)
{
	struct nnvme_sqe cmd = { .opcode = NNVME_OP_FLUSH, .nsid = ns->nsid };
	int ret = nnvme_sq_check(qp);

	if (!ret)
		nnvme_submit(qp, &cmd, tag, 0, 0, false);
	return ret;
}

int nnvme_write_zeroes(struct nnvme_qpair *qp, const struct nnvme_ns *ns, uint64_t lba,
		       uint64_t blocks, void *tag)
{
	uint64_t most = nnvme_namespace(ns)->ctrl->max_zeroes >> ns->block_shift;
	struct nnvme_split whole = {
		.tag = tag, .ns = ns, .lba = lba, .blocks = blocks, .opcode = NNVME_OP_WRITE_ZEROES,
		.max = most < MAX_ZEROES ? most : MAX_ZEROES,
	};
	int ret = check_blocks(ns, lba, blocks);

	if (!nnvme_namespace(ns)->can_write_zeroes)
		return -EOPNOTSUPP;
	return ret ? ret : submit(qp, &whole);
}

int nnvme_deallocate(struct nnvme_qpair *qp, const struct nnvme_ns *ns, uint64_t lba,
		     uint64_t blocks, void *tag)
{
	const struct nnvme_ctrl *ctrl = nnvme_namespace(ns)->ctrl;
	uint64_t in_ranges = (uint64_t)ctrl->dsm_ranges * ctrl->dsm_range_blocks;
	struct nnvme_split whole = {
		.tag = tag, .ns = ns, .lba = lba, .blocks = blocks, .opcode = NNVME_OP_DSM,
		.max = in_ranges < ctrl->dsm_blocks ? in_ranges : ctrl->dsm_blocks,
	};
	int ret = check_blocks(ns, lba, blocks);

	if (!nnvme_namespace(ns)->can_deallocate)
		return -EOPNOTSUPP;
	return ret ? ret : submit(qp, &whole);
}
