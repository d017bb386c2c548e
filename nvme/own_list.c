// SPDX-License-Identifier: MIT
/*
 * A short list for every slot: PRP entries or scatter gather descriptors of a vectored command. Memory
 * comes a page at a time, for eight slots that follow one another, when the first of them needs it.
 */
#include <stdlib.h>

#include "nvme/private.h"

#define SLOTS_A_PAGE ((unsigned)(NNVME_PAGE_SIZE / NNVME_OWN_BYTES))

struct nnvme_own_list *nnvme_own_lists_create(unsigned slots)
{
	return calloc((slots + SLOTS_A_PAGE - 1) & -SLOTS_A_PAGE, sizeof(struct nnvme_own_list));
}

void nnvme_own_lists_destroy(struct nnvme_qpair *qp, unsigned slots)
{
	for (unsigned i = 0; i < slots; i += SLOTS_A_PAGE)
		if (qp->own[i].va)
			nnvme_space_put(qp->ctrl->space, qp->own[i].va, NNVME_PAGE_SIZE);
	free(qp->own);
}

static void get_page(struct nnvme_qpair *qp, struct nnvme_own_list *first)
{
	nnvme_bus_t bus;
	char *va = nnvme_space_get(qp->ctrl->space, NNVME_PAGE_SIZE, &bus, NULL);

	for (unsigned i = 0; va && i < SLOTS_A_PAGE; i++)
		first[i] = (struct nnvme_own_list){
			va + i * NNVME_OWN_BYTES, bus.v + i * NNVME_OWN_BYTES,
		};
}

struct nnvme_own_list *nnvme_own_list(struct nnvme_qpair *qp)
{
	unsigned i;

	if (qp->tail == qp->stop && !nnvme_turn(qp))
		return NULL;
	/* The slot's last command is still in flight: it will be a spare slot. Or lists begin a page. */
	if (((struct nnvme_req *)(qp->req + 2 * (size_t)qp->tail))->key >= 0 || qp->ctrl->opts.own_lists)
		return NULL;
	i = qp->tail / 8;
	if (!qp->own[i].va)
		get_page(qp, &qp->own[i & -SLOTS_A_PAGE]);
	return qp->own[i].va ? &qp->own[i] : NULL;
}
