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

/* An empty table over all user addresses; it takes memory only where it is touched. */
struct nnvme_table *nnvme_table_create(struct nnvme_err *err);
void nnvme_table_destroy(struct nnvme_table *table);

/*
 * Enter @pages pages at @va with their bus addresses; list pages come from @pool, one for each
 * granule. On failure nothing has changed.
 */
int nnvme_table_add(struct nnvme_table *table, struct nnvme_pool *pool, uintptr_t va, size_t pages,
		    const nnvme_bus_t *bus, struct nnvme_err *err);

/*
 * Remove pages in two steps: hide() makes look-ups fail, and show() makes them succeed again;
 * remove() takes the hidden pages out of entries and lists.
 */
void nnvme_table_hide(struct nnvme_table *table, uintptr_t va, size_t pages);
void nnvme_table_show(struct nnvme_table *table, uintptr_t va, size_t pages);
void nnvme_table_remove(struct nnvme_table *table, uintptr_t va, size_t pages);

/* 0 if all of [va, va + len) is registered, else -EFAULT. One load per list page. */
int nnvme_table_check(const struct nnvme_table *table, uintptr_t va, size_t len);

/*
 * Pages that a device uses: the first by its page number on the bus, the others follow in virtual
 * memory.
 */
struct nnvme_piece {
	uint64_t page;
	size_t pages;	/* with the first; 1,025 at most */
};

/*
 * Does one of @n pieces, sorted by page, include one of the @pages pages at @va (which may be
 * hidden)? Without an IOMMU, memory registered at several addresses has the same bus page numbers,
 * and counts at each.
 */
bool nnvme_table_meets(const struct nnvme_table *table, uintptr_t va, size_t pages,
		       const struct nnvme_piece *piece, size_t n);

/*
 * A granule's list page of NNVME_LIST_ENTRIES entries, as the CPU sees it, and its bus address; or
 * NULL.
 */
const uint64_t *nnvme_table_list(const struct nnvme_table *table, size_t granule, nnvme_bus_t *bus);

/* The bus address of the page that holds @va, or 0 when that is not registered (any more). */
static inline nnvme_bus_t nnvme_table_page(const struct nnvme_table *table, uintptr_t va)
{
	uint64_t entry = va < NNVME_VA_END ? nnvme_table_entry(table, va) : 0;

	return (nnvme_bus_t){ entry >> NNVME_ENTRY_PAGES_SHIFT ? entry << NNVME_PAGE_SHIFT : 0 };
}

#endif
