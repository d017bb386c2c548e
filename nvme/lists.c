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
 * A page is taken from the pool when it is first needed and kept then; no two need to be together. The
 * set that was given back last is taken first, so there are as many pages as were needed at once.
 */
struct nnvme_lists {
	unsigned depth, used;
	uint16_t free;			/* number + 1 of the first */
	struct nnvme_list_set {
		void *va[NNVME_LIST_PAGES];
		nnvme_bus_t bus[NNVME_LIST_PAGES];
		uint16_t next;
	} set[];
};

struct nnvme_lists *nnvme_lists_create(unsigned depth)
{
	struct nnvme_lists *l = calloc(1, sizeof(*l) + depth * sizeof(l->set[0]));

	if (!l)
		return NULL;
	l->depth = depth;
	l->free = 1;
	for (unsigned i = 0; i + 1 < depth; i++)
		l->set[i].next = (uint16_t)(i + 2);
	return l;
}

void nnvme_lists_destroy(struct nnvme_qpair *qp)
{
	for (unsigned i = 0; i < qp->lists->depth * NNVME_LIST_PAGES; i++) {
		void *va = qp->lists->set[i / NNVME_LIST_PAGES].va[i % NNVME_LIST_PAGES];

		if (va)
			nnvme_space_put(qp->ctrl->space, va, NNVME_PAGE_SIZE);
	}
	free(qp->lists);
}

static bool have_page(struct nnvme_qpair *qp, struct nnvme_list_set *l, unsigned i)
{
	if (!l->va[i])
		l->va[i] = nnvme_space_get(qp->ctrl->space, NNVME_PAGE_SIZE, &l->bus[i], NULL);
	return l->va[i];
}

int nnvme_lists_get(struct nnvme_qpair *qp, uint16_t *set, void **va, nnvme_bus_t *bus)
{
	struct nnvme_lists *lists = qp->lists;
	struct nnvme_list_set *l = lists->free ? &lists->set[lists->free - 1] : NULL;

	if (!l || !have_page(qp, l, 0))
		return lists->used ? -EAGAIN : -ENOMEM;
	*va = l->va[0];
	*bus = l->bus[0];
	*set = lists->free;
	lists->free = l->next;
	lists->used++;
	return 0;
}

void nnvme_lists_put(struct nnvme_qpair *qp, uint16_t set)
{
	if (!set)
		return;
	qp->lists->set[set - 1].next = qp->lists->free;
	qp->lists->free = set;
	qp->lists->used--;
}

/* The entries of @len bytes from @c, which begin a page, chained from one list page to the next. */
static int fill(struct nnvme_qpair *qp, struct nnvme_list_set *l, struct nnvme_cursor c, size_t len)
{
	uint64_t *entry = l->va[0], *last = entry + NNVME_LIST_ENTRIES - 1;
	unsigned i = 0;

	while (len) {
		size_t step = len < NNVME_PAGE_SIZE ? len : NNVME_PAGE_SIZE;

		if (entry == last && len > NNVME_PAGE_SIZE) {
			if (!have_page(qp, l, ++i))
				return -ENOMEM;
			*entry = l->bus[i].v;
			entry = l->va[i];
			last = entry + NNVME_LIST_ENTRIES - 1;
		}
		*entry++ = nnvme_table_page(qp->table, nnvme_cursor_va(&c)).v;
		len -= step;
		nnvme_cursor_skip(&c, step);
	}
	return 0;
}

int nnvme_lists_build(struct nnvme_qpair *qp, struct nnvme_cursor c, size_t len,
		      struct nnvme_prp *prp, uint16_t *set)
{
	uintptr_t va = nnvme_cursor_va(&c);
	size_t first = NNVME_PAGE_SIZE - va % NNVME_PAGE_SIZE;
	nnvme_bus_t bus;
	void *list;
	int ret;

	/* The last slot of the last page may hold an entry; those of earlier pages hold a pointer. */
	if (len > first + (NNVME_LIST_PAGES * (NNVME_LIST_ENTRIES - 1) + 1) * NNVME_PAGE_SIZE)
		return -E2BIG;
	ret = nnvme_lists_get(qp, set, &list, &bus);
	if (ret)
		return ret;
	prp->prp1 = nnvme_table_page(qp->table, va).v + va % NNVME_PAGE_SIZE;
	prp->prp2 = bus.v;
	if (len > first) {
		nnvme_cursor_skip(&c, first);
		ret = fill(qp, &qp->lists->set[*set - 1], c, len - first);
	}
	if (ret) {
		nnvme_lists_put(qp, *set);
		*set = 0;
	}
	return ret;
}
