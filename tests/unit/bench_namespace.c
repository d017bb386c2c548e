// SPDX-License-Identifier: MIT
/* Which namespace of a controller is measured, by a tree like sysfs. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "bench/namespace.h"
#include "folder_rig.h"

/* "nvme0n1/nsid=1 nvme0n1/nuse=12": what the kernel would show. */
static void show(const char *attributes)
{
	char entry[20], name[20], path[120];
	long value;
	int n;

	for (; sscanf(attributes, " %19[^/]/%19[^=]=%ld%n", entry, name, &value,
		      &n) == 3; attributes += n) {
		FILE *file;

		snprintf(path, sizeof(path), "%s/%s", folder, entry);
		mkdir(path, 0700);
		snprintf(path, sizeof(path), "%s/%s/%s", folder, entry, name);
		file = fopen(path, "w");
		assert_non_null(file);
		fprintf(file, "%ld\n", value);
		fclose(file);
	}
	assert_string_equal(attributes, "");
}

static void finds(uint32_t nsid, uint32_t wanted, unsigned disk, unsigned number)
{
	struct bench_namespace ns = { 0 };

	assert_true(bench_namespace_find(folder, nsid, &ns));
	assert_int_equal(ns.nsid, wanted);
	assert_int_equal(ns.disk, disk);
	assert_int_equal(ns.number, number);
}

static void the_same_by_its_nsid(void **state)
{
	struct bench_namespace ns;

	assert_false(bench_namespace_find(folder, 0, &ns));
	show("nvme3n1/nsid=7 nvme3n2/nsid=5 nvme3c3n4/nsid=6 hwmon1/nsid=1");
	finds(0, 5, 3, 2);
	finds(7, 7, 3, 1);
	finds(6, 6, 3, 4);
	assert_false(bench_namespace_find(folder, 1, &ns));
	assert_false(bench_namespace_find("/nonexistent", 0, &ns));
}

/* This driver does not support metadata: the first namespace that both drivers can use. */
static void one_that_both_can_have(void **state)
{
	show("nvme0n1/nsid=1 nvme0n1/metadata_bytes=8");
	finds(0, 1, 0, 1);
	show("nvme0n3/nsid=3 nvme0n3/metadata_bytes=0 nvme0n2/nsid=2 nvme0n2/metadata_bytes=0 "
	     "nvme0n2/nuse=12");
	finds(0, 2, 0, 2);
	finds(1, 1, 0, 1);
}

static void how_much_of_it_is_used(void **state)
{
	struct bench_namespace ns;

	show("nvme0n1/nsid=1");
	assert_true(bench_namespace_find(folder, 0, &ns));
	assert_true(ns.used == UINT64_MAX);
	show("nvme0n1/nuse=4096");
	assert_true(bench_namespace_find(folder, 0, &ns));
	assert_int_equal(ns.used, 4096);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, folder_setup, folder_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(the_same_by_its_nsid),
		TEST(one_that_both_can_have),
		TEST(how_much_of_it_is_used),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
