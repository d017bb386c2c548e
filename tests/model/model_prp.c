// SPDX-License-Identifier: MIT
/*
 * The data pointer of a command as PRPs: Base 2.x, Physical Region Page Entry and List. Offsets,
 * alignments and every address are checked as strictly as the specification allows a controller to.
 */

#include <string.h>

#include "model_private.h"

uint16_t model_move(struct model_transfer *t, uint64_t bus, size_t len)
{
	if (len > t->left)
		len = t->left;
	while (len) {
		size_t piece = MODEL_PAGE - bus % MODEL_PAGE;
		uint8_t *host = model_dma_at(t->m, bus, t->to_host ? "data write" : "data read");

		if (!host && !(t->to_host && t->m->config.posted))
			return NVME_SC_DATA_XFER_ERROR;
		if (piece > len)
			piece = len;
		if (!host)
			;	/* dropped */
		else if (t->to_host)
			memcpy(host, t->data, piece);
		else
			memcpy(t->data, host, piece);
		t->data += piece;
		t->left -= piece;
		bus += piece;
		len -= piece;
	}
	return 0;
}

/* An entry of a list is read with one load: it is data of another agent. */
static uint64_t read_entry(const uint8_t *host)
{
	return __atomic_load_n((const uint64_t *)(const void *)host, __ATOMIC_RELAXED);
}

/*
 * A list from @pointer on. Only the first pointer, PRP2 itself, may have an offset; the last
 * slot of a list page is a pointer to the next list page if and only if entries are left over.
 */
static uint16_t move_list(struct model_transfer *t, uint64_t pointer)
{
	const uint32_t page = t->m->page;
	uint8_t *host = NULL;

	if (pointer % 8 || (t->m->config.list512 && pointer % 512))
		return MODEL_DNR(NVME_SC_PRP_INVALID_OFFSET);
	t->m->lists++;
	while (t->left) {
		uint64_t entry;
		uint16_t status;

		if (!host || pointer % MODEL_PAGE == 0)
			host = model_dma_at(t->m, pointer, "PRP list read");
		if (!host)
			return NVME_SC_DATA_XFER_ERROR;
		entry = read_entry(host);
		if (entry % page)
			return MODEL_DNR(NVME_SC_PRP_INVALID_OFFSET);
		if (pointer % page == page - 8 && t->left > page) {
			pointer = entry;
			host = NULL;
			t->m->lists++;
			continue;
		}
		status = model_move(t, entry, page);
		if (status)
			return status;
		pointer += 8;
		host += 8;
	}
	return 0;
}

uint16_t model_transfer(struct model *m, const struct nnvme_sqe *sqe, void *data, size_t len,
			bool to_host)
{
	struct model_transfer t = { .m = m, .data = data, .left = len, .to_host = to_host };
	uint32_t offset = sqe->prp1 % m->page;
	uint16_t status;

	if (!len)
		return 0;
	if (sqe->flags & 0xc0)
		return model_move_sgl(&t, sqe);
	if (sqe->prp1 % 4)
		return MODEL_DNR(NVME_SC_PRP_INVALID_OFFSET);
	status = model_move(&t, sqe->prp1, m->page - offset);
	if (status || !t.left)
		return status;
	if (t.left <= m->page) {
		if (sqe->prp2 % m->page)
			return MODEL_DNR(NVME_SC_PRP_INVALID_OFFSET);
		return model_move(&t, sqe->prp2, m->page);
	}
	return move_list(&t, sqe->prp2);
}
