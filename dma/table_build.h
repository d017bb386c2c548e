/* SPDX-License-Identifier: MIT */
#ifndef NNVME_DMA_TABLE_BUILD_H
#define NNVME_DMA_TABLE_BUILD_H

/*
 * Building the bus-address table that table.h reads.
 *
 * Thread rule: builders serialise; readers need not. Private to the library.
 */

#include "dma/pool.h"
#include "noiommu_nvme/table.h"

/* An empty table over all user addresses; only what is touched costs memory. */
struct nnvme_table *nnvme_table_create(struct nnvme_err *err);
void nnvme_table_destroy(struct nnvme_table *table);

/*
 * Enter @pages pages at @va with their bus addresses; list pages come from @pool, once for each granule.
 * On failure nothing was entered.
 */
int nnvme_table_add(struct nnvme_table *table, struct nnvme_pool *pool, uintptr_t va, size_t pages,
		    const nnvme_bus_t *bus, struct nnvme_err *err);

/*
 * Take them out again, in two steps: hide() ends look-ups, show() has them succeed again, and remove()
 * makes entries and lists forget the hidden pages.
 */
void nnvme_table_hide(struct nnvme_table *table, uintptr_t va, size_t pages);
void nnvme_table_show(struct nnvme_table *table, uintptr_t va, size_t pages);
void nnvme_table_remove(struct nnvme_table *table, uintptr_t va, size_t pages);

/* 0 when all of [va, va + len) is registered, else -EFAULT. A load per list page. */
int nnvme_table_check(const struct nnvme_table *table, uintptr_t va, size_t len);

/* Pages that a device may use: one by its number on the bus, and those that follow it in virtual memory. */
struct nnvme_piece {
	uint64_t page;
	size_t pages;	/* with the first; 1,025 at most */
};

/*
 * Whether one of @n pieces, sorted by page, has one of the @pages pages at @va; these may be hidden.
 * Memory that is registered at several addresses has the same numbers on the bus without an IOMMU,
 * and counts at each.
 */
bool nnvme_table_meets(const struct nnvme_table *table, uintptr_t va, size_t pages,
		       const struct nnvme_piece *piece, size_t n);

/* A granule's list page as the processor sees it, NNVME_LIST_ENTRIES long, and on the bus; or NULL. */
const uint64_t *nnvme_table_list(const struct nnvme_table *table, size_t granule, nnvme_bus_t *bus);

/* The bus address of the page that holds @va, or 0 when that is not registered (any more). */
static inline nnvme_bus_t nnvme_table_page(const struct nnvme_table *table, uintptr_t va)
{
	uint64_t entry = va < NNVME_VA_END ? nnvme_table_entry(table, va) : 0;

	return (nnvme_bus_t){ entry >> NNVME_ENTRY_PAGES_SHIFT ? entry << NNVME_PAGE_SHIFT : 0 };
}

#endif
