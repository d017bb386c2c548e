/* SPDX-License-Identifier: MIT */
#ifndef NNVME_TABLE_H
#define NNVME_TABLE_H

/**
 * @file
 * The bus-address table.
 *
 * @internal
 * The bus-address table: from any virtual address in registered memory to what
 * the device must be told, and a ready-made PRP list at the same time.
 *
 * For the device: virtual memory is cut into granules of 1 MiB. A granule that has
 * registered pages owns one list page: 512 entries of 8 bytes, the bus addresses of its
 * own 256 pages and of the 256 pages after them. The list page is memory that the device
 * can read, so for a transfer over the pages j, j+1, ... of that list
 *
 *	PRP1 = address of page j + offset
 *	PRP2 = 0, or the address of page j+1, or the bus address of entry j+1 itself
 *
 * and nothing is written per I/O. PRP2 may point into the middle of a list page
 * (NVM Express Base 2.x, PRP Entry Layout: the offset of a list pointer is only
 * required to be 8-byte aligned). Because a list page reaches one granule further
 * than its own, any transfer of up to 256 list entries (1 MiB, unaligned) that
 * starts in a granule fits into that granule's page, and the last slot, which a
 * controller would follow as a chain pointer if entries were left, is at most
 * the last entry of the list.
 *
 * For the processor: each page has an entry of 8 bytes, its page number on the bus and how many
 * registered pages there are from this one on, as far as the list page reaches. One load
 * therefore says at once where a buffer is, that all of it is registered, and that its granule's
 * list page describes it; no other load has to agree with it.
 *
 * The entries stand in leaves of 1 GiB of address space each, of which only the touched pages
 * exist. What has no leaf has one of zeroes that all share. It costs the same few instructions for
 * one region or ten thousand. Memory: 32 bytes per registered page (0.8 %), 1 MiB for the leaves'
 * addresses (2 on arm64). What a MiB of address space needs once is kept until close, so that no
 * reader ever finds it used for something else.
 *
 * Of a page that is no longer registered, entry and lists name a page that nobody uses: what should
 * never be asked for doesn't end up at bus address 0.
 *
 * Thread rule: look-ups may run in any thread at any time, also while another thread registers or
 * unregisters. A look-up says yes only to memory that was registered, all of it at one time, while
 * it ran.
 */

#include <errno.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "bus.h"

#ifdef __cplusplus
extern "C" {
#endif
#pragma GCC visibility push(default)

/* User addresses without a hint for more. */
#if defined(__aarch64__)
#define NNVME_VA_BITS 48
#else
#define NNVME_VA_BITS 47
#endif
#define NNVME_VA_END ((uintptr_t)1 << NNVME_VA_BITS)
#define NNVME_PAGE_SHIFT 12
#define NNVME_PAGE_SIZE ((size_t)1 << NNVME_PAGE_SHIFT)
#define NNVME_GRANULE_SHIFT 20
#define NNVME_GRANULE_PAGES (1u << (NNVME_GRANULE_SHIFT - NNVME_PAGE_SHIFT))
#define NNVME_LIST_ENTRIES (NNVME_PAGE_SIZE / sizeof(uint64_t))
#define NNVME_LEAF_SHIFT 30
#define NNVME_LEAVES ((size_t)1 << (NNVME_VA_BITS - NNVME_LEAF_SHIFT))

/*
 * Where the leaves are: the address at which page number 0 would have its entry if the leaf went on
 * downwards, so that a page number needs no masking.
 */
struct nnvme_table {
	uintptr_t leaf[NNVME_LEAVES];
};

/*
 * An entry: bits 39:0 the page's number on the bus, bits 63:52 the pages that are registered from
 * this one on, 0 where it is not. So an entry shifted left is the address, and shifted right the
 * bytes.
 */
#define NNVME_ENTRY_PAGES_SHIFT 52
#define NNVME_ENTRY_BYTES_SHIFT (NNVME_ENTRY_PAGES_SHIFT - NNVME_PAGE_SHIFT)

/*
 * So many words behind a page's entry, its leaf has where on the bus the list entry after its own
 * is.
 */
#define NNVME_LEAF_LISTS (((size_t)1 << (NNVME_LEAF_SHIFT - NNVME_PAGE_SHIFT)) + NNVME_LIST_ENTRIES)

/* The two data pointer fields of a command (Base 2.x, Common Command Format). */
struct nnvme_prp {
	uint64_t prp1, prp2;
};

/* The rare cases of nnvme_table_prp(), out of line. */
int nnvme_table_prp_slow(const struct nnvme_table *table, uintptr_t va, size_t len,
			 struct nnvme_prp *prp);

/* The longest transfer that may be looked up. */
#define NNVME_LEN_MAX ((size_t)4 << 20)

/*
 * Bits of no buffer: not dword-aligned (PRP1 has to be, Base 2.x, PRP Entry Layout), or beyond all
 * leaves.
 */
static const uintptr_t nnvme_va_bad_bits = -NNVME_VA_END | 3;

static inline bool nnvme_va_bad(uintptr_t va)
{
#if defined(__x86_64__)
	bool bad;

	/*
	 * By itself the compiler makes a register of so large a constant, one instruction more per
	 * I/O.
	 */
	__asm__("test %1, %2" : "=@ccnz"(bad) : "r"(va), "m"(nnvme_va_bad_bits));
	return bad;
#else
	return va & nnvme_va_bad_bits;
#endif
}

/*
 * A word that another thread may read or write meanwhile. Aligned ones are loaded and stored at
 * once on these machines; said so in C, gcc 12 keeps their addresses in registers, up to six
 * instructions more per I/O.
 */
#if defined(__SANITIZE_THREAD__)
#define NNVME_SANITIZE_THREAD	/* gcc */
#elif defined(__has_feature)
#if __has_feature(thread_sanitizer)
#define NNVME_SANITIZE_THREAD	/* clang */
#endif
#endif
#ifdef NNVME_SANITIZE_THREAD
#define NNVME_LOAD(from) __atomic_load_n(from, __ATOMIC_RELAXED)
#define NNVME_STORE(to, value) __atomic_store_n(to, value, __ATOMIC_RELAXED)
#else
#define NNVME_LOAD(from) (*(from))
#define NNVME_STORE(to, value) (*(to) = (value))
#endif

/* One more, in the one thread that counts; others may read it. */
#define NNVME_COUNT(count) NNVME_STORE(&(count), (count) + 1)

/* Where the entry of the page of @va is, which must be below NNVME_VA_END. */
static inline const uint64_t *nnvme_table_at(const struct nnvme_table *table, uintptr_t va)
{
	/*
	 * no array to the compiler, which believes that constant addresses go on from
	 * nnvme_va_bad()
	 */
	const uintptr_t *leaves = table->leaf;
	uintptr_t leaf;

	__asm__("" : "+r"(leaves));
	/* relaxed: the entry's address depends on it, so what give_leaf() wrote before is seen */
	leaf = __atomic_load_n(leaves + (va >> NNVME_LEAF_SHIFT), __ATOMIC_RELAXED);
	return (const uint64_t *)(leaf + 8 * (va >> NNVME_PAGE_SHIFT));
}

/*
 * The entry. Acquire, with the release in set_entry(): what it speaks of, entries and lists, was
 * stored before.
 */
static inline uint64_t nnvme_table_entry(const struct nnvme_table *table, uintptr_t va)
{
	return __atomic_load_n(nnvme_table_at(table, va), __ATOMIC_ACQUIRE);
}

/*
 * Whether @va is dword-aligned, all of [va, va + len) is registered, and one list page describes
 * it; then *entry is that of @va. @len from 1 to NNVME_LEN_MAX.
 */
static inline bool nnvme_table_look_up(const struct nnvme_table *table, uintptr_t va, size_t len,
				       uint64_t *entry)
{
	if (__builtin_expect(nnvme_va_bad(va), 0))
		return false;
	*entry = nnvme_table_entry(table, va);
	return __builtin_expect(va % NNVME_PAGE_SIZE + len <= *entry >> NNVME_ENTRY_BYTES_SHIFT, 1);
}

/*
 * The same, and the PRP fields. They are written also when the answer is false, and mean nothing
 * then: with the check behind them the compiler has a register more. One page is the common case.
 */
static inline bool nnvme_table_fill(const struct nnvme_table *table, uintptr_t va, size_t len,
				    uint64_t *prp1, uint64_t *prp2)
{
	size_t end = va % NNVME_PAGE_SIZE;
	const uint64_t *at;
	uint64_t entry, bus;

	if (__builtin_expect(nnvme_va_bad(va), 0))
		return false;
	at = nnvme_table_at(table, va);
	__asm__("" : "+r"(at));			/* one address for up to three loads */
	entry = __atomic_load_n(at, __ATOMIC_ACQUIRE);
	bus = (entry << NNVME_PAGE_SHIFT) + end;
	NNVME_STORE(prp1, bus);
	__asm__("" : "+r"(end) : "r"(bus));	/* not before */
	end += len;
	if (__builtin_expect(end > entry >> NNVME_ENTRY_BYTES_SHIFT, 0))
		return false;
	NNVME_STORE(prp2, 0);
	/* A leaf has one entry more than pages: the next leaf's first. */
	if (end > NNVME_PAGE_SIZE)
		NNVME_STORE(prp2, __builtin_expect(end <= 2 * NNVME_PAGE_SIZE, 1) ?
			    __atomic_load_n(at + 1, __ATOMIC_RELAXED) << NNVME_PAGE_SHIFT :
			    __atomic_load_n(at + NNVME_LEAF_LISTS, __ATOMIC_RELAXED));
	return true;
}

/*
 * The PRP fields for the @len bytes at @va; @len from 1 to NNVME_LEN_MAX.
 * 0; -EINVAL when @va is not dword-aligned; -EFAULT when not all of the range is registered; -E2BIG
 * when it is but needs more entries than are left in its granule's list page.
 */
static inline int nnvme_table_prp(const struct nnvme_table *table, uintptr_t va, size_t len,
				  struct nnvme_prp *prp)
{
	if (!nnvme_table_fill(table, va, len, &prp->prp1, &prp->prp2))
		return nnvme_table_prp_slow(table, va, len, prp);
	return 0;
}

#pragma GCC visibility pop
#ifdef __cplusplus
}
#endif
#endif
