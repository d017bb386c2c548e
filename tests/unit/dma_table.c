// SPDX-License-Identifier: MIT
/* The bus-address table: what the hot path reads, checked against a walk page by page. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdio.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "space_rig.h"

static int prp(const char *va, size_t len, struct nnvme_prp *out)
{
	return nnvme_table_prp(space->table, (uintptr_t)va, len, out);
}

/* The list entry that a PRP2 points at, as the processor sees it. */
static const uint64_t *list_at(const char *va, uint64_t prp2)
{
	nnvme_bus_t bus = { 0 };
	const uint64_t *list = nnvme_table_list(space->table, (uintptr_t)va >> NNVME_GRANULE_SHIFT,
						&bus);

	assert_non_null(list);
	assert_true(prp2 >= bus.v && prp2 < bus.v + PAGE);
	assert_int_equal(prp2 % 8, 0);
	return list + (prp2 - bus.v) / 8;
}

/* What a controller would make of the command, checked against the fake's own arithmetic. */
static void check_prp(const char *va, size_t len)
{
	struct nnvme_prp p = { 1, 1 };
	size_t more = ((uintptr_t)va % PAGE + len - 1) / PAGE;
	const char *page = va - (uintptr_t)va % PAGE;

	assert_int_equal(prp(va, len, &p), 0);
	assert_int_equal(p.prp1, fake_bus(&fake, (uintptr_t)va));
	if (!more) {
		assert_int_equal(p.prp2, 0);
	} else if (more == 1) {
		assert_int_equal(p.prp2, fake_bus(&fake, (uintptr_t)page + PAGE));
	} else {
		const uint64_t *list = list_at(va, p.prp2);

		/*
		 * A list that fills its page must end in the last slot: no chain pointer is meant.
		 */
		assert_true((p.prp2 % PAGE) / 8 + more <= NNVME_LIST_ENTRIES);
		for (size_t i = 0; i < more; i++)
			assert_int_equal(list[i],
					 fake_bus(&fake, (uintptr_t)page + (i + 1) * PAGE));
	}
}

static void add(size_t at, size_t len)
{
	assert_int_equal(nnvme_space_add(space, memory + at, len, NULL), 0);
}

static void remove_it(size_t at, size_t len)
{
	assert_int_equal(nnvme_space_remove(space, memory + at, len, NULL, NULL, NULL), 0);
}

static void nothing_is_registered_at_first(void **state)
{
	struct nnvme_prp p;

	assert_int_equal(prp(memory, PAGE, &p), -EFAULT);
	assert_int_equal(prp(NULL, PAGE, &p), -EFAULT);
	assert_int_equal(prp((char *)(UINTPTR_MAX & -4096ul), PAGE, &p), -EFAULT);
	assert_int_equal(prp((char *)((uintptr_t)1 << NNVME_VA_BITS), PAGE, &p), -EFAULT);
	assert_int_equal(prp((char *)((uintptr_t)1 << NNVME_VA_BITS) - PAGE, PAGE, &p), -EFAULT);
	/* ranges that wrap round, to 0 exactly and beyond */
	assert_int_equal(prp((char *)(UINTPTR_MAX & -4096ul), 2 * PAGE, &p), -EFAULT);
	assert_int_equal(prp((char *)-NNVME_LEN_MAX, NNVME_LEN_MAX, &p), -EFAULT);
	/* the same granule seen through address bits that the index drops */
	add(0, 2 * MIB);
	assert_int_equal(prp(memory, PAGE, &p), 0);
	assert_int_equal(prp((char *)((uintptr_t)memory + ((uintptr_t)1 << 47)), PAGE, &p),
			 -EFAULT);
	assert_int_equal(prp((char *)((uintptr_t)memory - ((uintptr_t)1 << 47)), PAGE, &p),
			 -EFAULT);
}

/*
 * Up to the end of what there are entries for, which is further on arm64; no memory need be there.
 */
static void the_highest_addresses_are_their_own(void **state)
{
	char *high = (char *)NNVME_VA_END - 2 * MIB;
	struct nnvme_prp p;

	assert_int_equal(nnvme_space_add(space, high, 2 * MIB, NULL), 0);
	check_prp(high, MIB);
	check_prp(high + MIB + 512, MIB - 512);
	check_prp(high + 2 * MIB - PAGE, PAGE);
	assert_int_equal(prp(high + 2 * MIB - PAGE, 2 * PAGE, &p), -EFAULT);
	assert_int_equal(prp(high + 2 * MIB, PAGE, &p), -EFAULT);
	/* clear any one bit, and it is another address, whichever index the bit belongs to */
	for (unsigned bit = 21; bit < NNVME_VA_BITS; bit++)
		assert_int_equal(prp((char *)((uintptr_t)high ^ (uintptr_t)1 << bit), PAGE, &p),
				 -EFAULT);
	assert_int_equal(nnvme_space_remove(space, high, 2 * MIB, NULL, NULL, NULL), 0);
	assert_int_equal(prp(high, PAGE, &p), -EFAULT);
}

/* Where one leaf ends and the next begins, whichever of them is there first; no memory need be. */
static void neighbours_join_across_leaves_in_any_order(void **state)
{
	for (unsigned order = 0; order < 2; order++) {
		char *border =
			(char *)(NNVME_VA_END / 2 - ((size_t)order << (NNVME_LEAF_SHIFT + 1)));
		char *half[2] = { border - 2 * PAGE, border };
		struct nnvme_prp p;

		for (unsigned i = 0; i < 2; i++)
			assert_int_equal(nnvme_space_add(space, half[i ^ order], 2 * PAGE, NULL),
					 0);
		for (unsigned round = 0; round < 4; round++) {
			check_prp(border - PAGE, 2 * PAGE);
			check_prp(border - PAGE + 512, 2 * PAGE);
			check_prp(border - 2 * PAGE, 4 * PAGE);
			assert_int_equal(nnvme_space_remove(space, half[round % 2], 2 * PAGE, NULL,
							    NULL, NULL), 0);
			assert_int_equal(prp(border - PAGE, 2 * PAGE, &p), -EFAULT);
			check_prp(half[!(round % 2)], 2 * PAGE);
			assert_int_equal(nnvme_space_add(space, half[round % 2], 2 * PAGE, NULL),
					 0);
		}
	}
}

static void every_length_at_every_kind_of_place(void **state)
{
	static const size_t offsets[] = { 0, 4, 512, 2048, 4092 };

	add(0, 8 * MIB);
	for (size_t at = 0; at < 3 * MIB; at += 61 * PAGE)
		for (size_t i = 0; i < 5; i++)
			for (size_t len = 512; len <= MIB; len = len * 3 / 2 / 512 * 512 + 512)
				check_prp(memory + at + offsets[i], len);
	/* 1 MiB unaligned from the last page of a granule: 256 entries, all in one list page */
	check_prp(memory + MIB - PAGE + 512, MIB);
	/* the longest that a list page can hold, ending in its last slot */
	check_prp(memory, 2 * MIB);
}

static void longer_than_a_list_page_is_told_apart(void **state)
{
	struct nnvme_prp p;

	add(0, 8 * MIB);
	assert_int_equal(prp(memory, 2 * MIB + 512, &p), -E2BIG);
	assert_int_equal(prp(memory + 512, 2 * MIB, &p), -E2BIG);
	assert_int_equal(prp(memory, 9 * MIB, &p), -EFAULT);
}

/*
 * Whatever the length: from each page on as much is found as is left of its list page, and never
 * one more, which would be read from behind that page.
 */
static void memory_ends_where_a_list_page_does(void **state)
{
	static const size_t places[] = { 0, 1, NNVME_GRANULE_PAGES - 1 };
	struct nnvme_prp p;

	for (size_t i = 0; i < 3; i++) {
		const size_t at = places[i], most = NNVME_LIST_ENTRIES - at;

		for (size_t pages = 250; pages <= 520; pages++) {
			const char *va = memory + at * PAGE;

			add(at * PAGE, pages * PAGE);
			check_prp(va, (pages < most ? pages : most) * PAGE);
			if (pages > most)
				assert_int_equal(prp(va, (most + 1) * PAGE, &p), -E2BIG);
			else
				assert_int_equal(prp(va, (pages + 1) * PAGE, &p), -EFAULT);
			remove_it(at * PAGE, pages * PAGE);
		}
	}
}

static void misaligned_is_refused(void **state)
{
	struct nnvme_prp p;

	add(0, 2 * MIB);
	for (int i = 1; i < 4; i++)
		assert_int_equal(prp(memory + i, 512, &p), -EINVAL);
	check_prp(memory + 4, 512);
}

static void a_hole_is_seen_without_a_walk(void **state)
{
	struct nnvme_prp p;

	add(0, 512 * 1024);
	add(512 * 1024 + PAGE, MIB);
	assert_int_equal(prp(memory, MIB, &p), -EFAULT);
	assert_int_equal(prp(memory + 512 * 1024 - 512, 1024, &p), -EFAULT);
	assert_int_equal(prp(memory + 512 * 1024, 512, &p), -EFAULT);
	check_prp(memory, 512 * 1024);
	check_prp(memory + 512 * 1024 + PAGE, MIB);
	/* closing the hole makes it one run */
	add(512 * 1024, PAGE);
	check_prp(memory, MIB + 512 * 1024);
}

static void a_region_ends_inside_a_list_page(void **state)
{
	struct nnvme_prp p;

	add(PAGE, MIB + 5 * PAGE);
	check_prp(memory + PAGE, MIB + 5 * PAGE);
	check_prp(memory + MIB + 5 * PAGE, PAGE);
	assert_int_equal(prp(memory + MIB, 6 * PAGE + 4, &p), -EFAULT);
	assert_int_equal(prp(memory + MIB + 6 * PAGE, 4, &p), -EFAULT);
	assert_int_equal(prp(memory, 512, &p), -EFAULT);
}

static void neighbours_join_across_granules_in_any_order(void **state)
{
	add(MIB, MIB);
	add(3 * MIB, MIB);
	add(2 * MIB, MIB);
	add(0, MIB);
	for (size_t at = 0; at < 3 * MIB; at += 17 * PAGE)
		check_prp(memory + at + 8, MIB);
}

static void many_small_regions_in_one_granule(void **state)
{
	struct nnvme_prp p;

	for (size_t i = 0; i < 128; i++)
		add(2 * i * PAGE, PAGE);
	for (size_t i = 0; i < 128; i++) {
		check_prp(memory + 2 * i * PAGE + 512, PAGE - 512);
		assert_int_equal(prp(memory + 2 * i * PAGE + 512, PAGE, &p), -EFAULT);
		assert_int_equal(prp(memory + (2 * i + 1) * PAGE, 4, &p), -EFAULT);
	}
}

static void unregistering_takes_exactly_its_pages(void **state)
{
	struct nnvme_prp p;

	add(0, MIB);
	add(MIB, MIB);
	add(2 * MIB, MIB);
	remove_it(MIB, MIB);
	assert_int_equal(prp(memory + MIB, 512, &p), -EFAULT);
	assert_int_equal(prp(memory + MIB - 512, 1024, &p), -EFAULT);
	check_prp(memory, MIB);
	check_prp(memory + 2 * MIB, MIB);
	add(MIB, MIB);
	check_prp(memory + MIB - 512, MIB);
	remove_it(0, MIB);
	remove_it(MIB, MIB);
	remove_it(2 * MIB, MIB);
	assert_int_equal(prp(memory + 2 * MIB, 512, &p), -EFAULT);
	assert_int_equal(fake.maps - 1, fake.unmaps);	/* the pool's chunk stays */
}

/* Random registrations against an array of pages: the table must never accept a hole. */
static void random_against_a_shadow(void **state)
{
	enum { PAGES = 4096 };
	static bool shadow[PAGES];
	struct { size_t at, n; } regions[64];
	size_t count = 0;

	srand(1);
	for (int step = 0; step < 4000; step++) {
		size_t at = (size_t)rand() % PAGES, n = 1 + (size_t)rand() % 400, i;
		struct nnvme_prp p;
		bool free_there = at + n <= PAGES, all = at + n <= PAGES;

		for (i = at; i < at + n && i < PAGES; i++) {
			free_there &= !shadow[i];
			all &= shadow[i];
		}
		if (all && n <= 256)
			check_prp(memory + at * PAGE + 512, n * PAGE - 512);
		else if (!all)
			assert_int_equal(prp(memory + at * PAGE, n * PAGE, &p), -EFAULT);
		if (free_there && count < 64) {
			add(at * PAGE, n * PAGE);
			memset(&shadow[at], 1, n);
			regions[count].at = at;
			regions[count++].n = n;
		} else if (count && step % 3 == 0) {
			i = (size_t)rand() % count;
			remove_it(regions[i].at * PAGE, regions[i].n * PAGE);
			memset(&shadow[regions[i].at], 0, regions[i].n);
			regions[i] = regions[--count];
		}
	}
}

static size_t status_kib(const char *name)
{
	char line[256];
	size_t kib = 0;
	FILE *f = fopen("/proc/self/status", "r");

	while (f && fgets(line, sizeof(line), f))
		if (!strncmp(line, name, strlen(name)))
			kib = strtoul(line + strlen(name) + 1, NULL, 10);
	if (f)
		fclose(f);
	return kib;
}

/*
 * For a process that locks all it will ever map, and may lock little: 0, or the step that failed.
 */
static inline int under_mlockall(void)
{
	struct rlimit little = { 8 * MIB, 8 * MIB };	/* systemd's default */
	struct nnvme_space *s;
	size_t before;

	if (setrlimit(RLIMIT_MEMLOCK, &little) || (!geteuid() && setuid(65534)))
		return 1;
	if (syscall(SYS_mlockall, MCL_FUTURE))	/* mlockall() does nothing under the sanitizers */
		return 2;
	before = status_kib("VmLck:");
	if (nnvme_space_create(&fake.dev, 0, &s, NULL))
		return 3;
	if (nnvme_space_add(s, memory, MIB, NULL))
		return 4;
	/* Locked: the pool's 2 MiB, little else. */
	return status_kib("VmLck:") - before > 8192 ? 5 : 0;
}

/*
 * The same where next to nothing may be locked: the table is there, and further memory fails with a
 * reason.
 */
static inline int under_mlockall_with_next_to_nothing(void)
{
	struct rlimit little = { MIB / 4, MIB / 4 };
	struct nnvme_err err = { 0 };
	struct nnvme_space *s;

	if (setrlimit(RLIMIT_MEMLOCK, &little) || (!geteuid() && setuid(65534)))
		return 1;
	if (syscall(SYS_mlockall, MCL_FUTURE))
		return 2;
	if (nnvme_space_create(&fake.dev, 0, &s, &err))
		return 3;
	if (nnvme_space_add(s, memory, MIB, &err) != -ENOMEM)
		return 4;
	return strstr(err.text, "ulimit -l") ? 0 : 5;
}

/* `ulimit -v`, slightly above the present size. */
static inline int with_little_address_space(void)
{
	size_t now = status_kib("VmSize:") << 10;
	struct rlimit little = { now + 64 * MIB, now + 64 * MIB };
	struct nnvme_space *s;

	if (setrlimit(RLIMIT_AS, &little))
		return 1;
	return nnvme_space_create(&fake.dev, 0, &s, NULL) ||
	       nnvme_space_add(s, memory, MIB, NULL) ? 2 : 0;
}

/* What the kernel counts as committed, in all writable private mappings (VmFlags "ac"), in KiB. */
static size_t promised_kib(void)
{
	FILE *f = fopen("/proc/self/smaps", "r");
	size_t kib = 0, sum = 0;
	char line[512];

	assert_non_null(f);
	while (fgets(line, sizeof(line), f)) {
		if (sscanf(line, "Size: %zu", &kib) == 1)
			continue;
		if (!strncmp(line, "VmFlags:", 8) && strstr(line, " ac"))
			sum += kib;
	}
	fclose(f);
	return sum;
}

/*
 * With vm.overcommit_memory=2 all writable memory counts, touched or not: little at first, and
 * little more for each GiB of address space in which something is registered.
 */
static inline int promises_little(void)
{
	size_t before = promised_kib(), empty, one;
	struct nnvme_space *s;

	if (nnvme_space_create(&fake.dev, 0, &s, NULL))
		return 1;
	empty = promised_kib();
	if (empty == before || empty - before > NNVME_LEAVES * 16 / 1024 + 256)
		return 2;
	if (nnvme_space_add(s, memory, MIB, NULL))
		return 3;
	one = promised_kib();
	return one - empty > 2048 + 5 * 1024 ? 4 : 0; /* the pool's chunk, and a leaf */
}

static inline void in_a_child(int (*f)(void))
{
	pid_t child = fork();
	int status;

	assert_true(child >= 0);
	if (!child)
		_exit(f());
	assert_int_equal(waitpid(child, &status, 0), child);
	assert_int_equal(status, 0);
}

static void locked_and_limited_processes_have_a_table_too(void **state)
{
#if defined(__SANITIZE_ADDRESS__)
	print_message("# a sanitizer maps terabytes for itself: other builds try this\n");
#else
	in_a_child(under_mlockall);
	in_a_child(under_mlockall_with_next_to_nothing);
	in_a_child(with_little_address_space);
	in_a_child(promises_little);
#endif
}

int main(void)
{
#define T(f) cmocka_unit_test_setup_teardown(f, space_setup, space_teardown)
	const struct CMUnitTest tests[] = {
		T(nothing_is_registered_at_first),
		T(the_highest_addresses_are_their_own),
		T(neighbours_join_across_leaves_in_any_order),
		T(every_length_at_every_kind_of_place),
		T(longer_than_a_list_page_is_told_apart),
		T(memory_ends_where_a_list_page_does),
		T(misaligned_is_refused),
		T(a_hole_is_seen_without_a_walk),
		T(a_region_ends_inside_a_list_page),
		T(neighbours_join_across_granules_in_any_order),
		T(many_small_regions_in_one_granule),
		T(unregistering_takes_exactly_its_pages),
		T(random_against_a_shadow),
		T(locked_and_limited_processes_have_a_table_too),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
