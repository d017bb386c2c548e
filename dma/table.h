/* SPDX-License-Identifier: MIT */
#ifndef NNVME_DMA_TABLE_H
#define NNVME_DMA_TABLE_H

/*
 * The bus-address table: from any virtual address in registered memory to what
 * the device must be told, and a ready-made PRP list at the same time.
 *
 * Virtual memory is cut into granules of 1 MiB. A granule that has registered
 * pages owns one list page: 512 entries of 8 bytes, the bus addresses of its own
 * 256 pages and of the 256 pages after them, 0 for a page that is not registered.
 * The list page is memory that the device can read, so for a transfer over the
 * pages j, j+1, ... of that list
 *
 *	PRP1 = entry[j] + offset
 *	PRP2 = 0, or entry[j+1], or the bus address of entry[j+1] itself
 *
 * and nothing is written per I/O. PRP2 may point into the middle of a list page
 * (NVM Express Base 2.x, PRP Entry Layout: the offset of a list pointer is only
 * required to be 8-byte aligned). Because a list page reaches one granule further
 * than its own, any transfer of up to 256 list entries (1 MiB, unaligned) that
 * starts in a granule fits into that granule's page, and the last slot, which a
 * controller would follow as a chain pointer if entries were left, is at most
 * the last entry of the list.
 *
 * The check of [va, va + len) walks nothing: a granule keeps the bounds of one
 * run of registered pages, clipped to the 2 MiB that its list page describes, so
 * one comparison says both "registered" and "fits in the list page".
 *
 * The granules stand in one flat array over the whole user address space, of
 * which only the touched pages exist. It costs the same few instructions for
 * one region or ten thousand. Memory: 16 bytes of list per 4 KiB page (0.4 %) and
 * 32 bytes per MiB.
 *
 * Thread rule: look-ups may run in any thread at any time, also while another
 * thread registers or unregisters other memory.
 */

#include <errno.h>
#include <stddef.h>
#include <stdint.h>

#include "../kernel/bus.h"

#ifdef __cplusplus
extern "C" {
#endif
#pragma GCC visibility push(default)

/* User addresses on x86-64 and arm64 without a hint for more. */
#define NNVME_VA_BITS 47
#define NNVME_PAGE_SHIFT 12
#define NNVME_PAGE_SIZE ((size_t)1 << NNVME_PAGE_SHIFT)
#define NNVME_GRANULE_SHIFT 20
#define NNVME_GRANULE_SIZE ((size_t)1 << NNVME_GRANULE_SHIFT)
#define NNVME_GRANULES ((size_t)1 << (NNVME_VA_BITS - NNVME_GRANULE_SHIFT))
#define NNVME_TOP_GRANULES 4	/* left out at the top of the address space */
#define NNVME_VA_END ((NNVME_GRANULES - NNVME_TOP_GRANULES) << NNVME_GRANULE_SHIFT)
#define NNVME_GRANULE_PAGES (1u << (NNVME_GRANULE_SHIFT - NNVME_PAGE_SHIFT))
#define NNVME_LIST_ENTRIES (NNVME_PAGE_SIZE / sizeof(uint64_t))

/*
 * Two granules a cache line. Entry and list are where page number 0 would have them if the list
 * page went on downwards, so that a page number needs no masking: the entry of page p is at
 * entry + 8 * p, and the device finds the one after it at list + 8 * p.
 */
struct nnvme_granule {
	uintptr_t lo, hi;	/* a run of registered pages, [lo, hi) */
	uintptr_t entry;
	uint64_t list;
};

/* The two data pointer fields of a command (Base 2.x, Common Command Format). */
struct nnvme_prp {
	uint64_t prp1, prp2;
};

/* The rare cases of nnvme_table_prp(), out of line. */
int nnvme_table_prp_slow(const struct nnvme_granule *table, uintptr_t va, size_t len,
			 struct nnvme_prp *prp);

/* The longest transfer that may be looked up. */
#define NNVME_LEN_MAX ((size_t)4 << 20)

static inline const struct nnvme_granule *
nnvme_table_granule(const struct nnvme_granule *table, uintptr_t va)
{
	size_t at = (uint32_t)(va >> (NNVME_GRANULE_SHIFT - 5)) & -32u;

	return (const struct nnvme_granule *)((const char *)table + at);
}

/*
 * Whether nnvme_table_fill() may be called: @va is dword-aligned and [va, va + len) lies in the run that
 * the granule describes. False also for the rare ranges that are registered otherwise.
 *
 * The index drops address bits 47 and up, and the end of the range may wrap round; neither can make
 * a wrong address pass. The bounds are whole addresses, and a range that wraps begins in one of
 * the last granules, where nothing can be registered and the lower bound is above everything.
 */
static inline int nnvme_table_holds(const struct nnvme_granule *g, uintptr_t va, size_t len)
{
	return __builtin_expect(!(va % 4) && va >= g->lo && va + len <= g->hi, 1);
}

/* The PRP fields of a range that the granule holds. One page is the common case: nothing to look up. */
static inline void nnvme_table_fill(const struct nnvme_granule *g, uintptr_t va, size_t len,
				    uint64_t *prp1, uint64_t *prp2)
{
	const uint64_t *entry = (const uint64_t *)g->entry;
	size_t page = va >> NNVME_PAGE_SHIFT, offset = va % NNVME_PAGE_SIZE;

	*prp1 = entry[page] + offset;
	*prp2 = 0;
	offset += len;
	if (offset > NNVME_PAGE_SIZE) {
		__asm__("" : "+r"(page));	/* keep the scaling out of the common path */
		*prp2 = offset > 2 * NNVME_PAGE_SIZE ? g->list + 8 * page : entry[page + 1];
	}
}

/*
 * The PRP fields for the @len bytes at @va; @len from 1 to NNVME_LEN_MAX.
 * 0; -EINVAL when @va is not dword-aligned (PRP1 has to be, Base 2.x, PRP Entry
 * Layout); -EFAULT when not all of the range is registered; -E2BIG when it is but
 * needs more entries than are left in its granule's list page.
 */
static inline int nnvme_table_prp(const struct nnvme_granule *table, uintptr_t va, size_t len,
				  struct nnvme_prp *prp)
{
	const struct nnvme_granule *g = nnvme_table_granule(table, va);

	if (!nnvme_table_holds(g, va, len))
		return nnvme_table_prp_slow(table, va, len, prp);
	nnvme_table_fill(g, va, len, &prp->prp1, &prp->prp2);
	return 0;
}

#pragma GCC visibility pop
#ifdef __cplusplus
}
#endif
#endif
