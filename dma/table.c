// SPDX-License-Identifier: MIT
#include "dma/table_build.h"

#include <errno.h>
#include <stdbool.h>
#include <stdint.h>
#include <string.h>
#include <sys/mman.h>

#define LEAF_PAGES ((size_t)1 << (NNVME_LEAF_SHIFT - NNVME_PAGE_SHIFT))
#define LEAF_GRANULES ((size_t)1 << (NNVME_LEAF_SHIFT - NNVME_GRANULE_SHIFT))
#define MAX_BUS ((uint64_t)1 << 52)	/* an entry has 52 bits; so have x86-64 and arm64 */

struct leaf {
	uint64_t entry[LEAF_PAGES];
	uint64_t next[NNVME_LIST_ENTRIES];	/* [0] is the next leaf's first entry */
	/* a page's: bus address of the list entry after its own */
	uint64_t list[LEAF_PAGES];
	uint64_t list_bus[LEAF_GRANULES];
	uint64_t *granule_list[LEAF_GRANULES];		/* the list page, or NULL */
};

/* What readers see comes first. */
struct build {
	struct nnvme_table table;
	struct leaf *leaf[NNVME_LEAVES];
	const uint64_t *none;		/* for all that have no leaf */
	uint64_t sink;			/* bus page that stands for pages not registered, or 0 */
};

_Static_assert(sizeof(nnvme_bus_t) == sizeof(uint64_t), "a bus address is a PRP entry");
_Static_assert(NNVME_LIST_ENTRIES < 1 << (64 - NNVME_ENTRY_PAGES_SHIFT),
	       "an entry counts all of a list");

/*
 * Reserve @len bytes of address space, even in a process that has called mlockall(MCL_FUTURE) and
 * may lock little: there all of a new mapping counts as locked until it is unlocked. So map and
 * unlock a single page, and let it grow: mremap() keeps a mapping's flags (mm/mremap.c).
 */
static void *reserve_space(size_t len)
{
	void *one = mmap(NULL, NNVME_PAGE_SIZE, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	void *all;
	int error;

	if (one == MAP_FAILED)
		return one;
	munlock(one, NNVME_PAGE_SIZE);
	all = mremap(one, NNVME_PAGE_SIZE, len, MREMAP_MAYMOVE);
	if (all != MAP_FAILED)
		return all;
	error = errno;
	munmap(one, NNVME_PAGE_SIZE);
	errno = error;
	return all;
}

/* @len bytes of zeroes; they take memory only when touched. */
static void *reserve(size_t len, int prot, struct nnvme_err *err)
{
	void *p = reserve_space(len);

	if (p == MAP_FAILED) {
		nnvme_fail(err, -errno, "no %zu KiB of address space for the bus-address table: "
			   "%s; see `ulimit -v`, and `ulimit -l` after mlockall()",
			   len >> 10, strerror(errno));
		return NULL;
	}
	madvise(p, len, MADV_NOHUGEPAGE);	/* a touched page is 4 KiB, not 2 MiB */
	madvise(p, len, MADV_DONTDUMP);
	if (mprotect(p, len, prot)) {
		nnvme_fail(err, -errno,
			   "no memory for %zu KiB of bus-address table: %s; see CommitLimit in "
			   "/proc/meminfo where vm.overcommit_memory is 2",
			   len >> 10, strerror(errno));
		munmap(p, len);
		return NULL;
	}
	return p;
}

struct nnvme_table *nnvme_table_create(struct nnvme_err *err)
{
	struct build *b = reserve(sizeof(*b), PROT_READ | PROT_WRITE, err);

	if (!b)
		return NULL;
	b->none = reserve(sizeof(struct leaf), PROT_READ, err);
	if (!b->none) {
		munmap(b, sizeof(*b));
		return NULL;
	}
	for (size_t i = 0; i < NNVME_LEAVES; i++)
		b->table.leaf[i] = (uintptr_t)b->none - 8 * LEAF_PAGES * i;
	return &b->table;
}

void nnvme_table_destroy(struct nnvme_table *table)
{
	struct build *b = (struct build *)table;

	if (!b)
		return;
	for (size_t i = 0; i < NNVME_LEAVES; i++)
		if (b->leaf[i])
			munmap(b->leaf[i], sizeof(struct leaf));
	munmap((void *)b->none, sizeof(struct leaf));
	munmap(b, sizeof(*b));
}

static uint64_t *entry_of(struct build *b, size_t page)
{
	return &b->leaf[page / LEAF_PAGES]->entry[page % LEAF_PAGES];
}

static size_t pages_from(uint64_t entry)
{
	return entry >> NNVME_ENTRY_PAGES_SHIFT;
}

/* A page's entry stands in its leaf and, if it is the first there, behind the leaf before too. */
static void set_entry(struct build *b, size_t page, uint64_t number, size_t pages)
{
	uint64_t entry = number | (uint64_t)pages << NNVME_ENTRY_PAGES_SHIFT;
	size_t i = page / LEAF_PAGES;

	if (page % LEAF_PAGES == 0 && i && b->leaf[i - 1])
		__atomic_store_n(&b->leaf[i - 1]->next[0], entry, __ATOMIC_RELEASE);
	__atomic_store_n(entry_of(b, page), entry, __ATOMIC_RELEASE);
}

static uint64_t number_of(struct build *b, size_t page)
{
	return *entry_of(b, page) & (MAX_BUS / NNVME_PAGE_SIZE - 1);
}

/* How many entries from @page on its granule's list page has. */
static size_t entries_left(size_t page)
{
	return NNVME_LIST_ENTRIES - page % NNVME_GRANULE_PAGES;
}

/*
 * The registered pages from @page on that its own list page covers, if @after are registered from
 * the next page on.
 */
static size_t count(size_t page, size_t after)
{
	return after + 1 < entries_left(page) ? after + 1 : entries_left(page);
}

/* Update the counts before @page: @after pages are registered from it on. */
static void recount_before(struct build *b, size_t page, size_t after)
{
	while (page-- && b->leaf[page / LEAF_PAGES]) {
		size_t was = pages_from(*entry_of(b, page));

		after = count(page, after);
		if (!was || was == after)
			return;
		set_entry(b, page, number_of(b, page), after);
	}
}

static size_t pages_at(struct build *b, size_t page)
{
	return page / LEAF_PAGES < NNVME_LEAVES && b->leaf[page / LEAF_PAGES] ?
		pages_from(*entry_of(b, page)) : 0;
}

/*
 * Make @pages pages from @first visible to look-ups, with the addresses in @bus, or for NULL with
 * those they have already. Last page first: an entry counts the pages behind it, which are in place
 * by then, as are the lists, which the caller has written.
 */
static void publish(struct build *b, size_t first, size_t pages, const nnvme_bus_t *bus)
{
	size_t after = pages_at(b, first + pages);

	for (size_t page = first + pages; page-- > first;) {
		uint64_t number = bus ? bus[page - first].v >> NNVME_PAGE_SHIFT :
					number_of(b, page);

		after = count(page, after);
		set_entry(b, page, number, after);
	}
	recount_before(b, first, after);
}

void nnvme_table_show(struct nnvme_table *table, uintptr_t va, size_t pages)
{
	publish((struct build *)table, va >> NNVME_PAGE_SHIFT, pages, NULL);
}

/* In reverse: first the entries that count these pages, then the pages, first page first. */
void nnvme_table_hide(struct nnvme_table *table, uintptr_t va, size_t pages)
{
	struct build *b = (struct build *)table;
	size_t first = va >> NNVME_PAGE_SHIFT;

	recount_before(b, first, 0);
	for (size_t page = first; page < first + pages; page++)
		set_entry(b, page, number_of(b, page), 0);
}

static uint64_t *granule_list(struct build *b, size_t granule)
{
	struct leaf *leaf = b->leaf[granule / LEAF_GRANULES];

	return leaf ? leaf->granule_list[granule % LEAF_GRANULES] : NULL;
}

/* A page is in its own granule's list and in that of the granule before. */
static void set_list_entries(struct build *b, size_t page, uint64_t number)
{
	size_t granule = page / NNVME_GRANULE_PAGES, slot = page % NNVME_GRANULE_PAGES;
	uint64_t *before = granule ? granule_list(b, granule - 1) : NULL;
	uint64_t bus = number << NNVME_PAGE_SHIFT;

	__atomic_store_n(&granule_list(b, granule)[slot], bus, __ATOMIC_RELAXED);
	if (before)
		__atomic_store_n(&before[slot + NNVME_GRANULE_PAGES], bus, __ATOMIC_RELAXED);
}

void nnvme_table_remove(struct nnvme_table *table, uintptr_t va, size_t pages)
{
	struct build *b = (struct build *)table;
	size_t first = va >> NNVME_PAGE_SHIFT;

	for (size_t page = first; page < first + pages; page++) {
		set_list_entries(b, page, b->sink);
		set_entry(b, page, b->sink, 0);
	}
}

static int give_leaf(struct build *b, size_t i, struct nnvme_err *err)
{
	struct leaf *leaf = reserve(sizeof(*leaf), PROT_READ | PROT_WRITE, err);

	if (!leaf)
		return -ENOMEM;
	b->leaf[i] = leaf;
	if (i + 1 < NNVME_LEAVES && b->leaf[i + 1])
		leaf->next[0] = b->leaf[i + 1]->entry[0];
	__atomic_store_n(&b->table.leaf[i], (uintptr_t)leaf->entry - 8 * LEAF_PAGES * i,
			 __ATOMIC_RELEASE);
	return 0;
}

/* Its second half repeats the next granule's list. */
static int give_list(struct build *b, struct nnvme_pool *pool, size_t granule,
		     struct nnvme_err *err)
{
	struct leaf *leaf = b->leaf[granule / LEAF_GRANULES];
	const uint64_t *next = granule + 1 < LEAF_GRANULES * NNVME_LEAVES ?
			       granule_list(b, granule + 1) : NULL;
	nnvme_bus_t bus;
	uint64_t *list = nnvme_pool_get(pool, NNVME_PAGE_SIZE, &bus, err);

	if (!list)
		return -ENOMEM;
	for (size_t i = 0; i < NNVME_LIST_ENTRIES; i++)
		list[i] = next && i >= NNVME_GRANULE_PAGES ? next[i - NNVME_GRANULE_PAGES] :
			b->sink << NNVME_PAGE_SHIFT;
	leaf->granule_list[granule % LEAF_GRANULES] = list;
	leaf->list_bus[granule % LEAF_GRANULES] = bus.v;
	for (size_t i = 0; i < NNVME_GRANULE_PAGES; i++)
		__atomic_store_n(&leaf->list[granule * NNVME_GRANULE_PAGES % LEAF_PAGES + i],
				 bus.v + 8 * (i + 1), __ATOMIC_RELAXED);
	return 0;
}

/*
 * Provide the leaf and the list page for @granule, and the page for those not registered. They
 * stay.
 */
static int prepare(struct build *b, struct nnvme_pool *pool, size_t granule, struct nnvme_err *err)
{
	nnvme_bus_t bus;
	int ret = 0;

	if (!b->sink) {
		if (!nnvme_pool_get(pool, NNVME_PAGE_SIZE, &bus, err))
			return -ENOMEM;
		b->sink = bus.v >> NNVME_PAGE_SHIFT;
	}
	if (!b->leaf[granule / LEAF_GRANULES])
		ret = give_leaf(b, granule / LEAF_GRANULES, err);
	if (!ret && !granule_list(b, granule))
		ret = give_list(b, pool, granule, err);
	return ret;
}

int nnvme_table_add(struct nnvme_table *table, struct nnvme_pool *pool, uintptr_t va, size_t pages,
		    const nnvme_bus_t *bus, struct nnvme_err *err)
{
	struct build *b = (struct build *)table;
	size_t first = va >> NNVME_PAGE_SHIFT, last = first + pages - 1;

	for (size_t i = 0; i < pages; i++)
		if (bus[i].v >= MAX_BUS)
			return nnvme_fail(err, -EOPNOTSUPP, "the device knows memory at %#zx as "
					  "%#llx, and addresses above 52 bits can't be used",
					  va + i * NNVME_PAGE_SIZE, (unsigned long long)bus[i].v);
	for (size_t i = first / NNVME_GRANULE_PAGES; i <= last / NNVME_GRANULE_PAGES; i++)
		if (prepare(b, pool, i, err))
			return -ENOMEM;
	for (size_t i = 0; i < pages; i++)
		set_list_entries(b, first + i, bus[i].v >> NNVME_PAGE_SHIFT);
	publish(b, first, pages, bus);
	return 0;
}

int nnvme_table_check(const struct nnvme_table *table, uintptr_t va, size_t len)
{
	uintptr_t end = va + len, page = va & -NNVME_PAGE_SIZE;

	if (end < va || end > NNVME_VA_END)
		return -EFAULT;
	while (page < end) {
		size_t pages = pages_from(nnvme_table_entry(table, page));

		if (!pages)
			return -EFAULT;
		page += pages * NNVME_PAGE_SIZE;
	}
	return 0;
}

/* The largest number of pages in a piece that begins with this page number, or 0. */
static size_t longest_piece(const struct nnvme_piece *piece, size_t n, uint64_t number)
{
	size_t lo = 0, hi = n, longest = 0;

	while (lo < hi) {
		size_t mid = lo + (hi - lo) / 2;

		if (piece[mid].page < number)
			lo = mid + 1;
		else
			hi = mid;
	}
	for (; lo < n && piece[lo].page == number; lo++)
		if (piece[lo].pages > longest)
			longest = piece[lo].pages;
	return longest;
}

bool nnvme_table_meets(const struct nnvme_table *table, uintptr_t va, size_t pages,
		       const struct nnvme_piece *piece, size_t n)
{
	struct build *b = (struct build *)table;
	size_t first = va >> NNVME_PAGE_SHIFT, most = NNVME_LEN_MAX / NNVME_PAGE_SIZE;

	for (size_t page = first; page < first + pages; page++)
		if (longest_piece(piece, n, number_of(b, page)))
			return true;
	/* A piece that begins before, in memory that joins this. */
	for (size_t page = first; page-- && first - page <= most && pages_at(b, page);)
		if (longest_piece(piece, n, number_of(b, page)) > first - page)
			return true;
	return false;
}

int nnvme_table_prp_slow(const struct nnvme_table *table, uintptr_t va, size_t len,
			 struct nnvme_prp *prp)
{
	size_t more = (va % NNVME_PAGE_SIZE + len - 1) >> NNVME_PAGE_SHIFT;

	if (va % 4)
		return -EINVAL;
	if (!len || nnvme_table_check(table, va, len))
		return -EFAULT;
	if (more >= entries_left(va >> NNVME_PAGE_SHIFT))
		return -E2BIG;
	/* Registered since the first look, or only now. */
	return nnvme_table_fill(table, va, len, &prp->prp1, &prp->prp2) ? 0 : -EFAULT;
}

const uint64_t *nnvme_table_list(const struct nnvme_table *table, size_t granule, nnvme_bus_t *bus)
{
	struct build *b = (struct build *)table;
	const uint64_t *list = granule_list(b, granule);

	if (list)
		bus->v = b->leaf[granule / LEAF_GRANULES]->list_bus[granule % LEAF_GRANULES];
	return list;
}
