// SPDX-License-Identifier: MIT
#include "dma/table_build.h"

#include <errno.h>
#include <stdbool.h>
#include <stdint.h>
#include <string.h>
#include <sys/mman.h>

#define TABLE_BYTES (NNVME_GRANULES * sizeof(struct nnvme_granule))
#define HOST_PAGE ((size_t)4096)

_Static_assert(sizeof(struct nnvme_granule) == 32, "two granules per cache line");
_Static_assert(sizeof(nnvme_bus_t) == sizeof(uint64_t), "a bus address is a PRP entry");

/* Make granules first to last writable, in whole host pages. */
static int make_writable(struct nnvme_granule *table, size_t first, size_t last,
			 struct nnvme_err *err)
{
	uintptr_t from = (uintptr_t)&table[first] & -HOST_PAGE;
	uintptr_t to = ((uintptr_t)&table[last + 1] + HOST_PAGE - 1) & -HOST_PAGE;

	if (mprotect((void *)from, to - from, PROT_READ | PROT_WRITE))
		return nnvme_fail(err, -errno, "no memory for %zu bytes of bus-address table: %s",
				  (size_t)(to - from), strerror(errno));
	return 0;
}

/* The last granules are never anybody's: see nnvme_table_holds(). */
static int forbid_top(struct nnvme_granule *table, struct nnvme_err *err)
{
	size_t first = NNVME_GRANULES - NNVME_TOP_GRANULES;
	int ret = make_writable(table, first, NNVME_GRANULES - 1, err);

	for (size_t i = first; !ret && i < NNVME_GRANULES; i++)
		table[i].lo = UINTPTR_MAX;
	return ret;
}

struct nnvme_granule *nnvme_table_create(struct nnvme_err *err)
{
	/*
	 * Readable everywhere (an untouched granule reads as zero: nothing registered) and writable
	 * only where something is registered: memory that can't be written isn't counted as
	 * committed, so this works under vm.overcommit_memory=2 too.
	 */
	void *p = mmap(NULL, TABLE_BYTES, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE,
		       -1, 0);

	if (p == MAP_FAILED) {
		nnvme_fail(err, -errno, "can't reserve %zu MiB of address space for the bus-address "
			   "table: %s; see `ulimit -v`", TABLE_BYTES >> 20, strerror(errno));
		return NULL;
	}
	madvise(p, TABLE_BYTES, MADV_NOHUGEPAGE);	/* a touched page is 4 KiB, not 2 MiB */
	madvise(p, TABLE_BYTES, MADV_DONTDUMP);
	if (forbid_top(p, err)) {
		nnvme_table_destroy(p);
		return NULL;
	}
	return p;
}

void nnvme_table_destroy(struct nnvme_granule *table)
{
	if (table)
		munmap(table, TABLE_BYTES);
}

static size_t granule_of(uintptr_t va)
{
	return va >> NNVME_GRANULE_SHIFT;
}

/* Reader and writer may meet: each field is one store. */
static void set_bounds(struct nnvme_granule *g, uintptr_t lo, uintptr_t hi)
{
	/*
	 * A reader may take one bound from before and one from after. While a run grows or shrinks
	 * any such pair lies within the larger of the two; a jump to another run goes through empty.
	 */
	if (hi <= g->lo || lo >= g->hi)
		__atomic_store_n(&g->hi, 0, __ATOMIC_RELEASE);
	__atomic_store_n(&g->lo, lo, __ATOMIC_RELEASE);
	__atomic_store_n(&g->hi, hi, __ATOMIC_RELEASE);
}

/*
 * Choose the run of registered pages that the granule's bounds describe: the one they describe
 * already, grown or shrunk, or else the longest that begins in the granule's own half.
 */
static void choose_run(struct nnvme_granule *g, const nnvme_bus_t *list, uintptr_t base)
{
	size_t keep = g->hi > g->lo ? (g->lo - base) >> NNVME_PAGE_SHIFT : SIZE_MAX;
	size_t best = 0, best_len = 0;

	for (size_t i = 0; i < NNVME_GRANULE_PAGES;) {
		size_t end = i;

		while (end < NNVME_LIST_ENTRIES && list[end].v)
			end++;
		if (end - i > best_len || (keep >= i && keep < end)) {
			best = i;
			best_len = end - i;
		}
		if (keep >= i && keep < end)
			break;
		i = end + 1;
	}
	if (!best_len)
		set_bounds(g, 0, 0);
	else
		set_bounds(g, base + best * NNVME_PAGE_SIZE,
			   base + (best + best_len) * NNVME_PAGE_SIZE);
}

static void choose_runs(struct nnvme_granule *table, size_t first, size_t last)
{
	for (size_t i = first ? first - 1 : 0; i <= last; i++)
		if (table[i].entry)
			choose_run(&table[i], nnvme_table_list(table, i),
				   (uintptr_t)i << NNVME_GRANULE_SHIFT);
}

static bool own_half_empty(const nnvme_bus_t *list)
{
	for (size_t i = 0; i < NNVME_GRANULE_PAGES; i++)
		if (list[i].v)
			return false;
	return true;
}

/* Give list pages back that describe no page of their own granule. */
static void drop_empty(struct nnvme_granule *table, struct nnvme_pool *pool, size_t first,
		       size_t last)
{
	for (size_t i = first; i <= last; i++) {
		nnvme_bus_t *list = nnvme_table_list(table, i);

		if (!list || !own_half_empty(list))
			continue;
		set_bounds(&table[i], 0, 0);
		__atomic_store_n(&table[i].entry, 0, __ATOMIC_RELEASE);
		nnvme_pool_put(pool, list, NNVME_PAGE_SIZE);
	}
}

/* A list page for a granule that had none; what stands in the next granule is copied into its half. */
static int give_list(struct nnvme_granule *table, struct nnvme_pool *pool, size_t i,
		     struct nnvme_err *err)
{
	nnvme_bus_t bus, *list = nnvme_pool_get(pool, NNVME_PAGE_SIZE, &bus, err);
	const nnvme_bus_t *next = nnvme_table_list(table, i + 1);
	size_t down = 8 * NNVME_GRANULE_PAGES * i;

	if (!list)
		return -ENOMEM;
	if (next)
		memcpy(list + NNVME_GRANULE_PAGES, next, NNVME_GRANULE_PAGES * sizeof(*list));
	table[i].list = bus.v - down + 8;
	__atomic_store_n(&table[i].entry, (uintptr_t)list - down, __ATOMIC_RELEASE);
	return 0;
}

/* One page's entry stands in its own granule's list and in the list of the granule before. */
static void set_entry(struct nnvme_granule *table, uintptr_t page, nnvme_bus_t bus)
{
	size_t i = page / NNVME_GRANULE_PAGES, slot = page % NNVME_GRANULE_PAGES;
	nnvme_bus_t *own = nnvme_table_list(table, i);
	nnvme_bus_t *before = i ? nnvme_table_list(table, i - 1) : NULL;

	__atomic_store_n(&own[slot].v, bus.v, __ATOMIC_RELAXED);
	if (before)
		__atomic_store_n(&before[slot + NNVME_GRANULE_PAGES].v, bus.v, __ATOMIC_RELAXED);
}

int nnvme_table_add(struct nnvme_granule *table, struct nnvme_pool *pool, uintptr_t va,
		    size_t pages, const nnvme_bus_t *bus, struct nnvme_err *err)
{
	size_t first = granule_of(va), last = granule_of(va + pages * NNVME_PAGE_SIZE - 1);
	int ret = make_writable(table, first, last, err);

	for (size_t i = last + 1; !ret && i-- > first;)
		if (!table[i].entry)
			ret = give_list(table, pool, i, err);
	if (ret) {
		drop_empty(table, pool, first, last);
		return ret;
	}
	for (size_t i = 0; i < pages; i++)
		set_entry(table, (va >> NNVME_PAGE_SHIFT) + i, bus[i]);
	choose_runs(table, first, last);
	return 0;
}

void nnvme_table_remove(struct nnvme_granule *table, struct nnvme_pool *pool, uintptr_t va,
			size_t pages)
{
	size_t first = granule_of(va), last = granule_of(va + pages * NNVME_PAGE_SIZE - 1);

	for (size_t i = 0; i < pages; i++)
		set_entry(table, (va >> NNVME_PAGE_SHIFT) + i, (nnvme_bus_t){ 0 });
	choose_runs(table, first, last);
	drop_empty(table, pool, first, last);
}

int nnvme_table_check(const struct nnvme_granule *table, uintptr_t va, size_t len)
{
	uintptr_t end = va + len;

	if (end < va || end > NNVME_VA_END)
		return -EFAULT;
	for (uintptr_t page = va & -NNVME_PAGE_SIZE; page < end; page += NNVME_PAGE_SIZE) {
		const struct nnvme_granule *g = &table[granule_of(page)];

		if (!nnvme_table_list(table, granule_of(page)) || !nnvme_table_page(table, page).v)
			return -EFAULT;
		/* Bounds that hold the page spare the walk over what they cover. */
		if (page >= g->lo && page < g->hi)
			page = g->hi - NNVME_PAGE_SIZE;
	}
	return 0;
}

int nnvme_table_prp_slow(const struct nnvme_granule *table, uintptr_t va, size_t len,
			 struct nnvme_prp *prp)
{
	size_t slot = (va >> NNVME_PAGE_SHIFT) % NNVME_GRANULE_PAGES;

	if (va % 4)
		return -EINVAL;
	if (!len || nnvme_table_check(table, va, len))
		return -EFAULT;
	/* All registered, but in a run that the granule's bounds do not describe. */
	if (slot + ((va % NNVME_PAGE_SIZE + len - 1) >> NNVME_PAGE_SHIFT) >= NNVME_LIST_ENTRIES)
		return -E2BIG;
	nnvme_table_fill(&table[granule_of(va)], va, len, &prp->prp1, &prp->prp2);
	return 0;
}
