/* SPDX-License-Identifier: MIT */
#ifndef NNVME_NVME_SLOT_LIST_H
#define NNVME_NVME_SLOT_LIST_H

/*
 * A short list that belongs to a slot: PRP entries or SGL descriptors of a vectored command. It is
 * free whenever the slot is, so it need not be returned when the command completes. Aligned to its
 * size.
 */

#include "nvme/private.h"

#define NNVME_SLOT_LIST_BYTES 512
#define NNVME_SLOT_LIST_PRPS (NNVME_SLOT_LIST_BYTES / sizeof(uint64_t))
#define NNVME_SLOT_LIST_SGLS (NNVME_SLOT_LIST_BYTES / sizeof(struct nnvme_sgl))

struct nnvme_slot_list {
	void *va;		/* NULL: none */
	uint64_t bus;
};

int nnvme_slot_lists_create(struct nnvme_qpair *qp, unsigned slots, struct nnvme_err *err);
void nnvme_slot_lists_destroy(struct nnvme_qpair *qp, unsigned slots);

/* The list of the slot that nnvme_submit() will take next; NULL when there is none. */
struct nnvme_slot_list *nnvme_slot_list(struct nnvme_qpair *qp);

#endif
