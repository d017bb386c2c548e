// SPDX-License-Identifier: MIT
#include "row.h"

/* The kernel's driver under one domain type, with each form of io_uring. */
#define KERNEL(name_, title_, variant_, domain_, uring_, spins_) { \
	.name = "kernel-" name_ "-" variant_, .title = "kernel, " title_ ", io_uring " variant_, \
	.variant = variant_, .domain = domain_, .uring = uring_, .spins = spins_ }
#define KERNELS(name_, title_, domain_) \
	KERNEL(name_, title_, "plain", domain_, BENCH_URING_PLAIN, false), \
	KERNEL(name_, title_, "registered", domain_, BENCH_URING_REGISTERED, false), \
	KERNEL(name_, title_, "polled", domain_, BENCH_URING_POLLED, true), \
	KERNEL(name_, title_, "passthrough", domain_, BENCH_URING_PASSTHROUGH, true)

#define NNVME(name_, title_, variant_, mode_, wait_) { \
	.name = "nnvme-" name_, .title = "noiommu-nvme, " title_, \
	.variant = variant_, .nnvme = true, .mode = NNVME_MODE_##mode_, \
	.wait = BENCH_WAIT_##wait_, .spins = BENCH_WAIT_##wait_ == BENCH_WAIT_POLL }

const struct bench_row bench_rows[] = {
	KERNELS("identity", "identity", NNVME_DOMAIN_IDENTITY),
	KERNELS("dma", "DMA", NNVME_DOMAIN_DMA),
	KERNELS("dma-fq", "DMA-FQ", NNVME_DOMAIN_DMA_FQ),
	KERNELS("none", "no IOMMU", NNVME_DOMAIN_OTHER),
	NNVME("iommu", "iommu", "poll", IOMMU, POLL),
	NNVME("iommu-hybrid", "iommu, hybrid", "hybrid", IOMMU, HYBRID),
	NNVME("iommu-interrupt", "iommu, interrupt", "interrupt", IOMMU, INTERRUPT),
	NNVME("noiommu", "noiommu", "poll", NOIOMMU, POLL),
	NNVME("noiommu-hybrid", "noiommu, hybrid", "hybrid", NOIOMMU, HYBRID),
	NNVME("noiommu-interrupt", "noiommu, interrupt", "interrupt", NOIOMMU, INTERRUPT),
};
const size_t bench_nr_rows = sizeof(bench_rows) / sizeof(*bench_rows);

#define COLUMN(name_, title_, bytes_, depth_, random_, percent_write_, is_default_) { \
	.name = name_, .title = title_, .is_default = is_default_, \
	.work = { .bytes = bytes_, .depth = depth_, .random = random_, \
		  .percent_write = percent_write_ } }

const struct bench_column bench_columns[] = {
	COLUMN("randread-4k-qd1", "4 KiB random read, depth 1", 4096, 1, true, 0, true),
	COLUMN("randread-4k-qd8", "4 KiB random read, depth 8", 4096, 8, true, 0, false),
	COLUMN("randread-4k-qd32", "4 KiB random read, depth 32", 4096, 32, true, 0, true),
	COLUMN("randread-4k-qd128", "4 KiB random read, depth 128", 4096, 128, true, 0, false),
	COLUMN("read-128k-qd32", "128 KiB sequential read, depth 32",
	       128 << 10, 32, false, 0, true),
	COLUMN("randread-512-qd32", "512 B random read, depth 32", 512, 32, true, 0, false),
	COLUMN("randwrite-4k-qd1", "4 KiB random write, depth 1", 4096, 1, true, 100, false),
	COLUMN("randwrite-4k-qd8", "4 KiB random write, depth 8", 4096, 8, true, 100, false),
	COLUMN("randwrite-4k-qd32", "4 KiB random write, depth 32", 4096, 32, true, 100, false),
	COLUMN("randwrite-4k-qd128", "4 KiB random write, depth 128", 4096, 128, true, 100, false),
	COLUMN("write-128k-qd32", "128 KiB sequential write, depth 32",
	       128 << 10, 32, false, 100, false),
	COLUMN("randwrite-512-qd32", "512 B random write, depth 32", 512, 32, true, 100, false),
	COLUMN("randrw-4k-qd32", "4 KiB random, 70 % reads and 30 % writes, depth 32",
	       4096, 32, true, 30, false),
};
const size_t bench_nr_columns = sizeof(bench_columns) / sizeof(*bench_columns);
