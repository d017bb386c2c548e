/* SPDX-License-Identifier: MIT */
#ifndef NNVME_DMA_TABLE_BUILD_H
#define NNVME_DMA_TABLE_BUILD_H

/*
 * Building the bus-address table that table.h reads.
 *
 * Thread rule: builders serialise; readers need not. Private to the library.
 */

#include "dma/pool.h"
#include "dma/table.h"

/* An empty table over all user addresses; only what is touched costs memory. */
struct nnvme_granule *nnvme_table_create(struct nnvme_err *err);
void nnvme_table_destroy(struct nnvme_granule *table);

/*
 * Enter @pages pages at @va with their bus addresses; list pages come from @pool. On failure
 * nothing was entered.
 */
int nnvme_table_add(struct nnvme_granule *table, struct nnvme_pool *pool, uintptr_t va,
		    size_t pages, const nnvme_bus_t *bus, struct nnvme_err *err);

/* Take them out again; list pages that describe nothing any more go back to @pool. */
void nnvme_table_remove(struct nnvme_granule *table, struct nnvme_pool *pool, uintptr_t va,
			size_t pages);

/* 0 when all of [va, va + len) is registered, else -EFAULT. Walks the entries. */
int nnvme_table_check(const struct nnvme_granule *table, uintptr_t va, size_t len);

/* The bus address of the page that holds @va, which must be registered. */
static inline nnvme_bus_t nnvme_table_page(const struct nnvme_granule *table, uintptr_t va)
{
	return table[va >> NNVME_GRANULE_SHIFT]
		.entry[(va >> NNVME_PAGE_SHIFT) % NNVME_GRANULE_PAGES];
}

#endif
