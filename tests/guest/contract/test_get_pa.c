// SPDX-License-Identifier: MIT
/* What GET_PA answers, checked against /proc/self/pagemap, and every errno it has. */

#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <string.h>
#include <sys/capability.h>
#include <sys/ioctl.h>

#include "contract.h"

static struct session s;

/* Asks for @length bytes from @iova, where @va is mapped. */
static void check_answer(const char *va, uint64_t iova, uint64_t length, uint64_t expected)
{
	uint64_t answer = length, phys = 0;

	assert_int_equal(iommufd_get_pa(s.iommufd, s.ioas, iova, &answer, &phys), 0);
	assert_int_equal(phys, memory_phys(va));
	assert_int_equal(answer, expected);
}

static int ask(uint32_t ioas, uint64_t iova)
{
	uint64_t length = PAGE, phys;

	return iommufd_get_pa(s.iommufd, ioas, iova, &length, &phys);
}

static void open_attached(void)
{
	uint32_t pt;

	session_open(&s, contract_noiommu[0]);
	pt = s.ioas;
	assert_int_equal(session_attach(&s, &pt), 0);
}

static void tells_every_page(void **state)
{
	const size_t length = 256 * PAGE;
	uint64_t iova = 0;
	char *va = memory_get(length);

	open_attached();
	assert_int_equal(iommufd_map(s.iommufd, s.ioas, va, length, &iova), 0);
	for (size_t i = 0; i < length; i += PAGE) {
		check_answer(va + i, iova + i, PAGE, PAGE);
		check_answer(va + i, iova + i, UINT64_MAX, memory_contiguous(va + i, length - i));
		/* The bytes before the offset are not counted */
		check_answer(va + i + 1000, iova + i + 1000, length,
			     memory_contiguous(va + i + 1000, length - i - 1000));
	}
}

static void joins_pages_and_nets_the_offset(void **state)
{
	static const uint64_t offsets[] = { 0, 1, 511, PAGE - 1, PAGE, PAGE + 7, HUGE - PAGE,
					    HUGE - 1, HUGE, HUGE + 3 * PAGE + 5 };
	const size_t length = 4 * HUGE;
	char *va = memory_get_huge(length);
	uint64_t iova = 0;

	open_attached();
	assert_int_equal(iommufd_map(s.iommufd, s.ioas, va, length, &iova), 0);
	for (unsigned i = 0; i < sizeof(offsets) / sizeof(*offsets); i++) {
		uint64_t o = offsets[i], all = memory_contiguous(va + o, length - o);

		assert_true(all >= HUGE - o % HUGE);
		check_answer(va + o, iova + o, UINT64_MAX, all);
		check_answer(va + o, iova + o, all, all);
		check_answer(va + o, iova + o, 1, 1);
		check_answer(va + o, iova + o, all - 1 ? all - 1 : 1, all - 1 ? all - 1 : 1);
	}
	memory_put(va, length);
}

/* Map a huge page in pieces of 4 KiB: the caller sees where each mapping ends. */
static void never_looks_past_the_area(void **state)
{
	char *va = memory_get_huge(HUGE);
	uint64_t iova = 1ul << 30, next = iova + HUGE / 2, far = 2ul << 30;

	open_attached();
	/* Nothing behind it */
	assert_int_equal(iommufd_map(s.iommufd, s.ioas, va, HUGE / 2, &iova), 0);
	check_answer(va, iova, UINT64_MAX, HUGE / 2);
	check_answer(va + HUGE / 2 - 1, next - 1, UINT64_MAX, 1);
	assert_int_equal(ask(s.ioas, next), -ENOENT);
	/* The adjacent memory, as a mapping of its own */
	assert_int_equal(iommufd_map(s.iommufd, s.ioas, va + HUGE / 2, HUGE / 2, &next), 0);
	check_answer(va, iova, UINT64_MAX, HUGE / 2);
	check_answer(va + 5, iova + 5, UINT64_MAX, HUGE / 2 - 5);
	check_answer(va + HUGE / 2, next, UINT64_MAX, HUGE / 2);
	/* A mapping that is one page */
	assert_int_equal(iommufd_map(s.iommufd, s.ioas, va + PAGE, PAGE, &far), 0);
	check_answer(va + PAGE, far, UINT64_MAX, PAGE);
	assert_int_equal(ask(s.ioas, far + PAGE), -ENOENT);
	assert_int_equal(ask(s.ioas, far - 1), -ENOENT);
	memory_put(va, HUGE);
}

static void follows_unmap(void **state)
{
	uint64_t iova = 0, again;
	char *va = memory_get(16 * PAGE), *other = memory_get(16 * PAGE);

	open_attached();
	assert_int_equal(iommufd_map(s.iommufd, s.ioas, va, 16 * PAGE, &iova), 0);
	assert_int_equal(iommufd_unmap(s.iommufd, s.ioas, iova, 16 * PAGE), 0);
	assert_int_equal(ask(s.ioas, iova), -ENOENT);
	again = iova;
	assert_int_equal(iommufd_map(s.iommufd, s.ioas, other, 16 * PAGE, &again), 0);
	check_answer(other, iova, PAGE, PAGE);
}

static void says_what_is_missing(void **state)
{
	uint64_t iova = 0, unused = 5ul << 30;
	uint32_t empty, hwpt;

	open_attached();
	assert_int_equal(iommufd_map(s.iommufd, s.ioas, memory_get(PAGE), PAGE, &iova), 0);
	assert_int_equal(ask(s.ioas, unused), -ENOENT);
	assert_int_equal(ask(s.ioas, UINT64_MAX), -EOVERFLOW);
	assert_int_equal(ask(0x7fffffff, iova), -ENOENT);
	assert_int_equal(ask(s.devid, iova), -ENOENT);	/* an object of another kind */
	assert_int_equal(iommufd_hwpt(s.iommufd, s.devid, s.ioas, 0, &hwpt), 0);
	assert_int_equal(ask(hwpt, iova), -ENOENT);
	/* An IOAS that no device is attached to */
	assert_int_equal(iommufd_ioas(s.iommufd, &empty), 0);
	assert_int_equal(ask(empty, iova), -ENOENT);
	assert_int_equal(iommufd_map(s.iommufd, empty, memory_get(PAGE), PAGE, &unused), 0);
	assert_int_equal(ask(empty, unused), -EOPNOTSUPP);
}

static void checks_its_arguments(void **state)
{
	struct {
		struct nnvme_uapi_ioas_noiommu_get_pa get;
		uint64_t more;
	} a = { .get = { .size = sizeof(a.get) } };
	const struct nnvme_uapi_ioas_noiommu_get_pa *get = &a.get;
	uint64_t iova = 0;

	open_attached();
	assert_int_equal(iommufd_map(s.iommufd, s.ioas, memory_get(PAGE), PAGE, &iova), 0);
	a.get.ioas_id = s.ioas;
	a.get.iova = iova;
	a.get.length = PAGE;
	assert_int_equal(ioctl(s.iommufd, NNVME_IOMMU_IOAS_NOIOMMU_GET_PA, get), 0);
#define CHECK(change, error) do { \
		__typeof__(a) before = a; \
		change; \
		errno = 0; \
		assert_int_equal(ioctl(s.iommufd, NNVME_IOMMU_IOAS_NOIOMMU_GET_PA, get), \
				 (error) ? -1 : 0); \
		assert_int_equal(errno, error); \
		a = before; \
	} while (0)
	CHECK(a.get.flags = 1, EOPNOTSUPP);
	CHECK(a.get.flags = 1u << 31, EOPNOTSUPP);
	CHECK(a.get.reserved = 1, EOPNOTSUPP);
	CHECK(a.get.size = sizeof(a.get) - 1, EINVAL);
	CHECK(a.get.size = 4, EINVAL);
	CHECK(a.get.size = sizeof(a), 0);
	CHECK((a.get.size = sizeof(a), a.more = 1), E2BIG);
	CHECK(a.get.length = 0, EINVAL);
#undef CHECK
	errno = 0;
	assert_int_equal(ioctl(s.iommufd, NNVME_IOMMU_IOAS_NOIOMMU_GET_PA, NULL), -1);
	assert_int_equal(errno, EFAULT);
}

static int call(const struct nnvme_uapi_ioas_noiommu_get_pa *get)
{
	struct nnvme_uapi_ioas_noiommu_get_pa copy = *get;

	return ioctl(s.iommufd, NNVME_IOMMU_IOAS_NOIOMMU_GET_PA, &copy) ? -errno : 0;
}

static int call_without_rawio(void *get)
{
	int ret = contract_drop_capability(CAP_SYS_RAWIO);

	return ret ? 1 : -call(get);
}

/* Everything is wrong, and corrected one by one: each errno hides the later ones. */
static void errors_come_in_order(void **state)
{
	struct nnvme_uapi_ioas_noiommu_get_pa get = {
		.size = sizeof(get), .flags = 1, .ioas_id = 0x7fffffff, .iova = UINT64_MAX,
	};
	uint64_t unmapped = 3ul << 30, mapped = 5ul << 30;

	session_open(&s, contract_noiommu[0]);
	assert_int_equal(iommufd_map(s.iommufd, s.ioas, memory_get(PAGE), PAGE, &mapped), 0);
	assert_int_equal(contract_in_child(call_without_rawio, &get), EPERM);
	assert_int_equal(call(&get), -EOPNOTSUPP);
	get.flags = 0;
	assert_int_equal(call(&get), -EINVAL);
	get.length = PAGE;
	assert_int_equal(call(&get), -EOVERFLOW);
	get.iova = unmapped;
	assert_int_equal(call(&get), -ENOENT);	/* no such IOAS */
	get.ioas_id = s.ioas;
	assert_int_equal(call(&get), -ENOENT);	/* no such mapping, and no table either */
	get.iova = mapped;
	assert_int_equal(call(&get), -EOPNOTSUPP);
	assert_int_equal(session_attach(&s, &(uint32_t){ s.ioas }), 0);
	assert_int_equal(call(&get), 0);
}

/*
 * How a program tells this kernel from one that has the call but not the mode: nothing is mapped.
 */
static void probe_without_a_device(void **state)
{
	struct nnvme_uapi_ioas_noiommu_get_pa get = { .size = sizeof(get) };

	s.iommufd = open("/dev/iommu", O_RDWR | O_CLOEXEC);
	assert_true(s.iommufd >= 0);
	assert_int_equal(call(&get), -EINVAL);
	assert_int_equal(contract_in_child(call_without_rawio, &get), EPERM);
}

static int ask_without_rawio(void *iova)
{
	int ret = contract_drop_capability(CAP_SYS_RAWIO);

	return ret ? 1 : -ask(s.ioas, *(uint64_t *)iova);
}

static void takes_rawio(void **state)
{
	uint64_t iova = 0;

	open_attached();
	assert_int_equal(iommufd_map(s.iommufd, s.ioas, memory_get(PAGE), PAGE, &iova), 0);
	assert_int_equal(contract_in_child(ask_without_rawio, &iova), EPERM);
	assert_int_equal(ask(s.ioas, iova), 0);
}

/* There is no answer for memory that an IOMMU translates. */
static void is_not_for_devices_with_an_iommu(void **state)
{
	uint64_t iova = 0;
	uint32_t pt;

	session_open(&s, contract_iommu[0]);
	pt = s.ioas;
	assert_int_equal(session_attach(&s, &pt), 0);
	assert_int_equal(iommufd_map(s.iommufd, s.ioas, memory_get(PAGE), PAGE, &iova), 0);
	assert_int_equal(ask(s.ioas, iova), -EOPNOTSUPP);
	assert_int_equal(ask(s.ioas, iova + PAGE), -ENOENT);
}

int contract_test_get_pa(void)
{
	const struct CMUnitTest tests[] = {
		CONTRACT_TEST(tells_every_page),
		CONTRACT_TEST(joins_pages_and_nets_the_offset),
		CONTRACT_TEST(never_looks_past_the_area),
		CONTRACT_TEST(follows_unmap),
		CONTRACT_TEST(says_what_is_missing),
		CONTRACT_TEST(checks_its_arguments),
		CONTRACT_TEST(errors_come_in_order),
		CONTRACT_TEST(probe_without_a_device),
		CONTRACT_TEST(takes_rawio),
		CONTRACT_TEST(is_not_for_devices_with_an_iommu),
	};

	return cmocka_run_group_tests_name("get_pa", tests, NULL, NULL);
}
