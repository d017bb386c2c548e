/* SPDX-License-Identifier: MIT */
#ifndef NNVME_BENCH_NAMESPACE_H
#define NNVME_BENCH_NAMESPACE_H

/* Which of a controller's namespaces is measured: the same one through every driver. */

#include <stdbool.h>
#include <stdint.h>

struct bench_namespace {
	uint32_t nsid;
	unsigned disk, number;	/* nvme<disk>n<number>: the kernel's numbers, which are not the NSID */
	uint64_t used;		/* blocks, where the kernel says so (NUSE); UINT64_MAX: it does not */
};

/*
 * Among those in @folder, /sys/bus/pci/devices/BDF/nvme/nvmeN: that of @nsid, or for 0 the least of those
 * without metadata, which this driver takes as well; the least where all have some. false: there is none.
 */
bool bench_namespace_find(const char *folder, uint32_t nsid, struct bench_namespace *found);

#endif
