// SPDX-License-Identifier: MIT
/* Identify (Base 2.x, Identify command; NVM Command Set, Identify Namespace). */

#include <stdio.h>
#include <string.h>

#include "model_private.h"

#define DATA 4096

/* Strings of Identify are padded with blanks and not terminated. */
static void pad(char *field, size_t len, const char *text)
{
	size_t n = strlen(text);

	memset(field, ' ', len);
	memcpy(field, text, n < len ? n : len);
}

static void controller(const struct model *m, struct nvme_id_ctrl *id)
{
	id->vid = id->ssvid = 0x1234;
	pad(id->sn, sizeof(id->sn), m->name);
	pad(id->mn, sizeof(id->mn), "software NVMe controller");
	pad(id->fr, sizeof(id->fr), "1.0");
	id->mdts = m->config.mdts;
	id->cntlid = 1;
	id->ver = 0x00020000;
	id->cntrltype = NVME_CTRL_CNTRLTYPE_IO;
	id->rtd3e = m->config.rtd3e;
	id->acl = 3;
	id->oacs = m->config.dbbuf ? NVME_CTRL_OACS_DBBUF_CFG : 0;
	id->aerl = m->config.aerl;
	id->frmw = 3;			/* one slot, read only */
	id->wctemp = 343;
	id->cctemp = 353;
	id->sqes = 6 << 4 | 6;
	id->cqes = 4 << 4 | 4;
	id->nn = m->config.nn;
	id->oncs = m->config.oncs;
	id->vwc = m->config.vwc;
	id->sgls = m->config.sgls;
	snprintf(id->subnqn, sizeof(id->subnqn), "nqn.2026-01.invalid.model:%s", m->name);
}

static void namespace(const struct model *m, uint32_t nsid, struct nvme_id_ns *id)
{
	const struct model_namespace *ns = &m->config.ns[nsid - 1];
	uint8_t shift = 0;

	if (!ns->blocks)	/* inactive: all zero */
		return;
	while (1u << shift < ns->block)
		shift++;
	id->nsze = id->ncap = id->nuse = ns->blocks;
	id->flbas = ns->extended ? NVME_NS_FLBAS_META_EXT : 0;
	id->mc = ns->metadata ? NVME_NS_MC_EXTENDED | NVME_NS_MC_SEPARATE : 0;
	id->dps = ns->dps;
	id->dlfeat = 1;		/* deallocated blocks read as zeroes */
	id->lbaf[0].ds = shift;
	id->lbaf[0].ms = ns->metadata;
	id->eui64[7] = (uint8_t)nsid;
	id->eui64[0] = 0x02;
}

/* I/O Command Set Specific Identify Controller, of the NVM command set. */
static void nvm_limits(const struct model_config *c, struct nvme_id_ctrl_nvm *id)
{
	id->wzsl = c->wzsl;
	id->dmrl = c->dmrl;
	id->dmrsl = c->dmrsl;
	id->dmsl = c->dmsl;
}

static uint16_t active_list(const struct model *m, uint32_t after, uint32_t *list)
{
	unsigned n = 0;

	if (after >= 0xfffffffe)
		return MODEL_DNR(NVME_SC_INVALID_NS);
	for (uint32_t nsid = after + 1; nsid <= m->config.nn; nsid++)
		if (m->config.ns[nsid - 1].blocks)
			list[n++] = nsid;
	return 0;
}

static void descriptors(uint32_t nsid, uint8_t *data)
{
	struct nvme_ns_id_desc *d = (void *)data;

	d->nidt = NVME_NIDT_EUI64;
	d->nidl = 8;
	d->nid[0] = 0x02;
	d->nid[7] = (uint8_t)nsid;
	d = (void *)(data + sizeof(*d) + 8);
	d->nidt = NVME_NIDT_CSI;
	d->nidl = 1;
	d->nid[0] = NVME_CSI_NVM;
}

static bool active(const struct model *m, uint32_t nsid)
{
	return nsid && nsid <= m->config.nn && m->config.ns[nsid - 1].blocks;
}

static uint16_t fill(struct model *m, const struct nnvme_sqe *s, uint8_t *data)
{
	uint32_t nsid = s->nsid;

	switch (s->cdw10 & 0xff) {
	case NVME_IDENTIFY_CNS_NS:
		/* namespace management is not offered, so the broadcast value is invalid too */
		if (!nsid || nsid > m->config.nn)
			return MODEL_DNR(NVME_SC_INVALID_NS);
		namespace(m, nsid, (void *)data);
		return 0;
	case NVME_IDENTIFY_CNS_CTRL:
		controller(m, (void *)data);
		return 0;
	case NVME_IDENTIFY_CNS_NS_ACTIVE_LIST:
		return active_list(m, nsid, (void *)data);
	case NVME_IDENTIFY_CNS_NS_DESC_LIST:
		if (!active(m, nsid))
			return MODEL_DNR(NVME_SC_INVALID_NS);
		descriptors(nsid, data);
		return 0;
	case NVME_IDENTIFY_CNS_CSI_NS:
		if (!active(m, nsid))
			return MODEL_DNR(NVME_SC_INVALID_NS);
		return s->cdw11 >> 24 ? MODEL_DNR(NVME_SC_INVALID_FIELD) : 0;
	case NVME_IDENTIFY_CNS_CSI_CTRL:
		if (s->cdw11 >> 24 != NVME_CSI_NVM)
			return MODEL_DNR(NVME_SC_INVALID_FIELD);
		nvm_limits(&m->config, (void *)data);
		return 0;
	default:
		return MODEL_DNR(NVME_SC_INVALID_FIELD);
	}
}

uint16_t model_identify(struct model *m, struct model_command *cmd)
{
	union {
		uint8_t bytes[DATA];
		uint64_t align;
	} data = { .bytes = { 0 } };
	uint16_t status = fill(m, &cmd->sqe, data.bytes);

	if (status)
		return status;
	if (m->config.identify)
		m->config.identify(m->config.identify_arg, cmd->sqe.cdw10 & 0xff, cmd->sqe.nsid,
				   data.bytes);
	return model_transfer(m, &cmd->sqe, data.bytes, DATA, true);
}
