// SPDX-License-Identifier: MIT
/*
 * Everything at once: threads that map, look up, unmap, attach, detach and move two devices between
 * two address spaces. Results of calls depend on the others; but nothing may be left behind, and no
 * answer may be wrong. Most useful under a debug kernel.
 */

#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#include "contract.h"

enum { ROUNDS = 400, PAGES = 64 };

static struct session device[2];
static uint32_t spaces[2];

struct worker {
	pthread_t thread;
	unsigned seed;
	char *memory;		/* PAGES pages, not shared with another worker */
	const char *wrong;	/* what should not have happened */
};

/* A look-up in memory that only the caller maps: the right address, or a reason. */
static void look(struct worker *w, uint32_t ioas, uint64_t iova, uint64_t offset)
{
	uint64_t length = PAGES * PAGE, phys;
	int ret = iommufd_get_pa(device[0].iommufd, ioas, iova + offset, &length, &phys);

	if (ret && ret != -EOPNOTSUPP)
		w->wrong = "GET_PA failed otherwise than for want of an attached device";
	if (!ret && phys != memory_phys(w->memory + offset))
		w->wrong = "GET_PA told a wrong address";
	if (!ret && (!length || length > PAGES * PAGE - offset))
		w->wrong = "GET_PA told a wrong length";
}

static void *map_look_unmap(void *arg)
{
	struct worker *w = arg;

	for (unsigned i = 0; i < ROUNDS && !w->wrong; i++) {
		uint32_t ioas = spaces[rand_r(&w->seed) & 1];
		uint64_t iova = 0;

		if (iommufd_map(device[0].iommufd, ioas, w->memory, PAGES * PAGE, &iova)) {
			w->wrong = "map failed";
			break;
		}
		for (unsigned n = rand_r(&w->seed) % 4; n; n--)
			look(w, ioas, iova, rand_r(&w->seed) % (PAGES * PAGE));
		if (iommufd_unmap(device[0].iommufd, ioas, iova, PAGES * PAGE))
			w->wrong = "unmap failed";
	}
	return NULL;
}

static void *move_devices(void *arg)
{
	struct worker *w = arg;

	for (unsigned i = 0; i < ROUNDS && !w->wrong; i++) {
		const struct session *s = &device[rand_r(&w->seed) & 1];
		uint32_t pt = spaces[rand_r(&w->seed) & 1];

		if (rand_r(&w->seed) % 3) {
			if (session_attach(s, &pt))
				w->wrong = "attach failed";
		} else if (session_detach(s)) {
			w->wrong = "detach failed";
		}
	}
	return NULL;
}

static void open_devices(void)
{
	session_open(&device[0], contract_noiommu[0]);
	session_join(&device[1], contract_noiommu[1], &device[0]);
	spaces[0] = device[0].ioas;
	assert_int_equal(iommufd_ioas(device[0].iommufd, &spaces[1]), 0);
}

static void run_workers(struct worker w[4])
{
	for (unsigned i = 0; i < 4; i++) {
		w[i] = (struct worker){ .seed = i, .memory = memory_get(PAGES * PAGE) };
		assert_int_equal(pthread_create(&w[i].thread, NULL,
						i < 3 ? map_look_unmap : move_devices, &w[i]), 0);
	}
	for (unsigned i = 0; i < 4; i++)
		pthread_join(w[i].thread, NULL);
}

static void calls_at_the_same_time(void **state)
{
	int64_t before = memory_pinned();
	struct worker w[4];

	open_devices();
	run_workers(w);
	for (unsigned i = 0; i < 4; i++) {
		if (w[i].wrong)
			fail_msg("%s", w[i].wrong);
	}
	assert_int_equal(memory_pinned() - before, 0);
}

static void death_among_calls(void **state)
{
	int64_t before = memory_pinned();
	int status;
	pid_t child;

	for (unsigned i = 1; i <= 5; i++) {
		child = contract_fork();
		if (!child) {
			struct worker w[4];

			open_devices();
			for (;;)
				run_workers(w);
		}
		usleep(100000 * i);	/* long enough to be somewhere */
		kill(child, SIGKILL);
		assert_int_equal(waitpid(child, &status, 0), child);
		assert_true(WIFSIGNALED(status));
		assert_int_equal(WTERMSIG(status), SIGKILL);
		assert_int_equal(memory_pinned() - before, 0);
	}
}

int contract_test_stress(void)
{
	const struct CMUnitTest tests[] = {
		CONTRACT_TEST(calls_at_the_same_time),
		CONTRACT_TEST(death_among_calls),
	};

	return cmocka_run_group_tests_name("stress", tests, NULL, NULL);
}
