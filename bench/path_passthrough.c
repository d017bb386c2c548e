// SPDX-License-Identifier: MIT
/*
 * NVMe commands through io_uring (IORING_OP_URING_CMD, Linux 5.19; with registered buffers and
 * polled, 6.1): the entry of 128 bytes contains the command, the completion of 32 bytes the status.
 */
#include "path_uring.h"

#include <endian.h>
#include <errno.h>
#include <libnvme.h>
#include <string.h>

#include "noiommu_nvme/ctrl.h"

static uint32_t prepare_command(struct uring_path *p, struct io_uring_sqe *sqe,
				const struct bench_io *io)
{
	struct nvme_uring_cmd *cmd = (struct nvme_uring_cmd *)sqe->cmd;
	uint64_t lba = io->offset >> p->block_shift;

	memset(sqe, 0, 128);
	sqe->opcode = IORING_OP_URING_CMD;
	sqe->flags = IOSQE_FIXED_FILE;
	sqe->cmd_op = NVME_URING_CMD_IO;
	sqe->uring_cmd_flags = IORING_URING_CMD_FIXED;
	sqe->buf_index = (uint16_t)io->slot;
	cmd->opcode = io->write ? nvme_cmd_write : nvme_cmd_read;
	cmd->nsid = p->nsid;
	cmd->addr = (uintptr_t)(p->path.buffers + io->slot * p->path.stride);
	cmd->data_len = io->bytes;
	cmd->cdw10 = (uint32_t)lba;
	cmd->cdw11 = (uint32_t)(lba >> 32);
	cmd->cdw12 = (io->bytes >> p->block_shift) - 1;
	return 0;
}

/* A status from the controller, or an errno from the kernel. */
static int error_of_command(int32_t result)
{
	return result < 0 ? -result : nnvme_status_errno((uint16_t)result);
}

int bench_passthrough_open(struct uring_path *p, const char *node, struct nnvme_err *err)
{
	struct nvme_id_ns ns;
	uint8_t format;
	int status;

	if (nvme_get_nsid(p->fd, &p->nsid))
		return nnvme_fail(err, -errno, "%s: no namespace ID: %m", node);
	status = nvme_identify_ns(p->fd, p->nsid, &ns);
	if (status)
		return nnvme_fail(err, -EIO, "%s: Identify Namespace: %s", node, status < 0 ?
				  strerror(errno) : nnvme_status_text((uint16_t)status));
	nvme_id_ns_flbas_to_lbaf_inuse(ns.flbas, &format);
	/* or the controller would transfer more than the kernel knows */
	if (ns.lbaf[format].ms)
		return nnvme_fail(err, -EOPNOTSUPP, "%s has %u bytes of "
				  "metadata a block: passthrough here "
				  "carries none", node, le16toh(ns.lbaf[format].ms));
	p->block_shift = ns.lbaf[format].ds;
	if (p->path.block != 1u << p->block_shift)
		return nnvme_fail(err, -EOPNOTSUPP, "%s has blocks of 2^%u bytes, and its block "
				  "device of %u", node, p->block_shift, p->path.block);
	p->prepare = prepare_command;
	p->error_of = error_of_command;
	return 0;
}

int bench_passthrough_try(struct uring_path *p, const char *node, struct nnvme_err *err)
{
	struct bench_io io = { .bytes = p->path.block };
	struct bench_done done = { 0 };
	int ret = p->path.ops->submit(&p->path, &io, 1), n = 0;

	while (!ret && !n) {
		n = p->path.ops->reap(&p->path, &done, 1);
		ret = n < 0 ? n : 0;
	}
	if (ret)
		return nnvme_fail(err, ret, "%s: io_uring: %s", node, strerror(-ret));
	/* the run counts the controller's errors */
	if (done.error == EOPNOTSUPP || done.error == EINVAL || done.error == ENOTTY)
		return nnvme_fail(err, -EOPNOTSUPP, "%s: the kernel refuses polled "
				  "passthrough with registered buffers (%s): it came "
				  "with Linux 6.1", node, strerror(done.error));
	return 0;
}
