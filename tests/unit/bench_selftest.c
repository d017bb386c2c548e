// SPDX-License-Identifier: MIT
/* What `noiommu-nvme-bench selftest` says of itself. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "bench/selftest.h"

static char *say(int *wrong)
{
	char *text = NULL;
	size_t size = 0;
	FILE *out = open_memstream(&text, &size);

	assert_non_null(out);
	*wrong = bench_selftest(out);
	fclose(out);
	return text;
}

static void it_finds_nothing_wrong_and_says_the_same_twice(void **state)
{
	int wrong;
	char *first = say(&wrong), *second;

	if (wrong)
		fail_msg("%s", first);
	assert_null(strstr(first, "WRONG"));
	second = say(&wrong);
	assert_string_equal(first, second);
	free(first);
	free(second);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(it_finds_nothing_wrong_and_says_the_same_twice),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
