/* SPDX-License-Identifier: MIT */
#ifndef NNVME_NVME_PRP_POOL_H
#define NNVME_NVME_PRP_POOL_H

/*
 * Pages for lists of a single command: transfers too long for the list pages of the bus-address
 * table, vectored requests too long for their slot list, and every list of controllers that need
 * page-aligned lists. They also hold the ranges of Dataset Management commands.
 */

#include "nvme/private.h"

#define NNVME_LIST_PAGES 3	/* one set: 1024 entries and their chain pointers */

/*
 * All pages are allocated with the queue pair, one set per command in flight: a request must
 * not wait for a lock, and a split transfer must be able to go on. The set returned last is
 * taken first, because it is likely to be in the cache.
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

/* destroy() is also needed after create() has failed. */
int nnvme_prp_pool_create(struct nnvme_qpair *qp, struct nnvme_err *err);
void nnvme_prp_pool_destroy(struct nnvme_qpair *qp);

/*
 * Take a set; *set is its number + 1. put() ignores 0. There is a set for each command in
 * flight.
 */
int nnvme_prp_pool_get(struct nnvme_qpair *qp, uint16_t *set, void **va, nnvme_bus_t *bus);
void nnvme_prp_pool_put(struct nnvme_qpair *qp, uint16_t set);

/* A page of a set, or NULL. */
const void *nnvme_prp_pool_va(const struct nnvme_qpair *qp, uint16_t set, unsigned page);

#endif
