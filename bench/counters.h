/* SPDX-License-Identifier: MIT */
#ifndef NNVME_BENCH_COUNTERS_H
#define NNVME_BENCH_COUNTERS_H

/* What the kernel counts while a load runs. */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

/*
 * Interrupts so far, on all CPUs, of a controller's vectors: those that the nvme driver calls
 * "nvme0q1", of @controller ("nvme0"), and those of VFIO that name @bdf.
 */
uint64_t bench_interrupts(const char *controller, const char *bdf);
uint64_t bench_interrupts_in(FILE *file, const char *controller, const char *bdf);

/*
 * The IOMMU layer's tracepoints. They count for the whole machine: a buffer is unmapped where its
 * interrupt arrives, or later by a timer. In the order of their metrics, from BENCH_MAPS on.
 */
enum bench_trace { BENCH_TRACE_MAP, BENCH_TRACE_UNMAP, BENCH_TRACE_INVALIDATION, BENCH_TRACES };

struct bench_tracer {
	int *fd;		/* of each trace one per CPU; -1: not available */
	size_t nr_cpus;
	bool counts[BENCH_TRACES];
};

/* Opens those that exist; false: there are none, and nothing to close. */
bool bench_tracer_open(struct bench_tracer *tracer);
void bench_tracer_start(struct bench_tracer *tracer);

/* Stops; NAN for those that don't exist. */
void bench_tracer_stop(struct bench_tracer *tracer, double counts[BENCH_TRACES]);
void bench_tracer_close(struct bench_tracer *tracer);

#endif
