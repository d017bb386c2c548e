// SPDX-License-Identifier: MIT
/* Admin commands (Base 2.x, Admin Command Set), Identify and features apart. */

#include <string.h>

#include "model_private.h"

#define IOSQES 6	/* log2 of an entry's bytes, what CC must say */
#define IOCQES 4

static uint16_t create_cq(struct model *m, const struct nnvme_sqe *s)
{
	uint16_t id = s->cdw10 & 0xffff, size = s->cdw10 >> 16, status;
	bool contiguous = s->cdw11 & 1, interrupts = s->cdw11 & 2;
	struct model_cq *cq;

	if (!id || id >= m->queues || m->cq[id].q.exists)
		return MODEL_SPECIFIC(NVME_SC_QID_INVALID);
	if (!size || size > m->config.mqes)
		return MODEL_SPECIFIC(NVME_SC_QUEUE_SIZE);
	if (!contiguous && m->config.cqr)
		return MODEL_DNR(NVME_SC_INVALID_FIELD);
	/* With interrupts off, vector 0 stands for the pin. */
	if (interrupts && s->cdw11 >> 16 >= (m->vectors ? m->vectors : 1))
		return MODEL_SPECIFIC(NVME_SC_INVALID_VECTOR);
	if (NVME_CC_IOCQES(m->cc) != IOCQES) {
		model_violation(m, "I/O CQ created with CC.IOCQES %u", NVME_CC_IOCQES(m->cc));
		return MODEL_SPECIFIC(NVME_SC_QUEUE_SIZE);
	}
	cq = &m->cq[id];
	*cq = (struct model_cq){ .phase = 1, .interrupts = interrupts, .vector = s->cdw11 >> 16 };
	status = model_queue_create(m, &cq->q, id, size + 1u, sizeof(struct nnvme_cqe), s->prp1,
				    contiguous);
	if (status)
		return status;
	model_doorbell_clear(m, id, true);
	m->io_queues++;
	return 0;
}

static uint16_t create_sq(struct model *m, const struct nnvme_sqe *s)
{
	uint16_t id = s->cdw10 & 0xffff, size = s->cdw10 >> 16, cqid = s->cdw11 >> 16, status;
	bool contiguous = s->cdw11 & 1;
	struct model_sq *sq;
	uint8_t *in_flight;

	if (!id || id >= m->queues || m->sq[id].q.exists || !cqid || cqid >= m->queues)
		return MODEL_SPECIFIC(NVME_SC_QID_INVALID);
	if (!m->cq[cqid].q.exists)
		return MODEL_SPECIFIC(NVME_SC_CQ_INVALID);
	if (!size || size > m->config.mqes)
		return MODEL_SPECIFIC(NVME_SC_QUEUE_SIZE);
	if (!contiguous && m->config.cqr)
		return MODEL_DNR(NVME_SC_INVALID_FIELD);
	if (NVME_CC_IOSQES(m->cc) != IOSQES) {
		model_violation(m, "I/O SQ created with CC.IOSQES %u", NVME_CC_IOSQES(m->cc));
		return MODEL_SPECIFIC(NVME_SC_QUEUE_SIZE);
	}
	sq = &m->sq[id];
	in_flight = sq->in_flight;
	memset(in_flight, 0, 65536 / 8);
	*sq = (struct model_sq){ .cqid = cqid, .in_flight = in_flight };
	status = model_queue_create(m, &sq->q, id, size + 1u, sizeof(struct nnvme_sqe), s->prp1,
				    contiguous);
	if (status)
		return status;
	model_doorbell_clear(m, id, false);
	m->cq[cqid].sqs++;
	m->io_queues++;
	return 0;
}

static uint16_t delete_sq(struct model *m, const struct nnvme_sqe *s)
{
	uint16_t id = s->cdw10 & 0xffff;

	if (!id || id >= m->queues || !m->sq[id].q.exists)
		return MODEL_SPECIFIC(NVME_SC_QID_INVALID);
	/* its commands are completed, or gone, before the deletion completes */
	model_abort_waiting(m, id, -1, NVME_SC_ABORT_QUEUE);
	model_post_due(m, false);
	m->cq[m->sq[id].cqid].sqs--;
	m->io_queues--;
	model_queue_delete(&m->sq[id].q);
	model_doorbell_clear(m, id, false);
	return 0;
}

static uint16_t delete_cq(struct model *m, const struct nnvme_sqe *s)
{
	uint16_t id = s->cdw10 & 0xffff;

	if (!id || id >= m->queues || !m->cq[id].q.exists)
		return MODEL_SPECIFIC(NVME_SC_QID_INVALID);
	if (m->cq[id].sqs)
		return MODEL_SPECIFIC(NVME_SC_INVALID_QUEUE);
	m->io_queues--;
	model_queue_delete(&m->cq[id].q);
	model_doorbell_clear(m, id, true);
	return 0;
}

static uint16_t abort_command(struct model *m, struct model_command *cmd)
{
	uint16_t sqid = cmd->sqe.cdw10 & 0xffff, cid = cmd->sqe.cdw10 >> 16;

	/* bit 0 of the result: the command was not aborted */
	cmd->result = !model_abort_waiting(m, sqid, cid, NVME_SC_ABORT_REQ);
	return 0;
}

static uint16_t async_event(struct model *m, struct model_command *cmd)
{
	if (m->aers > m->config.aerl)
		return MODEL_SPECIFIC(NVME_SC_ASYNC_LIMIT);
	m->aer[m->aers++] = cmd->sqe.cid;
	cmd->hold = true;
	return 0;
}

/* Error Information, SMART / Health, Firmware Slot; all quiet. */
static uint16_t get_log_page(struct model *m, struct model_command *cmd)
{
	const struct nnvme_sqe *s = &cmd->sqe;
	uint64_t offset = s->cdw12 | (uint64_t)s->cdw13 << 32;
	uint64_t bytes = ((s->cdw10 >> 16 | (uint64_t)(s->cdw11 & 0xffff) << 16) + 1) * 4;
	uint8_t page[4096] = { 0 };
	uint8_t lid = s->cdw10 & 0xff;

	if (lid < NVME_LOG_LID_ERROR || lid > NVME_LOG_LID_FW_SLOT)
		return MODEL_SPECIFIC(NVME_SC_INVALID_LOG_PAGE);
	if (offset % 4 || offset >= sizeof(page) || bytes > sizeof(page) - offset)
		return MODEL_DNR(NVME_SC_INVALID_FIELD);
	if (lid == NVME_LOG_LID_SMART) {
		struct nvme_smart_log *smart = (void *)page;

		smart->temperature[0] = 310 & 0xff;	/* kelvin */
		smart->temperature[1] = 310 >> 8;
		smart->avail_spare = 100;
		smart->spare_thresh = 10;
	}
	if (lid == NVME_LOG_LID_FW_SLOT)
		page[0] = 1;
	return model_transfer(m, s, page + offset, bytes, true);
}

uint16_t model_admin(struct model *m, struct model_command *cmd)
{
	if (model_is_vendor(m, cmd))
		return model_vendor(m, cmd);
	switch (cmd->sqe.opcode) {
	case nvme_admin_delete_sq:
		return delete_sq(m, &cmd->sqe);
	case nvme_admin_create_sq:
		return create_sq(m, &cmd->sqe);
	case nvme_admin_get_log_page:
		return get_log_page(m, cmd);
	case nvme_admin_delete_cq:
		return delete_cq(m, &cmd->sqe);
	case nvme_admin_create_cq:
		return create_cq(m, &cmd->sqe);
	case nvme_admin_identify:
		return model_identify(m, cmd);
	case nvme_admin_abort_cmd:
		return abort_command(m, cmd);
	case nvme_admin_set_features:
		return model_set_features(m, cmd);
	case nvme_admin_get_features:
		return model_get_features(m, cmd);
	case nvme_admin_async_event:
		return async_event(m, cmd);
	case nvme_admin_dbbuf:
		return model_doorbell_buffer(m, &cmd->sqe);
	default:
		return MODEL_DNR(NVME_SC_INVALID_OPCODE);
	}
}
