/* SPDX-License-Identifier: MIT */
#ifndef NNVME_KERNEL_PCI_IN_USE_H
#define NNVME_KERNEL_PCI_IN_USE_H

/* Whether a controller is in use, and keeping it unused. Private to the library; not installed. */

#include <stdbool.h>

#include "kernel/openers.h"
#include "noiommu_nvme/pci.h"

/* A controller that is not in use: its disks are open exclusively, so that it stays so. */
struct nnvme_pci_claim {
	struct nnvme_nodes nodes;
	int *fds;
	int count;
};

/* 0, to be ended by nnvme_pci_release(); -EBUSY like nnvme_pci_in_use(); or another -errno. */
int nnvme_pci_claim(const char *bdf, struct nnvme_pci_claim *claim, struct nnvme_err *err);
void nnvme_pci_release(struct nnvme_pci_claim *claim);

/*
 * Check again for what a claim does not prevent: programs and parts of the kernel that open a disk
 * without O_EXCL, which they could until its driver was gone. 0 or -errno.
 */
int nnvme_pci_claim_check(const struct nnvme_pci_claim *claim, struct nnvme_err *err);

/*
 * -EBUSY if a program has one of the device's nodes open: unbinding it from VFIO would wait until
 * it closes. @strict: also an error if this user can't see all programs.
 */
int nnvme_pci_refuse_open(const struct nnvme_pci_info *info, bool strict, struct nnvme_err *err);

#endif
