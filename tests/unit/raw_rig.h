/* SPDX-License-Identifier: MIT */
#ifndef NNVME_TESTS_RAW_RIG_H
#define NNVME_TESTS_RAW_RIG_H

/* Raw I/O commands on the software controller, and its vendor specific ones (model_vendor.c). */
#include "driver_rig.h"
#include "noiommu_nvme/command.h"
#include "nvme/private.h"

#define PAGE 4096u
#define RAW_TO 0x81
#define RAW_FROM 0x82
#define RAW_BOTH 0x83
#define RAW_NONE 0x84

static inline struct nnvme_command raw_command(uint8_t opcode)
{
	return (struct nnvme_command){ .size = sizeof(struct nnvme_command),
				       .opcode = opcode,
				       .nsid = 1 };
}

static inline struct nnvme_command raw_data(uint8_t opcode, void *data, uint32_t len)
{
	struct nnvme_command cmd = raw_command(opcode);

	cmd.data = data;
	cmd.data_len = cmd.cdw10 = len;
	return cmd;
}

/* Fields of an NVM command, too: @blocks at @lba. */
static inline struct nnvme_command raw_blocks(uint8_t opcode, void *data, uint32_t lba,
					      uint32_t blocks)
{
	struct nnvme_command cmd = raw_data(opcode, data, data ? blocks * 512 : 0);

	cmd.cdw10 = lba;
	cmd.cdw12 = blocks - 1;
	return cmd;
}

static inline struct nnvme_completion raw_run(struct rig *r, const struct nnvme_command *cmd)
{
	struct nnvme_completion done;

	assert_int_equal(nnvme_io_command(r->qp, cmd, r), 0);
	done = rig_wait(r);
	assert_ptr_equal(done.tag, r);
	return done;
}

static inline void raw_up(struct rig *r, const char *settings, unsigned depth)
{
	rig_model(r, settings);
	r->config.any_fields = true;
	assert_int_equal(rig_open(r), 0);
	r->ns = nnvme_ns_get(r->ctrl, 1, NULL);
	rig_queue(r, depth);
	rig_step_by_hand(r);
}

#endif
