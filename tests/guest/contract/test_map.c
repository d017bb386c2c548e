// SPDX-License-Identifier: MIT
/* What a page table in software keeps: large pages, copies, cuts, and nothing of what failed. */

#include <errno.h>
#include <inttypes.h>
#include <string.h>
#include <sys/mman.h>

#include "contract.h"

static struct session s;

static void open_attached(void)
{
	session_open(&s, contract_noiommu[0]);
	assert_int_equal(session_attach(&s, &(uint32_t){ s.ioas }), 0);
}

static int ask(uint32_t ioas, uint64_t iova)
{
	uint64_t length = 1, phys;

	return iommufd_get_pa(s.iommufd, ioas, iova, &length, &phys);
}

/* The right answer for every piece mapped at @iova, from wherever within it one asks. */
static void check_all(uint32_t ioas, const char *va, uint64_t iova, uint64_t length)
{
	uint64_t phys, left, middle;

	for (uint64_t o = 0; o < length; o += left) {
		left = length - o;
		assert_int_equal(iommufd_get_pa(s.iommufd, ioas, iova + o, &left, &phys), 0);
		assert_int_equal(phys, memory_phys(va + o));
		assert_int_equal(left, memory_contiguous(va + o, length - o));
		middle = left - left / 3;
		assert_int_equal(iommufd_get_pa(s.iommufd, ioas, iova + o + left / 3, &middle,
						&phys), 0);
		assert_int_equal(phys, memory_phys(va + o + left / 3));
		assert_int_equal(middle, left - left / 3);
	}
}

/* With an entry for every 4 KiB it would be 2.3 MiB. */
static void large_pages_take_little_memory(void **state)
{
	const uint64_t length = 1ul << 30;
	char *va = memory_get_huge(length);
	int64_t pinned = memory_pinned(), slab, more;
	uint64_t iova = 0;

	open_attached();
	slab = memory_slab();
	assert_int_equal(iommufd_map(s.iommufd, s.ioas, va, length, &iova), 0);
	more = memory_slab() - slab;
	print_message("# %" PRId64 " KiB of kernel memory for a GiB of pages of 2 MiB\n", more);
	assert_true(more < 512);
	check_all(s.ioas, va, iova, 8 * HUGE);
	check_all(s.ioas, va + length - 8 * HUGE, iova + length - 8 * HUGE, 8 * HUGE);
	assert_int_equal(iommufd_unmap(s.iommufd, s.ioas, iova, length), 0);
	assert_int_equal(memory_pinned(), pinned);
	memory_put(va, length);
}

/* IOVA, memory and length don't allow large pages, or only in some parts. */
static void any_alignment_is_right(void **state)
{
	static const struct { uint64_t va, iova, length; } cases[] = {
		{ 0, 0, 4 * HUGE }, { PAGE, PAGE, 4 * HUGE - PAGE }, { PAGE, 0, HUGE },
		{ 0, PAGE, HUGE }, { 3 * PAGE, 3 * PAGE, 2 * HUGE }, { HUGE / 2, 0, 3 * HUGE },
		{ HUGE - PAGE, 5 * PAGE, HUGE + 2 * PAGE }, { 7 * PAGE, 7 * PAGE, PAGE },
	};
	char *va = memory_get_huge(4 * HUGE);
	int64_t pinned = memory_pinned();

	open_attached();
	for (unsigned i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		uint64_t iova = (1ul << 32) + cases[i].iova;

		assert_int_equal(iommufd_map(s.iommufd, s.ioas, va + cases[i].va, cases[i].length,
					     &iova), 0);
		check_all(s.ioas, va + cases[i].va, iova, cases[i].length);
		assert_int_equal(ask(s.ioas, iova - 1), -ENOENT);
		assert_int_equal(ask(s.ioas, iova + cases[i].length), -ENOENT);
		assert_int_equal(iommufd_unmap(s.iommufd, s.ioas, iova, cases[i].length), 0);
		assert_int_equal(ask(s.ioas, iova), -ENOENT);
		assert_int_equal(memory_pinned(), pinned);
	}
	memory_put(va, 4 * HUGE);
}

static void a_part_is_not_unmapped(void **state)
{
	char *va = memory_get_huge(HUGE);
	int64_t pinned;
	uint64_t iova = 0;

	open_attached();
	assert_int_equal(iommufd_get_huge_pages(s.iommufd, s.ioas), 1);
	assert_int_equal(iommufd_map(s.iommufd, s.ioas, va, HUGE, &iova), 0);
	pinned = memory_pinned();
	assert_int_equal(iommufd_unmap(s.iommufd, s.ioas, iova + PAGE, PAGE), -ENOENT);
	assert_int_equal(iommufd_unmap_by_vfio(s.iommufd, s.ioas, iova + PAGE, PAGE), -ENOENT);
	assert_int_equal(iommufd_set_huge_pages(s.iommufd, s.ioas, false), -EINVAL);
	assert_int_equal(memory_pinned(), pinned);
	check_all(s.ioas, va, iova, HUGE);
	memory_put(va, HUGE);
}

/* Without large pages VFIO's call can punch a hole, as the old type 1 allowed. */
static void without_large_pages_a_part_is(void **state)
{
	const uint64_t from = 100 * PAGE, length = 8 * PAGE, to = from + length;
	char *va = memory_get_huge(2 * HUGE);
	int64_t before = memory_pinned(), pinned;
	uint64_t iova = 0;

	session_open(&s, contract_noiommu[0]);
	assert_int_equal(iommufd_set_huge_pages(s.iommufd, s.ioas, false), 0);
	assert_int_equal(iommufd_get_huge_pages(s.iommufd, s.ioas), 0);
	assert_int_equal(session_attach(&s, &(uint32_t){ s.ioas }), 0);
	assert_int_equal(iommufd_map(s.iommufd, s.ioas, va, 2 * HUGE, &iova), 0);
	pinned = memory_pinned();
	check_all(s.ioas, va, iova, 2 * HUGE);
	assert_int_equal(iommufd_unmap_by_vfio(s.iommufd, s.ioas, iova + from, length), 0);
	assert_int_equal(pinned - memory_pinned(), 8);
	assert_int_equal(ask(s.ioas, iova + from), -ENOENT);
	assert_int_equal(ask(s.ioas, iova + to - 1), -ENOENT);
	check_all(s.ioas, va, iova, from);
	check_all(s.ioas, va + to, iova + to, 2 * HUGE - to);
	assert_int_equal(iommufd_unmap(s.iommufd, s.ioas, iova, 2 * HUGE), 0);
	assert_int_equal(memory_pinned(), before);
	memory_put(va, 2 * HUGE);
}

/* The same pages mapped elsewhere, where each mapping pins them. */
static void copies_stand_for_themselves(void **state)
{
	const uint64_t length = 4 * HUGE, part = HUGE + 8 * PAGE, offset = HUGE / 2 + PAGE;
	char *va = memory_get_huge(length);
	int64_t before = memory_pinned();
	uint64_t iova = 0, copy = 0, same = 0;
	uint32_t other;

	open_attached();
	assert_int_equal(iommufd_map(s.iommufd, s.ioas, va, length, &iova), 0);
	assert_int_equal(iommufd_ioas(s.iommufd, &other), 0);
	assert_int_equal(iommufd_copy(s.iommufd, other, s.ioas, iova + offset, part, &copy), 0);
	assert_int_equal(iommufd_copy(s.iommufd, s.ioas, s.ioas, iova + offset, part, &same), 0);
	check_all(s.ioas, va + offset, same, part);
	assert_int_equal(ask(s.ioas, same + part), -ENOENT);
	assert_int_equal(ask(other, copy), -EOPNOTSUPP);	/* nothing is attached to it */
	assert_int_equal(iommufd_unmap(s.iommufd, s.ioas, iova, length), 0);
	assert_int_equal(ask(s.ioas, iova), -ENOENT);
	check_all(s.ioas, va + offset, same, part);
	/* The device moves: what it leaves is unpinned, what it comes to is pinned */
	assert_int_equal(session_attach(&s, &(uint32_t){ other }), 0);
	assert_int_equal(ask(s.ioas, same), -EOPNOTSUPP);
	check_all(other, va + offset, copy, part);
	assert_int_equal(memory_pinned() - before, (int64_t)(part / PAGE));
	copy = 0;
	assert_int_equal(iommufd_copy(s.iommufd, s.ioas, s.ioas, 1ul << 50, PAGE, &copy), -ENOENT);
	session_close(&s);
	assert_int_equal(memory_pinned(), before);
	memory_put(va, length);
}

static void read_only_memory_is_mapped_for_reading(void **state)
{
	char *va = memory_get(4 * PAGE);
	int64_t before = memory_pinned();
	uint64_t iova = 0;

	open_attached();
	assert_int_equal(mprotect(va, 4 * PAGE, PROT_READ), 0);
	assert_int_equal(iommufd_map(s.iommufd, s.ioas, va, 4 * PAGE, &iova), -EFAULT);
	assert_int_equal(memory_pinned(), before);
	assert_int_equal(iommufd_map_readable(s.iommufd, s.ioas, va, 4 * PAGE, &iova), 0);
	check_all(s.ioas, va, iova, 4 * PAGE);
	assert_int_equal(memory_pinned() - before, 4);
	assert_int_equal(iommufd_unmap(s.iommufd, s.ioas, iova, 4 * PAGE), 0);
	assert_int_equal(memory_pinned(), before);
}

/* The memory ends in the middle of what is to be mapped. */
static void map_that_fails_leaves_nothing(void **state)
{
	const uint64_t length = 32 * HUGE;
	char *va = memory_get(length);
	int64_t before = memory_pinned();
	uint64_t iova = 1ul << 30;
	uint32_t other;

	open_attached();
	assert_int_equal(munmap(va + length - PAGE, PAGE), 0);
	assert_int_equal(iommufd_map(s.iommufd, s.ioas, va, length, &iova), -EFAULT);
	assert_int_equal(memory_pinned(), before);
	assert_int_equal(ask(s.ioas, iova), -ENOENT);
	/* The same when the attach pins */
	assert_int_equal(iommufd_ioas(s.iommufd, &other), 0);
	assert_int_equal(iommufd_map(s.iommufd, other, va, length, &iova), 0);
	assert_int_equal(session_attach(&s, &(uint32_t){ other }), -EFAULT);
	assert_int_equal(memory_pinned(), before);
	assert_int_equal(ask(other, iova), -EOPNOTSUPP);
	/* The IOVAs are free, and the device is still attached */
	assert_int_equal(iommufd_map(s.iommufd, s.ioas, va, length - PAGE, &iova), 0);
	check_all(s.ioas, va, iova, length - PAGE);
	memory_put(va, length - PAGE);
}

/*
 * The kernel runs out of memory: at the first allocation, a little later, and so on until all goes
 * well. A failure leaves nothing pinned, and @iova with its former answer.
 */
static void until_memory_lasts(int (*attempt)(void *arg), void *arg, uint64_t iova, int answer)
{
	int64_t before = memory_pinned();
	unsigned failed = 0;

	for (uint64_t bytes = 0;; bytes += 500) {
		int ret;

		memory_fails_after(bytes);
		ret = attempt(arg);
		memory_fails_never();
		if (!ret)
			break;
		failed++;
		assert_int_equal(ret, -ENOMEM);
		assert_int_equal(memory_pinned(), before);
		assert_int_equal(ask(s.ioas, iova), answer);
	}
	/* The tables of 7.3 are whole pages, which cannot be made to fail so: the rest can. */
	assert_true(failed > (contract_upstream() ? 0 : 10));
}

struct mapping {
	char *va;
	uint64_t length, iova;
};

static int attempt_map(void *arg)
{
	struct mapping *m = arg;

	return iommufd_map(s.iommufd, s.ioas, m->va, m->length, &m->iova);
}

static int attempt_attach(void *arg)
{
	return session_attach(&s, &(uint32_t){ s.ioas });
}

/* 4 KiB pages at an IOVA that allows no larger block take the most kernel memory. */
static void map_without_memory_leaves_nothing(void **state)
{
	struct mapping m = {
		.va = memory_get(4 * HUGE), .length = 4 * HUGE, .iova = (1ul << 40) + PAGE,
	};
	int64_t before = memory_pinned();
	int ret;

	open_attached();
	until_memory_lasts(attempt_map, &m, m.iova, -ENOENT);
	check_all(s.ioas, m.va, m.iova, m.length);
	assert_int_equal(session_detach(&s), 0);
	assert_int_equal(memory_pinned(), before);
	until_memory_lasts(attempt_attach, NULL, m.iova, -EOPNOTSUPP);
	check_all(s.ioas, m.va, m.iova, m.length);
	/* Nor does unmapping */
	memory_fails_after(0);
	ret = iommufd_unmap(s.iommufd, s.ioas, m.iova, m.length);
	memory_fails_never();
	assert_int_equal(ret, 0);
	assert_int_equal(memory_pinned(), before);
}

int contract_test_map(void)
{
	const struct CMUnitTest tests[] = {
		CONTRACT_TEST(large_pages_take_little_memory),
		CONTRACT_TEST(any_alignment_is_right),
		CONTRACT_TEST(a_part_is_not_unmapped),
		CONTRACT_TEST(without_large_pages_a_part_is),
		CONTRACT_TEST(copies_stand_for_themselves),
		CONTRACT_TEST(read_only_memory_is_mapped_for_reading),
		CONTRACT_TEST(map_that_fails_leaves_nothing),
	};
	const struct CMUnitTest without_memory[] = {
		CONTRACT_TEST(map_without_memory_leaves_nothing),
	};
	int failed = cmocka_run_group_tests_name("map", tests, NULL, NULL);

	if (memory_can_fail())
		return failed + cmocka_run_group_tests_name("map without memory", without_memory,
							    NULL, NULL);
	print_message("# no allocation can be made to fail here; --debug-kernel has a test more\n");
	return failed;
}
