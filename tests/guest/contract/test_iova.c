// SPDX-License-Identifier: MIT
/* The IOVA of a noiommu device is a key and nothing more: any will do, in one range. */

#include <errno.h>

#include "contract.h"

static struct session s;

static int ask(uint64_t iova, uint64_t length, uint64_t *phys)
{
	int ret = iommufd_get_pa(s.iommufd, s.ioas, iova, &length, phys);

	return ret ? ret : (int)length;
}

static void check_page(const char *va, uint64_t iova)
{
	uint64_t phys = 0;

	assert_int_equal(ask(iova, UINT64_MAX, &phys), PAGE);
	assert_int_equal(phys, memory_phys(va));
	assert_int_equal(ask(iova + PAGE - 2, UINT64_MAX, &phys), 2);
	assert_int_equal(phys, memory_phys(va) + PAGE - 2);
}

static void any_iova_will_do(void **state)
{
	struct nnvme_uapi_iova_range range = { 1, 1 };
	char *va = memory_get(PAGE);
	uint64_t iova, last, phys;

	session_open(&s, contract_noiommu[0]);
	assert_int_equal(session_attach(&s, &(uint32_t){ s.ioas }), 0);
	assert_int_equal(iommufd_iova_range(s.iommufd, s.ioas, &range), 0);
	assert_int_equal(range.start, 0);
	assert_int_equal(range.last, (uint64_t)contract_expect(LAST_IOVA));
	last = range.last - PAGE + 1;
	for (unsigned bit = 12; bit < 64; bit++) {
		iova = 1ul << bit;
		assert_int_equal(iommufd_map(s.iommufd, s.ioas, va, PAGE, &iova), 0);
		check_page(va, iova);
		assert_int_equal(iommufd_unmap(s.iommufd, s.ioas, iova, PAGE), 0);
	}
	assert_int_equal(iommufd_map(s.iommufd, s.ioas, va, PAGE, &last), 0);
	check_page(va, last);
	assert_int_equal(iommufd_unmap(s.iommufd, s.ioas, last, PAGE), 0);
	assert_int_equal(ask(last, PAGE, &phys), -ENOENT);
}

/* What is on both sides of where a table of the hardware would have a new level is one piece. */
static void answers_span_levels(void **state)
{
	static const unsigned levels[] = { 21, 30, 39, 48, 57 };
	char *va = memory_get_huge(2 * HUGE);
	uint64_t iova, phys;

	session_open(&s, contract_noiommu[0]);
	assert_int_equal(session_attach(&s, &(uint32_t){ s.ioas }), 0);
	for (unsigned i = 0; i < sizeof(levels) / sizeof(*levels); i++) {
		iova = (1ul << levels[i]) - PAGE;
		assert_int_equal(iommufd_map(s.iommufd, s.ioas, va, HUGE, &iova), 0);
		assert_int_equal(ask(iova, HUGE, &phys), memory_contiguous(va, HUGE));
		assert_int_equal(phys, memory_phys(va));
		assert_int_equal(iommufd_unmap(s.iommufd, s.ioas, iova, HUGE), 0);
	}
	memory_put(va, 2 * HUGE);
}

int contract_test_iova(void)
{
	const struct CMUnitTest tests[] = {
		CONTRACT_TEST(any_iova_will_do),
		CONTRACT_TEST(answers_span_levels),
	};

	return cmocka_run_group_tests_name("iova", tests, NULL, NULL);
}
