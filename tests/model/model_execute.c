// SPDX-License-Identifier: MIT
/*
 * One command from fetch to completion, and the order of the queues (round robin, Base 2.x,
 * Command Arbitration).
 */

#include <string.h>

#include "model_private.h"

#define BURST 16

static bool fetch(struct model *m, struct model_sq *sq, struct nnvme_sqe *sqe)
{
	uint8_t *host = model_entry(m, &sq->q, sq->head, sizeof(*sqe), "command fetch");

	if (!host) {
		model_raise_cfs(m);
		return false;
	}
	memcpy(sqe, host, sizeof(*sqe));
	if (++sq->head == sq->q.size)
		sq->head = 0;
	if (sq->q.id)
		m->counts.io_commands++;
	else
		m->counts.admin_commands++;
	return true;
}

/* Fields that no command here uses and that most reserve, by their bytes in the entry. */
static bool rest(const struct nnvme_sqe *sqe)
{
	const uint32_t *dw = (const void *)sqe;

	return dw[2] | dw[3] | dw[4] | dw[5] | dw[13] | dw[14] | dw[15];
}

static void write_log(struct model *m, const struct model_command *cmd, uint16_t status)
{
	const struct nnvme_sqe *s = &cmd->sqe;

	m->log[m->logged % MODEL_LOG] = (struct model_log){
		.sqe = *s, .opcode = s->opcode, .qid = cmd->qid, .cid = s->cid, .nsid = s->nsid,
		.slba = s->cdw10 | (uint64_t)s->cdw11 << 32, .blocks = (s->cdw12 & 0xffff) + 1,
		.prp1 = s->prp1, .prp2 = s->prp2, .cdw10 = s->cdw10, .cdw11 = s->cdw11,
		.cdw12 = s->cdw12, .rest = rest(s), .lists = m->lists,
		.flags = s->flags, .descriptors = m->descriptors,
		.status = status, .number = m->logged,
	};
	m->logged++;
}

/*
 * Fields that no command of the NVM command set has without metadata and protection information,
 * and that earlier commands might have left in the entry.
 */
static void check_reserved(struct model *m, const struct model_command *cmd)
{
	const struct nnvme_sqe *s = &cmd->sqe;

	if (cmd->qid && !m->config.any_fields &&
	    (s->cdw2 | s->cdw3 | s->mptr | s->cdw14 | s->cdw15))
		model_violation(m, "SQ %u: opcode %#x has "
				"reserved fields set", cmd->qid, s->opcode);
}

/* Checks for every command (Base 2.x, Common Command Format). */
static uint16_t check_common(struct model *m, const struct model_command *cmd, bool conflict)
{
	if (conflict) {
		model_violation(m, "SQ %u: CID %u is in flight already", cmd->qid, cmd->sqe.cid);
		return MODEL_DNR(NVME_SC_CMDID_CONFLICT);
	}
	if (cmd->sqe.flags & 0x03)	/* FUSE: not offered */
		return MODEL_DNR(NVME_SC_INVALID_FIELD);
	return model_check_psdt(m, cmd);
}

/* Complete, as the rule bends it. */
static void finish(struct model *m, const struct model_command *cmd, uint16_t status,
		   const struct model_rule *rule)
{
	struct model_completion c = {
		.cqid = m->sq[cmd->qid].cqid, .sqid = cmd->qid, .cid = cmd->sqe.cid,
		.status = status, .result = cmd->result, .result2 = cmd->result2,
	};
	struct model_completion bent = c;

	if (!rule) {
		model_complete(m, &c);
		return;
	}
	bent.extra = true;
	bent.cid = rule->cid;
	bent.status = rule->status;
	c.held = rule->act == MODEL_HOLD;
	c.old_phase = rule->act == MODEL_PHASE;
	if (rule->act == MODEL_DELAY)
		c.due = m->looks + rule->count;
	if (rule->act == MODEL_SHUFFLE)
		c.shuffle = rule->count ? rule->count : 1;
	if (rule->act == MODEL_GHOST || rule->act == MODEL_CID)
		model_complete(m, &bent);
	if (rule->act != MODEL_CID && rule->act != MODEL_SILENT)
		model_complete(m, &c);
	c.extra = true;
	for (unsigned i = 0; rule->act == MODEL_REPEAT && i < (rule->count ? rule->count : 1); i++)
		model_complete(m, &c);
}

static void execute_one(struct model *m, struct model_sq *sq)
{
	struct model_command cmd = { .qid = sq->q.id };
	const struct model_rule *rule;
	uint8_t *byte, bit;
	uint16_t status;
	bool conflict;

	if (!fetch(m, sq, &cmd.sqe))
		return;
	byte = &sq->in_flight[cmd.sqe.cid / 8];
	bit = (uint8_t)(1u << cmd.sqe.cid % 8);
	conflict = *byte & bit;
	*byte |= bit;
	m->lists = m->descriptors = 0;
	rule = model_match(m, &cmd);
	if (rule && rule->act == MODEL_DROP) {
		write_log(m, &cmd, 0);
		return;
	}
	check_reserved(m, &cmd);
	status = check_common(m, &cmd, conflict);
	if (!status && rule && rule->act == MODEL_FAIL) {
		status = rule->status;
		cmd.result = rule->result;
	} else if (!status) {
		status = cmd.qid ? model_nvm(m, &cmd) : model_admin(m, &cmd);
	}
	write_log(m, &cmd, status);
	if (!cmd.hold)
		finish(m, &cmd, status, rule);
}

/* Don't fetch from a queue whose completion queue is full. */
static bool runnable(struct model *m, const struct model_sq *sq)
{
	return sq->q.exists && sq->head != sq->tail && model_cq_has_space(m, &m->cq[sq->cqid]);
}

unsigned model_execute(struct model *m, unsigned commands)
{
	unsigned done = 0, idle = 0;

	while (done < commands && idle < m->queues && model_may_run(m)) {
		struct model_sq *sq = &m->sq[m->next_sq];
		unsigned burst = 0;

		while (burst < BURST && done < commands && runnable(m, sq) && model_may_run(m)) {
			execute_one(m, sq);
			burst++;
			done++;
		}
		idle = burst ? 0 : idle + 1;
		m->next_sq = (m->next_sq + 1) % m->queues;
	}
	return done;
}
