/* SPDX-License-Identifier: MIT */
#ifndef NNVME_KERNEL_PCI_NODES_H
#define NNVME_KERNEL_PCI_NODES_H

/* A controller's nodes. Private to the library; not installed. */

#include "kernel/openers.h"
#include "noiommu_nvme/pci.h"

/* All nodes through which a program can open it; nnvme_nodes_free() frees them. */
int nnvme_pci_nodes(const struct nnvme_pci_info *info, struct nnvme_nodes *nodes);

#endif
