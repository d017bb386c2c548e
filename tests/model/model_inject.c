// SPDX-License-Identifier: MIT
/* What tests can do to the controller: rules for commands, failing calls, death. */

#include <errno.h>
#include <string.h>

#include "model_private.h"

struct model_rule model_rule(enum model_act act)
{
	return (struct model_rule){ .act = act, .qid = MODEL_ANY, .opcode = MODEL_ANY };
}

void model_inject(struct model *m, const struct model_rule *rule)
{
	model_lock(m);
	if (m->rules < MODEL_RULES)
		m->rule[m->rules++] = *rule;
	else
		model_violation(m, "test error: more than %d rules", MODEL_RULES);
	model_unlock(m);
}

void model_inject_clear(struct model *m)
{
	model_lock(m);
	m->rules = 0;
	memset(m->call, 0, sizeof(m->call));
	model_unlock(m);
}

static bool touches(const struct model_rule *r, const struct nnvme_sqe *s)
{
	uint64_t slba = s->cdw10 | (uint64_t)s->cdw11 << 32, n = (s->cdw12 & 0xffff) + 1;

	return !r->blocks || (slba < r->lba + r->blocks && slba + n > r->lba);
}

static bool matches(const struct model_rule *r, const struct model_command *cmd)
{
	/* by default admin commands are left alone */
	if (r->qid == MODEL_ANY ? !cmd->qid : r->qid != cmd->qid)
		return false;
	return (r->opcode == MODEL_ANY || r->opcode == cmd->sqe.opcode) && touches(r, &cmd->sqe);
}

const struct model_rule *model_match(struct model *m, const struct model_command *cmd)
{
	for (unsigned i = 0; i < m->rules; i++) {
		struct model_rule *r = &m->rule[i];

		if (!matches(r, cmd))
			continue;
		if (r->skip) {
			r->skip--;
			continue;
		}
		if (r->times && r->done == r->times)
			continue;
		r->done++;
		return r;
	}
	return NULL;
}

void model_fail_call(struct model *m, enum model_call call, unsigned skip, unsigned times, int code)
{
	model_lock(m);
	m->call[call] = (struct model_call_rule){ .skip = skip, .times = times, .armed = true,
						  .forever = !times, .code = code };
	model_unlock(m);
}

int model_call_fails(struct model *m, enum model_call call)
{
	struct model_call_rule *r = &m->call[call];

	if (!r->armed)
		return !m->vanished ? 0 :
		       call == MODEL_RESET ? -EIO : call == MODEL_BUS_MASTER ? -ENODEV : 0;
	if (r->skip) {
		r->skip--;
		return 0;
	}
	if (!r->forever && !--r->times)
		r->armed = false;
	return r->code;
}

int model_post(struct model *m, uint16_t cqid, uint16_t sqid, uint16_t cid, uint16_t status)
{
	struct model_completion c = { .cqid = cqid, .sqid = sqid, .cid = cid, .status = status,
				      .extra = true };
	int ret = 0;

	model_lock(m);
	if (cqid >= m->queues || !m->cq[cqid].q.exists)
		ret = -ENOENT;
	else if (!model_post_one(m, &c))
		ret = -EAGAIN;
	model_unlock(m);
	return ret;
}

bool model_event(struct model *m, uint32_t dw0)
{
	struct model_completion c = { .result = dw0 };
	bool any;

	model_lock(m);
	any = m->aers;
	if (any) {
		c.cid = m->aer[--m->aers];
		model_complete(m, &c);
	}
	model_unlock(m);
	return any;
}

void model_freeze(struct model *m, bool frozen)
{
	model_lock(m);
	m->frozen = frozen;
	model_unlock(m);
}

void model_fatal(struct model *m)
{
	model_lock(m);
	model_raise_cfs(m);
	model_unlock(m);
}

void model_vanish(struct model *m)
{
	model_lock(m);
	m->vanished = true;
	memset(m->bar, 0xff, m->bar_len);
	model_unlock(m);
}

void model_return(struct model *m)
{
	model_lock(m);
	m->vanished = m->bus_master = false;
	model_registers_reset(m);
	model_unlock(m);
}
