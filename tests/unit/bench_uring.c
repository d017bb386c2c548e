// SPDX-License-Identifier: MIT
/*
 * io_uring's paths on a file, and what they refuse; tests/guest/bench-paths.sh runs them on NVMe
 * devices.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "path_rig.h"

#define SIZE (1024 * KIB)

static const enum bench_uring kinds[] = { BENCH_URING_PLAIN, BENCH_URING_REGISTERED };
static char file[] = "bench_uring.XXXXXX";

static int try_open(const char *node, enum bench_uring kind, unsigned depth, bool writes,
		    struct bench_path **path)
{
	struct bench_shape shape = {
		.depth = depth, .bytes = 16 * KIB, .writes = writes, .ordinary_pages = true,
	};

	return bench_path_uring(node, kind, &shape, path, &err);
}

/* Skip, with the reason, where the machine has no io_uring, or no O_DIRECT where the tests run. */
static struct bench_path *open_file(enum bench_uring kind, unsigned depth, bool writes)
{
	struct bench_path *path = NULL;
	int ret = try_open(file, kind, depth, writes, &path);

	if (ret == -EOPNOTSUPP || (ret == -EINVAL && strstr(err.text, "Invalid argument"))) {
		fprintf(stderr, "skipped: %s\n", err.text);
		skip();
	}
	if (ret)
		fail_msg("%s", err.text);
	return path;
}

static void loads_run(void **state)
{
	static const unsigned depths[] = { 1, 5, 32 };
	struct bench_workload work = { .bytes = 4 * KIB, .percent_write = 30, .seed = 1 };

	for (unsigned k = 0; k < 2; k++)
		for (unsigned i = 0; i < 3; i++) {
			struct bench_path *path = open_file(kinds[k], depths[i], true);

			assert_int_equal(path->bytes, SIZE);
			work.depth = depths[i];
			loads(path, work, 1000, 1000, 0);
			assert_true(measured.ns > 0);
			path->ops->close(path);
		}
}

/* One kind reads what another has written. */
static void data_goes_where_it_should(void **state)
{
	for (unsigned k = 0; k < 2; k++) {
		struct bench_path *to = open_file(kinds[k], 4, true),
				  *from = open_file(kinds[!k], 4, false);

		data_goes_through(to, from, 16 * KIB, "ae"[k]);
		to->ops->close(to);
		from->ops->close(from);
	}
}

static void beyond_the_end_is_an_error(void **state)
{
	for (unsigned k = 0; k < 2; k++) {
		struct bench_path *path = open_file(kinds[k], 8, false);

		path->bytes *= 2;
		loads(path, (struct bench_workload){ .bytes = 4 * KIB, .depth = 8, .seed = 1 },
		      2 * SIZE / (4 * KIB), SIZE / (4 * KIB), EIO);
		path->ops->close(path);
	}
}

static void one_for_reading_does_not_write(void **state)
{
	struct bench_path *path = open_file(BENCH_URING_PLAIN, 1, false);
	const struct bench_workload work = { .bytes = 4 * KIB, .depth = 1, .percent_write = 1 };
	struct bench_io io = { .bytes = 4 * KIB, .write = true };
	struct bench_done done = { 0 };

	assert_int_equal(run(path, work, 10), -EINVAL);
	/* nor does the file, should the load be wrong */
	assert_int_equal(path->ops->submit(path, &io, 1), 0);
	assert_int_equal(path->ops->reap(path, &done, 1), 1);
	assert_int_equal(done.error, EBADF);
	path->ops->close(path);
}

static void refuses(const char *node, enum bench_uring kind, int code, const char *words)
{
	struct bench_path *path;
	int ret = try_open(node, kind, 1, false, &path);

	if (ret != code || !strstr(err.text, words))
		fail_msg("%s: %d '%s', not %d '%s'", node, ret, err.text, code, words);
}

static void what_cannot_be_is_refused(void **state)
{
	struct bench_path *path;

	refuses("/nowhere", BENCH_URING_PLAIN, -ENOENT, "/nowhere");
	refuses("/dev/null", BENCH_URING_PLAIN, -EINVAL, "no NVMe generic device");
	refuses("/proc", BENCH_URING_PLAIN, -EINVAL, "neither");
	refuses(file, BENCH_URING_POLLED, -EOPNOTSUPP, "nvme.poll_queues=2");
	refuses(file, BENCH_URING_PASSTHROUGH, -EOPNOTSUPP, "nvme.poll_queues=2");
	assert_int_equal(truncate(file, 8 * KIB), 0);
	refuses(file, BENCH_URING_PLAIN, -EOPNOTSUPP, "8192 bytes");
	assert_int_equal(truncate(file, SIZE), 0);
	assert_int_equal(try_open(file, BENCH_URING_PLAIN, 0, false, &path), -EINVAL);
	assert_int_equal(try_open(file, BENCH_URING_PLAIN, 1025, false, &path), -EINVAL);
}

static int setup(void **state)
{
	int fd = mkstemp(file);

	return fd < 0 || ftruncate(fd, SIZE) || close(fd);
}

static int teardown(void **state)
{
	return unlink(file);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(loads_run),
		cmocka_unit_test(data_goes_where_it_should),
		cmocka_unit_test(beyond_the_end_is_an_error),
		cmocka_unit_test(one_for_reading_does_not_write),
		cmocka_unit_test(what_cannot_be_is_refused),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
