// SPDX-License-Identifier: MIT
/* Choosing IOVAs, compared with a map of pages that is searched one by one. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <string.h>

#include "kernel/iova.h"

#define PAGES 64
#define LAST(page) ((page) * 4096ull + 4095)

static const struct nnvme_iova_range iova_ranges[] = {
	{ 0, LAST(9) }, { 16 * 4096, LAST(30) }, { 40 * 4096, LAST(40) },
};

static const struct nnvme_iova_range top = { -8192ull, UINT64_MAX };

static void within(void **state)
{
	assert_true(nnvme_iova_within(iova_ranges, 3, 0, 40960));
	assert_false(nnvme_iova_within(iova_ranges, 3, 0, 40961));
	assert_false(nnvme_iova_within(iova_ranges, 3, 40960, 1));
	assert_true(nnvme_iova_within(iova_ranges, 3, LAST(30), 1));
	assert_false(nnvme_iova_within(iova_ranges, 3, LAST(30), 2));
	assert_false(nnvme_iova_within(iova_ranges, 3, 4096, 0));
	assert_false(nnvme_iova_within(iova_ranges, 3, 4096, UINT64_MAX));
	assert_true(nnvme_iova_within(&top, 1, -4096ull, 4096));
	assert_false(nnvme_iova_within(&top, 1, -4096ull, 4097));
}

static void top_of_all(void **state)
{
	struct nnvme_iova_space s = { .iova_ranges = &top, .nr_iova_ranges = 1 };
	uint64_t a, b;

	assert_int_equal(nnvme_iova_take(&s, 4096, 4096, &a), 0);
	assert_int_equal(nnvme_iova_take(&s, 4096, 4096, &b), 0);
	assert_int_equal(b, -4096ull);
	assert_int_equal(nnvme_iova_take(&s, 4096, 4096, &b), -ENOSPC);
	assert_int_equal(nnvme_iova_give(&s, a, 4096), 0);
	assert_int_equal(nnvme_iova_take(&s, 8192, 4096, &b), -ENOSPC);
	assert_int_equal(nnvme_iova_take(&s, 4096, 1 << 20, &b), -ENOSPC);
	assert_int_equal(nnvme_iova_take(&s, 0, 4096, &b), -EINVAL);
	nnvme_iova_free(&s);
}

/* The first fit, page by page; PAGES if there is none. */
static uint64_t first_fit(const bool *used, uint64_t pages, uint64_t alignment)
{
	for (uint64_t at = alignment; at + pages <= PAGES; at += alignment) {
		bool good = nnvme_iova_within(iova_ranges, 3, at * 4096, pages * 4096);

		for (uint64_t i = 0; i < pages && good; i++)
			good = !used[at + i];
		if (good)
			return at;
	}
	return PAGES;
}

static void random_ones(void **state)
{
	struct nnvme_iova_space s = { .iova_ranges = iova_ranges, .nr_iova_ranges = 3 };
	struct { uint64_t at, pages; } held[PAGES];
	unsigned n = 0, seed = 1, full = 0;
	bool used[PAGES] = { false };
	uint64_t iova;

	for (int i = 0; i < 20000; i++) {
		uint64_t pages, alignment, want;

		seed = seed * 1103515245 + 12345;
		if (seed >> 16 & 1 && n) {
			unsigned k = (seed >> 17) % n;

			assert_int_equal(nnvme_iova_give(&s, held[k].at * 4096,
							 held[k].pages * 4096 + 1), -ENOENT);
			assert_int_equal(nnvme_iova_give(&s, held[k].at * 4096,
							 held[k].pages * 4096), 0);
			memset(&used[held[k].at], 0, held[k].pages);
			held[k] = held[--n];
			continue;
		}
		pages = 1 + (seed >> 18) % 5;
		alignment = 1u << (seed >> 22) % 4;
		want = first_fit(used, pages, alignment);
		if (want == PAGES) {
			full++;
			assert_int_equal(nnvme_iova_take(&s, pages * 4096, alignment * 4096, &iova),
					 -ENOSPC);
			continue;
		}
		assert_int_equal(nnvme_iova_take(&s, pages * 4096, alignment * 4096, &iova), 0);
		assert_int_equal(iova, want * 4096);
		memset(&used[want], 1, pages);
		held[n].at = want;
		held[n++].pages = pages;
	}
	assert_true(full > 100);
	nnvme_iova_free(&s);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(within), cmocka_unit_test(top_of_all),
		cmocka_unit_test(random_ones),
	};

	return cmocka_run_group_tests_name("kernel_iova", tests, NULL, NULL);
}
