/* SPDX-License-Identifier: MIT */
#ifndef NNVME_KERNEL_NOIOMMU_ORIGIN_H
#define NNVME_KERNEL_NOIOMMU_ORIGIN_H

/*
 * Where the running kernel has device nodes without an IOMMU from; if it has none, the one command
 * that brings them on this distribution.
 *
 * Private to the library; not installed.
 */

#include "noiommu_nvme/probe.h"

/* Fills noiommu_origin and noiommu_fix from what else was found. */
void nnvme_noiommu_origin(struct nnvme_probe *p);

#endif
