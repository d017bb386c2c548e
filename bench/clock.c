// SPDX-License-Identifier: MIT
#include "clock.h"

#include <time.h>

static uint64_t machine_now(struct bench_clock *clock)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * 1000000000 + (uint64_t)t.tv_nsec;
}

struct bench_clock bench_clock_machine = { .now = machine_now };
