// SPDX-License-Identifier: MIT
/* Registration: what is refused, what a failure leaves behind, how often the kernel is asked. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "dma/space.h"
#include "fake_device.h"

#define MIB ((size_t)1 << 20)
#define PAGE NNVME_PAGE_SIZE
#define AT ((char *)0x100000000000)	/* nothing here looks at the memory itself */

static struct fake_device fake;
static struct nnvme_space *space;

static int setup(void **state)
{
	fake_init(&fake, 2 * MIB);
	return nnvme_space_create(&fake.dev, 0, &space, NULL);
}

static int teardown(void **state)
{
	nnvme_space_destroy(space);
	return fake.maps != fake.unmaps;	/* everything that was mapped */
}

static void expect(int want, void *va, size_t len, const char *word)
{
	struct nnvme_err err = { 0 };

	assert_int_equal(nnvme_space_add(space, va, len, &err), want);
	assert_int_equal(err.code, want);
	if (!strstr(err.text, word))
		fail_msg("'%s' does not say '%s'", err.text, word);
	assert_int_equal(space->registered, 0);
	assert_int_equal(space->nr_regions, 0);
}

static void bad_ranges_are_refused(void **state)
{
	expect(-EINVAL, AT + 512, PAGE, "multiples of 4096");
	expect(-EINVAL, AT, 512, "multiples of 4096");
	expect(-EINVAL, AT, 0, "not 0");
	expect(-EINVAL, NULL, PAGE, "address 0");
	/* addresses that only 5-level page tables have, and only on request */
	expect(-EINVAL, (char *)NNVME_VA_END, PAGE, "without such a hint");
	expect(-EINVAL, (char *)NNVME_VA_END - PAGE, 2 * PAGE, "below 0x");
	expect(-EINVAL, AT, NNVME_VA_END, "below");
	expect(-EINVAL, (char *)(UINTPTR_MAX - PAGE + 1), PAGE, "below");
}

static void overlaps_are_refused(void **state)
{
	static const long at[] = { 0, -1, 1, 3 };
	struct nnvme_err err;

	assert_int_equal(nnvme_space_add(space, AT, 4 * PAGE, NULL), 0);
	for (int i = 0; i < 4; i++) {
		assert_int_equal(nnvme_space_add(space, AT + at[i] * (long)PAGE, 2 * PAGE, &err),
				 -EEXIST);
		assert_non_null(strstr(err.text, "overlap"));
	}
	assert_int_equal(nnvme_space_add(space, AT - PAGE, PAGE, NULL), 0);
	assert_int_equal(nnvme_space_add(space, AT + 4 * PAGE, PAGE, NULL), 0);
	assert_int_equal(space->registered, 6 * PAGE);
}

static void only_what_was_registered_can_be_unregistered(void **state)
{
	assert_int_equal(nnvme_space_add(space, AT, 4 * PAGE, NULL), 0);
	assert_int_equal(nnvme_space_remove(space, AT, 2 * PAGE, NULL, NULL, NULL), -ENOENT);
	assert_int_equal(nnvme_space_remove(space, AT + PAGE, 4 * PAGE, NULL, NULL, NULL), -ENOENT);
	assert_int_equal(nnvme_space_remove(space, AT + 8 * PAGE, PAGE, NULL, NULL, NULL), -ENOENT);
	assert_int_equal(nnvme_space_remove(space, AT, 4 * PAGE, NULL, NULL, NULL), 0);
	assert_int_equal(nnvme_space_remove(space, AT, 4 * PAGE, NULL, NULL, NULL), -ENOENT);
}

static void a_failed_registration_leaves_nothing(void **state)
{
	struct nnvme_prp p;

	for (int n = 0; n < 3; n++) {
		fake.fail_map = n < 2 ? n : -1;		/* the region's map, then the pool's */
		fake.fail_bus_addr = n < 2 ? -1 : 3;
		assert_true(nnvme_space_add(space, AT, 16 * MIB, NULL) < 0);
		fake.fail_map = fake.fail_bus_addr = -1;
		assert_int_equal(space->nr_regions, 0);
		assert_int_equal(nnvme_table_prp(space->table, (uintptr_t)AT, 512, &p), -EFAULT);
		assert_int_equal(fake.maps, fake.unmaps);
	}
	assert_int_equal(nnvme_space_add(space, AT, 16 * MIB, NULL), 0);
}

static void answers_that_are_no_pages_are_refused(void **state)
{
	static const size_t lens[] = { 512, 4095, 17 * MIB };
	struct nnvme_err err;

	for (int i = 0; i < 3; i++) {
		fake.bad_len = lens[i];
		assert_int_equal(nnvme_space_add(space, AT, 16 * MIB, &err), -EIO);
		assert_non_null(strstr(err.text, "can't be used"));
	}
	fake.bad_len = 0;
}

static void a_gib_of_huge_pages_takes_512_calls(void **state)
{
	unsigned before;

	assert_int_equal(nnvme_space_add(space, AT, 2 * MIB, NULL), 0);	/* the pool is there now */
	before = fake.calls;
	assert_int_equal(nnvme_space_add(space, AT + 1024 * MIB, 1024 * MIB, NULL), 0);
	/* 512 for the region; the list pages' own chunks are 2 MiB each and come on top */
	assert_true(fake.calls - before <= 512 + 4);
}

static void pieces_of_the_pool_are_contiguous_zero_and_apart(void **state)
{
	nnvme_bus_t a, b;
	char *one = nnvme_space_get(space, 3 * PAGE, &a, NULL);
	char *two = nnvme_space_get(space, 5, &b, NULL);

	assert_non_null(one);
	assert_non_null(two);
	assert_true(two >= one + 3 * PAGE || two + PAGE <= one);
	assert_int_equal(a.v, fake_bus(&fake, (uintptr_t)one));
	assert_int_equal(b.v, fake_bus(&fake, (uintptr_t)two));
	for (size_t i = 0; i < 3 * PAGE; i++)
		assert_int_equal(one[i], 0);
	memset(one, 0xff, 3 * PAGE);
	nnvme_space_put(space, one);
	assert_ptr_equal(nnvme_space_get(space, 3 * PAGE, &a, NULL), one);
	assert_int_equal(one[0], 0);
}

static void a_queue_longer_than_contiguous_memory_is_refused(void **state)
{
	struct nnvme_err err;
	nnvme_bus_t bus;

	fake.run = PAGE;
	assert_non_null(nnvme_space_get(space, PAGE, &bus, NULL));
	assert_null(nnvme_space_get(space, 2 * PAGE, &bus, &err));
	assert_non_null(strstr(err.text, "one physical piece"));
	fake.run = 2 * MIB;
}

int main(void)
{
#define T(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
	const struct CMUnitTest tests[] = {
		T(bad_ranges_are_refused),
		T(overlaps_are_refused),
		T(only_what_was_registered_can_be_unregistered),
		T(a_failed_registration_leaves_nothing),
		T(answers_that_are_no_pages_are_refused),
		T(a_gib_of_huge_pages_takes_512_calls),
		T(pieces_of_the_pool_are_contiguous_zero_and_apart),
		T(a_queue_longer_than_contiguous_memory_is_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
