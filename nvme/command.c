// SPDX-License-Identifier: MIT
#include "nvme/command.h"

#include <errno.h>

#include "kernel/sized.h"

_Static_assert(sizeof(struct nnvme_command) == 80,
	       "no padding: what it holds would be a field's one day");

int nnvme_command_in(struct nnvme_command *to, const struct nnvme_command *from,
		     struct nnvme_err *err)
{
	int ret;

	if (!from)
		return nnvme_fail(err, -EINVAL, "no command; give a struct nnvme_command");
	ret = nnvme_sized_in("struct nnvme_command", to, sizeof(*to),
			     NNVME_SIZE_UP_TO(struct nnvme_command, result), from, err);
	if (ret)
		return ret;
	if (to->flags)
		return nnvme_fail(err, -EINVAL,
				  "command %#x has flags %#x: there are no fused commands, and "
				  "PSDT is the library's; leave them 0",
				  to->opcode, to->flags);
	if (to->reserved)
		return nnvme_fail(err, -EINVAL,
				  "command %#x has %#x in its reserved field; leave that 0",
				  to->opcode, to->reserved);
	if (to->data_len && !to->data)
		return nnvme_fail(err, -EINVAL, "command %#x has data_len %u and no data",
				  to->opcode, to->data_len);
	if (to->metadata_len && !to->metadata)
		return nnvme_fail(err, -EINVAL, "command %#x has metadata_len %u and no metadata",
				  to->opcode, to->metadata_len);
	return 0;
}

struct nnvme_sqe nnvme_command_sqe(const struct nnvme_command *cmd)
{
	return (struct nnvme_sqe){
		.opcode = cmd->opcode, .nsid = cmd->nsid, .cdw2 = cmd->cdw2, .cdw3 = cmd->cdw3,
		.cdw10 = cmd->cdw10, .cdw11 = cmd->cdw11, .cdw12 = cmd->cdw12, .cdw13 = cmd->cdw13,
		.cdw14 = cmd->cdw14, .cdw15 = cmd->cdw15,
	};
}
