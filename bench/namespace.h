/* SPDX-License-Identifier: MIT */
#ifndef NNVME_BENCH_NAMESPACE_H
#define NNVME_BENCH_NAMESPACE_H

/* Which namespace of a controller is measured: the same one through every driver. */

#include <stdbool.h>
#include <stdint.h>

struct bench_namespace {
	uint32_t nsid;
	unsigned disk, number;	/* nvme<disk>n<number>: the kernel's, not the NSID */
	uint64_t used;		/* blocks, if the kernel reports it (NUSE); UINT64_MAX: unknown */
};

/*
 * The namespace among those in @folder, /sys/bus/pci/devices/BDF/nvme/nvmeN: @nsid; or, for 0, the
 * lowest without metadata, which this driver supports, or the lowest if all have metadata. false:
 * there is none.
 */
bool bench_namespace_find(const char *folder, uint32_t nsid, struct bench_namespace *found);

#endif
