/* SPDX-License-Identifier: MIT */
#ifndef NNVME_BENCH_CLOCK_H
#define NNVME_BENCH_CLOCK_H

/* The source of times: the machine (CLOCK_MONOTONIC), or a simulation that advances it. */

#include <stdint.h>

struct bench_clock {
	uint64_t (*now)(struct bench_clock *clock);	/* ns */
};

extern struct bench_clock bench_clock_machine;

#endif
