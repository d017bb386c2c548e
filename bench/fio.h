/* SPDX-License-Identifier: MIT */
#ifndef NNVME_BENCH_FIO_H
#define NNVME_BENCH_FIO_H

/*
 * fio in place of the load (load.h): the same cells by another's generator, clock and histogram. It is the
 * fio that is on PATH; its job is one thread, with fio's own defaults but for what a cell says.
 */

#include <stddef.h>

#include "results.h"
#include "row.h"
#include "noiommu_nvme/err.h"

struct bench_fio_job {
	const struct bench_row *row;
	const struct bench_workload *work;
	const char *target;	/* of the kernel's rows the node (path.h), of nnvme the BDF */
	uint32_t nsid;		/* of nnvme; 0: the engine's own choice */
	double seconds, warm_up;
};

/* The words of the command, NULL last: for bench_fio_free(). NULL without memory. */
char **bench_fio_words(const struct bench_fio_job *job);
void bench_fio_free(char **words);

/*
 * What fio printed as JSON into a round: IOPS and bandwidth, latencies (fio's lat: from submission to
 * completion, percentiles from its own histogram), CPU time (of its job's thread), I/Os and errors. All else
 * is left as it is, and all but I/Os, errors and time when every I/O failed. @bytes is an I/O's size: fio's
 * own number of I/Os and its IOPS have those in them that failed. -EINVAL names what is missing or wrong.
 */
int bench_fio_parse(const char *text, uint32_t bytes, struct bench_round *round, struct nnvme_err *err);

/*
 * Runs the job and waits for its end; it is killed when its parent dies. -EIO and fio's last words when it
 * failed.
 */
int bench_fio_run(const struct bench_fio_job *job, struct bench_round *round, struct nnvme_err *err);

#endif
