/* SPDX-License-Identifier: MIT */
#ifndef NNVME_NVME_CANARY_H
#define NNVME_NVME_CANARY_H

/*
 * The two pages that isolation.c aims at, mapped memory around them, and the reads. All pages are
 * pinned by a mapping while anything is aimed at them; the canaries are mapped at another address
 * than the one aimed at.
 */

#include "nvme/private.h"

struct nnvme_canary {
	uint8_t *va;
	uint64_t phys, iova;	/* iova: of the mapping that pins it */
	uint8_t content[NNVME_PAGE_SIZE];
};

struct nnvme_neighbour {
	uint8_t *va;		/* a block; then a page for a list */
	uint64_t iova;
};

struct nnvme_canaries {
	struct nnvme_ctrl *ctrl;
	struct nnvme_qpair *qp;
	const struct nnvme_ns *ns;
	uint8_t *memory;
	struct nnvme_canary canary[2];
	struct nnvme_neighbour near[2];
	uint64_t gone;		/* where canary[1] was mapped too; 0 while it isn't */
	uint8_t marker[NNVME_PAGE_SIZE];	/* in near[1] when a list might lead there */
	uint64_t mapped[5];	/* IOVAs of what create() mapped, 0: none; see canary.c */
};

/* The data pointer of a read: length and address. */
struct nnvme_target {
	size_t len;
	struct nnvme_prp prp;
};

/*
 * Hold the lock of the space from before create() until after destroy(). create() proves that
 * reads to mapped memory arrive and that a read to a canary would be seen.
 */
int nnvme_canaries_create(struct nnvme_ctrl *ctrl, struct nnvme_qpair *qp,
			  const struct nnvme_ns *ns, struct nnvme_canaries **canaries,
			  struct nnvme_err *err);
void nnvme_canaries_destroy(struct nnvme_canaries *c);

/* Fill a canary: with random bytes, which no disk has, or with a list that leads to a neighbour. */
int nnvme_canary_fill(struct nnvme_canary *canary, struct nnvme_err *err);
int nnvme_canary_fill_list(struct nnvme_canaries *c, struct nnvme_canary *canary,
			   struct nnvme_err *err);

/* Has it changed? -EIO if the page is no longer at its physical address. */
int nnvme_canary_check(struct nnvme_canary *canary, bool *changed, struct nnvme_err *err);

/* Data pointers: a block to the page at @bus; or a transfer whose PRP list is at @bus. */
struct nnvme_target nnvme_canary_prp_data(struct nnvme_canaries *c, uint64_t bus);
struct nnvme_target nnvme_canary_prp_list(struct nnvme_canaries *c, uint64_t bus);

/*
 * Read from the first block on, with any *status. Only a command without a completion is a failure.
 */
int nnvme_canary_read(struct nnvme_canaries *c, struct nnvme_target target, uint16_t *status,
		      struct nnvme_err *err);

/* Was the list of nnvme_canary_fill_list() followed? */
bool nnvme_canary_list_used(const struct nnvme_canaries *c);

/* Do reads to mapped memory arrive? 0 or -EIO. */
int nnvme_canary_neighbours(struct nnvme_canaries *c, struct nnvme_err *err);

#endif
