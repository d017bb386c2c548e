// SPDX-License-Identifier: MIT
/* This driver's path, on the software controller. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "path_rig.h"
#include "tests/model/model.h"

#define NAME "0000:0a:00.0"
#define LOAD(...) ((struct bench_workload){ __VA_ARGS__ })

static struct bench_path *path;
static struct model *m;
static enum bench_wait how;
static uint32_t wanted_nsid;

static void make(const char *settings)
{
	struct model_config config;

	model_defaults(&config);
	config.name = NAME;
	config.ready = 0;
	if (model_configure(&config, settings, &err) || model_create(&config, &m, &err))
		fail_msg("%s", err.text);
}

static int try_open(unsigned depth, uint32_t bytes, bool writes)
{
	struct bench_shape shape = { .depth = depth, .bytes = bytes, .writes = writes,
				     .ordinary_pages = true };

	return bench_path_driver(NAME, NNVME_MODE_AUTO, wanted_nsid, how, &shape, &path, &err);
}

static void up(const char *settings, unsigned depth, uint32_t bytes)
{
	make(settings);
	if (try_open(depth, bytes, true))
		fail_msg("%s", err.text);
}

static void down(void)
{
	struct model_counts counts;

	if (path)
		path->ops->close(path);
	path = NULL;
	model_assert_clean(m);
	model_counts(m, &counts);
	assert_int_equal(counts.mapped, 0);
	model_destroy(m);
}

static uint64_t commands(void)
{
	struct model_counts counts;

	model_counts(m, &counts);
	return counts.io_commands;
}

static void each_io_is_a_command(void **state)
{
	static const unsigned depths[] = { 1, 3, 32 };

	up("size=16m", 32, 4 * KIB);
	assert_int_equal(path->bytes, 16 << 20);
	assert_int_equal(path->block, 512);
	assert_true(path->spins);
	for (unsigned i = 0; i < 3; i++) {
		uint64_t before = commands();

		loads(path, LOAD(.bytes = 4 * KIB, .depth = depths[i], .random = true,
				 .percent_write = 30, .seed = 1), 500, 500, 0);
		assert_int_equal(commands() - before, 500);
		assert_in_range(measured.sq_rings, 500 / depths[i], 500);
		/* Half of the queue. */
		assert_in_range(measured.cq_rings, 500 / 64, 500 / 64 + 500 % 64);
	}
	down();
}

/* For each block size, and split into commands or not. */
static void data_goes_where_it_should(void **state)
{
	static const char *const settings[] = { "size=16m", "size=16m,block=4096",
						"size=16m,mdts=1" };

	for (unsigned i = 0; i < 3; i++) {
		up(settings[i], 4, 128 * KIB);
		data_goes_through(path, path, 128 * KIB, 'a');
		down();
	}
}

/* Data that a device can't compress: no two words alike. */
static void what_is_written_is_no_pattern(void **state)
{
	const uint64_t *data;

	up("size=16m", 4, 128 * KIB);
	loads(path, LOAD(.bytes = 128 * KIB, .depth = 4, .percent_write = 100), 16, 16, 0);
	path->ops->close(path);
	path = NULL;
	data = model_data(m, 1);
	for (size_t i = 1; i < 4 * 128 * KIB / 8; i++)
		assert_true(data[i] != data[0] && data[i] != data[i - 1]);
	down();
}

/* There is space for all commands of the I/Os. */
static void large_ios_are_cut_and_counted_once(void **state)
{
	up("size=16m,mdts=1", 4, 128 * KIB);
	loads(path, LOAD(.bytes = 128 * KIB, .depth = 4), 100, 100, 0);
	assert_int_equal(commands(), 1600);
	down();
}

static void a_failed_command_is_an_error(void **state)
{
	up("size=1m,bad_lba=100", 8, 4 * KIB);
	/* Twice over the namespace. */
	loads(path, LOAD(.bytes = 4 * KIB, .depth = 8), 512, 510, EIO);
	down();
}

/* What the library refuses never reaches the controller, and is an error all the same. */
static void beyond_the_end_is_an_error(void **state)
{
	up("size=1m", 8, 4 * KIB);
	path->bytes *= 2;
	loads(path, LOAD(.bytes = 4 * KIB, .depth = 8), 512, 256, ERANGE);
	assert_int_equal(commands(), 256);
	down();
}

/* Sleeping or not, with errors in between and with requests that the library refuses. */
static void every_way_of_waiting_works(void **state)
{
	for (how = BENCH_WAIT_POLL; how <= BENCH_WAIT_INTERRUPT; how++) {
		up("size=1m,bad_lba=100", 8, 4 * KIB);
		assert_int_equal(path->spins, how == BENCH_WAIT_POLL);
		loads(path, LOAD(.bytes = 4 * KIB, .depth = 1), 256, 255, EIO);
		path->bytes *= 2;
		assert_int_equal(run(path, LOAD(.bytes = 4 * KIB, .depth = 8), 512), 0);
		assert_int_equal(measured.ios, 255);
		assert_int_equal(measured.errors, 257);
		down();
	}
	how = BENCH_WAIT_INTERRUPT;
	make("vectors=0");
	assert_int_equal(try_open(1, 4096, false), -EOPNOTSUPP);
	assert_non_null(strstr(err.text, "no interrupts"));
	down();
	how = BENCH_WAIT_POLL;
}

static void a_dead_controller_ends_the_run(void **state)
{
	for (how = BENCH_WAIT_POLL; how <= BENCH_WAIT_INTERRUPT; how++) {
		up("size=1m", 4, 4 * KIB);
		model_fatal(m);
		assert_int_equal(run(path, LOAD(.bytes = 4 * KIB, .depth = 4, .random = true), 100),
				 -EIO);
		assert_int_equal(measured.ios, 0);
		path->ops->close(path);
		path = NULL;
		model_destroy(m);
	}
	how = BENCH_WAIT_POLL;
}

static void what_cannot_be_is_refused(void **state)
{
	struct bench_shape shape = { .depth = 1, .bytes = 4096, .ordinary_pages = true };

	make("size=1m,mdts=1,mqes=63");
	assert_int_equal(try_open(0, 4096, false), -EINVAL);
	assert_int_equal(try_open(1025, 4096, false), -EINVAL);
	assert_int_equal(try_open(1, 0, false), -EINVAL);
	assert_int_equal(try_open(32, 128 * KIB, false), -EOPNOTSUPP);
	assert_non_null(strstr(err.text, "512 commands"));
	assert_int_equal(bench_path_driver(NAME, NNVME_MODE_IOMMU, 0, BENCH_WAIT_POLL, &shape,
					   &path, &err), -EOPNOTSUPP);
	down();
	make("meta=8");
	assert_int_equal(try_open(1, 4096, false), -ENODEV);
	assert_non_null(strstr(err.text, "namespace"));
	down();
}

/* The first byte of a namespace, after @write (0: none) was written there. */
static char first_byte(uint32_t nsid, char write)
{
	char *data;
	char byte;

	wanted_nsid = nsid;
	if (try_open(1, 4096, true))
		fail_msg("%s", err.text);
	wanted_nsid = 0;
	data = path->buffers;
	memset(data, write, 4096);
	if (write)
		transfer(path, 0, 4096, 0, true);
	memset(data, 'x', 4096);
	transfer(path, 0, 4096, 0, false);
	byte = data[0];
	path->ops->close(path);
	path = NULL;
	return byte;
}

/* The namespace of the kernel's rows: by its NSID. */
static void the_namespace_is_the_one_asked_for(void **state)
{
	make("ns=3,size=1m");
	assert_int_equal(first_byte(2, 'b'), 'b');
	assert_int_equal(first_byte(1, 0), 0);
	assert_int_equal(first_byte(0, 'a'), 'a');
	assert_int_equal(first_byte(1, 0), 'a');
	assert_int_equal(first_byte(2, 0), 'b');
	wanted_nsid = 9;
	assert_int_equal(try_open(1, 4096, false), -EOPNOTSUPP);
	assert_non_null(strstr(err.text, "namespace 9, which the kernel's rows have"));
	wanted_nsid = 0;
	down();
	make("meta=8");
	wanted_nsid = 1;
	assert_int_equal(try_open(1, 4096, false), -EOPNOTSUPP);
	assert_non_null(strstr(err.text, "metadata"));
	wanted_nsid = 0;
	down();
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(each_io_is_a_command),
		cmocka_unit_test(data_goes_where_it_should),
		cmocka_unit_test(what_is_written_is_no_pattern),
		cmocka_unit_test(large_ios_are_cut_and_counted_once),
		cmocka_unit_test(a_failed_command_is_an_error),
		cmocka_unit_test(beyond_the_end_is_an_error),
		cmocka_unit_test(every_way_of_waiting_works),
		cmocka_unit_test(a_dead_controller_ends_the_run),
		cmocka_unit_test(the_namespace_is_the_one_asked_for),
		cmocka_unit_test(what_cannot_be_is_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
