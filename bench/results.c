// SPDX-License-Identifier: MIT
#include "results.h"

#include <errno.h>
#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

const char *const bench_metrics[BENCH_METRICS] = {
	"iops", "bytes_per_second", "latency.mean_ns", "latency.p50_ns", "latency.p99_ns",
	"latency.p999_ns", "latency.max_ns", "cpu.user", "cpu.system", "per_io.interrupts",
	"per_io.sq_doorbells", "per_io.cq_doorbells", "per_io.maps", "per_io.unmaps",
	"per_io.invalidations", "per_io.instructions_user", "per_io.instructions_kernel",
	"run_delay",
};

void bench_results_free(struct bench_results *r)
{
	for (size_t i = 0; i < r->nr_cells; i++)
		free(r->cells[i].rounds);
	free(r->cells);
	free(r->skipped);
	free(r->machine.fact);
	free(r->device.fact);
	*r = (struct bench_results){ 0 };
}

/* Append an entry of @size zero bytes to *@array; NULL: no memory. */
static void *append(void *array, size_t *count, size_t size)
{
	void *old, *grown;

	memcpy(&old, array, sizeof(old));
	grown = reallocarray(old, *count + 1, size);
	if (!grown)
		return NULL;
	memcpy(array, &grown, sizeof(grown));
	return memset((char *)grown + (*count)++ * size, 0, size);
}

struct bench_cell *bench_results_cell(struct bench_results *r, const struct bench_row *row,
				      const struct bench_column *column, const char *device)
{
	struct bench_cell *cell;

	for (size_t i = 0; i < r->nr_cells; i++)
		if (r->cells[i].row == row && r->cells[i].column == column)
			return &r->cells[i];
	cell = append(&r->cells, &r->nr_cells, sizeof(*cell));
	if (!cell)
		return NULL;
	cell->row = row;
	cell->column = column;
	snprintf(cell->device, sizeof(cell->device), "%s", device);
	return cell;
}

struct bench_round *bench_cell_round(struct bench_cell *cell)
{
	struct bench_round *round = append(&cell->rounds, &cell->nr_rounds, sizeof(*round));

	for (int m = 0; round && m < BENCH_METRICS; m++)
		round->value[m] = NAN;
	return round;
}

int bench_results_skip(struct bench_results *r, const struct bench_row *row,
		       const struct bench_column *column, const char *reason)
{
	struct bench_skipped *skipped = append(&r->skipped, &r->nr_skipped, sizeof(*skipped));

	if (!skipped)
		return -ENOMEM;
	skipped->row = row;
	skipped->column = column;
	snprintf(skipped->reason, sizeof(skipped->reason), "%s", reason);
	return 0;
}

int bench_facts_add(struct bench_facts *facts, const char *name, const char *fmt, ...)
{
	struct bench_fact *fact = append(&facts->fact, &facts->count, sizeof(*fact));
	va_list ap;

	if (!fact)
		return -ENOMEM;
	snprintf(fact->name, sizeof(fact->name), "%s", name);
	va_start(ap, fmt);
	vsnprintf(fact->value, sizeof(fact->value), fmt, ap);
	va_end(ap);
	return 0;
}

const char *bench_facts_get(const struct bench_facts *facts, const char *name)
{
	for (size_t i = 0; i < facts->count; i++)
		if (!strcmp(facts->fact[i].name, name))
			return facts->fact[i].value;
	return "";
}

bool bench_round_is_disturbed(const struct bench_round *round)
{
	return round->value[BENCH_RUN_DELAY] > BENCH_MOST_RUN_DELAY;
}

void bench_round_text(const struct bench_round *round, char *text, size_t size)
{
	double iops = round->value[BENCH_IOPS], within = round->value[BENCH_LATENCY_P99];
	unsigned long long errors = round->errors;
	FILE *f = fmemopen(memset(text, 0, size), size, "w");

	if (!f)
		return;
	if (!round->ios && errors)
		fprintf(f, "all %llu I/Os failed", errors);
	else
		fprintf(f, isnan(iops) ? "no I/O ended in time" : "%.0f IOPS", iops);
	if (!isnan(within))
		fprintf(f, ", 99 %% within %.1f us", within / 1e3);
	if (round->ios && errors)
		fprintf(f, ", %llu I/Os failed", errors);
	if (bench_round_is_disturbed(round))
		fprintf(f, ", disturbed (run delay %.0f %%)", 100 * round->value[BENCH_RUN_DELAY]);
	fclose(f);
}
