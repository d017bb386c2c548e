// SPDX-License-Identifier: MIT
/*
 * Lists of a command's own, for the transfers that no list page of the bus-address table describes: long
 * ones, vectored ones that are too long for their slot's list, and all of them on controllers that want
 * lists page-aligned. The pages also hold the ranges of a Dataset Management command.
 */
#include <errno.h>
#include <stdlib.h>

#include "dma/table_build.h"
#include "nvme/private.h"

/*
 * All pages are there from the start, for each command in flight: a request must not wait for
 * whoever holds the pool, and a transfer that goes on must find what it needs. The set that was
 * given back last is taken first: the processor may still have it.
 */
struct nnvme_prp_pool {
	unsigned sets, pages;		/* pages: of each set */
	uint16_t free;			/* number + 1 of the first */
	struct nnvme_list_set {
		void *va[NNVME_LIST_PAGES];
		nnvme_bus_t bus[NNVME_LIST_PAGES];
		uint16_t next;
	} set[];
};

/* List pages that the longest command takes, which begins anywhere in a page. */
static unsigned choose_pages(const struct nnvme_qpair *qp)
{
	size_t entries = nnvme_qp(qp)->ctrl->max_transfer / NNVME_PAGE_SIZE + 1;
	size_t pages = (entries + NNVME_LIST_ENTRIES - 2) / (NNVME_LIST_ENTRIES - 1);

	return pages < NNVME_LIST_PAGES ? (unsigned)pages : NNVME_LIST_PAGES;
}

int nnvme_prp_pool_create(struct nnvme_qpair *qp, struct nnvme_err *err)
{
	unsigned sets = nnvme_qp(qp)->id ? qp->depth : 0;		/* admin commands need none */
	struct nnvme_prp_pool *l = calloc(1, sizeof(*l) + sets * sizeof(l->set[0]));

	if (!l)
		return nnvme_fail(err, -ENOMEM, "no memory for %u lists", sets);
	nnvme_qp(qp)->prp_pool = l;
	l->pages = choose_pages(qp);
	for (unsigned i = 0; i < sets; i++) {
		l->set[i].next = l->free;
		l->free = (uint16_t)(i + 1);
		l->sets = i + 1;
		for (unsigned j = 0; j < l->pages; j++) {
			l->set[i].va[j] = nnvme_space_get(nnvme_qp(qp)->ctrl->space, NNVME_PAGE_SIZE,
							  &l->set[i].bus[j], err);
			if (!l->set[i].va[j])
				return -ENOMEM;
		}
	}
	return 0;
}

void nnvme_prp_pool_destroy(struct nnvme_qpair *qp)
{
	struct nnvme_prp_pool *l = nnvme_qp(qp)->prp_pool;

	for (unsigned i = 0; l && i < l->sets; i++)
		for (unsigned j = 0; j < l->pages; j++)
			if (l->set[i].va[j])
				nnvme_space_put(nnvme_qp(qp)->ctrl->space, l->set[i].va[j], NNVME_PAGE_SIZE);
	free(l);
}

int nnvme_prp_pool_get(struct nnvme_qpair *qp, uint16_t *set, void **va, nnvme_bus_t *bus)
{
	struct nnvme_prp_pool *lists = nnvme_qp(qp)->prp_pool;
	struct nnvme_list_set *l;

	l = &lists->set[lists->free - 1];
	*va = l->va[0];
	*bus = l->bus[0];
	*set = lists->free;
	lists->free = l->next;
	return 0;
}

const void *nnvme_prp_pool_va(const struct nnvme_qpair *qp, uint16_t set, unsigned page)
{
	return page < nnvme_qp(qp)->prp_pool->pages ? nnvme_qp(qp)->prp_pool->set[set - 1].va[page] : NULL;
}

void nnvme_prp_pool_put(struct nnvme_qpair *qp, uint16_t set)
{
	if (!set)
		return;
	nnvme_qp(qp)->prp_pool->set[set - 1].next = nnvme_qp(qp)->prp_pool->free;
	nnvme_qp(qp)->prp_pool->free = set;
}

/*
 * The entries of @len bytes from @c, which begin a page, chained from one list page to the next. -EFAULT
 * where another thread has unregistered them meanwhile.
 */
static int fill(struct nnvme_qpair *qp, struct nnvme_list_set *l, struct nnvme_iov_cursor c, size_t len)
{
	uint64_t *entry = l->va[0], *last = entry + NNVME_LIST_ENTRIES - 1;
	unsigned i = 0;

	while (len) {
		size_t step = len < NNVME_PAGE_SIZE ? len : NNVME_PAGE_SIZE;

		if (entry == last && len > NNVME_PAGE_SIZE) {
			if (++i == nnvme_qp(qp)->prp_pool->pages)
				return -E2BIG;
			*entry = l->bus[i].v;
			entry = l->va[i];
			last = entry + NNVME_LIST_ENTRIES - 1;
		}
		*entry = nnvme_table_page(qp->table, nnvme_iov_va(&c)).v;
		if (!*entry++)
			return -EFAULT;
		len -= step;
		nnvme_iov_skip(&c, step);
	}
	return 0;
}

int nnvme_prp_build(struct nnvme_qpair *qp, struct nnvme_iov_cursor c, size_t len,
		      struct nnvme_prp *prp, uint16_t *set)
{
	uintptr_t va = nnvme_iov_va(&c);
	uint64_t page = nnvme_table_page(qp->table, va).v;
	size_t first = NNVME_PAGE_SIZE - va % NNVME_PAGE_SIZE;
	nnvme_bus_t bus;
	void *list;
	int ret;

	if (!page)
		return -EFAULT;
	ret = nnvme_prp_pool_get(qp, set, &list, &bus);
	if (ret)
		return ret;
	prp->prp1 = page + va % NNVME_PAGE_SIZE;
	prp->prp2 = bus.v;
	if (len > first) {
		nnvme_iov_skip(&c, first);
		ret = fill(qp, &nnvme_qp(qp)->prp_pool->set[*set - 1], c, len - first);
	}
	if (ret) {
		nnvme_prp_pool_put(qp, *set);
		*set = 0;
	}
	return ret;
}
