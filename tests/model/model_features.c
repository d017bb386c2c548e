// SPDX-License-Identifier: MIT
/* Set Features and Get Features (Base 2.x, Feature Specific Information). */

#include <string.h>

#include "model_private.h"

void model_features_reset(struct model *m)
{
	uint32_t granted = m->config.queues - 1u;

	memset(m->feature, 0, sizeof(m->feature));
	m->feature[NVME_FEAT_FID_TEMP_THRESH] = 343;
	m->feature[NVME_FEAT_FID_VOLATILE_WC] = m->config.vwc & 1;
	m->feature[NVME_FEAT_FID_NUM_QUEUES] = granted << 16 | granted;
}

/* The features that exist here. Interrupt coalescing is stored but not done. */
static bool known(const struct model *m, uint8_t fid)
{
	switch (fid) {
	case NVME_FEAT_FID_ARBITRATION:
	case NVME_FEAT_FID_POWER_MGMT:
	case NVME_FEAT_FID_TEMP_THRESH:
	case NVME_FEAT_FID_ERR_RECOVERY:
	case NVME_FEAT_FID_NUM_QUEUES:
	case NVME_FEAT_FID_IRQ_COALESCE:
	case NVME_FEAT_FID_IRQ_CONFIG:
	case NVME_FEAT_FID_WRITE_ATOMIC:
	case NVME_FEAT_FID_ASYNC_EVENT:
		return true;
	case NVME_FEAT_FID_VOLATILE_WC:
		return m->config.vwc & 1;
	default:
		return false;
	}
}

/* Number of Queues: requested and granted 0's based, once and before any I/O queue. */
static uint16_t number_of_queues(struct model *m, struct model_command *cmd)
{
	uint32_t asked = cmd->sqe.cdw11;

	if ((asked & 0xffff) == 0xffff || asked >> 16 == 0xffff)
		return MODEL_DNR(NVME_SC_INVALID_FIELD);
	if (m->io_queues)
		return MODEL_DNR(NVME_SC_CMD_SEQ_ERROR);
	cmd->result = m->feature[NVME_FEAT_FID_NUM_QUEUES];
	return 0;
}

uint16_t model_set_features(struct model *m, struct model_command *cmd)
{
	uint8_t fid = cmd->sqe.cdw10 & 0xff;

	if (!known(m, fid))
		return MODEL_DNR(NVME_SC_INVALID_FIELD);
	if (cmd->sqe.cdw10 & 1u << 31)
		return MODEL_SPECIFIC(NVME_SC_FEATURE_NOT_SAVEABLE);
	if (fid == NVME_FEAT_FID_NUM_QUEUES)
		return number_of_queues(m, cmd);
	m->feature[fid] = cmd->sqe.cdw11;
	return 0;
}

uint16_t model_get_features(struct model *m, struct model_command *cmd)
{
	uint8_t fid = cmd->sqe.cdw10 & 0xff, select = cmd->sqe.cdw10 >> 8 & 7;

	if (!known(m, fid))
		return MODEL_DNR(NVME_SC_INVALID_FIELD);
	/* 0 current; default, saved and capabilities are optional (ONCS bit 4, clear here) */
	if (select)
		return MODEL_DNR(NVME_SC_INVALID_FIELD);
	cmd->result = m->feature[fid];
	return 0;
}
