/* SPDX-License-Identifier: MIT */
#ifndef NNVME_COMMAND_H
#define NNVME_COMMAND_H

/**
 * @file
 * Raw commands: any opcode of any command set. The caller fills the command's own dwords; the
 * library does the rest of the entry: CID, data pointer, metadata pointer, PSDT.
 *
 *	struct nvme_id_ctrl id;
 *	struct nnvme_command cmd = {
 *		.size = sizeof(cmd), .opcode = 0x06, .cdw10 = 1,
 *		.data = &id, .data_len = sizeof(id),
 *	};
 *
 *	ret = nnvme_admin_command(ctrl, &cmd, &err);
 */

#include <stdint.h>

#include "ctrl.h"

#ifdef __cplusplus
extern "C" {
#endif
#pragma GCC visibility push(default)

/**
 * A raw command: the fields of struct nvme_passthru_cmd64 (linux/nvme_ioctl.h).
 *
 * Fields that are not given are 0.
 *
 * Bits 1:0 of the opcode say which way data goes (Base 2.x, Opcode Value): 0 no data, 1 to the
 * controller, 2 from it, 3 both. The library uses data_len instead, so vendor opcodes need not
 * follow this.
 */
struct nnvme_command {
	uint32_t size;		/* sizeof(struct nnvme_command) */
	uint8_t opcode;
	uint8_t flags;		/* FUSE and PSDT: 0, no fused commands, and PSDT is the library's */
	uint16_t reserved;	/* 0 */
	uint32_t nsid;
	uint32_t cdw2, cdw3;
	uint32_t cdw10, cdw11, cdw12, cdw13, cdw14, cdw15;
	uint32_t timeout_ms;	/* admin: 0 stands for 30 s; I/O: 0, it has none */
	void *data;
	void *metadata;		/* what the metadata pointer (MPTR) leads to */
	uint32_t data_len;	/* bytes */
	uint32_t metadata_len;
	uint64_t *result;	/* NULL, or where DW0 (31:0) and DW1 (63:32) of its completion go */
};

/**
 * Run one raw admin command and wait for it.
 *
 * Data and metadata are any memory of the caller's, with any alignment and length: they are copied,
 * so the controller never gets to them. They are copied back whenever the controller answered, with
 * an error too, unless bits 1:0 of the opcode are 1. Where the command's own dwords say how much
 * the controller moves, less data is refused; of the others, a vendor's above all, the caller
 * answers for it, because what is missing would be taken from, or written to, other memory.
 *
 * Refused are creating and deleting I/O queues, Doorbell Buffer Config, Asynchronous Event Request
 * (it ends when there is an event), Abort (it names a CID, and CIDs are the library's), Controller
 * Data Queue (the controller would write to memory long after the command), Keep Alive, and Set
 * Features of Number of Queues, Interrupt Coalescing, Interrupt Vector Configuration, Host Memory
 * Buffer (memory that nobody registered) and Keep Alive Timer (the library sends no Keep Alive).
 *
 * Admin commands run one at a time: another thread's, and its queue pair creation, registration and
 * freeing of memory, wait for this one. Give Format NVM a timeout that is long enough.
 *
 * What changes namespaces: the library sees sizes and formats when the controller is opened, so
 * open it again after Format NVM, Namespace Management and Namespace Attachment. With blocks longer
 * than the library knows of, the controller would write past buffers: from when Format NVM is sent
 * (for all namespaces) or Namespace Management (for the one that it names), whatever comes of it,
 * reads and writes are refused with -ESTALE. Have none in flight then, and no batch begun.
 *
 * @param ctrl  the controller
 * @param cmd   the command; its size is set by the caller, its data_len at most
 *              nnvme_ctrl_info.max_transfer
 * @return 0: success. Above 0: the status that the controller answered with, see
 *         nnvme_status_text(); `err` is not touched. Both with *result.
 * @retval -EINVAL  not sent: a field is not valid
 * @retval -E2BIG   not sent: more data than one command may carry, or a field of a newer layout is
 *                  set
 * @retval -EPERM   not sent: it would take from the library what it manages, see above
 * @retval -ENOMEM  not sent: no memory
 * @retval -EIO     not sent: the controller was given up before; or it reports a fatal status now
 * @retval -ENODEV  the controller was removed
 * @retval -ETIMEDOUT
 *                  not answered in time. The controller is given up: no admin command is sent any
 *                  more
 * @threads any thread, while the controller is open.
 * @spec Base 2.x, Admin Command Set.
 * @example
 * @code
 *	struct nvme_id_ctrl id;
 *	struct nnvme_command cmd = {
 *		.size = sizeof(cmd), .opcode = 0x06, .cdw10 = 1,
 *		.data = &id, .data_len = sizeof(id),
 *	};
 *	int ret = nnvme_admin_command(ctrl, &cmd, &err);
 *
 *	if (ret)
 *		fprintf(stderr, "%s\n", ret > 0 ? nnvme_status_text(ret) : err.text);
 * @endcode
 */
int nnvme_admin_command(struct nnvme_ctrl *ctrl, const struct nnvme_command *cmd,
			struct nnvme_err *err);

/**
 * Submit one raw I/O command.
 *
 * It goes out with the next nnvme_ring(). The completion's result is DW0, of a successful command
 * too; *result, which must stay until then, gets both dwords.
 *
 * Data and metadata lie in registered memory, dword-aligned, data a multiple of 4 bytes; never
 * split. The metadata is contiguous for the device: within one page it always is. Of Read, Write,
 * Compare and Dataset Management the length is known, and too little data is refused: what is
 * missing would be taken from, or written to, memory that is not the caller's. For all other
 * commands that is the caller's responsibility.
 *
 * @param qp   the queue pair
 * @param cmd  the command; its size is set by the caller, its data_len at most
 *             nnvme_ctrl_info.max_transfer, and nsid that of an active namespace, or 0 or
 *             NNVME_NSID_ALL where the command has that; not needed any more when this returns
 * @param tag  what nnvme_poll() returns with the completion
 * @retval 0        submitted; nnvme_poll() will return `tag` once
 * @retval -EAGAIN  the queue is full, poll first
 * @retval -EINVAL  a field, an alignment, metadata that is not contiguous, or too little data
 * @retval -E2BIG   more data than one command may carry, or a field of a newer layout is set
 * @retval -ENODEV  no active namespace `nsid`
 * @retval -ESTALE  Read, Write or Compare, and the namespace may have another format by now: see
 *                  nnvme_admin_command()
 * @retval -EFAULT  not all of the memory is registered
 * @retval -EIO     the controller was stopped
 * @threads the thread that the queue pair belongs to.
 * @spec Base 2.x, Common Command Format.
 * @example
 * @code
 *	struct nnvme_command verify = {
 *		.size = sizeof(verify), .opcode = 0x0c, .nsid = 1,
 *		.cdw10 = lba, .cdw12 = blocks - 1,
 *	};
 *
 *	ret = nnvme_io_command(qp, &verify, tag);
 *	if (!ret)
 *		nnvme_ring(qp);
 * @endcode
 */
int nnvme_io_command(struct nnvme_qpair *qp, const struct nnvme_command *cmd, void *tag);

/** All namespaces (Base 2.x, Namespace Identifier). */
#define NNVME_NSID_ALL 0xffffffffu

#pragma GCC visibility pop
#ifdef __cplusplus
}
#endif
#endif
