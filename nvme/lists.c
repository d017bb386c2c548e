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
#define SET_BYTES (NNVME_LIST_PAGES * NNVME_PAGE_SIZE)

/* A set is taken from the pool when it is first needed and kept then. */
struct nnvme_lists {
	struct {
		void *va;
		nnvme_bus_t bus;	/* the pages of a set are contiguous */
		bool used;
	} set[SETS];
};

struct nnvme_lists *nnvme_lists_create(void)
{
	return calloc(1, sizeof(struct nnvme_lists));
}

void nnvme_lists_destroy(struct nnvme_qpair *qp, bool leak)
{
	for (int i = 0; i < SETS && !leak; i++)
		if (qp->lists->set[i].va)
			nnvme_space_put(qp->ctrl->space, qp->lists->set[i].va, SET_BYTES);
	free(qp->lists);
}

int nnvme_lists_get(struct nnvme_qpair *qp, uint16_t *set, void **va, nnvme_bus_t *bus)
{
	struct nnvme_lists *l = qp->lists;
	bool any = false;

	for (uint16_t i = 0; i < SETS; i++) {
		if (l->set[i].used) {
			any = true;
			continue;
		}
		if (!l->set[i].va)
			l->set[i].va = nnvme_space_get(qp->ctrl->space, SET_BYTES, &l->set[i].bus, NULL);
		if (!l->set[i].va)
			break;
		l->set[i].used = true;
		*va = l->set[i].va;
		*bus = l->set[i].bus;
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

int nnvme_lists_build(struct nnvme_qpair *qp, uintptr_t va, size_t len, struct nnvme_prp *prp,
		      uint16_t *set)
{
	uintptr_t page = va & -NNVME_PAGE_SIZE;
	size_t left = (va + len - 1 - page) >> NNVME_PAGE_SHIFT;
	uint64_t *entry;
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
	for (entry = list; left; left--) {
		size_t slot = (size_t)(entry - (uint64_t *)list);

		page += NNVME_PAGE_SIZE;
		if (slot % NNVME_LIST_ENTRIES == NNVME_LIST_ENTRIES - 1 && left > 1)
			*entry++ = bus.v + (slot + 1) * sizeof(*entry);
		*entry++ = nnvme_table_page(qp->table, page).v;
	}
	return 0;
}
