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

/* A granule's list page, NNVME_LIST_ENTRIES long; NULL when it has none. */
static inline nnvme_bus_t *nnvme_table_list(const struct nnvme_granule *table, size_t granule)
{
	uintptr_t entry = __atomic_load_n(&table[granule].entry, __ATOMIC_ACQUIRE);

	return entry ? (nnvme_bus_t *)(entry + 8 * NNVME_GRANULE_PAGES * granule) : NULL;
}

/* What the device calls that page. */
static inline nnvme_bus_t nnvme_table_list_bus(const struct nnvme_granule *table, size_t granule)
{
	return (nnvme_bus_t){ table[granule].list + 8 * NNVME_GRANULE_PAGES * granule - 8 };
}

/* The bus address of the page that holds @va, which must be registered. */
static inline nnvme_bus_t nnvme_table_page(const struct nnvme_granule *table, uintptr_t va)
{
	return nnvme_table_list(table, va >> NNVME_GRANULE_SHIFT)
		[(va >> NNVME_PAGE_SHIFT) % NNVME_GRANULE_PAGES];
}

#endif
