// SPDX-License-Identifier: MIT
/* Attach, detach and replace; devices that share an address space; kinds that must not. */

#include <errno.h>
#include <sys/capability.h>
#include <sys/resource.h>

#include "contract.h"

static int ask(const struct session *s, uint32_t ioas, uint64_t iova)
{
	uint64_t length = PAGE, phys;

	return iommufd_get_pa(s->iommufd, ioas, iova, &length, &phys);
}

static void attach(const struct session *s, uint32_t pt)
{
	assert_int_equal(session_attach(s, &pt), 0);
}

static int try_attach(const struct session *s, uint32_t pt)
{
	return session_attach(s, &pt);
}

static void attach_pins_and_detach_unpins(void **state)
{
	const size_t length = 64 * PAGE;
	int64_t before = memory_pinned();
	uint64_t iova = 0;
	struct session s;

	session_open(&s, contract_noiommu[0]);
	assert_int_equal(iommufd_map(s.iommufd, s.ioas, memory_get(length), length, &iova), 0);
	assert_int_equal(ask(&s, s.ioas, iova), -EOPNOTSUPP);
	assert_int_equal(memory_pinned() - before, 0);
	attach(&s, s.ioas);
	assert_int_equal(ask(&s, s.ioas, iova), 0);
	assert_int_equal(memory_pinned() - before, 64);
	assert_int_equal(session_detach(&s), 0);
	assert_int_equal(memory_pinned() - before, 0);
	assert_int_equal(ask(&s, s.ioas, iova), -EOPNOTSUPP);
	attach(&s, s.ioas);
	assert_int_equal(memory_pinned() - before, 64);
	assert_int_equal(iommufd_unmap(s.iommufd, s.ioas, iova, length), 0);
	assert_int_equal(memory_pinned() - before, 0);
	session_close(&s);
}

static void hwpt_can_be_made_and_attached(void **state)
{
	uint64_t iova = 0;
	struct session s;
	uint32_t hwpt;

	session_open(&s, contract_noiommu[0]);
	assert_int_equal(iommufd_hwpt(s.iommufd, s.devid, s.ioas, 0, &hwpt), 0);
	attach(&s, hwpt);
	assert_int_equal(iommufd_map(s.iommufd, s.ioas, memory_get(PAGE), PAGE, &iova), 0);
	assert_int_equal(ask(&s, s.ioas, iova), 0);
	assert_int_equal(iommufd_destroy(s.iommufd, hwpt), -EBUSY);
	assert_int_equal(session_detach(&s), 0);
	assert_int_equal(iommufd_destroy(s.iommufd, hwpt), 0);
	/* Nesting, dirty tracking and the like need hardware */
	for (unsigned bit = 0; bit < 32; bit++)
		assert_int_equal(iommufd_hwpt(s.iommufd, s.devid, s.ioas, 1u << bit, &hwpt),
				 bit == 2 ? contract_expect(FAULT_QUEUE_OF_NOIOMMU_HWPT) :
					    -EOPNOTSUPP);
	for (uint32_t type = 1; type < 4; type++)
		assert_int_equal(iommufd_hwpt_with_data(s.iommufd, s.devid, s.ioas, type, 0),
				 -EOPNOTSUPP);
	assert_int_equal(iommufd_hw_info(s.iommufd, s.devid), -EOPNOTSUPP);
}

static void replace_moves_the_device(void **state)
{
	uint64_t iova = 1ul << 30, other_iova = 2ul << 30;
	int64_t before = memory_pinned();
	struct session s;
	uint32_t other, hwpt;

	session_open(&s, contract_noiommu[0]);
	assert_int_equal(iommufd_ioas(s.iommufd, &other), 0);
	assert_int_equal(iommufd_map(s.iommufd, s.ioas, memory_get(8 * PAGE), 8 * PAGE, &iova), 0);
	assert_int_equal(iommufd_map(s.iommufd, other, memory_get(PAGE), PAGE, &other_iova), 0);
	attach(&s, s.ioas);
	attach(&s, s.ioas);			/* to where it is */
	assert_int_equal(memory_pinned() - before, 8);
	attach(&s, other);
	assert_int_equal(memory_pinned() - before, 1);
	assert_int_equal(ask(&s, s.ioas, iova), -EOPNOTSUPP);
	assert_int_equal(ask(&s, other, other_iova), 0);
	assert_int_equal(ask(&s, other, iova), -ENOENT);
	/* And to a HWPT made by hand, on the first again */
	assert_int_equal(iommufd_hwpt(s.iommufd, s.devid, s.ioas, 0, &hwpt), 0);
	attach(&s, hwpt);
	assert_int_equal(memory_pinned() - before, 8);
	assert_int_equal(ask(&s, s.ioas, iova), 0);
	assert_int_equal(ask(&s, other, other_iova), -EOPNOTSUPP);
	/* To something that does not exist: it stays */
	assert_int_equal(try_attach(&s, 0x7fffffff), -ENOENT);
	assert_int_equal(ask(&s, s.ioas, iova), 0);
	session_close(&s);
	assert_int_equal(memory_pinned() - before, 0);
}

static void two_devices_share_an_ioas(void **state)
{
	const size_t length = 4 * HUGE;
	uint64_t iova = 0, phys[2], left[2];
	int64_t before = memory_pinned(), pinned;
	char *va = memory_get_huge(length);
	struct session s[2];

	session_open(&s[0], contract_noiommu[0]);
	session_join(&s[1], contract_noiommu[1], &s[0]);
	attach(&s[0], s[0].ioas);
	assert_int_equal(iommufd_map(s[0].iommufd, s[0].ioas, va, length, &iova), 0);
	pinned = memory_pinned() - before;
	assert_true(pinned > 0);
	attach(&s[1], s[0].ioas);
	assert_int_equal(memory_pinned() - before, pinned);	/* once for both */
	for (uint64_t o = 0; o < length; o += HUGE / 2 + PAGE) {
		left[0] = left[1] = length - o;
		for (unsigned i = 0; i < 2; i++)
			assert_int_equal(iommufd_get_pa(s[i].iommufd, s[i].ioas, iova + o, &left[i],
							&phys[i]), 0);
		assert_int_equal(phys[0], memory_phys(va + o));
		assert_int_equal(phys[0], phys[1]);
		assert_int_equal(left[0], left[1]);
	}
	/* If one detaches, the other's memory stays where it is. When both have, it is unpinned. */
	session_close(&s[0]);
	assert_int_equal(memory_pinned() - before, pinned);
	assert_int_equal(ask(&s[1], s[1].ioas, iova), 0);
	assert_int_equal(session_detach(&s[1]), 0);
	assert_int_equal(memory_pinned() - before, 0);
	session_close(&s[1]);
	memory_put(va, length);
}

/* What kinds_do_not_share_a_page_table() tries with. */
struct kinds {
	struct session sw, hw;
	uint32_t sw_hwpt, hw_hwpt, other;
};

static void open_both_kinds(struct kinds *k)
{
	session_open(&k->sw, contract_noiommu[0]);
	session_join(&k->hw, contract_iommu[0], &k->sw);
	assert_int_equal(iommufd_hwpt(k->sw.iommufd, k->sw.devid, k->sw.ioas, 0, &k->sw_hwpt), 0);
	assert_int_equal(iommufd_hwpt(k->hw.iommufd, k->hw.devid, k->hw.ioas, 0, &k->hw_hwpt), 0);
	assert_int_equal(iommufd_ioas(k->sw.iommufd, &k->other), 0);
}

/* Attached, or moved there from @from; and not left there. */
static void check_attach(const struct session *s, uint32_t from, uint32_t to, int64_t expected)
{
	if (from)
		attach(s, from);
	assert_int_equal(try_attach(s, to), expected);
	if (from || !expected)
		assert_int_equal(session_detach(s), 0);
}

static void kinds_do_not_share_a_page_table(void **state)
{
	const int64_t to_hw = contract_expect(NOIOMMU_TO_HW_HWPT);
	struct kinds k;

	open_both_kinds(&k);
	assert_int_equal(iommufd_hw_info(k.hw.iommufd, k.hw.devid), 0);
	check_attach(&k.sw, 0, k.hw_hwpt, to_hw);
	check_attach(&k.hw, 0, k.sw_hwpt, -EINVAL);
	check_attach(&k.sw, k.other, k.hw_hwpt, to_hw);
	check_attach(&k.sw, k.sw_hwpt, k.hw_hwpt, to_hw);
	check_attach(&k.hw, k.hw_hwpt, k.sw_hwpt, contract_expect(HW_MOVED_TO_NOIOMMU_HWPT));
	/* An attach that fails moves nothing */
	attach(&k.sw, k.other);
	attach(&k.hw, k.hw_hwpt);
	assert_int_equal(try_attach(&k.hw, k.sw_hwpt), contract_expect(HW_MOVED_TO_NOIOMMU_HWPT));
	if (to_hw)
		assert_int_equal(try_attach(&k.sw, k.hw_hwpt), to_hw);
	assert_int_equal(ask(&k.sw, k.other, PAGE), -ENOENT);
	assert_int_equal(iommufd_destroy(k.sw.iommufd, k.hw_hwpt), -EBUSY);
	assert_int_equal(session_detach(&k.sw), 0);
	assert_int_equal(session_detach(&k.hw), 0);
	assert_int_equal(iommufd_destroy(k.sw.iommufd, k.sw_hwpt), 0);
	assert_int_equal(iommufd_destroy(k.sw.iommufd, k.hw_hwpt), 0);
}

/* Each kind gets a table of its own. The first keeps its addresses. */
static void kinds_can_share_an_ioas(void **state)
{
	int64_t before = memory_pinned();
	const size_t length = 16 * PAGE;
	struct session sw, hw;
	uint64_t iova = 1ul << 30;
	uint32_t other;

	session_open(&sw, contract_noiommu[0]);
	session_join(&hw, contract_iommu[0], &sw);
	assert_int_equal(iommufd_map(sw.iommufd, sw.ioas, memory_get(length), length, &iova), 0);
	attach(&sw, sw.ioas);
	attach(&hw, sw.ioas);
	assert_int_equal(ask(&sw, sw.ioas, iova), 0);
	assert_int_equal(memory_pinned() - before, 16);
	assert_int_equal(session_detach(&sw), 0);
	assert_int_equal(ask(&sw, sw.ioas, iova), -EOPNOTSUPP);
	attach(&sw, sw.ioas);
	assert_int_equal(ask(&sw, sw.ioas, iova), -EOPNOTSUPP);
	assert_int_equal(session_detach(&hw), 0);
	assert_int_equal(ask(&sw, sw.ioas, iova), contract_expect(LATE_NOIOMMU_LOOK_UP));
	assert_int_equal(memory_pinned() - before, 16);
	/* Attached again it has one wherever it is */
	assert_int_equal(session_detach(&sw), 0);
	attach(&sw, sw.ioas);
	assert_int_equal(ask(&sw, sw.ioas, iova), 0);
	/* The other kind moves here */
	assert_int_equal(iommufd_ioas(sw.iommufd, &other), 0);
	attach(&hw, other);
	assert_int_equal(try_attach(&hw, sw.ioas), contract_expect(HW_MOVED_TO_NOIOMMU_IOAS));
	assert_int_equal(ask(&sw, sw.ioas, iova), 0);
	session_close(&sw);
	session_close(&hw);
	assert_int_equal(memory_pinned() - before, 0);
}

static void mappings_are_whole_pages(void **state)
{
	uint64_t iova = 0, odd = (1ul << 30) + 512;
	char *va = memory_get(4 * PAGE);
	struct session s;
	uint32_t loose;

	session_open(&s, contract_noiommu[0]);
	assert_int_equal(iommufd_ioas(s.iommufd, &loose), 0);
	assert_int_equal(iommufd_map(s.iommufd, loose, va + 512, 1024, &odd), 0);
	assert_int_equal(try_attach(&s, loose), -EADDRINUSE);
	attach(&s, s.ioas);
	assert_int_equal(iommufd_map(s.iommufd, s.ioas, va + 512, PAGE, &iova), -EINVAL);
	assert_int_equal(iommufd_map(s.iommufd, s.ioas, va, 1024, &iova), -EINVAL);
	assert_int_equal(iommufd_map(s.iommufd, s.ioas, va, PAGE, &iova), 0);
}

static int map_with_little_memlock(void *arg)
{
	struct rlimit limit = { 16 * PAGE, 16 * PAGE };
	const struct session *s = arg;
	uint64_t iova = 0, small = 0;
	uint32_t other;

	if (setrlimit(RLIMIT_MEMLOCK, &limit) || contract_drop_capability(CAP_IPC_LOCK))
		return 1;
	if (iommufd_map(s->iommufd, s->ioas, memory_get(64 * PAGE), 64 * PAGE, &iova) != -ENOMEM)
		return 2;
	if (iommufd_map(s->iommufd, s->ioas, memory_get(8 * PAGE), 8 * PAGE, &small))
		return 3;
	/* Mapped first and attached later, it is the attach that fails */
	iova = 0;
	if (iommufd_ioas(s->iommufd, &other) ||
	    iommufd_map(s->iommufd, other, memory_get(64 * PAGE), 64 * PAGE, &iova))
		return 4;
	return try_attach(s, other) == -ENOMEM ? 0 : 5;
}

static void memlock_is_charged(void **state)
{
	struct session s;

	session_open(&s, contract_noiommu[0]);
	attach(&s, s.ioas);
	assert_int_equal(contract_in_child(map_with_little_memlock, &s), 0);
}

int contract_test_attach(void)
{
	const struct CMUnitTest tests[] = {
		CONTRACT_TEST(attach_pins_and_detach_unpins),
		CONTRACT_TEST(hwpt_can_be_made_and_attached),
		CONTRACT_TEST(replace_moves_the_device),
		CONTRACT_TEST(two_devices_share_an_ioas),
		CONTRACT_TEST(kinds_do_not_share_a_page_table),
		CONTRACT_TEST(kinds_can_share_an_ioas),
		CONTRACT_TEST(mappings_are_whole_pages),
		CONTRACT_TEST(memlock_is_charged),
	};

	return cmocka_run_group_tests_name("attach", tests, NULL, NULL);
}
