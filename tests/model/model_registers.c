// SPDX-License-Identifier: MIT
/*
 * The controller's registers (Base 2.x, Controller Properties) and their handshakes: enable,
 * disable, shut down. The BAR is memory: a store is seen at the next look, so a value overwritten
 * between two looks was never there.
 */

#include <errno.h>
#include <string.h>
#include <sys/mman.h>

#include "model_private.h"

#define VERSION 0x00020000u
#define CC_FIXED_WHILE_ENABLED 0x00003ff0u	/* CSS, MPS, AMS */

uint32_t model_reg32(const struct model *m, uint32_t offset)
{
	return __atomic_load_n((uint32_t *)(void *)(m->bar + offset), __ATOMIC_ACQUIRE);
}

static uint64_t reg64(const struct model *m, uint32_t offset)
{
	/* the host may store the two halves separately */
	return model_reg32(m, offset) | (uint64_t)model_reg32(m, offset + 4) << 32;
}

void model_set_reg32(struct model *m, uint32_t offset, uint32_t value)
{
	__atomic_store_n((uint32_t *)(void *)(m->bar + offset), value, __ATOMIC_RELEASE);
}

static void show_status(struct model *m, uint32_t csts)
{
	m->csts = csts;
	model_set_reg32(m, NVME_REG_CSTS, csts);
}

static void show_constants(struct model *m)
{
	model_set_reg32(m, NVME_REG_CAP, (uint32_t)m->cap);
	model_set_reg32(m, NVME_REG_CAP + 4, (uint32_t)(m->cap >> 32));
	model_set_reg32(m, NVME_REG_VS, VERSION);
	model_set_reg32(m, NVME_REG_CRTO, m->config.crto);
}

static uint64_t capabilities(const struct model_config *c)
{
	return (uint64_t)c->mqes << NVME_CAP_MQES_SHIFT |
	       (uint64_t)c->cqr << NVME_CAP_CQR_SHIFT |
	       (uint64_t)c->to << NVME_CAP_TO_SHIFT |
	       (uint64_t)c->dstrd << NVME_CAP_DSTRD_SHIFT |
	       (uint64_t)NVME_CAP_CSS_NVM << NVME_CAP_CSS_SHIFT |
	       (uint64_t)c->mpsmin << NVME_CAP_MPSMIN_SHIFT |
	       (uint64_t)c->mpsmax << NVME_CAP_MPSMAX_SHIFT |
	       (uint64_t)c->crms << NVME_CAP_CRMS_SHIFT;
}

int model_registers_init(struct model *m)
{
	size_t need = MODEL_DOORBELLS + (size_t)m->queues * 2 * (4u << m->config.dstrd);

	for (m->bar_len = 16384; m->bar_len < need;)
		m->bar_len *= 2;
	m->bar = mmap(NULL, m->bar_len, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (m->bar == MAP_FAILED) {
		m->bar = NULL;
		return -errno;
	}
	m->cap = capabilities(&m->config);
	model_registers_reset(m);
	m->stuck = m->config.stuck;
	return 0;
}

/* As after a function-level reset: everything, Admin Queue addresses included. */
void model_registers_reset(struct model *m)
{
	model_queues_reset(m);
	model_features_reset(m);
	memset(m->bar, 0, m->bar_len);
	model_doorbells_reset(m);
	show_constants(m);
	m->cc = 0;
	m->wait = m->shutdown_wait = 0;
	m->stuck = false;
	show_status(m, 0);
}

bool model_live(const struct model *m)
{
	return m->bus_master && (NVME_CC_EN(m->cc) || NVME_CSTS_RDY(m->csts)) && !m->vanished;
}

bool model_may_run(const struct model *m)
{
	return m->bus_master && !m->vanished && !m->frozen && NVME_CC_EN(m->cc) &&
	       NVME_CSTS_RDY(m->csts) && !NVME_CSTS_CFS(m->csts) && !NVME_CSTS_SHST(m->csts);
}

void model_raise_cfs(struct model *m)
{
	show_status(m, m->csts | NVME_CSTS_CFS_MASK << NVME_CSTS_CFS_SHIFT);
}

/* The rules for CC, AQA, ASQ and ACQ at the moment of enabling. NULL: all kept. */
static const char *check_enable(const struct model *m, uint32_t cc)
{
	if (NVME_CC_MPS(cc) < m->config.mpsmin || NVME_CC_MPS(cc) > m->config.mpsmax)
		return "CC.MPS is not between CAP.MPSMIN and CAP.MPSMAX";
	if (NVME_CC_CSS(cc) != NVME_CC_CSS_NVM)
		return "CC.CSS selects a command set that CAP.CSS does not offer";
	if (NVME_CC_AMS(cc) != NVME_CC_AMS_RR)
		return "CC.AMS selects an arbitration that CAP.AMS does not offer";
	if (!NVME_AQA_ASQS(m->aqa) || !NVME_AQA_ACQS(m->aqa))
		return "AQA has a queue of fewer than 2 entries";
	if (m->asq % MODEL_PAGE || m->acq % MODEL_PAGE)
		return "ASQ or ACQ is not page aligned";
	return NULL;
}

static void enable(struct model *m, uint32_t cc)
{
	const char *wrong;

	m->counts.enables++;
	m->aqa = model_reg32(m, NVME_REG_AQA);
	m->asq = reg64(m, NVME_REG_ASQ);
	m->acq = reg64(m, NVME_REG_ACQ);
	wrong = check_enable(m, cc);
	if (wrong) {
		model_violation(m, "CC.EN set although %s (CC 0x%x, AQA 0x%x)", wrong, cc, m->aqa);
		model_raise_cfs(m);
		return;
	}
	if (!m->bus_master)
		model_violation(m, "CC.EN set with bus mastering off");
	m->page = MODEL_PAGE << NVME_CC_MPS(cc);
	if (model_queue_create(m, &m->cq[0].q, 0, NVME_AQA_ACQS(m->aqa) + 1,
			       sizeof(struct nnvme_cqe), m->acq, true) ||
	    model_queue_create(m, &m->sq[0].q, 0, NVME_AQA_ASQS(m->aqa) + 1,
			       sizeof(struct nnvme_sqe), m->asq, true)) {
		model_raise_cfs(m);
		return;
	}
	m->cq[0].phase = 1;
	m->cq[0].sqs = 1;
	m->cq[0].interrupts = true;
	m->wait = m->config.ready;
}

/* Controller Reset: everything but AQA, ASQ and ACQ (Base 2.x, Controller Level Reset). */
static void disable(struct model *m)
{
	model_queues_reset(m);
	model_features_reset(m);
	model_doorbells_reset(m);
	m->shutdown_wait = 0;
	m->stuck = false;
	m->wait = m->config.ready;
	show_status(m, m->csts & NVME_CSTS_RDY_MASK);
}

static void change_cc(struct model *m, uint32_t cc)
{
	uint32_t old = m->cc;

	m->cc = cc;
	if (NVME_CC_EN(cc) && !NVME_CC_EN(old)) {
		if (NVME_CSTS_RDY(m->csts)) {
			model_violation(m, "CC.EN set while CSTS.RDY is still 1");
			model_raise_cfs(m);
			return;
		}
		enable(m, cc);
	} else if (!NVME_CC_EN(cc) && NVME_CC_EN(old)) {
		if (!NVME_CSTS_RDY(m->csts) && !NVME_CSTS_CFS(m->csts) && !m->config.never_ready)
			model_violation(m, "CC.EN cleared before CSTS.RDY was 1");
		disable(m);
	} else if (NVME_CC_EN(cc) && (cc ^ old) & CC_FIXED_WHILE_ENABLED) {
		model_violation(m, "CC changed from 0x%x to 0x%x while enabled", old, cc);
		model_raise_cfs(m);
	}
	if (NVME_CC_SHN(cc) && !NVME_CC_SHN(old) && NVME_CC_EN(cc)) {
		m->counts.shutdowns++;
		m->shutdown_wait = m->config.ready + m->config.shutdown + 1;
		show_status(m, m->csts | NVME_CSTS_SHST_OCCUR << NVME_CSTS_SHST_SHIFT);
	}
}

/* Let CSTS follow CC after the configured number of looks. */
static bool follow(struct model *m)
{
	bool enabled = NVME_CC_EN(m->cc), ready = NVME_CSTS_RDY(m->csts);

	if (m->shutdown_wait && !--m->shutdown_wait) {
		uint32_t rest = m->csts & ~(uint32_t)(NVME_CSTS_SHST_MASK << NVME_CSTS_SHST_SHIFT);

		show_status(m, rest | NVME_CSTS_SHST_CMPLT << NVME_CSTS_SHST_SHIFT);
		return true;
	}
	if (enabled == ready || NVME_CSTS_CFS(m->csts) ||
	    (enabled && (m->config.never_ready || m->stuck)))
		return m->shutdown_wait;
	if (m->wait) {
		m->wait--;
		return true;
	}
	show_status(m, enabled ? NVME_CSTS_RDY_MASK : 0);
	return true;
}

/* Stores to read-only registers have no effect; a sound host makes none. */
static void check_constants(struct model *m)
{
	if (reg64(m, NVME_REG_CAP) != m->cap || model_reg32(m, NVME_REG_VS) != VERSION ||
	    model_reg32(m, NVME_REG_CRTO) != m->config.crto ||
	    model_reg32(m, NVME_REG_CSTS) != m->csts) {
		model_violation(m, "store to CAP, VS, CRTO or CSTS");
		show_constants(m);
		model_set_reg32(m, NVME_REG_CSTS, m->csts);
	}
	if (!NVME_CC_EN(m->cc) || NVME_CSTS_CFS(m->csts))
		return;
	if (model_reg32(m, NVME_REG_AQA) != m->aqa || reg64(m, NVME_REG_ASQ) != m->asq ||
	    reg64(m, NVME_REG_ACQ) != m->acq) {
		model_violation(m, "AQA, ASQ or ACQ changed while enabled");
		model_raise_cfs(m);
	}
}

bool model_look(struct model *m)
{
	bool changed = false;
	uint32_t cc;

	m->looks++;
	if (m->vanished)
		memset(m->bar, 0xff, m->bar_len);
	if (m->vanished || m->frozen)
		return false;
	check_constants(m);
	cc = model_reg32(m, NVME_REG_CC);
	if (cc != m->cc) {
		change_cc(m, cc);
		changed = true;
	}
	changed |= follow(m);
	changed |= model_doorbells(m);
	return changed;
}
