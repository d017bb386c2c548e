/* SPDX-License-Identifier: MIT */
#ifndef NNVME_BENCH_MACHINE_H
#define NNVME_BENCH_MACHINE_H

/*
 * What the figures were measured on: facts for results.json. What can't be found out is left out.
 */

#include "place.h"
#include "results.h"

/* An emulated CPU: QEMU without KVM, which identifies itself. */
bool bench_machine_is_emulated(void);

/* 0 or -ENOMEM. */
int bench_machine_facts(struct bench_facts *facts, int argc, char **argv);

/* Facts about one controller, with @prefix ("" or "second.") before each name. */
int bench_device_facts(struct bench_facts *facts, const char *prefix,
		       const struct bench_device *device);

#endif
