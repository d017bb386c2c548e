// SPDX-License-Identifier: MIT
#include "nvme/prp_pool.h"

#include <errno.h>
#include <stdlib.h>

/* The list pages of the longest command, which may begin anywhere in a page. */
static unsigned choose_pages(const struct nnvme_qpair *qp)
{
	size_t entries = nnvme_qp(qp)->ctrl->max_transfer / NNVME_PAGE_SIZE + 1;
	size_t pages = (entries + NNVME_LIST_ENTRIES - 2) / (NNVME_LIST_ENTRIES - 1);

	return pages < NNVME_LIST_PAGES ? (unsigned)pages : NNVME_LIST_PAGES;
}

int nnvme_prp_pool_create(struct nnvme_qpair *qp, struct nnvme_err *err)
{
	struct nnvme_qpair_private *p = nnvme_qp(qp);
	unsigned sets = p->id ? qp->depth : 0;		/* admin commands need none */
	struct nnvme_prp_pool *l = calloc(1, sizeof(*l) + sets * sizeof(l->set[0]));

	if (!l)
		return nnvme_fail(err, -ENOMEM, "no memory for %u lists", sets);
	p->prp_pool = l;
	l->pages = choose_pages(qp);
	for (unsigned i = 0; i < sets; i++) {
		l->set[i].next = l->free;
		l->free = (uint16_t)(i + 1);
		l->sets = i + 1;
		for (unsigned j = 0; j < l->pages; j++) {
			l->set[i].va[j] = nnvme_space_get(p->ctrl->space, NNVME_PAGE_SIZE,
							  &l->set[i].bus[j], err);
			if (!l->set[i].va[j])
				return -ENOMEM;
		}
	}
	return 0;
}

void nnvme_prp_pool_destroy(struct nnvme_qpair *qp)
{
	struct nnvme_qpair_private *p = nnvme_qp(qp);
	struct nnvme_prp_pool *l = p->prp_pool;

	for (unsigned i = 0; l && i < l->sets; i++)
		for (unsigned j = 0; j < l->pages; j++)
			if (l->set[i].va[j])
				nnvme_space_put(p->ctrl->space, l->set[i].va[j]);
	free(l);
}

int nnvme_prp_pool_get(struct nnvme_qpair *qp, uint16_t *set, void **va, nnvme_bus_t *bus)
{
	struct nnvme_prp_pool *pool = nnvme_qp(qp)->prp_pool;
	struct nnvme_list_set *l;

	l = &pool->set[pool->free - 1];
	*va = l->va[0];
	*bus = l->bus[0];
	*set = pool->free;
	pool->free = l->next;
	return 0;
}

const void *nnvme_prp_pool_va(const struct nnvme_qpair *qp, uint16_t set, unsigned page)
{
	struct nnvme_qpair_private *p = nnvme_qp(qp);

	return page < p->prp_pool->pages ? p->prp_pool->set[set - 1].va[page] : NULL;
}

void nnvme_prp_pool_put(struct nnvme_qpair *qp, uint16_t set)
{
	struct nnvme_qpair_private *p = nnvme_qp(qp);

	if (!set)
		return;
	p->prp_pool->set[set - 1].next = p->prp_pool->free;
	p->prp_pool->free = set;
}
