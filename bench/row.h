/* SPDX-License-Identifier: MIT */
#ifndef NNVME_BENCH_ROW_H
#define NNVME_BENCH_ROW_H

/*
 * All rows and columns. A row is a driver, the way it is used, and what is between the device and
 * memory; a column is a workload.
 */

#include <stdbool.h>
#include <stddef.h>

#include "load.h"
#include "path.h"
#include "noiommu_nvme/iommu_group.h"

struct bench_row {
	const char *name;	/* "kernel-identity-plain", "nnvme-noiommu", "nnvme-iommu-hybrid" */
	const char *title;	/* for people: "kernel, identity, io_uring polled" */
	const char *variant;
	bool nnvme;		/* this driver, and not the kernel's */
	enum nnvme_domain domain;	/* of the kernel's rows; OTHER: no IOMMU */
	enum nnvme_mode mode;		/* of our rows */
	enum bench_uring uring;
	enum bench_wait wait;
	bool spins;
};
extern const struct bench_row bench_rows[];
extern const size_t bench_nr_rows;

struct bench_column {
	const char *name;	/* "randread-4k-qd1", "read-128k-qd32", "randrw-4k-qd32" */
	const char *title;	/* "4 KiB random read, depth 1" */
	struct bench_workload work;
	bool is_default;	/* one of the three that run by default */
};
extern const struct bench_column bench_columns[];
extern const size_t bench_nr_columns;

#endif
