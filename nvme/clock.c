// SPDX-License-Identifier: MIT
#include "nvme/clock.h"

#include <time.h>

uint64_t nnvme_now_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * 1000000000 + (uint64_t)t.tv_nsec;
}

uint64_t nnvme_now_ms(void)
{
	return nnvme_now_ns() / 1000000;
}

void nnvme_pause(void)
{
	/* Short compared with the milliseconds that a controller takes to change state. */
	nanosleep(&(struct timespec){ .tv_nsec = 20000 }, NULL);
}
