/* SPDX-License-Identifier: MIT */
#ifndef NNVME_BENCH_FIO_H
#define NNVME_BENCH_FIO_H

/*
 * fio instead of the load (load.h): the same cells, with another generator, clock and histogram. It
 * is the fio in PATH; its job is one thread, with fio's defaults except for what a cell sets.
 */

#include <stddef.h>

#include "results.h"
#include "row.h"
#include "noiommu_nvme/err.h"

struct bench_fio_job {
	const struct bench_row *row;
	const struct bench_workload *work;
	const char *target;	/* for the kernel's rows the node (path.h), for nnvme the BDF */
	uint32_t nsid;		/* for nnvme; 0: the engine's choice */
	double seconds, warm_up;
};

/* The arguments of the command, ended by NULL, to be freed by bench_fio_free(). NULL: no memory. */
char **bench_fio_words(const struct bench_fio_job *job);
void bench_fio_free(char **words);

/*
 * Copy fio's JSON output into a round: IOPS and bandwidth, latencies (fio's lat: from submission to
 * completion, percentiles from its own histogram), CPU time (of its job's thread), I/Os and errors.
 * The rest stays as it is; if every I/O failed, so does all but I/Os, errors and time. @bytes is
 * the size of an I/O, needed because fio's own number of I/Os and its IOPS include failed ones.
 * -EINVAL names what is missing or wrong.
 */
int bench_fio_parse(const char *text, uint32_t bytes, struct bench_round *round,
		    struct nnvme_err *err);

/*
 * Run the job and wait for its end; it is killed when its parent dies. -EIO with fio's last line if
 * it failed.
 */
int bench_fio_run(const struct bench_fio_job *job, struct bench_round *round,
		  struct nnvme_err *err);

#endif
