// SPDX-License-Identifier: MIT
#include "merge.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "mark.h"

static int read_line(struct bench_counts *counts, const char *line, const char *path, unsigned number,
		     struct nnvme_err *err)
{
	struct bench_count count = { .known = true };
	uint64_t pair;
	int end = -1;

	sscanf(line, "%" SCNu64 " %" SCNu64 " %" SCNu64 " %" SCNu64 " %" SCNu64 " %n", &pair, &count.user,
	       &count.kernel, &count.sq, &count.cq, &end);
	if (end < 0 || line[end] || strchr(line, '-'))
		return nnvme_fail(err, -EINVAL, "%.150s:%u: not five numbers: pair, user, kernel, SQ, CQ", path,
				  number);
	if (!pair || pair > BENCH_MARK_MAX)
		return nnvme_fail(err, -EINVAL, "%.150s:%u: pair %" PRIu64 ": they are numbered from 1 to %d", path,
				  number, pair, BENCH_MARK_MAX);
	if (counts->pair[pair].known)
		return nnvme_fail(err, -EINVAL, "%.150s:%u: pair %" PRIu64 " for the second time: count one run only",
				  path, number, pair);
	counts->pair[pair] = count;
	counts->count++;
	return 0;
}

int bench_counts_read(struct bench_counts *counts, const char *path, struct nnvme_err *err)
{
	FILE *file = fopen(path, "re");
	char line[200];
	int ret = 0;

	*counts = (struct bench_counts){};
	if (!file)
		return nnvme_fail(err, -errno, "%.150s: cannot be read: %s", path, strerror(errno));
	counts->pair = calloc(BENCH_MARK_MAX + 1, sizeof(*counts->pair));
	if (!counts->pair)
		ret = nnvme_fail(err, -ENOMEM, "no memory for the counts in %.150s", path);
	for (unsigned number = 1; !ret && fgets(line, sizeof(line), file); number++)
		ret = read_line(counts, line, path, number, err);
	if (!ret && ferror(file))
		ret = nnvme_fail(err, -EIO, "%.150s cannot be read", path);
	fclose(file);
	if (ret)
		bench_counts_free(counts);
	return ret;
}

void bench_counts_free(struct bench_counts *counts)
{
	free(counts->pair);
	*counts = (struct bench_counts){};
}

/* Facts that two runs of one machine have in common. */
static int same_machine(const struct bench_results *a, const struct bench_results *b, struct nnvme_err *err)
{
	const char *x, *y;

	for (size_t i = 0; i < a->device.count; i++) {
		x = a->device.fact[i].value;
		y = bench_facts_get(&b->device, a->device.fact[i].name);
		if (strcmp(x, y) != 0)
			return nnvme_fail(err, -EINVAL, "the counts are of another machine: %s is \"%.100s\" "
					  "there, and \"%.100s\" here", a->device.fact[i].name, y, x);
	}
	if (a->rounds != b->rounds)
		return nnvme_fail(err, -EINVAL, "the counts are of %u rounds, and the results of %u", b->rounds,
				  a->rounds);
	return 0;
}

/* Every round that has a number has counts. */
static int complete(const struct bench_results *counted, const struct bench_counts *counts,
		    struct nnvme_err *err)
{
	for (size_t i = 0; i < counted->nr_cells; i++)
		for (size_t k = 0; k < counted->cells[i].nr_rounds; k++) {
			const struct bench_cell *cell = &counted->cells[i];
			uint64_t pair = cell->rounds[k].mark;

			if (pair > BENCH_MARK_MAX || (pair && !counts->pair[pair].known))
				return nnvme_fail(err, -EINVAL, "round %zu of %s, %s: its pair of marks, %" PRIu64
						  ", was not counted", k + 1, cell->row, cell->column, pair);
		}
	return 0;
}

static void merge_round(struct bench_round *to, const struct bench_round *from,
			const struct bench_counts *counts)
{
	const struct bench_count *count = &counts->pair[from->mark];
	double ios = (double)from->ios;

	to->mark = from->mark;
	to->value[BENCH_INSTRUCTIONS_USER] = (double)count->user / ios;
	to->value[BENCH_INSTRUCTIONS_KERNEL] = (double)count->kernel / ios;
	to->value[BENCH_SQ_DOORBELLS] = (double)count->sq / ios;
	to->value[BENCH_CQ_DOORBELLS] = (double)count->cq / ios;
}

/* What failed took instructions too, and nobody knows how many of them. */
static bool is_counted(const struct bench_round *round)
{
	return round->mark && round->ios && !round->errors;
}

/* The rounds of @timed that get counts; @counts may be NULL, to ask without a change. */
static size_t merge_cells(struct bench_results *timed, const struct bench_results *counted,
			  const struct bench_counts *counts)
{
	size_t merged = 0;

	for (size_t i = 0; i < counted->nr_cells; i++) {
		const struct bench_cell *from = &counted->cells[i];
		struct bench_cell *to = bench_results_find(timed, from->row, from->column);

		for (size_t k = 0; to && k < to->nr_rounds && k < from->nr_rounds; k++) {
			if (!is_counted(&from->rounds[k]))
				continue;
			merged++;
			if (counts)
				merge_round(&to->rounds[k], &from->rounds[k], counts);
		}
	}
	return merged;
}

int bench_merge(struct bench_results *timed, const struct bench_results *counted,
		const struct bench_counts *counts, struct nnvme_err *err)
{
	int ret = same_machine(timed, counted, err);

	if (!ret)
		ret = complete(counted, counts, err);
	if (!ret && !merge_cells(timed, counted, NULL))
		ret = nnvme_fail(err, -EINVAL, "no round of the results was counted: count a run with --marks, of "
				 "the same rows and columns");
	if (ret)
		return ret;
	merge_cells(timed, counted, counts);
	bench_results_sum_up(timed);
	return 0;
}

/* results.json -> results.csv */
static int write_csv(const struct bench_results *r, const char *json, struct nnvme_err *err)
{
	size_t length = strlen(json);
	int stem = (int)(length > 5 && !strcmp(json + length - 5, ".json") ? length - 5 : length);
	char path[4096];

	if (snprintf(path, sizeof(path), "%.*s.csv", stem, json) >= (int)sizeof(path))
		return nnvme_fail(err, -ENAMETOOLONG, "%.150s...: the name is too long", json);
	return bench_results_write_csv(r, path, err);
}

int bench_merge_files(const char *timed, const char *counted, const char *marks, struct nnvme_err *err)
{
	struct bench_results to, from;
	struct bench_counts counts;
	int ret;

	bench_results_init(&to);
	bench_results_init(&from);
	ret = bench_counts_read(&counts, marks, err);
	if (!ret)
		ret = bench_results_read(&to, timed, err);
	if (!ret)
		ret = bench_results_read(&from, counted, err);
	if (!ret)
		ret = bench_merge(&to, &from, &counts, err);
	if (!ret)
		ret = bench_results_write(&to, timed, err);
	if (!ret)
		ret = write_csv(&to, timed, err);
	bench_counts_free(&counts);
	bench_results_free(&from);
	bench_results_free(&to);
	return ret;
}
