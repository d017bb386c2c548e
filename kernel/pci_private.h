/* SPDX-License-Identifier: MIT */
#ifndef NNVME_KERNEL_PCI_PRIVATE_H
#define NNVME_KERNEL_PCI_PRIVATE_H

/*
 * What other files need of pci.c besides the public calls. Private to the library; not installed.
 */

#include "noiommu_nvme/pci.h"

#define NNVME_NOIOMMU_SWITCH "/sys/module/vfio/parameters/enable_unsafe_noiommu_mode"

/* nnvme_pci_info() into a structure of this library, whatever its size field. */
int nnvme_pci_read(const char *bdf, struct nnvme_pci_info *info, struct nnvme_err *err);

/* The same, and -ENODEV when it is not an NVMe controller. */
int nnvme_pci_nvme_info(const char *bdf, struct nnvme_pci_info *info, struct nnvme_err *err);

/* Noiommu mode: 1 on, 0 off, -ENOENT VFIO isn't loaded or can't do it, or another -errno. */
int nnvme_noiommu_switch(void);

#endif
