/* SPDX-License-Identifier: MIT */
#ifndef NNVME_TESTS_UNIT_BENCH_SYNTHETIC_H
#define NNVME_TESTS_UNIT_BENCH_SYNTHETIC_H

/*
 * Results that no machine gave: every row and column, with a little noise that is always the same. Shaped
 * like an emulated machine with a second controller that bypasses the IOMMU.
 */

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "bench/results.h"
#include "bench/row.h"

/* 0.97 to 1.03, from a row of numbers of its own. */
static inline double synthetic_noise(uint64_t *state)
{
	*state = *state * 6364136223846793005u + 1442695040888963407u;
	return 0.97 + 0.06 * ((double)(*state >> 40) / (double)(1 << 24));
}

/* Microseconds of processor a 4 KiB read takes, user and kernel. */
static inline void synthetic_cost(const struct bench_row *row, double *user, double *kernel)
{
	static const double ways[] = { 20, 16, 13, 12 };
	static const double domains[] = { 1.05, 1, 1.5, 1.5, 1 };	/* other, identity, DMA, DMA-FQ, auto */

	*user = row->nnvme ? 4.2 : 4;
	*kernel = row->nnvme ? (row->wait == BENCH_WAIT_POLL ? 0.05 : 6.0 * row->wait) :
		  ways[row->uring] * domains[row->domain];
}

static inline void synthetic_round(struct bench_round *round, const struct bench_row *row,
				   const struct bench_column *column, uint64_t *state)
{
	double user, kernel, depth = column->work.depth, *v = round->value, each, device;

	synthetic_cost(row, &user, &kernel);
	each = (user + kernel) * (column->work.bytes > 65536 ? 4 : 1);
	device = (60 + each) / fmin(depth, 12);
	v[BENCH_IOPS] = 1e6 / fmax(each, device) * synthetic_noise(state);
	v[BENCH_BYTES_PER_SECOND] = v[BENCH_IOPS] * column->work.bytes;
	v[BENCH_LATENCY_MEAN] = depth / v[BENCH_IOPS] * 1e9;
	v[BENCH_LATENCY_P50] = v[BENCH_LATENCY_MEAN] * 0.95 * synthetic_noise(state);
	v[BENCH_LATENCY_P99] = v[BENCH_LATENCY_MEAN] * (row->spins ? 2 : 4) * synthetic_noise(state);
	v[BENCH_LATENCY_P999] = v[BENCH_LATENCY_P99] * 3 * pow(synthetic_noise(state), 6);
	v[BENCH_LATENCY_MAX] = v[BENCH_LATENCY_P999] * 20 * pow(synthetic_noise(state), 12);
	v[BENCH_CPU_USER] = user * (row->spins && depth == 1 ? 6 : 1) * synthetic_noise(state);
	v[BENCH_CPU_SYSTEM] = kernel * synthetic_noise(state);
	v[BENCH_INTERRUPTS] = row->spins ? 0 : 1 / fmin(depth, 4);
	v[BENCH_SQ_DOORBELLS] = v[BENCH_CQ_DOORBELLS] = 1 / depth;
	if (!row->nnvme && row->domain != NNVME_DOMAIN_OTHER) {
		v[BENCH_MAPS] = v[BENCH_UNMAPS] = row->domain == NNVME_DOMAIN_IDENTITY ? 0 : 1;
		v[BENCH_INVALIDATIONS] = row->domain == NNVME_DOMAIN_DMA ? 1 :
					 row->domain == NNVME_DOMAIN_DMA_FQ ? 0.004 : 0;
	}
	v[BENCH_INSTRUCTIONS_USER] = user * (row->nnvme ? 45 : 90) * synthetic_noise(state);
	v[BENCH_INSTRUCTIONS_KERNEL] = kernel * 190 * synthetic_noise(state);
	round->seconds = 5;
	round->ios = (uint64_t)(v[BENCH_IOPS] * 5);
	if (!row->nnvme && row->domain != NNVME_DOMAIN_OTHER)
		strcpy(round->domain_read_back, nnvme_domain_name(row->domain));
}

static inline void synthetic_cell(struct bench_results *r, const struct bench_row *row,
				  const struct bench_column *column, unsigned rounds, uint64_t *state)
{
	struct bench_cell *cell = bench_results_cell(r, row->name, column->name);
	bool second = row->nnvme ? row->mode == NNVME_MODE_NOIOMMU : row->domain == NNVME_DOMAIN_OTHER;

	strcpy(cell->driver, row->nnvme ? "nnvme" : "kernel");
	strcpy(cell->variant, row->variant);
	strcpy(cell->device, second ? "0000:41:00.0" : "0000:01:00.0");
	cell->spins = row->spins;
	if (row->nnvme)
		strcpy(cell->mode, row->mode == NNVME_MODE_IOMMU ? "iommu" : "noiommu");
	else if (!second)
		strcpy(cell->domain, nnvme_domain_name(row->domain));
	for (unsigned i = 0; i < rounds; i++)
		synthetic_round(bench_cell_round(cell), row, column, state);
}

/* All rows of the default columns, or of all columns; one row is left out, with a reason. */
static inline void synthetic(struct bench_results *r, unsigned rounds, bool all_columns)
{
	uint64_t state = 1;

	bench_results_init(r);
	strcpy(r->started, "2001-02-03T04:05:06Z");
	strcpy(r->harness, "bench");
	strcpy(r->backend, "null-co");
	r->emulated = r->complete = true;
	r->rounds = rounds;
	r->seconds = 5;
	bench_facts_add(&r->machine, "kernel", "6.12.117");
	bench_facts_add(&r->machine, "cpu", "QEMU TCG CPU version 2.5+");
	bench_facts_add(&r->machine, "governor", "none");
	bench_facts_add(&r->machine, "command", "noiommu-nvme-bench --device 0000:01:00.0 --second-device 0000:41:00.0 "
			"--rows kernel-identity-plain,kernel-dma-plain,nnvme-noiommu --time 5 --rounds %u", rounds);
	bench_facts_add(&r->device, "bdf", "0000:01:00.0");
	bench_facts_add(&r->device, "model", "QEMU NVMe Ctrl");
	bench_facts_add(&r->device, "second.bdf", "0000:41:00.0");
	for (size_t c = 0; c < bench_nr_columns; c++)
		for (size_t i = 0; i < bench_nr_rows; i++)
			if ((all_columns || bench_columns[c].is_default) &&
			    strcmp(bench_rows[i].name, "kernel-none-polled") != 0)
				synthetic_cell(r, &bench_rows[i], &bench_columns[c], rounds, &state);
	bench_results_skip(r, "kernel-none-polled", "",
			   "the nvme driver has no poll queues: nvme.poll_queues=2 on the "
			   "kernel's command line gives it some");
	bench_results_sum_up(r);
}

#endif
