// SPDX-License-Identifier: MIT
#include "dma/runs.h"

#include <string.h>

#include "noiommu_nvme/table.h"

enum { FREE, FIRST, MORE };	/* the part of a run that a page is; chunks begin as zeroes */

static bool joins(const struct nnvme_runs *r, size_t page)
{
	return !r->bus || r->bus[page].v == r->bus[page - 1].v + NNVME_PAGE_SIZE;
}

static size_t find(const struct nnvme_runs *r, size_t n)
{
	size_t run = 0;

	for (size_t page = r->hint; page < r->pages; page++) {
		if (r->state[page] != FREE) {
			run = 0;
			continue;
		}
		run = run && joins(r, page) ? run + 1 : 1;
		if (run == n)
			return page + 1 - n;
	}
	return NNVME_NO_RUN;
}

size_t nnvme_runs_take(struct nnvme_runs *r, size_t n)
{
	size_t first = find(r, n);

	if (first == NNVME_NO_RUN)
		return first;
	r->state[first] = FIRST;
	memset(&r->state[first + 1], MORE, n - 1);
	while (r->hint < r->pages && r->state[r->hint] != FREE)
		r->hint++;
	return first;
}

size_t nnvme_runs_length(const struct nnvme_runs *r, size_t first)
{
	size_t n = 1;

	if (first >= r->pages || r->state[first] != FIRST)
		return 0;
	while (first + n < r->pages && r->state[first + n] == MORE)
		n++;
	return n;
}

void nnvme_runs_put(struct nnvme_runs *r, size_t first)
{
	memset(&r->state[first], FREE, nnvme_runs_length(r, first));
	if (first < r->hint)
		r->hint = first;
}

bool nnvme_runs_empty(const struct nnvme_runs *r)
{
	return !memchr(r->state, FIRST, r->pages);
}
