/* SPDX-License-Identifier: MIT */
#ifndef NNVME_KERNEL_VFIO_CHECK_H
#define NNVME_KERNEL_VFIO_CHECK_H

/* What can be checked before a device is opened. Private to the library; not installed. */

#include "noiommu_nvme/bus.h"
#include "noiommu_nvme/err.h"
#include "noiommu_nvme/pci.h"

/*
 * Is @name an NVMe controller bound to vfio-pci, with a node, and can it do *mode? Resolves
 * NNVME_MODE_AUTO.
 */
int nnvme_vfio_check(const char *name, enum nnvme_mode *mode, struct nnvme_pci_info *info,
		     struct nnvme_err *err);

#endif
