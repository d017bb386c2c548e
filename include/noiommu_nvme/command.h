/* SPDX-License-Identifier: MIT */
#ifndef NNVME_COMMAND_H
#define NNVME_COMMAND_H

/*
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

/*
 * The fields of struct nvme_passthru_cmd64 (linux/nvme_ioctl.h). All that is not given is 0.
 *
 * Bits 1:0 of the opcode say which way data goes (Base 2.x, Opcode Value): 0 no data, 1 to the
 * controller, 2 from it, 3 both. The library believes data_len instead, so that a vendor's opcode
 * may do as it likes.
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

/*
 * Run one admin command and wait for it, in any thread. Data and metadata are any memory of the
 * caller's, with any alignment and length: they are copied, so the controller never gets to them.
 * Data as much as max_transfer of nnvme_ctrl_info(). They are copied back whenever the controller
 * answered, with an error too, unless bits 1:0 of the opcode are 1.
 *
 * 0: success. Above 0: the status that the controller answered with, see nnvme_status_text(); @err
 * is not touched. Both with *result. Else not sent, with the reason in @err: -EINVAL a field;
 * -E2BIG more data than one command may carry, or a field of a newer layout is set; -EPERM a
 * command that would take from the library what it manages; -ENOMEM; -EIO the controller was given
 * up. Or sent: -ETIMEDOUT it was not answered in time; -EIO, -ENODEV as nnvme_ctrl_check(). Then
 * the controller is given up: no admin command is sent any more.
 *
 * Refused with -EPERM: creating and deleting I/O queues, Doorbell Buffer Config, Asynchronous Event
 * Request (it ends when there is an event), Abort (it names a CID, and CIDs are the library's),
 * Keep Alive, and Set Features of Number of Queues, Interrupt Coalescing, Interrupt Vector
 * Configuration, Host Memory Buffer (memory that nobody registered) and Keep Alive Timer (nobody
 * would send any).
 *
 * Admin commands run one at a time: another thread's, and its queue pair creation, registration and
 * freeing of memory, wait for this one. Give a Format NVM the time it takes.
 *
 * What changes namespaces: the library sees sizes and formats when the controller is opened, so
 * open it again after Format NVM, Namespace Management and Namespace Attachment. With blocks longer
 * than the library knows of, the controller would write past buffers: from when Format NVM is sent
 * (for all namespaces) or Namespace Management (for the one that it names), whatever comes of it,
 * reads and writes are refused with -ESTALE. Have none in flight then.
 */
int nnvme_admin_command(struct nnvme_ctrl *ctrl, const struct nnvme_command *cmd,
			struct nnvme_err *err);

/*
 * Submit one I/O command, which comes back from nnvme_poll() once with @tag; it goes out with the
 * next nnvme_ring(). The completion's result is DW0, of a successful command too; *result, which
 * must stay until then, gets both dwords. @cmd itself is not needed any more when this returns.
 *
 * Data and metadata lie in registered memory, dword-aligned, data a multiple of 4 bytes; never
 * split. The metadata is contiguous for the device: within one page it always is.
 *
 * 0: submitted. -EINVAL a field, an alignment, metadata that is not contiguous, or too little data:
 * of Read, Write, Compare and Dataset Management the length is known, and what is missing would be
 * taken from, or written to, memory that is not the caller's. Of all others the caller answers for
 * it. -E2BIG more than max_transfer, or a field of a newer layout is set; -ENODEV no active
 * namespace @nsid; it may also be 0 or NNVME_NSID_ALL where the command has that; -EFAULT not all
 * of the memory is registered; -EAGAIN the queue is full, poll first; -EIO the controller was
 * stopped.
 */
int nnvme_io_command(struct nnvme_qpair *qp, const struct nnvme_command *cmd, void *tag);

/* All namespaces (Base 2.x, Namespace Identifier). */
#define NNVME_NSID_ALL 0xffffffffu

#pragma GCC visibility pop
#ifdef __cplusplus
}
#endif
#endif
