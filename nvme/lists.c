// SPDX-License-Identifier: MIT
/*
 * PRP lists of a command's own, for the transfers that no list page of the bus-address table
 * describes: long ones, and all of them on controllers that want lists page-aligned. The pages
 * also hold the ranges of a Dataset Management command.
 */
#include <errno.h>
#include <stdlib.h>

#include "dma/table_build.h"
#include "nvme/private.h"

#define SETS 8

/* A page is taken from the pool when it is first needed and kept then; no two need to be together. */
struct nnvme_lists {
	struct nnvme_list_set {
		void *va[NNVME_LIST_PAGES];
		nnvme_bus_t bus[NNVME_LIST_PAGES];
		bool used;
	} set[SETS];
};

struct nnvme_lists *nnvme_lists_create(void)
{
	return calloc(1, sizeof(struct nnvme_lists));
}

void nnvme_lists_destroy(struct nnvme_qpair *qp, bool leak)
{
	for (int i = 0; i < SETS * NNVME_LIST_PAGES && !leak; i++) {
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
	bool any = false;

	for (uint16_t i = 0; i < SETS; i++) {
		struct nnvme_list_set *l = &qp->lists->set[i];

		if (l->used) {
			any = true;
			continue;
		}
		if (!have_page(qp, l, 0))
			break;
		l->used = true;
		*va = l->va[0];
		*bus = l->bus[0];
		*set = (uint16_t)(i + 1);
		return 0;
	}
	return any ? -EAGAIN : -ENOMEM;
}

void nnvme_lists_put(struct nnvme_qpair *qp, uint16_t set)
{
	if (set)
		qp->lists->set[set - 1].used = false;
}

/* The entries of @left pages after @page, chained from one list page to the next. */
static int fill(struct nnvme_qpair *qp, struct nnvme_list_set *l, uintptr_t page, size_t left)
{
	uint64_t *entry = l->va[0], *last = entry + NNVME_LIST_ENTRIES - 1;
	unsigned i = 0;

	for (; left; left--) {
		page += NNVME_PAGE_SIZE;
		if (entry == last && left > 1) {
			if (!have_page(qp, l, ++i))
				return -ENOMEM;
			*entry = l->bus[i].v;
			entry = l->va[i];
			last = entry + NNVME_LIST_ENTRIES - 1;
		}
		*entry++ = nnvme_table_page(qp->table, page).v;
	}
	return 0;
}

int nnvme_lists_build(struct nnvme_qpair *qp, uintptr_t va, size_t len, struct nnvme_prp *prp,
		      uint16_t *set)
{
	uintptr_t page = va & -NNVME_PAGE_SIZE;
	size_t left = (va + len - 1 - page) >> NNVME_PAGE_SHIFT;
	nnvme_bus_t bus;
	void *list;
	int ret;

	/* The last slot of the last page may hold an entry; those of earlier pages hold a pointer. */
	if (left > NNVME_LIST_PAGES * (NNVME_LIST_ENTRIES - 1) + 1)
		return -E2BIG;
	ret = nnvme_lists_get(qp, set, &list, &bus);
	if (ret)
		return ret;
	prp->prp1 = nnvme_table_page(qp->table, va).v + va % NNVME_PAGE_SIZE;
	prp->prp2 = bus.v;
	ret = fill(qp, &qp->lists->set[*set - 1], page, left);
	if (ret) {
		nnvme_lists_put(qp, *set);
		*set = 0;
	}
	return ret;
}
