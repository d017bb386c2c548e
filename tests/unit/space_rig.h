/* SPDX-License-Identifier: MIT */
#ifndef NNVME_TESTS_SPACE_RIG_H
#define NNVME_TESTS_SPACE_RIG_H

/*
 * A space on the fake device, and addresses to register: PAGE contiguous bytes each, so that every
 * page has a bus address of its own.
 */
#include <sys/mman.h>

#include "dma/space.h"
#include "dma/table_build.h"
#include "fake_device.h"

#define MIB ((size_t)1 << 20)
#define PAGE NNVME_PAGE_SIZE

static struct fake_device fake;
static struct nnvme_space *space;
static char *memory;		/* 64 MiB of address space, 2 MiB-aligned, never touched */

static inline int space_setup(void **state)
{
	char *p = mmap(NULL, 66 * MIB, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS |
		       MAP_NORESERVE, -1, 0);

	if (p == MAP_FAILED)
		return -1;
	memory = p + -(uintptr_t)p % (2 * MIB);
	fake_init(&fake, PAGE);
	return nnvme_space_create(&fake.dev, 0, &space, NULL);
}

static inline int space_teardown(void **state)
{
	nnvme_space_destroy(space);
	munmap(memory, 64 * MIB);
	return 0;
}

#endif
