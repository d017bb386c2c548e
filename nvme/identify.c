// SPDX-License-Identifier: MIT
/*
 * What the controller reports about itself and its namespaces (Base 2.x, Identify command; NVM
 * Command Set, Identify Namespace data structure). Every value is checked before it is used.
 */
#include "nvme/identify.h"

#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "kernel/sized.h"
#include "nvme/admin.h"
#include "nvme/log.h"
#include "nvme/registers.h"

#define BROADCAST_NSID 0xffffffffu
#define LIST_ENTRIES 1024
#define MAX_TRANSFER ((uint32_t)NNVME_LEN_MAX)	/* by NNVME_LIST_PAGES, unaligned too */
#define MAX_SHUTDOWN_MS 60000u
#define MAX_BLOCKS 65536		/* NLB has 16 bits, counting from 0 */

/* An Identify command that writes to @page; its name goes to @what, 64 bytes. */
static struct nnvme_sqe command(uint8_t cns, uint32_t nsid, nnvme_bus_t page, char *what)
{
	snprintf(what, 64, "Identify (CNS %#x, namespace %u)", cns, nsid);
	return (struct nnvme_sqe){
		.opcode = nvme_admin_identify, .nsid = nsid, .prp1 = page.v, .cdw10 = cns,
	};
}

static int identify(struct nnvme_ctrl *ctrl, uint8_t cns, uint32_t nsid, nnvme_bus_t page,
		    struct nnvme_err *err)
{
	char what[64];
	struct nnvme_sqe cmd = command(cns, nsid, page, what);

	return nnvme_admin(ctrl, &cmd, what, NULL, err);
}

/* The same for commands that the controller may refuse: returns the status, above 0. */
static int identify_if(struct nnvme_ctrl *ctrl, uint8_t cns, uint32_t nsid, nnvme_bus_t page,
		       struct nnvme_err *err)
{
	char what[64];
	struct nnvme_sqe cmd = command(cns, nsid, page, what);

	return nnvme_admin_status(ctrl, &cmd, what, NULL, err);
}

/* Copy a blank-padded field of fixed length to a string that is safe to print. */
static void copy_text(char *to, const char *from, size_t len)
{
	while (len && (from[len - 1] == ' ' || !from[len - 1]))
		len--;
	for (size_t i = 0; i < len; i++)
		to[i] = isprint((unsigned char)from[i]) ? from[i] : '?';
	to[len] = 0;
}

static int read_ctrl(struct nnvme_ctrl *ctrl, const struct nvme_id_ctrl *id, struct nnvme_err *err)
{
	uint64_t unit = NNVME_PAGE_SIZE;	/* MDTS is in units of CAP.MPSMIN, 4 KiB */
	uint64_t most = id->mdts && id->mdts < 32 ? unit << id->mdts : MAX_TRANSFER;
	/* RTD3E: how long a shutdown may take, in microseconds; 0 where it is not reported */
	uint64_t shutdown = ((uint64_t)le32toh(id->rtd3e) + 999) / 1000;

	copy_text(ctrl->model, id->mn, sizeof(id->mn));
	copy_text(ctrl->serial, id->sn, sizeof(id->sn));
	copy_text(ctrl->firmware, id->fr, sizeof(id->fr));
	if ((id->sqes & 15) > 6 || id->sqes >> 4 < 6 || (id->cqes & 15) > 4 || id->cqes >> 4 < 4)
		return nnvme_fail(err, -EOPNOTSUPP, "%s: the controller does not take queue "
				  "entries of 64 and 16 bytes (SQES %#x, CQES %#x)",
				  ctrl->dev->name, id->sqes, id->cqes);
	ctrl->max_transfer = most < MAX_TRANSFER ? (uint32_t)most : MAX_TRANSFER;
	ctrl->oncs = le16toh(id->oncs);
	ctrl->volatile_cache = id->vwc & NVME_CTRL_VWC_PRESENT;
	ctrl->can_shadow = le16toh(id->oacs) & NVME_CTRL_OACS_DBBUF_CFG;
	/* SGLs in I/O commands. 1: any alignment; 2: dword-aligned, which buffers are here. */
	ctrl->can_sgl = (le32toh(id->sgls) & 3) == 1 || (le32toh(id->sgls) & 3) == 2;
	ctrl->nn = le32toh(id->nn);
	if (shutdown > ctrl->shutdown_timeout_ms)
		ctrl->shutdown_timeout_ms = shutdown < MAX_SHUTDOWN_MS ? shutdown : MAX_SHUTDOWN_MS;
	return 0;
}

/* 0 means no limit. */
static uint64_t limit(uint64_t told, uint64_t most)
{
	return told && told < most ? told : most;
}

/*
 * A zeroed @id means that no limits were reported. DMRL, DMRSL and DMSL are plain numbers, WZSL
 * is a power of two like MDTS.
 */
static void set_limits(struct nnvme_ctrl *ctrl, const struct nvme_id_ctrl_nvm *id)
{
	ctrl->max_zeroes = id->wzsl && id->wzsl < 32 ? (uint64_t)NNVME_PAGE_SIZE << id->wzsl :
						       UINT64_MAX;
	ctrl->dsm_ranges = (uint32_t)limit(id->dmrl, NNVME_DSM_RANGES);
	ctrl->dsm_range_blocks = (uint32_t)limit(le32toh(id->dmrsl), UINT32_MAX);
	ctrl->dsm_blocks = limit(le64toh(id->dmsl), UINT64_MAX);
}

/*
 * The limits of one Write Zeroes or Dataset Management command. Controllers that do not know
 * this data structure answer Invalid Field; before NVMe 1.2 the CNS field was shorter, so this
 * CNS would be taken for another.
 */
static int read_limits(struct nnvme_ctrl *ctrl, void *page, nnvme_bus_t bus, struct nnvme_err *err)
{
	static const struct nvme_id_ctrl_nvm none;
	int ret;

	set_limits(ctrl, &none);
	if (!(ctrl->oncs & (NVME_CTRL_ONCS_DSM | NVME_CTRL_ONCS_WRITE_ZEROES)) ||
	    nnvme_reg32(ctrl, NVME_REG_VS) < 0x10200)
		return 0;
	ret = identify_if(ctrl, NVME_IDENTIFY_CNS_CSI_CTRL, 0, bus, err);
	if (ret < 0)
		return ret;
	if (ret)
		nnvme_log(ctrl, NNVME_LOG_INFO, "tells no limits of Write Zeroes and Dataset "
			  "Management: %s (status %#x)",
			  nnvme_status_text((uint16_t)ret), (unsigned)ret);
	else
		set_limits(ctrl, page);
	return 0;
}

/* Fill n->ns, or set n->refusal to the reason why it can't be used. */
static void read_ns(struct nnvme_ctrl *ctrl, struct nnvme_namespace *n, const struct nvme_id_ns *id)
{
	unsigned format = (id->flbas & 15) | (id->flbas >> 5 & 3) << 4;
	const struct nvme_lbaf *lbaf = &id->lbaf[format];
	unsigned metadata = le16toh(lbaf->ms);
	uint64_t blocks = le64toh(id->nsze);

	n->ns.head = (uint64_t)n->ns.nsid << 32;
	n->ctrl = ctrl;
	if (format > id->nlbaf || lbaf->ds < 9 || lbaf->ds > 16) {
		snprintf(n->refusal, sizeof(n->refusal), "its block size of 2^%u bytes is not "
			 "supported (2^9 to 2^16 are)", lbaf->ds);
		return;
	}
	n->ns.block_shift = lbaf->ds;
	n->metadata = (uint16_t)metadata;
	n->extended = id->flbas & 16;
	n->protection = id->dps & NVME_NS_DPS_PI_MASK;
	if (metadata) {
		snprintf(n->refusal, sizeof(n->refusal), "it has %u bytes of %s metadata per "
			 "block, which is not supported; use a format without", metadata,
			 id->flbas & 16 ? "extended" : "separate");
		return;
	}
	if (!blocks || blocks > UINT64_MAX >> lbaf->ds || 1u << lbaf->ds > ctrl->max_transfer) {
		snprintf(n->refusal, sizeof(n->refusal), "its size of %llu blocks of %u bytes "
			 "makes no sense", (unsigned long long)blocks, 1u << lbaf->ds);
		return;
	}
	n->ns.blocks = blocks;
	n->max_blocks = ctrl->max_transfer >> lbaf->ds;
	if (n->max_blocks > MAX_BLOCKS)
		n->max_blocks = MAX_BLOCKS;
	/*
	 * Two pages need no list. A block may be longer than that: then nothing takes the
	 * inline path.
	 */
	n->ns.fast_blocks = n->max_blocks;
	if (ctrl->opts.quirks & NNVME_QUIRK_ALIGNED_LISTS)
		n->ns.fast_blocks = NNVME_PAGE_SIZE >> lbaf->ds;
	if (n->ns.fast_blocks > blocks)
		n->ns.fast_blocks = (uint32_t)blocks;
	/*
	 * At an LBA below this even the longest inline command ends within the namespace: one
	 * comparison instead of three.
	 */
	n->ns.fast_end = blocks - n->ns.fast_blocks + 1;
	n->can_deallocate = ctrl->oncs & NVME_CTRL_ONCS_DSM;
	/* not where WZSL is less than a block */
	n->can_write_zeroes = ctrl->oncs & NVME_CTRL_ONCS_WRITE_ZEROES &&
				 ctrl->max_zeroes >> lbaf->ds;
}

/*
 * The namespace may not be ready, or may have been deleted since it was listed. The others can
 * be used all the same.
 */
static void refuse_ns(struct nnvme_ctrl *ctrl, struct nnvme_namespace *n, uint16_t status)
{
	n->code = -EIO;
	snprintf(n->refusal, sizeof(n->refusal), "Identify failed with status %#x (%s); open the "
		 "controller again when it is ready", status, nnvme_status_text(status));
	nnvme_log(ctrl, NNVME_LOG_WARNING, "namespace %u "
		  "can't be used: %s", n->ns.nsid, n->refusal);
}

static int add_ns(struct nnvme_ctrl *ctrl, uint32_t nsid, void *page, nnvme_bus_t bus,
		  struct nnvme_err *err)
{
	struct nnvme_namespace *n;
	int ret;

	n = realloc(ctrl->ns, (ctrl->nr_ns + 1) * sizeof(*n));
	if (!n)
		return nnvme_fail(err, -ENOMEM, "no memory for namespace %u", nsid);
	ctrl->ns = n;
	n += ctrl->nr_ns;
	memset(n, 0, sizeof(*n));
	n->ns.nsid = nsid;
	n->code = -EOPNOTSUPP;
	ret = identify_if(ctrl, NVME_IDENTIFY_CNS_NS, nsid, bus, err);
	if (ret < 0)
		return ret;
	if (ret)
		refuse_ns(ctrl, n, (uint16_t)ret);
	else
		read_ns(ctrl, n, page);
	ctrl->nr_ns++;
	return 0;
}

/*
 * Copy the active namespaces after @after to @list (LIST_ENTRIES) in ascending order and return
 * how many. An entry out of order ends the list, because it might never end otherwise.
 */
static size_t take_list(const uint32_t *page, uint32_t after, uint32_t nn, uint32_t *list)
{
	size_t n = 0;

	while (n < LIST_ENTRIES) {
		uint32_t nsid = le32toh(page[n]);

		if (nsid <= after || nsid > nn || nsid == BROADCAST_NSID)
			break;
		list[n++] = after = nsid;
	}
	return n;
}

static int read_namespaces(struct nnvme_ctrl *ctrl, void *page, nnvme_bus_t bus,
			   struct nnvme_err *err)
{
	uint32_t list[LIST_ENTRIES];
	size_t n = 0;
	int ret = 0;

	/* NVMe 1.1 introduced the list; before that all namespaces from 1 to NN exist. */
	if (nnvme_reg32(ctrl, NVME_REG_VS) < 0x10100) {
		while (n < ctrl->nn && n < NNVME_MAX_NAMESPACES) {
			list[n] = (uint32_t)n + 1;
			n++;
		}
	} else {
		ret = identify(ctrl, NVME_IDENTIFY_CNS_NS_ACTIVE_LIST, 0, bus, err);
		n = ret ? 0 : take_list(page, 0, ctrl->nn, list);
	}
	if (n == NNVME_MAX_NAMESPACES && ctrl->nn > n)
		nnvme_log(ctrl, NNVME_LOG_WARNING, "namespaces after the first %zu "
			  "are left out", n);
	for (size_t i = 0; i < n && !ret; i++)
		ret = add_ns(ctrl, list[i], page, bus, err);
	return ret;
}

int nnvme_identify_all(struct nnvme_ctrl *ctrl, struct nnvme_err *err)
{
	nnvme_bus_t bus;
	void *page = nnvme_space_get(ctrl->space, NNVME_PAGE_SIZE, &bus, err);
	int ret;

	if (!page)
		return -ENOMEM;
	ret = identify(ctrl, NVME_IDENTIFY_CNS_CTRL, 0, bus, err);
	if (!ret)
		ret = read_ctrl(ctrl, page, err);
	if (!ret)
		ret = read_limits(ctrl, page, bus, err);
	if (!ret)
		ret = read_namespaces(ctrl, page, bus, err);
	/* A command that was never answered may still write to the page. */
	if (!ctrl->dead)
		nnvme_space_put(ctrl->space, page);
	return ret;
}

const struct nnvme_ns *nnvme_ns_get(struct nnvme_ctrl *ctrl, uint32_t nsid, struct nnvme_err *err)
{
	const struct nnvme_namespace *n = nnvme_namespace_find(ctrl, nsid);

	if (n && !n->refusal[0])
		return &n->ns;
	if (n)
		nnvme_fail(err, n->code, "%s: namespace %u "
			   "can't be used: %s", ctrl->dev->name, nsid, n->refusal);
	else if (ctrl->nr_ns)
		nnvme_fail(err, -ENODEV, "%s: there is no active namespace %u; there are %zu, the "
			   "first is %u", ctrl->dev->name, nsid, ctrl->nr_ns, ctrl->ns[0].ns.nsid);
	else
		nnvme_fail(err, -ENODEV, "%s: there is no active namespace at all; create "
			   "and attach one", ctrl->dev->name);
	return NULL;
}

const struct nnvme_ns *nnvme_ns_next(struct nnvme_ctrl *ctrl, uint32_t nsid)
{
	for (size_t i = 0; i < ctrl->nr_ns; i++)
		if (ctrl->ns[i].ns.nsid > nsid && !ctrl->ns[i].refusal[0])
			return &ctrl->ns[i].ns;
	return NULL;
}

int nnvme_ns_info(const struct nnvme_ns *ns, struct nnvme_ns_info *info)
{
	const struct nnvme_namespace *n = nnvme_namespace(ns);
	const struct nnvme_ctrl *ctrl = n->ctrl;
	struct nnvme_ns_info now = {
		.nsid = ns->nsid,
		.blocks = ns->blocks,
		.block_size = 1u << ns->block_shift,
		.max_blocks = n->max_blocks,
		.can_deallocate = n->can_deallocate,
		.can_write_zeroes = n->can_write_zeroes,
		.volatile_cache = ctrl->volatile_cache,
	};
	int ret = nnvme_sized_check("struct nnvme_ns_info", info->size,
				    NNVME_SIZE_UP_TO(struct nnvme_ns_info, dsm_blocks), NULL);

	if (ret)
		return ret;
	if (n->can_write_zeroes)
		now.max_zeroes_blocks = (uint32_t)limit(ctrl->max_zeroes >> ns->block_shift,
							MAX_BLOCKS);
	if (n->can_deallocate) {
		now.dsm_ranges = ctrl->dsm_ranges;
		now.dsm_range_blocks = ctrl->dsm_range_blocks;
		now.dsm_blocks = ctrl->dsm_blocks;
	}
	nnvme_sized_out(info, info->size, &now, sizeof(now));
	return 0;
}
