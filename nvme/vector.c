// SPDX-License-Identifier: MIT
/*
 * The usual vectored requests: no longer than one command, with the list written in one pass
 * over the iovecs. request.c and split.c handle everything else.
 *
 * Up to 64 entries go into the slot list, and then nothing is given back when the command
 * completes: its completion is a plain one. Longer lists take a page of a set.
 */
#include "dma/table_build.h"
#include "nvme/private.h"
#include "nvme/prp_pool.h"
#include "nvme/request.h"
#include "nvme/slot_list.h"
#include "nvme/sq.h"

#define PAGE NNVME_PAGE_SIZE
#define NOINLINE __attribute__((noinline))

/* Where the list goes: the slot list, or a page of a set. */
struct list_space {
	uint64_t *va;
	uint64_t bus;
	unsigned words;
};

/*
 * The data pointer of iovecs of one page each, of which the first may begin anywhere: returns
 * the number of bytes, or 0 when the iovecs are not like that. There is space for an entry per
 * iovec.
 */
static NOINLINE size_t map_pages(const struct nnvme_qpair *qp, const struct iovec *iov, unsigned n,
				      struct nnvme_sqe *sqe, uint64_t *list, uint64_t bus)
{
	const struct iovec *stop = iov + n;
	uintptr_t va = (uintptr_t)iov->iov_base;
	size_t offset = va % PAGE;
	uint64_t entry;

	if (offset + iov->iov_len != PAGE ||
	    !nnvme_table_look_up(qp->table, va, iov->iov_len, &entry))
		return 0;
	sqe->prp1 = (entry << NNVME_PAGE_SHIFT) + offset;
	sqe->prp2 = bus;
	while (++iov != stop) {
		va = (uintptr_t)iov->iov_base;
		if (__builtin_expect(va % PAGE || iov->iov_len != PAGE, 0) ||
		    !nnvme_table_look_up(qp->table, va, PAGE, &entry))
			return 0;
		*list++ = entry << NNVME_PAGE_SHIFT;
	}
	if (n == 2)
		sqe->prp2 = list[-1];
	return n * PAGE - offset;
}

/*
 * Add the entries of an iovec, except for its first page when it is the @first of all. Returns
 * the new end of the list, or NULL when the iovec is not simple.
 */
static uint64_t *add_run(const struct nnvme_table *table, const struct iovec *iov, bool first,
			 bool last, uint64_t *list, const uint64_t *end)
{
	uintptr_t va = (uintptr_t)iov->iov_base;
	size_t len = iov->iov_len, pages;
	uint64_t entry;

	/* Check the length first: the sums below must not overflow. */
	if (len - 1 >= NNVME_LEN_MAX || len % 4 || !nnvme_table_look_up(table, va, len, &entry))
		return NULL;
	if ((!first && va % PAGE) || (!last && (va + len) % PAGE))
		return NULL;
	pages = ((va % PAGE + len - 1) >> NNVME_PAGE_SHIFT) + !first;
	if (pages > (size_t)(end - list))
		return NULL;
	for (va += first ? PAGE : 0; pages; pages--, va += PAGE) {
		uint64_t bus = nnvme_table_page(table, va).v;

		if (!bus)
			return NULL;
		*list++ = bus;
	}
	return list;
}

/* The same for iovecs that join at page borders, of any number of pages. */
static NOINLINE size_t map_runs(const struct nnvme_qpair *qp, const struct iovec *iov, unsigned n,
				     struct nnvme_sqe *sqe, const struct list_space *to)
{
	uintptr_t va = (uintptr_t)iov->iov_base;
	uint64_t *list = to->va, bus;
	size_t bytes = 0;

	for (unsigned i = 0; i < n && list; i++) {
		list = add_run(qp->table, &iov[i], i == 0, i == n - 1, list, to->va + to->words);
		bytes += iov[i].iov_len;
	}
	bus = nnvme_table_page(qp->table, va).v;
	if (!list || !bus)
		return 0;
	sqe->prp1 = bus + va % PAGE;
	sqe->prp2 = list - to->va == 1 ? list[-1] : to->bus;
	return bytes;
}

/*
 * Descriptors of an iovec of several pages, one for pages that are contiguous on the bus; NULL
 * as above.
 */
static uint64_t *add_pieces(const struct nnvme_table *table, uintptr_t va, size_t len,
			    uint64_t *list, const uint64_t *end)
{
	uint64_t next = 0, entry;

	if (len - 1 >= NNVME_LEN_MAX || !nnvme_table_look_up(table, va, len, &entry))
		return NULL;
	while (len) {
		size_t part = PAGE - va % PAGE < len ? PAGE - va % PAGE : len;
		uint64_t bus = nnvme_table_page(table, va).v;

		if (!bus)
			return NULL;
		bus += va % PAGE;
		if (bus == next) {
			list[-1] += part;
		} else {
			if (list == end)
				return NULL;
			*list++ = bus;
			*list++ = part;
		}
		next = bus + part;
		va += part;
		len -= part;
	}
	return list;
}

/*
 * A scatter gather list of any iovecs. A descriptor is two words: the address, and the length
 * with type and reserved bytes of 0 above it.
 */
static NOINLINE size_t map_pieces(const struct nnvme_qpair *qp, const struct iovec *iov, unsigned n,
				       struct nnvme_sqe *sqe, const struct list_space *to)
{
	const struct iovec *stop = iov + n;
	uint64_t *list = to->va;
	uintptr_t bits = 0;
	size_t bytes = 0;

	if (2 * (size_t)n > to->words)
		return 0;
	for (; iov != stop; iov++) {
		uintptr_t va = (uintptr_t)iov->iov_base;
		size_t len = iov->iov_len;
		uint64_t entry;

		bits |= len;
		bytes += len;
		if (__builtin_expect(len - 1 < PAGE && va % PAGE + len <= PAGE, 1) &&
		    nnvme_table_look_up(qp->table, va, len, &entry)) {
			*list++ = (entry << NNVME_PAGE_SHIFT) + va % PAGE;
			*list++ = len;
			continue;
		}
		/* leave space for a descriptor for each iovec that follows */
		list = add_pieces(qp->table, va, len, list,
				  to->va + to->words - 2 * (stop - iov - 1));
		if (!list)
			return 0;
	}
	sqe->prp1 = to->bus;
	sqe->prp2 = (uint64_t)((char *)list - (char *)to->va) |
		    (uint64_t)NNVME_SGL_LAST_SEGMENT << 56;
	sqe->flags = NNVME_PSDT_SGL;
	return bits % 4 ? 0 : bytes;
}

/*
 * Set the data pointer with a list at @to; returns the number of blocks, or 0 to leave it to
 * nnvme_request_rwv().
 */
static inline uint32_t map(const struct nnvme_qpair *qp, const struct nnvme_ns *ns,
			   const struct iovec *iov, unsigned n, struct nnvme_sqe *sqe,
			   struct list_space to)
{
	size_t bytes = map_pages(qp, iov, n, sqe, to.va, to.bus);
	uint32_t blocks;

	if (__builtin_expect(!bytes, 0)) {
		bytes = map_runs(qp, iov, n, sqe, &to);
		if (!bytes && nnvme_qp(qp)->ctrl->can_sgl)
			bytes = map_pieces(qp, iov, n, sqe, &to);
	}
	blocks = (uint32_t)(bytes >> ns->block_shift);
	if (blocks - 1 >= __atomic_load_n(&ns->fast_blocks, __ATOMIC_RELAXED) ||
	    (size_t)blocks << ns->block_shift != bytes)
		return 0;
	return blocks;
}

/* The command at the tail is complete. */
static inline void submit(struct nnvme_qpair *qp, struct nnvme_req *req, struct nnvme_sqe *sqe,
			  uint32_t blocks, int32_t key)
{
	NNVME_STORE(&sqe->cdw12, blocks - 1);
	__atomic_store_n(&req->key, key, __ATOMIC_RELEASE);
	qp->tail += 8;
}

/* Requests too long for the slot list: a page of a set. */
static NOINLINE bool by_set(struct nnvme_qpair *qp, const struct nnvme_ns *ns,
			    const struct iovec *iov, unsigned n, struct nnvme_req *req,
			    struct nnvme_sqe *sqe)
{
	struct list_space to = { .words = NNVME_LIST_ENTRIES };
	uint32_t blocks;
	nnvme_bus_t bus;
	uint16_t set;
	void *va;

	if (n > NNVME_LIST_ENTRIES || nnvme_prp_pool_get(qp, &set, &va, &bus))
		return false;
	to.va = va;
	to.bus = bus.v;
	sqe->flags = 0;		/* the attempt with the slot's list may have left it */
	blocks = map(qp, ns, iov, n, sqe, to);
	if (!blocks) {
		nnvme_prp_pool_put(qp, set);
		return false;
	}
	__atomic_store_n(&nnvme_qp(qp)->slot[qp->tail / 8].list, set, __ATOMIC_RELAXED);
	submit(qp, req, sqe, blocks, nnvme_key_slow(qp->tail + qp->generation));
	return true;
}

/* One iovec is a plain buffer, whose list is in the table. */
static NOINLINE int rw_one(struct nnvme_qpair *qp, const struct nnvme_ns *ns, uint8_t opcode,
			   const struct iovec *iov, uint64_t lba, void *tag)
{
	uint64_t blocks = iov->iov_len >> ns->block_shift;

	if (blocks << ns->block_shift != iov->iov_len)
		return -EINVAL;
	if (blocks > UINT32_MAX)
		return nnvme_request_rwv(qp, ns, opcode, iov, 1, lba, 0, tag);
	return nnvme_rw(qp, ns, opcode, iov->iov_base, lba, (uint32_t)blocks, tag);
}

int nnvme_rwv(struct nnvme_qpair *qp, const struct nnvme_ns *ns, uint8_t opcode,
	      const struct iovec *iov, int iovcnt, uint64_t lba, void *tag)
{
	size_t tail = qp->tail;
	struct nnvme_req *req = nnvme_slot_at(qp, (uint32_t)tail);
	struct nnvme_sqe *sqe = nnvme_sqe_at(qp, (uint32_t)tail);
	const struct nnvme_slot_list *own =
		(const void *)((char *)nnvme_qp(qp)->slot_list + 2 * tail);
	uint32_t blocks = 0;

	if (__builtin_expect((unsigned)iovcnt - 2 > NNVME_IOV_MAX - 2, 0))
		return iovcnt == 1 ? rw_one(qp, ns, opcode, iov, lba, tag) : -EINVAL;
	if (__builtin_expect(tail == qp->stop || req->key != NNVME_KEY_FREE ||
			     lba >= ns->fast_end, 0))
		return nnvme_request_rwv(qp, ns, opcode, iov, iovcnt, lba, 0, tag);
	/*
	 * Free slots and entries beyond the tail are not read: what is written there need not
	 * be undone.
	 */
	req->tag = tag;
	sqe->cdw0_nsid = ns->head | ((uint32_t)tail + qp->generation) << 16 | opcode;
	sqe->slba = lba;
	if ((unsigned)iovcnt <= NNVME_SLOT_LIST_PRPS && own->va)
		blocks = map(qp, ns, iov, (unsigned)iovcnt, sqe,
			       (struct list_space){ own->va, own->bus, NNVME_SLOT_LIST_PRPS });
	if (__builtin_expect(blocks, 1)) {
		submit(qp, req, sqe, blocks, (int32_t)(qp->tail + qp->generation));
		return 0;
	}
	if (by_set(qp, ns, iov, (unsigned)iovcnt, req, sqe))
		return 0;
	return nnvme_request_rwv(qp, ns, sqe->opcode, iov, iovcnt, sqe->slba, 0, req->tag);
}
