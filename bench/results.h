/* SPDX-License-Identifier: MIT */
#ifndef NNVME_BENCH_RESULTS_H
#define NNVME_BENCH_RESULTS_H

/*
 * The results of a run: cells (a row and a column), each with its rounds. results.json is this
 * structure; docs/bench-results.md describes it.
 *
 * All values of a round are one array, indexed by metric, NAN if there is no value: writing is
 * a loop over bench_metrics[]. What follows from the rounds, who reads them works out.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "row.h"
#include "noiommu_nvme/err.h"

enum bench_metric {
	BENCH_IOPS,
	BENCH_BYTES_PER_SECOND,
	BENCH_LATENCY_MEAN,	/* ns, from submission to reap */
	BENCH_LATENCY_P50,
	BENCH_LATENCY_P99,
	BENCH_LATENCY_P999,
	BENCH_LATENCY_MAX,
	BENCH_CPU_USER,		/* seconds of CPU per million I/Os */
	BENCH_CPU_SYSTEM,
	BENCH_INTERRUPTS,	/* the rest: per I/O */
	BENCH_SQ_DOORBELLS,
	BENCH_CQ_DOORBELLS,
	BENCH_MAPS,
	BENCH_UNMAPS,
	BENCH_INVALIDATIONS,
	BENCH_INSTRUCTIONS_USER,
	BENCH_INSTRUCTIONS_KERNEL,
	BENCH_RUN_DELAY,	/* share of the time that the load's threads waited for a CPU */
	BENCH_METRICS
};

/* Their names in JSON; a dot means nesting: "latency.p50_ns". */
extern const char *const bench_metrics[BENCH_METRICS];

/*
 * A round with more run delay than this is disturbed: it measures the machine's other work as well.
 */
#define BENCH_MOST_RUN_DELAY 0.05

struct bench_round {
	double value[BENCH_METRICS];	/* NAN: not measured */
	uint64_t ios, errors;		/* an I/O that failed is an error and no I/O */
	double seconds;
	char domain_read_back[16];	/* before this round; "" where there is no group */
	uint64_t mark;			/* number of its pair of marks (mark.h); 0: none */
};

struct bench_cell {
	const struct bench_row *row;
	const struct bench_column *column;
	char device[20];	/* BDF */
	size_t nr_rounds;
	struct bench_round *rounds;
};

struct bench_skipped {
	const struct bench_row *row;
	const struct bench_column *column;	/* NULL: the whole row */
	char reason[300];
};

/* One fact about the machine, the device or the run, in order: "kernel" -> "6.12.117". */
struct bench_fact {
	char name[48], value[512];
};
struct bench_facts {
	size_t count;
	struct bench_fact *fact;
};

struct bench_results {
	char started[32];		/* ISO 8601, UTC */
	char harness[12];		/* "bench", or "fio" when fio was the generator */
	char backend[32];		/* of emulated storage: "null-co", "file"; "" on hardware */
	bool emulated;			/* in an emulated machine without KVM */
	bool complete;			/* false: interrupted */
	unsigned rounds;		/* asked for */
	double seconds;			/* of a round of a cell */
	struct bench_facts machine;	/* kernel, cpu, governor, hypervisor, hugepages, ... */
	struct bench_facts device;	/* bdf, model, firmware, lba, iommu; second.bdf, ... */
	size_t nr_cells;
	struct bench_cell *cells;
	size_t nr_skipped;
	struct bench_skipped *skipped;
};

#define BENCH_SCHEMA 3		/* what docs/bench-results.md describes */

/* What is all zero is empty. */
void bench_results_free(struct bench_results *r);

/* That cell, added if it is new; valid until the next one is. NULL: no memory. */
struct bench_cell *bench_results_cell(struct bench_results *r, const struct bench_row *row,
				      const struct bench_column *column, const char *device);

/* One more, all NAN; likewise. */
struct bench_round *bench_cell_round(struct bench_cell *cell);
int bench_results_skip(struct bench_results *r, const struct bench_row *row,
		       const struct bench_column *column, const char *reason);
int bench_facts_add(struct bench_facts *facts, const char *name, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));
const char *bench_facts_get(const struct bench_facts *facts, const char *name);	/* or "" */

bool bench_round_is_disturbed(const struct bench_round *round);

/* Readable text without NANs: "50000 IOPS, 99 % within 20.5 us", "all 12 I/Os failed". */
void bench_round_text(const struct bench_round *round, char *text, size_t size);

/* A file is replaced when the new one is complete: a reader sees the old one or the new one. */
int bench_results_write(const struct bench_results *r, const char *path, struct nnvme_err *err);
int bench_results_write_csv(const struct bench_results *r, const char *path, struct nnvme_err *err);

#endif
