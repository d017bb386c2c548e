/* SPDX-License-Identifier: MIT */
#ifndef NNVME_NVME_PRP_POOL_H
#define NNVME_NVME_PRP_POOL_H

/*
 * Lists of a command's own, for the transfers that no list page of the bus-address table describes: long
 * ones, vectored ones that are too long for their slot's list, and all of them on controllers that want
 * lists page-aligned. The pages also hold the ranges of a Dataset Management command.
 */

#include "nvme/private.h"

#define NNVME_LIST_PAGES 3	/* one set: 1024 entries and their chain pointers */

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

/* create() may leave something for destroy() also when it fails. */
int nnvme_prp_pool_create(struct nnvme_qpair *qp, struct nnvme_err *err);
void nnvme_prp_pool_destroy(struct nnvme_qpair *qp);

/* Take a set; *set is its number + 1, and 0 is none to put(). There are as many as commands in flight. */
int nnvme_prp_pool_get(struct nnvme_qpair *qp, uint16_t *set, void **va, nnvme_bus_t *bus);
void nnvme_prp_pool_put(struct nnvme_qpair *qp, uint16_t set);

/* A page of a set, or NULL. */
const void *nnvme_prp_pool_va(const struct nnvme_qpair *qp, uint16_t set, unsigned page);

#endif
