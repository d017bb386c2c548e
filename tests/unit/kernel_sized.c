// SPDX-License-Identifier: MIT
/* Structures that grow: a caller that is older than the library, and one that is newer. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>

#include "kernel/sized.h"

#define NAME "struct nnvme_options"

struct layout1 {
	uint32_t size, a;
};

struct layout2 {
	uint32_t size, a, b;
};

#define LEAST NNVME_SIZE_UP_TO(struct layout1, a)

static void an_older_caller_leaves_new_fields_zero(void **state)
{
	struct layout1 from = { .size = sizeof(from), .a = 7 };
	struct layout2 to = { .b = 9 };

	assert_int_equal(nnvme_sized_in(NAME, &to, sizeof(to), LEAST, &from, NULL), 0);
	assert_int_equal(to.size, sizeof(to));
	assert_int_equal(to.a, 7);
	assert_int_equal(to.b, 0);
}

static void a_newer_caller_may_leave_unknown_fields_zero(void **state)
{
	struct layout2 from = { .size = sizeof(from), .a = 7 };
	struct layout1 to;
	struct nnvme_err err;

	assert_int_equal(nnvme_sized_in(NAME, &to, sizeof(to), LEAST, &from, &err), 0);
	assert_int_equal(to.size, sizeof(to));
	assert_int_equal(to.a, 7);
	from.b = 1u << 31;
	assert_int_equal(nnvme_sized_in(NAME, &to, sizeof(to), LEAST, &from, &err), -E2BIG);
	assert_non_null(strstr(err.text, "byte 11 of " NAME));
}

static void no_structure_is_all_zero(void **state)
{
	struct layout2 to = { .a = 1, .b = 2 };

	assert_int_equal(nnvme_sized_in(NAME, &to, sizeof(to), LEAST, NULL, NULL), 0);
	assert_int_equal(to.size, sizeof(to));
	assert_int_equal(to.a | to.b, 0);
}

static void a_size_below_the_first_layout_is_refused(void **state)
{
	struct layout1 from = { .a = 7 };
	struct layout2 to;
	struct nnvme_err err;

	for (from.size = 0; from.size < LEAST; from.size++) {
		assert_int_equal(nnvme_sized_in(NAME, &to, sizeof(to), LEAST, &from, &err),
				 -EINVAL);
		assert_non_null(strstr(err.text, "sizeof(" NAME ")"));
	}
}

/* Nothing is read or written by it. */
static void a_size_that_was_never_set_is_refused(void **state)
{
	struct layout1 from = { .size = NNVME_SIZE_MAX + 1 };
	struct layout2 to;
	struct nnvme_err err;

	assert_int_equal(nnvme_sized_in(NAME, &to, sizeof(to), LEAST, &from, &err), -EINVAL);
	assert_non_null(strstr(err.text, "sizeof(" NAME ")"));
	assert_int_equal(nnvme_sized_check(NAME, UINT32_MAX, LEAST, &err), -EINVAL);
	assert_int_equal(nnvme_sized_check(NAME, NNVME_SIZE_MAX, LEAST, &err), 0);
}

static void out_goes_as_far_as_both_know_it(void **state)
{
	struct layout2 to = { 1, 2, 3 }, from = { sizeof(from), 20, 30 };

	nnvme_sized_out(&to, sizeof(struct layout1), &from, sizeof(from));
	assert_int_equal(to.size, sizeof(struct layout1));
	assert_int_equal(to.a, 20);
	assert_int_equal(to.b, 3);		/* not the caller's to have */
	nnvme_sized_out(&to, sizeof(to), &from, sizeof(struct layout1));
	assert_int_equal(to.size, sizeof(to));
	assert_int_equal(to.a, 20);
	assert_int_equal(to.b, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(an_older_caller_leaves_new_fields_zero),
		cmocka_unit_test(a_newer_caller_may_leave_unknown_fields_zero),
		cmocka_unit_test(no_structure_is_all_zero),
		cmocka_unit_test(a_size_below_the_first_layout_is_refused),
		cmocka_unit_test(a_size_that_was_never_set_is_refused),
		cmocka_unit_test(out_goes_as_far_as_both_know_it),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
