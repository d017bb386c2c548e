// SPDX-License-Identifier: MIT
/* The NVM command set, and the memory that its namespaces live in. */

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "model_private.h"

#define ONCS_COMPARE 0x1
#define ONCS_DSM 0x4
#define ONCS_WRITE_ZEROES 0x8
#define ONCS_VERIFY 0x80
#define OP_COMPARE 0x05
#define OP_VERIFY 0x0c
#define FUA (1u << 30)
#define DSM_DEALLOCATE 0x4
#define STATUS_COMPARE_FAILED 0x285
#define STATUS_READ_ERROR 0x281
#define STATUS_WRITE_FAULT 0x280

static int open_file(struct model *m, uint32_t nsid, struct nnvme_err *err)
{
	struct model_ns *ns = &m->ns[nsid - 1];
	char path[256];

	snprintf(path, sizeof(path), "%s.%u", m->config.file, nsid);
	ns->fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
	if (ns->fd < 0 || ftruncate(ns->fd, (off_t)ns->len))
		return nnvme_fail(err, -errno, "model: %s: %s", path, strerror(errno));
	return 0;
}

static int init_namespace(struct model *m, uint32_t nsid, struct nnvme_err *err)
{
	struct model_ns *ns = &m->ns[nsid - 1];
	int flags = MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, ret;

	ns->config = m->config.ns[nsid - 1];
	ns->fd = -1;
	if (!ns->config.blocks)
		return 0;
	ns->stride = ns->config.block + (ns->config.extended ? ns->config.metadata : 0u);
	ns->len = ns->config.blocks * ns->stride;
	if (m->config.file[0]) {
		ret = open_file(m, nsid, err);
		if (ret)
			return ret;
		flags = MAP_SHARED;
	}
	ns->data = mmap(NULL, ns->len, PROT_READ | PROT_WRITE, flags, ns->fd, 0);
	if (ns->data == MAP_FAILED) {
		ns->data = NULL;
		return nnvme_fail(err, -errno, "model: %zu bytes for namespace %u: %s", ns->len,
				  nsid, strerror(errno));
	}
	if (m->config.cache && model_cache_init(ns))
		return nnvme_fail(err, -ENOMEM, "model: no memory for the cache of "
				  "namespace %u", nsid);
	return 0;
}

int model_namespaces_init(struct model *m, struct nnvme_err *err)
{
	int ret;

	for (uint32_t nsid = 1; nsid <= m->config.nn; nsid++) {
		ret = init_namespace(m, nsid, err);
		if (ret)
			return ret;
	}
	return 0;
}

void model_namespaces_free(struct model *m)
{
	for (unsigned i = 0; i < MODEL_NAMESPACES; i++) {
		model_cache_free(&m->ns[i]);
		if (m->ns[i].data)
			munmap(m->ns[i].data, m->ns[i].len);
		if (m->ns[i].data && m->ns[i].fd >= 0)
			close(m->ns[i].fd);
	}
}

/* MDTS and WZSL: a power of two of pages of CAP.MPSMIN, or no limit. */
static uint32_t size_limit(const struct model *m, uint8_t power)
{
	unsigned shift = 12u + m->config.mpsmin + power;

	return power && shift < 32 ? 1u << shift : UINT32_MAX;
}

uint32_t model_max_transfer(const struct model *m)
{
	return size_limit(m, m->config.mdts);
}

/* Make it read as zeroes, quickly where whole pages go. */
static void zero(struct model_ns *ns, uint64_t lba, uint64_t blocks)
{
	uint8_t *from = ns->data + lba * ns->stride, *to = from + blocks * ns->stride;
	uint8_t *first = (uint8_t *)(((uintptr_t)from + 4095) & ~4095ul);
	uint8_t *last = (uint8_t *)((uintptr_t)to & ~4095ul);

	if (first < last &&
	    !madvise(first, (size_t)(last - first), ns->fd < 0 ? MADV_DONTNEED : MADV_REMOVE)) {
		memset(from, 0, (size_t)(first - from));
		memset(last, 0, (size_t)(to - last));
		return;
	}
	memset(from, 0, (size_t)(to - from));
}

static bool in_range(const struct model_ns *ns, uint64_t lba, uint64_t blocks)
{
	return lba < ns->config.blocks && blocks <= ns->config.blocks - lba;
}

static bool bad_block(const struct model *m, uint64_t lba, uint64_t blocks)
{
	return m->config.bad_lba >= lba && m->config.bad_lba - lba < blocks;
}

static uint16_t read_write(struct model *m, struct model_command *cmd, struct model_ns *ns)
{
	const struct nnvme_sqe *s = &cmd->sqe;
	uint64_t lba = s->cdw10 | (uint64_t)s->cdw11 << 32;
	uint32_t blocks = (s->cdw12 & 0xffff) + 1;
	size_t len = blocks * ns->stride;
	uint16_t status;

	if (blocks * (uint64_t)ns->config.block > model_max_transfer(m))
		return MODEL_DNR(NVME_SC_INVALID_FIELD);
	if (!in_range(ns, lba, blocks))
		return MODEL_DNR(NVME_SC_LBA_RANGE);
	if (ns->config.metadata && !ns->config.extended)
		return MODEL_DNR(NVME_SC_INVALID_FIELD);	/* MPTR is not modelled */
	if (bad_block(m, lba, blocks))
		return s->opcode == NNVME_OP_READ ? STATUS_READ_ERROR : STATUS_WRITE_FAULT;
	if (s->opcode == NNVME_OP_READ) {
		if (s->cdw12 & FUA)
			model_cache_pass(m, ns, lba, blocks, true);
		return model_transfer(m, s, ns->data + lba * ns->stride, len, true);
	}
	status = model_transfer(m, s, ns->data + lba * ns->stride, len, false);
	model_cache_pass(m, ns, lba, blocks, s->cdw12 & FUA);
	return status;
}

static uint16_t compare(struct model *m, struct model_command *cmd, struct model_ns *ns)
{
	const struct nnvme_sqe *s = &cmd->sqe;
	uint64_t lba = s->cdw10 | (uint64_t)s->cdw11 << 32;
	size_t len = ((s->cdw12 & 0xffff) + 1) * (size_t)ns->stride;
	uint16_t status;
	void *sent;

	if (len > model_max_transfer(m))
		return MODEL_DNR(NVME_SC_INVALID_FIELD);
	if (!in_range(ns, lba, (s->cdw12 & 0xffff) + 1))
		return MODEL_DNR(NVME_SC_LBA_RANGE);
	sent = malloc(len);
	if (!sent)
		return NVME_SC_INTERNAL;
	status = model_transfer(m, s, sent, len, false);
	if (!status && memcmp(sent, ns->data + lba * ns->stride, len))
		status = STATUS_COMPARE_FAILED;
	free(sent);
	return status;
}

/* A read that goes nowhere (NVM Command Set, Verify command). */
static uint16_t verify(struct model *m, const struct nnvme_sqe *s, struct model_ns *ns)
{
	uint64_t lba = s->cdw10 | (uint64_t)s->cdw11 << 32;
	uint32_t blocks = (s->cdw12 & 0xffff) + 1;

	if (!in_range(ns, lba, blocks))
		return MODEL_DNR(NVME_SC_LBA_RANGE);
	return bad_block(m, lba, blocks) ? STATUS_READ_ERROR : 0;
}

static uint16_t write_zeroes(struct model *m, const struct nnvme_sqe *s, struct model_ns *ns)
{
	uint64_t lba = s->cdw10 | (uint64_t)s->cdw11 << 32;
	uint32_t blocks = (s->cdw12 & 0xffff) + 1;

	if (blocks * (uint64_t)ns->config.block > size_limit(m, m->config.wzsl))
		return MODEL_DNR(NVME_SC_INVALID_FIELD);
	if (!in_range(ns, lba, blocks))
		return MODEL_DNR(NVME_SC_LBA_RANGE);
	if (bad_block(m, lba, blocks))
		return STATUS_WRITE_FAULT;
	zero(ns, lba, blocks);
	model_cache_pass(m, ns, lba, blocks, s->cdw12 & FUA);
	return 0;
}

static bool dsm_exceeds(const struct model_config *c, const struct nvme_dsm_range *range,
			unsigned n)
{
	uint64_t blocks = 0;

	for (unsigned i = 0; i < n; i++)
		blocks += range[i].nlb;
	return (c->dmrl && n > c->dmrl) || (c->dmsl && blocks > c->dmsl);
}

static uint16_t deallocate(struct model *m, const struct nnvme_sqe *s, struct model_ns *ns)
{
	unsigned n = (s->cdw10 & 0xff) + 1;
	struct nvme_dsm_range range[256];
	uint16_t status = model_transfer(m, s, range, n * sizeof(range[0]), false);

	if (status)
		return status;
	if (!(s->cdw11 & DSM_DEALLOCATE))
		return 0;
	if (dsm_exceeds(&m->config, range, n))
		return MODEL_SPECIFIC(NVME_SC_CMD_SIZE_LIMIT_EXCEEDED);
	for (unsigned i = 0; i < n; i++)
		if (range[i].nlb && !in_range(ns, range[i].slba, range[i].nlb))
			return MODEL_DNR(NVME_SC_LBA_RANGE);
	for (unsigned i = 0; i < n; i++)
		if (range[i].nlb && (!m->config.dmrsl || range[i].nlb <= m->config.dmrsl))
			zero(ns, range[i].slba, range[i].nlb);
	for (unsigned i = 0; i < n; i++)
		model_cache_pass(m, ns, range[i].slba, range[i].nlb, false);
	return 0;
}

/* A flush may name all namespaces if VWC says so; nothing else may here. */
static uint16_t flush(struct model *m, const struct nnvme_sqe *s)
{
	if (s->nsid == 0xffffffff && (m->config.vwc >> 1 & 3) != 3)
		return MODEL_DNR(NVME_SC_INVALID_NS);
	m->counts.flushes++;
	model_cache_flush(m, s->nsid);
	return 0;
}

static bool offered(const struct model *m, uint8_t opcode)
{
	switch (opcode) {
	case NNVME_OP_FLUSH:
	case NNVME_OP_WRITE:
	case NNVME_OP_READ:
		return true;
	case OP_COMPARE:
		return m->config.oncs & ONCS_COMPARE;
	case OP_VERIFY:
		return m->config.oncs & ONCS_VERIFY;
	case NNVME_OP_WRITE_ZEROES:
		return m->config.oncs & ONCS_WRITE_ZEROES;
	case NNVME_OP_DSM:
		return m->config.oncs & ONCS_DSM;
	default:
		return false;
	}
}

uint16_t model_nvm(struct model *m, struct model_command *cmd)
{
	const struct nnvme_sqe *s = &cmd->sqe;
	struct model_ns *ns;

	if (model_is_vendor(m, cmd))
		return model_vendor(m, cmd);
	if (!offered(m, s->opcode))
		return MODEL_DNR(NVME_SC_INVALID_OPCODE);
	if (s->opcode == NNVME_OP_FLUSH && s->nsid == 0xffffffff)
		return flush(m, s);
	if (!s->nsid || s->nsid > m->config.nn)
		return MODEL_DNR(NVME_SC_INVALID_NS);
	ns = &m->ns[s->nsid - 1];
	if (!ns->data)		/* an inactive NSID */
		return MODEL_DNR(NVME_SC_INVALID_FIELD);
	m->counts.fua += (s->opcode == NNVME_OP_READ || s->opcode == NNVME_OP_WRITE) &&
		s->cdw12 & FUA;
	switch (s->opcode) {
	case NNVME_OP_FLUSH:
		return flush(m, s);
	case OP_COMPARE:
		return compare(m, cmd, ns);
	case OP_VERIFY:
		return verify(m, s, ns);
	case NNVME_OP_WRITE_ZEROES:
		return write_zeroes(m, s, ns);
	case NNVME_OP_DSM:
		return deallocate(m, s, ns);
	default:
		return read_write(m, cmd, ns);
	}
}

void *model_data(struct model *m, uint32_t nsid)
{
	return nsid && nsid <= m->config.nn ? m->ns[nsid - 1].data : NULL;
}
