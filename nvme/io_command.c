// SPDX-License-Identifier: MIT
/* Raw I/O commands. */
#include <errno.h>

#include "dma/table_build.h"
#include "nvme/command.h"
#include "nvme/prp.h"
#include "nvme/sq.h"

#define PRACT (1u << 29) /* of CDW12: the controller makes or strips the protection information */

/*
 * What the controller is going to move, where the library knows it: with less memory than that it
 * would go on at bus address 0 (NVM Command Set, Read, Write, Compare and Dataset Management
 * commands).
 */
static bool long_enough(const struct nnvme_namespace *ns, const struct nnvme_command *cmd)
{
	uint64_t blocks = (cmd->cdw12 & 0xffff) + 1, metadata;

	switch (cmd->opcode) {
	case NNVME_OP_DSM:
		return cmd->data_len >= ((cmd->cdw10 & 0xff) + 1) * sizeof(struct nvme_dsm_range);
	case NNVME_OP_READ:
	case NNVME_OP_WRITE:
	case nvme_cmd_compare:
		break;
	default:
		return true;
	}
	if (!ns || !ns->ns.block_shift)
		return !ns;		/* the controller refuses it; or nobody knows how long */
	/*
	 * Metadata that is all protection information stays in the controller with PRACT, which
	 * means nothing where that is not enabled.
	 */
	metadata = blocks * ns->metadata;
	if (cmd->cdw12 & PRACT && ns->protection && ns->metadata == 8)
		metadata = 0;
	if (ns->extended)
		return cmd->data_len >= (blocks << ns->ns.block_shift) + metadata;
	return cmd->data_len >= blocks << ns->ns.block_shift && cmd->metadata_len >= metadata;
}

/* Nobody knows how long its blocks are: see outdate() in admin_command.c. */
static bool is_stale(const struct nnvme_namespace *ns, uint8_t opcode)
{
	return ns && ns->stale &&
	       (opcode == NNVME_OP_READ || opcode == NNVME_OP_WRITE || opcode == nvme_cmd_compare);
}

static int check(const struct nnvme_qpair *qp, const struct nnvme_command *cmd)
{
	const struct nnvme_ctrl *ctrl = nnvme_qp(qp)->ctrl;
	const struct nnvme_namespace *ns = nnvme_namespace_find(ctrl, cmd->nsid);

	if (!ns && cmd->nsid && cmd->nsid != NNVME_NSID_ALL)
		return -ENODEV;
	if (is_stale(ns, cmd->opcode))
		return -ESTALE;
	if (cmd->timeout_ms || cmd->data_len % 4)
		return -EINVAL;
	if (cmd->data_len && (uintptr_t)cmd->data % 4)
		return -EINVAL;
	if (cmd->metadata_len && (uintptr_t)cmd->metadata % 4)
		return -EINVAL;
	if (cmd->data_len > ctrl->max_transfer || cmd->metadata_len > ctrl->max_transfer)
		return -E2BIG;
	return long_enough(ns, cmd) ? 0 : -EINVAL;
}

/*
 * MPTR is an address, not a list (Base 2.x, Metadata Pointer): what it leads to has to be in one
 * piece.
 */
static int map_metadata(const struct nnvme_qpair *qp, uintptr_t va, size_t len, uint64_t *mptr)
{
	uint64_t first = nnvme_table_page(qp->table, va).v, next = first;

	if (nnvme_table_check(qp->table, va, len) || !first)
		return -EFAULT;
	for (size_t at = 0; at < va % NNVME_PAGE_SIZE + len; at += NNVME_PAGE_SIZE) {
		if (nnvme_table_page(qp->table, va - va % NNVME_PAGE_SIZE + at).v != next)
			return -EINVAL;
		next += NNVME_PAGE_SIZE;
	}
	*mptr = first + va % NNVME_PAGE_SIZE;
	return 0;
}

static int map_data(struct nnvme_qpair *qp, uintptr_t va, size_t len, struct nnvme_sqe *sqe,
		    uint16_t *list)
{
	struct nnvme_prp prp = { 0 };
	int ret;

	if (nnvme_table_check(qp->table, va, len))
		return -EFAULT;
	ret = nnvme_map_prp(qp, va, len, &prp, list);
	sqe->prp1 = prp.prp1;
	sqe->prp2 = prp.prp2;
	return ret;
}

int nnvme_io_command(struct nnvme_qpair *qp, const struct nnvme_command *given, void *tag)
{
	struct nnvme_command cmd;
	struct nnvme_raw raw;
	struct nnvme_sqe sqe;
	uint16_t list = 0;
	int ret = nnvme_command_in(&cmd, given, NULL);

	ret = ret ? ret : check(qp, &cmd);
	if (ret)
		return ret;
	sqe = nnvme_command_sqe(&cmd);
	if (cmd.metadata_len)
		ret = map_metadata(qp, (uintptr_t)cmd.metadata, cmd.metadata_len, &sqe.mptr);
	ret = ret ? ret : nnvme_sq_check(qp);
	if (!ret && cmd.data_len)
		ret = map_data(qp, (uintptr_t)cmd.data, cmd.data_len, &sqe, &list);
	if (ret)
		return ret;
	raw = (struct nnvme_raw){ cmd.data_len, cmd.metadata_len, cmd.result };
	nnvme_submit_raw(qp, &sqe, tag, list, &raw);
	return 0;
}
