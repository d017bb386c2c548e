// SPDX-License-Identifier: MIT
/*
 * The data pointer of a command as a scatter gather list: Base 2.x, Scatter Gather List, and the
 * generic status values 0Dh to 11h and 1Eh for what is wrong with one.
 */
#include <string.h>

#include "model_private.h"

#define PSDT 0xc0
#define SGLS_SUPPORT 0x3
#define SGLS_DWORDS 0x2
#define SGLS_BIT_BUCKET (1u << 16)
#define SGLS_LONGER (1u << 18)

/* Admin commands over PCIe use PRPs; SGLs for metadata are not offered. */
uint16_t model_check_psdt(const struct model *m, const struct model_command *cmd)
{
	uint8_t psdt = cmd->sqe.flags & PSDT;

	if (psdt && (!cmd->qid || !(m->config.sgls & SGLS_SUPPORT) || psdt != NNVME_PSDT_SGL))
		return MODEL_DNR(NVME_SC_INVALID_FIELD);
	return 0;
}

/* A descriptor of a segment; it may lie across two pages. */
static bool read_descriptor(struct model *m, uint64_t bus, struct nnvme_sgl *d)
{
	for (size_t half = 0; half < sizeof(*d); half += 8) {
		uint8_t *host = model_dma_at(m, bus + half, "SGL segment read");

		if (!host)
			return false;
		memcpy((char *)d + half, host, 8);
	}
	m->descriptors++;
	return true;
}

static uint16_t move_data(struct model_transfer *t, const struct nnvme_sgl *d, size_t *surplus)
{
	size_t len = d->len < t->left ? d->len : t->left;

	if ((t->m->config.sgls & SGLS_SUPPORT) == SGLS_DWORDS && (d->addr | d->len) % 4)
		return MODEL_DNR(NVME_SC_SGL_INVALID_GRANULARITY);
	*surplus += d->len - len;
	return model_move(t, d->addr, len);
}

/* A bit bucket: data that the host does not want. In a write it means nothing. */
static uint16_t drop_data(struct model_transfer *t, const struct nnvme_sgl *d, size_t *surplus)
{
	size_t len = d->len < t->left ? d->len : t->left;

	if (!(t->m->config.sgls & SGLS_BIT_BUCKET))
		return MODEL_DNR(NVME_SC_SGL_INVALID_TYPE);
	if (t->to_host) {
		*surplus += d->len - len;
		t->data += len;
		t->left -= len;
	}
	return 0;
}

static uint16_t take(struct model_transfer *t, const struct nnvme_sgl *d, size_t *surplus)
{
	switch (d->type) {
	case NNVME_SGL_DATA:
		return move_data(t, d, surplus);
	case NNVME_SGL_BIT_BUCKET:
		return drop_data(t, d, surplus);
	default:
		return MODEL_DNR(NVME_SC_SGL_INVALID_TYPE);
	}
}

static bool names_segment(const struct nnvme_sgl *d)
{
	return d->type == NNVME_SGL_SEGMENT || d->type == NNVME_SGL_LAST_SEGMENT;
}

/*
 * Only the last descriptor of a segment may lead to another segment, and none does in the last
 * segment.
 */
static uint16_t walk_segment(struct model_transfer *t, struct nnvme_sgl *from, size_t *surplus)
{
	bool last = from->type == NNVME_SGL_LAST_SEGMENT;
	uint64_t at = from->addr, end = at + from->len;

	if (!from->len || from->len % sizeof(*from) || at % 8)
		return MODEL_DNR(NVME_SC_SGL_INVALID_LAST);
	t->m->lists++;
	for (; at < end; at += sizeof(*from)) {
		uint16_t status;

		if (!read_descriptor(t->m, at, from))
			return NVME_SC_DATA_XFER_ERROR;
		if (names_segment(from)) {
			if (last)
				return MODEL_DNR(NVME_SC_SGL_INVALID_LAST);
			if (at + sizeof(*from) < end)
				return MODEL_DNR(NVME_SC_SGL_INVALID_COUNT);
			return 0;
		}
		status = take(t, from, surplus);
		if (status)
			return status;
	}
	/* A segment that is not the last must end with the descriptor of the next. */
	return last ? 0 : MODEL_DNR(NVME_SC_SGL_INVALID_LAST);
}

uint16_t model_move_sgl(struct model_transfer *t, const struct nnvme_sqe *sqe)
{
	struct nnvme_sgl d;
	size_t surplus = 0;
	uint16_t status = 0;
	unsigned segments = 0;

	memcpy(&d, &sqe->prp1, sizeof(d));
	t->m->descriptors++;
	if (!names_segment(&d))
		status = take(t, &d, &surplus);
	while (!status && names_segment(&d)) {
		/* a chain may be circular */
		if (++segments > 4096)
			return MODEL_DNR(NVME_SC_SGL_INVALID_COUNT);
		status = walk_segment(t, &d, &surplus);
	}
	if (!status && (t->left || (surplus && !(t->m->config.sgls & SGLS_LONGER))))
		status = MODEL_DNR(NVME_SC_SGL_INVALID_DATA);
	return status;
}
