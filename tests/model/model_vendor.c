// SPDX-License-Identifier: MIT
/*
 * Vendor specific commands, the same as admin and as I/O commands, which do what their dwords say:
 *
 *	CDW10	bytes of data, which way by bits 1:0 of the opcode: to the controller; from it, then
 *		byte i is CDW12 + i; or both, then each comes back with 1 added
 *	CDW11	bytes of metadata at MPTR, the same way
 *	CDW13	the status that it ends with
 *	DW0	the sum of all bytes that came to the controller
 *	DW1	CDW15
 */

#include <stdlib.h>

#include "model_private.h"

#define TO_CONTROLLER 1
#define FROM_CONTROLLER 2

bool model_is_vendor(const struct model *m, const struct model_command *cmd)
{
	return m->config.vendor && cmd->sqe.opcode >= (cmd->qid ? 0x80 : 0xc0);
}

static uint16_t move(struct model *m, const struct nnvme_sqe *s, uint8_t *data, size_t len,
		     bool metadata, bool to_host)
{
	struct model_transfer t = { .m = m, .data = data, .left = len, .to_host = to_host };

	return metadata ? model_move(&t, s->mptr, len) : model_transfer(m, s, data, len, to_host);
}

static uint16_t one(struct model *m, struct model_command *cmd, size_t len, bool metadata)
{
	const struct nnvme_sqe *s = &cmd->sqe;
	uint16_t status = 0;
	uint8_t *data;

	if (!len)
		return 0;
	data = calloc(1, len);
	if (!data)
		return NVME_SC_INTERNAL;
	if (s->opcode & TO_CONTROLLER)
		status = move(m, s, data, len, metadata, false);
	for (size_t i = 0; i < len; i++) {
		cmd->result += data[i];
		data[i] = (uint8_t)(s->opcode & TO_CONTROLLER ? data[i] + 1u : s->cdw12 + i);
	}
	if (!status && s->opcode & FROM_CONTROLLER)
		status = move(m, s, data, len, metadata, true);
	free(data);
	return status;
}

uint16_t model_vendor(struct model *m, struct model_command *cmd)
{
	uint16_t status = one(m, cmd, cmd->sqe.cdw10, false);

	if (!status)
		status = one(m, cmd, cmd->sqe.cdw11, true);
	cmd->result2 = cmd->sqe.cdw15;
	return status ? status : (uint16_t)cmd->sqe.cdw13;
}
