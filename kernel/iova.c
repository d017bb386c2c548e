// SPDX-License-Identifier: MIT
#include "kernel/iova.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

bool nnvme_iova_within(const struct nnvme_iova_range *iova_ranges, size_t nr_iova_ranges,
		       uint64_t iova, uint64_t len)
{
	for (size_t i = 0; i < nr_iova_ranges; i++)
		if (iova >= iova_ranges[i].first && iova <= iova_ranges[i].last)
			return len && len - 1 <= iova_ranges[i].last - iova;
	return false;
}

/* The first aligned address from @from on; false when @len bytes from there pass @last. */
static bool align(uint64_t from, uint64_t last, uint64_t len, uint64_t alignment, uint64_t *at)
{
	*at = (from + alignment - 1) & -alignment;
	return *at >= from && *at <= last && len - 1 <= last - *at;
}

/* The first gap in one range; *i becomes the index of the taken range after it. */
static bool find_gap(const struct nnvme_iova_space *s, const struct nnvme_iova_range *range,
		     uint64_t len, uint64_t alignment, uint64_t *at, size_t *i)
{
	uint64_t from = range->first;

	for (*i = 0; *i < s->nr_taken; ++*i) {
		const struct nnvme_iova_range *t = &s->taken[*i];

		if (t->last < from)
			continue;
		if (t->first > range->last)
			break;
		if (t->first > from && align(from, t->first - 1, len, alignment, at))
			return true;
		if (t->last >= range->last)
			return false;
		from = t->last + 1;
	}
	return align(from, range->last, len, alignment, at);
}

static int grow(struct nnvme_iova_space *s)
{
	size_t max = s->max_taken ? 2 * s->max_taken : 16;
	struct nnvme_iova_range *more;

	if (s->nr_taken < s->max_taken)
		return 0;
	more = realloc(s->taken, max * sizeof(*more));
	if (!more)
		return -ENOMEM;
	s->taken = more;
	s->max_taken = max;
	return 0;
}

int nnvme_iova_take(struct nnvme_iova_space *s, uint64_t len, uint64_t alignment, uint64_t *iova)
{
	size_t at;

	if (!len || grow(s))
		return len ? -ENOMEM : -EINVAL;
	for (size_t i = 0; i < s->nr_iova_ranges; i++) {
		struct nnvme_iova_range range = s->iova_ranges[i];

		if (!range.first)	/* 0 stands for "not mapped" */
			range.first = alignment;
		if (range.first > range.last || !find_gap(s, &range, len, alignment, iova, &at))
			continue;
		memmove(&s->taken[at + 1], &s->taken[at], (s->nr_taken - at) * sizeof(*s->taken));
		s->taken[at] = (struct nnvme_iova_range){ *iova, *iova + len - 1 };
		s->nr_taken++;
		return 0;
	}
	return -ENOSPC;
}

int nnvme_iova_give(struct nnvme_iova_space *s, uint64_t iova, uint64_t len)
{
	for (size_t i = 0; i < s->nr_taken; i++) {
		struct nnvme_iova_range *t = &s->taken[i];

		if (t->first != iova || t->last - t->first != len - 1)
			continue;
		memmove(t, t + 1, (--s->nr_taken - i) * sizeof(*t));
		return 0;
	}
	return -ENOENT;
}

void nnvme_iova_free(struct nnvme_iova_space *s)
{
	free(s->taken);
	s->taken = NULL;
	s->nr_taken = s->max_taken = 0;
}
