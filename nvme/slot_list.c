// SPDX-License-Identifier: MIT
#include "nvme/slot_list.h"

#include <errno.h>
#include <stdlib.h>

#include "nvme/sq.h"

#define SLOTS_A_PAGE ((unsigned)(NNVME_PAGE_SIZE / NNVME_SLOT_LIST_BYTES))

int nnvme_slot_lists_create(struct nnvme_qpair *qp, unsigned slots, struct nnvme_err *err)
{
	struct nnvme_qpair_private *p = nnvme_qp(qp);

	p->slot_list = calloc((slots + SLOTS_A_PAGE - 1) & -SLOTS_A_PAGE, sizeof(*p->slot_list));
	if (!p->slot_list)
		return nnvme_fail(err, -ENOMEM, "no memory for %u lists", slots);
	if (p->ctrl->opts.quirks & NNVME_QUIRK_ALIGNED_LISTS)
		return 0;
	/* A page at a time: ordinary memory may not be contiguous beyond one. */
	for (unsigned i = 0; i < slots; i += SLOTS_A_PAGE) {
		nnvme_bus_t bus;
		char *va = nnvme_space_get(p->ctrl->space, NNVME_PAGE_SIZE, &bus, err);

		if (!va)
			return -ENOMEM;
		for (unsigned j = 0; j < SLOTS_A_PAGE; j++)
			p->slot_list[i + j] = (struct nnvme_slot_list){
				va + j * NNVME_SLOT_LIST_BYTES, bus.v + j * NNVME_SLOT_LIST_BYTES,
			};
	}
	return 0;
}

void nnvme_slot_lists_destroy(struct nnvme_qpair *qp, unsigned slots)
{
	struct nnvme_qpair_private *p = nnvme_qp(qp);

	for (unsigned i = 0; p->slot_list && i < slots; i += SLOTS_A_PAGE)
		if (p->slot_list[i].va)
			nnvme_space_put(p->ctrl->space, p->slot_list[i].va);
	free(p->slot_list);
}

struct nnvme_slot_list *nnvme_slot_list(struct nnvme_qpair *qp)
{
	struct nnvme_qpair_private *p = nnvme_qp(qp);

	if (qp->tail == qp->stop && !nnvme_sq_wrap(qp))
		return NULL;
	/* The slot is still in use, so the command will get a spare slot. */
	if (nnvme_slot_at(qp, qp->tail)->key >= 0)
		return NULL;
	return p->slot_list[qp->tail / 8].va ? &p->slot_list[qp->tail / 8] : NULL;
}
