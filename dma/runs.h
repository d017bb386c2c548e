/* SPDX-License-Identifier: MIT */
#ifndef NNVME_DMA_RUNS_H
#define NNVME_DMA_RUNS_H

/*
 * The allocator of page runs: which pages of a chunk of memory are in use, and as what. It knows
 * page numbers within the chunk and never touches the memory.
 *
 * Thread rule: callers serialise. Private to the library.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "noiommu_nvme/bus.h"

#define NNVME_NO_RUN SIZE_MAX

struct nnvme_runs {
	size_t pages;
	size_t hint;			/* no free page below this one */
	const nnvme_bus_t *bus;		/* of each page, where runs join too; NULL: they need not */
	uint8_t *state;			/* of each page */
};

/* @state: a zeroed byte per page, which the caller frees. */
static inline struct nnvme_runs nnvme_runs_of(size_t pages, uint8_t *state, const nnvme_bus_t *bus)
{
	return (struct nnvme_runs){ .pages = pages, .bus = bus, .state = state };
}

/* Take the first run of @n free pages, 1 or more: its first page, or NNVME_NO_RUN. */
size_t nnvme_runs_take(struct nnvme_runs *runs, size_t n);

/* How many pages were taken as the run that begins with page @first; 0: none begins there. */
size_t nnvme_runs_length(const struct nnvme_runs *runs, size_t first);

/* Give back the run that begins with @first. */
void nnvme_runs_put(struct nnvme_runs *runs, size_t first);

/* Is nothing taken? */
bool nnvme_runs_empty(const struct nnvme_runs *runs);

#endif
