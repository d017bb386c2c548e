// SPDX-License-Identifier: MIT
/*
 * Which memory the commands in flight read and write. Nothing is counted per I/O for this: the
 * submission queue entries of commands in flight are still in the ring.
 *
 * The owners of the queue pairs go on meanwhile. What is read between two reads of the same key
 * belongs to that command, because other threads see these stores in order:
 *
 *	entry and lists before the key		release there, acquire in read_slot()
 *	a free key before the next entry	nnvme_slot_freed(), and in nnvme_slot_free() before
 *						what was kept is forgotten; the fence in changed()
 *	what is kept before the entry that	release of its head and the fence in
 *	takes its place				keep_displaced(), acquire in read_slot() and the
 *						fence in changed()
 *
 * Without the second, the next command's address could be read with this one's length.
 *
 * All memory of a split transfer counts until the transfer has ended, because the rest will be
 * submitted. A caller that has no I/O in the memory is never refused by mistake: no command has
 * it in its data pointer.
 */
#include "nvme/in_flight.h"

#include <errno.h>
#include <stdlib.h>

#include "dma/table_build.h"
#include "nvme/prp_pool.h"
#include "nvme/slot_list.h"
#include "nvme/split.h"
#include "nvme/sq.h"

#define PAGE NNVME_PAGE_SIZE

/* Pages on the bus, each with the number of pages that follow it in virtual memory. */
struct pieces {
	struct nnvme_piece *piece;
	size_t n, max;
	bool no_memory;
};

static void add(struct pieces *p, uint64_t bus, size_t pages)
{
	if (p->n == p->max) {
		size_t max = p->max ? 2 * p->max : 256;
		struct nnvme_piece *more = realloc(p->piece, max * sizeof(*more));

		if (!more) {
			p->no_memory = true;
			return;
		}
		p->piece = more;
		p->max = max;
	}
	p->piece[p->n++] = (struct nnvme_piece){ bus >> NNVME_PAGE_SHIFT, pages };
}

/* The command found in a slot. */
struct command {
	int32_t key;
	bool kept;		/* its entry in the queue is another command's now */
	struct nnvme_slot d;
};

/*
 * May what was read of @c belong to another command by now? A slow key does not change when the
 * entry is overwritten.
 */
static bool changed(const struct nnvme_qpair *qp, uint32_t slot, const struct command *c)
{
	__atomic_thread_fence(__ATOMIC_ACQUIRE);
	return __atomic_load_n(&nnvme_slot_at(qp, 8 * slot)->key, __ATOMIC_RELAXED) != c->key ||
	       (!c->kept && __atomic_load_n(&nnvme_qp(qp)->slot[slot].head, __ATOMIC_RELAXED));
}

/* The command in @slot; false: none is in flight there. */
static bool read_slot(const struct nnvme_qpair *qp, uint32_t slot, struct command *c)
{
	const struct nnvme_sqe *sqe = nnvme_sqe_at(qp, 8 * slot);
	const struct nnvme_slot *kept = &nnvme_qp(qp)->slot[slot];
	const struct nnvme_req *req = nnvme_slot_at(qp, 8 * slot);
	struct nnvme_slot *d = &c->d;

	do {
		c->key = __atomic_load_n(&req->key, __ATOMIC_ACQUIRE);
		if (c->key < 0)
			return false;
		d->list = __atomic_load_n(&kept->list, __ATOMIC_RELAXED);
		d->raw = __atomic_load_n(&kept->raw, __ATOMIC_RELAXED);
		d->data_len = __atomic_load_n(&kept->data_len, __ATOMIC_RELAXED);
		d->metadata_len = __atomic_load_n(&kept->metadata_len, __ATOMIC_RELAXED);
		d->metadata = __atomic_load_n(&kept->metadata, __ATOMIC_RELAXED);
		d->head = __atomic_load_n(&kept->head, __ATOMIC_ACQUIRE);
		c->kept = d->head;
		if (c->kept) {
			d->prp1 = __atomic_load_n(&kept->prp1, __ATOMIC_RELAXED);
			d->prp2 = __atomic_load_n(&kept->prp2, __ATOMIC_RELAXED);
			d->cdw12 = __atomic_load_n(&kept->cdw12, __ATOMIC_RELAXED);
		} else if (8 * slot < qp->end) {
			d->head = __atomic_load_n(&sqe->cdw0_nsid, __ATOMIC_RELAXED);
			d->prp1 = __atomic_load_n(&sqe->prp1, __ATOMIC_RELAXED);
			d->prp2 = __atomic_load_n(&sqe->prp2, __ATOMIC_RELAXED);
			d->cdw12 = __atomic_load_n(&sqe->cdw12, __ATOMIC_RELAXED);
		}
	} while (changed(qp, slot, c));
	return true;
}

static unsigned block_shift(const struct nnvme_ctrl *ctrl, uint32_t nsid)
{
	const struct nnvme_namespace *n = nnvme_namespace_find(ctrl, nsid);

	return n ? n->ns.block_shift : 0;
}

static size_t smaller(size_t a, size_t b)
{
	return a < b ? a : b;
}

/* The list that belongs to the command alone, as the processor sees it; NULL: it has none. */
static const uint64_t *private_list(const struct nnvme_qpair *qp, uint32_t slot, uint64_t bus,
				    uint16_t list)
{
	const struct nnvme_slot_list *own = nnvme_qp(qp)->slot_list;

	if (list)
		return nnvme_prp_pool_va(qp, list, 0);
	return 8 * slot < qp->end && own[slot].va && own[slot].bus == bus ? own[slot].va : NULL;
}

/*
 * The words of a page of such a list. The device can write to entries: no length there is trusted.
 */
static size_t list_words(uint16_t list)
{
	return list ? NNVME_LIST_ENTRIES : NNVME_SLOT_LIST_PRPS;
}

/*
 * Add @more entries of such a list. The last word of a page leads to the next page if entries
 * are left; slot lists have none.
 */
static void add_prps(struct pieces *p, const struct nnvme_qpair *qp, const uint64_t *entry,
		     uint16_t list, size_t more)
{
	unsigned page = 0;

	if (!list)
		more = smaller(more, list_words(list));
	for (size_t i = 0; more; i++) {
		if (i == NNVME_LIST_ENTRIES - 1 && more > 1) {
			entry = list ? nnvme_prp_pool_va(qp, list, ++page) : NULL;
			if (!entry)
				return;
			i = 0;
		}
		add(p, __atomic_load_n(&entry[i], __ATOMIC_RELAXED), 1);
		more--;
	}
}

/* SGL descriptors, two words each: an address and a length. */
static void add_sgls(struct pieces *p, const uint64_t *word, size_t n)
{
	for (; n--; word += 2) {
		uint64_t bus = __atomic_load_n(&word[0], __ATOMIC_RELAXED);
		uint64_t len = (uint32_t)__atomic_load_n(&word[1], __ATOMIC_RELAXED);
		uint64_t end = bus + len;

		if (len > NNVME_LEN_MAX)
			return;		/* the list is another command's by now */
		for (bus &= -PAGE; bus < end; bus += PAGE)
			add(p, bus, 1);
	}
}

/* Bytes of data; 0: none, or only ranges in a list page. */
static size_t data_len(const struct nnvme_ctrl *ctrl, const struct nnvme_slot *d)
{
	uint8_t opcode = (uint8_t)d->head;

	if (d->raw)
		return d->data_len;
	if (opcode != NNVME_OP_READ && opcode != NNVME_OP_WRITE)
		return 0;
	return (size_t)((d->cdw12 & 0xffff) + 1) << block_shift(ctrl, (uint32_t)(d->head >> 32));
}

static void add_contiguous(struct pieces *p, uint64_t bus, size_t len)
{
	for (uint64_t page = bus & -PAGE; len && page < bus + len; page += PAGE)
		add(p, page, 1);
}

static void add_command(struct pieces *p, const struct nnvme_qpair *qp, uint32_t slot,
			const struct command *c)
{
	const struct nnvme_slot *d = &c->d;
	size_t len = data_len(nnvme_qp(qp)->ctrl, d), more = (d->prp1 % PAGE + len - 1) / PAGE;
	uint8_t flags = (uint8_t)(d->head >> 8);
	const uint64_t *entry;

	if (d->raw)
		add_contiguous(p, d->metadata, d->metadata_len);
	if (!len)
		return;
	if (flags & NNVME_PSDT_SGL) {
		entry = private_list(qp, slot, d->prp1, d->list);
		if (d->prp2 >> 56 == NNVME_SGL_DATA)
			add_sgls(p, (const uint64_t[]){ d->prp1, d->prp2 }, 1);
		else if (entry)
			add_sgls(p, entry, smaller((uint32_t)d->prp2 / sizeof(struct nnvme_sgl),
						   list_words(d->list) / 2));
		return;
	}
	entry = more > 1 ? private_list(qp, slot, d->prp2, d->list) : NULL;
	/* A list of the bus-address table describes what follows in virtual memory. */
	add(p, d->prp1, more > 1 && !entry ? more + 1 : 1);
	if (more == 1)
		add(p, d->prp2, 1);
	else if (entry)
		add_prps(p, qp, entry, d->list, more);
}

/* The list may be reused for another command while it is read: then read it again. */
static void add_slot(struct pieces *p, const struct nnvme_qpair *qp, uint32_t slot)
{
	const size_t n = p->n;
	struct command c = { 0 };

	do {
		p->n = n;
		if (!read_slot(qp, slot, &c))
			return;
		add_command(p, qp, slot, &c);
	} while (changed(qp, slot, &c));
}

static void add_qpair(struct pieces *p, const struct nnvme_qpair *qp)
{
	for (uint32_t slot = 0; slot < qp->end / 8 + qp->depth; slot++)
		add_slot(p, qp, slot);
}

static int by_page(const void *a, const void *b)
{
	const struct nnvme_piece *x = a, *y = b;

	return x->page < y->page ? -1 : x->page > y->page;
}

int nnvme_in_flight_to(void *arg, uintptr_t va, size_t len)
{
	const struct nnvme_ctrl *ctrl = arg;
	struct pieces p = { 0 };
	int ret = 0;

	for (uint32_t i = 0; ctrl->qpairs && i < ctrl->max_qpairs && !ctrl->stopped; i++) {
		if (!ctrl->qpairs[i])
			continue;
		add_qpair(&p, ctrl->qpairs[i]);
		ret |= nnvme_splits_meet(ctrl->qpairs[i], va, len);
	}
	if (!ret && p.no_memory) {
		ret = -ENOMEM;
	} else if (!ret && p.n) {
		qsort(p.piece, p.n, sizeof(*p.piece), by_page);
		ret = nnvme_table_meets(ctrl->space->table, va, len / PAGE, p.piece, p.n);
	}
	free(p.piece);
	return ret;
}
