// SPDX-License-Identifier: MIT
/*
 * Raw admin commands. The controller gets pages of the library's, never the caller's memory: so any
 * memory will do, nobody has to keep it when the command is never answered, and a controller that
 * moves less than the caller thought, or more up to the end of the last page, does it in pages that
 * are nobody else's. Beyond them it would take 0, or data, for an address: see asked().
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "nvme/admin.h"
#include "nvme/command.h"
#include "nvme/irq.h"
#include "nvme/log.h"

#define PAGE NNVME_PAGE_SIZE
#define ENTRIES NNVME_LIST_ENTRIES
#define BITS_TO_CONTROLLER 1	/* bits 1:0 of an opcode (Base 2.x, Opcode Value) */
#define BITS_FROM_CONTROLLER 2
#define CONTROLLER_DATA_QUEUE 0x45	/* Base 2.1 */

struct bounce {
	struct nnvme_ctrl *ctrl;
	char *metadata;
	nnvme_bus_t metadata_bus;
	unsigned pages;			/* of data, one at least */
	unsigned used;			/* with those of the PRP list */
	struct bounce_page {
		void *va;
		nnvme_bus_t bus;
	} page[];
};

/* Why the library can't have @cmd sent; NULL: it can. */
static const char *feature_refusal(uint8_t fid)
{
	switch (fid) {
	case NVME_FEAT_FID_NUM_QUEUES:
		return "it is set when the controller is opened; use nnvme_options.qpairs";
	case NVME_FEAT_FID_IRQ_COALESCE:
	case NVME_FEAT_FID_IRQ_CONFIG:
		return "nnvme_wait() relies on an interrupt for each completion";
	case NVME_FEAT_FID_HOST_MEM_BUF:
		return "a host memory buffer is memory that nobody has registered";
	case NVME_FEAT_FID_KATO:
		return "nobody would send Keep Alive commands in time";
	default:
		return NULL;
	}
}

static const char *refusal(const struct nnvme_command *cmd)
{
	switch (cmd->opcode) {
	case nvme_admin_create_cq:
	case nvme_admin_create_sq:
		return "I/O queues are the library's; use nnvme_qpair_create()";
	case nvme_admin_delete_cq:
	case nvme_admin_delete_sq:
		return "I/O queues are the library's; use nnvme_qpair_destroy()";
	case nvme_admin_dbbuf:
		return "shadow doorbells are the library's; use nnvme_options.shadow_doorbells";
	case nvme_admin_async_event:
		return "it ends with an event, and other admin commands would have to "
		       "wait for that";
	case nvme_admin_abort_cmd:
		return "it names a command by its CID, and CIDs are the library's";
	case CONTROLLER_DATA_QUEUE:
		return "the controller would go on to write to memory that is given back";
	case nvme_admin_keep_alive:
		return "the Keep Alive Timer is off";
	case nvme_admin_set_features:
		return feature_refusal((uint8_t)cmd->cdw10);
	default:
		return NULL;
	}
}

/*
 * The bytes of data that the command's own fields ask for. Others of the NVMe specifications are a
 * page at most, which each command has, but for those of NVMe-MI and of live migration: there, and
 * for vendors' opcodes, the caller answers for data_len.
 */
static uint64_t asked(const struct nnvme_command *cmd)
{
	switch (cmd->opcode) {
	case nvme_admin_get_log_page:
		return 4 * ((cmd->cdw10 >> 16 | (uint64_t)(cmd->cdw11 & 0xffff) << 16) + 1);
	case nvme_admin_fw_download:
		return 4 * ((uint64_t)cmd->cdw10 + 1);
	case nvme_admin_directive_send:
	case nvme_admin_directive_recv:
		/* 0 is also what operations without data have (Base 2.x, Directives) */
		return cmd->cdw10 ? 4 * ((uint64_t)cmd->cdw10 + 1) : 0;
	case nvme_admin_get_lba_status:
		return 4 * ((uint64_t)cmd->cdw12 + 1);
	case nvme_admin_security_send:
	case nvme_admin_security_recv:
		return cmd->cdw11;
	default:
		return 0;
	}
}

static int check(const struct nnvme_ctrl *ctrl, const struct nnvme_command *cmd,
		 struct nnvme_err *err)
{
	const char *why = refusal(cmd), *name = ctrl->dev->name;

	if (why)
		return nnvme_fail(err, -EPERM, "%s: admin command %#x (CDW10 %#x) is not sent: %s",
				  name, cmd->opcode, cmd->cdw10, why);
	if (cmd->data_len > ctrl->max_transfer || cmd->metadata_len > ctrl->max_transfer)
		return nnvme_fail(err, -E2BIG,
				  "%s: admin command %#x has %u bytes of data and %u of metadata; "
				  "a command of this controller carries %u: use several",
				  name, cmd->opcode, cmd->data_len, cmd->metadata_len,
				  ctrl->max_transfer);
	if (asked(cmd) > cmd->data_len)
		return nnvme_fail(err, -EINVAL,
				  "%s: admin command %#x asks for %llu bytes by its dwords, and "
				  "data_len is %u; make them agree",
				  name, cmd->opcode, (unsigned long long)asked(cmd), cmd->data_len);
	return 0;
}

static struct bounce_page *take(struct bounce *b, struct nnvme_err *err)
{
	struct bounce_page *page = &b->page[b->used];

	page->va = nnvme_space_get(b->ctrl->space, PAGE, &page->bus, err);
	if (!page->va)
		return NULL;
	b->used++;
	return page;
}

/* What a command that was never answered may still write to stays taken; closing frees it. */
static void give_back(struct bounce *b)
{
	if (!b->ctrl->dead) {
		for (unsigned i = 0; i < b->used; i++)
			nnvme_space_put(b->ctrl->space, b->page[i].va);
		if (b->metadata)
			nnvme_space_put(b->ctrl->space, b->metadata);
	}
	free(b);
}

/*
 * The data pointer: two pages, or a list whose pages end with the next one's address, if entries
 * are left.
 */
static int map_prp(struct bounce *b, struct nnvme_sqe *sqe, struct nnvme_err *err)
{
	uint64_t *entry = &sqe->prp2, *last = entry;

	sqe->prp1 = b->page[0].bus.v;
	if (b->pages == 2)
		*entry = b->page[1].bus.v;
	for (unsigned i = 1; b->pages > 2 && i < b->pages; i++) {
		if (entry == last && (i == 1 || i < b->pages - 1)) {
			struct bounce_page *list = take(b, err);

			if (!list)
				return -ENOMEM;
			*entry = list->bus.v;
			entry = list->va;
			last = entry + ENTRIES - 1;
		}
		*entry++ = b->page[i].bus.v;
	}
	return 0;
}

static struct bounce *bounce_create(struct nnvme_ctrl *ctrl, const struct nnvme_command *cmd,
				    struct nnvme_sqe *sqe, struct nnvme_err *err)
{
	unsigned pages = cmd->data_len > PAGE ? (unsigned)((cmd->data_len + PAGE - 1) / PAGE) : 1;
	size_t most = pages + pages / (ENTRIES - 1) + 1;
	struct bounce *b = calloc(1, sizeof(*b) + most * sizeof(b->page[0]));
	int ret = 0;

	if (!b) {
		nnvme_fail(err, -ENOMEM, "no memory for %u bytes of data", cmd->data_len);
		return NULL;
	}
	b->ctrl = ctrl;
	b->pages = pages;
	while (!ret && b->used < pages)
		ret = take(b, err) ? 0 : -ENOMEM;
	ret = ret ? ret : map_prp(b, sqe, err);
	if (!ret && cmd->metadata_len) {
		b->metadata = nnvme_space_get(ctrl->space, cmd->metadata_len, &b->metadata_bus,
					      err);
		sqe->mptr = b->metadata_bus.v;
		ret = b->metadata ? 0 : -ENOMEM;
	}
	if (ret) {
		give_back(b);
		return NULL;
	}
	return b;
}

static void copy(struct bounce *b, const struct nnvme_command *cmd, bool in)
{
	char *data = cmd->data;

	for (size_t at = 0; data && at < cmd->data_len; at += PAGE) {
		size_t len = cmd->data_len - at < PAGE ? cmd->data_len - at : PAGE;
		void *ours = b->page[at / PAGE].va, *theirs = data + at;

		/* take() left none without memory */
		/* NOLINTNEXTLINE(clang-analyzer-core.NonNullParamChecker) */
		memcpy(in ? ours : theirs, in ? theirs : ours, len);
	}
	if (b->metadata)
		memcpy(in ? b->metadata : cmd->metadata, in ? cmd->metadata : b->metadata,
		       cmd->metadata_len);
}

/*
 * A namespace with longer blocks than the library knows of would be read past the end of buffers.
 * Format NVM may be for all, whatever it names (Identify Controller: FNA). Before it is sent, for
 * other threads.
 */
static void outdate(struct nnvme_ctrl *ctrl, const struct nnvme_command *cmd)
{
	bool all = cmd->opcode == nvme_admin_format_nvm || cmd->nsid == NNVME_NSID_ALL;

	if (cmd->opcode != nvme_admin_format_nvm && cmd->opcode != nvme_admin_ns_mgmt)
		return;
	for (size_t i = 0; i < ctrl->nr_ns; i++) {
		if (!all && ctrl->ns[i].ns.nsid != cmd->nsid)
			continue;
		ctrl->ns[i].stale = true;
		__atomic_store_n(&ctrl->ns[i].ns.fast_blocks, 0, __ATOMIC_RELAXED);
	}
}

/* With ctrl->lock. */
static int run(struct nnvme_ctrl *ctrl, const struct nnvme_command *cmd, struct nnvme_err *err)
{
	uint32_t timeout = cmd->timeout_ms ? cmd->timeout_ms : NNVME_ADMIN_TIMEOUT_MS;
	struct nnvme_sqe sqe = nnvme_command_sqe(cmd);
	unsigned way = cmd->opcode & 3;
	struct bounce *b;
	uint64_t result = 0;
	char what[32];
	int ret;

	snprintf(what, sizeof(what), "admin command %#x", cmd->opcode);
	ret = nnvme_admin_check(ctrl, what, err);
	if (ret)	/* before it has memory that nobody gives back */
		return ret;
	b = bounce_create(ctrl, cmd, &sqe, err);
	if (!b)
		return -ENOMEM;
	if (way != BITS_FROM_CONTROLLER)
		copy(b, cmd, true);
	outdate(ctrl, cmd);
	ret = nnvme_admin_wait(ctrl, &sqe, what, timeout, &result, err);
	if (ret >= 0 && way != BITS_TO_CONTROLLER)
		copy(b, cmd, false);
	if (ret >= 0 && cmd->result)
		*cmd->result = result;
	give_back(b);
	nnvme_irq_admin_done(ctrl);
	return ret;
}

int nnvme_admin_command(struct nnvme_ctrl *ctrl, const struct nnvme_command *given,
			struct nnvme_err *err)
{
	struct nnvme_command cmd;
	int ret = nnvme_command_in(&cmd, given, err);

	ret = ret ? ret : check(ctrl, &cmd, err);
	if (ret)
		return ret;
	nnvme_lock(&ctrl->lock);
	ret = run(ctrl, &cmd, err);
	nnvme_unlock(&ctrl->lock);
	return ret;
}
