/* SPDX-License-Identifier: MIT */
#ifndef NNVME_KERNEL_PCI_IN_USE_H
#define NNVME_KERNEL_PCI_IN_USE_H

/* Whether a controller is in use, and keeping it unused. Private to the library; not installed. */

#include <stdbool.h>

#include "kernel/openers.h"
#include "noiommu_nvme/pci.h"

/* A controller that nobody uses: its disks are open exclusively, so that nobody can begin to. */
struct nnvme_pci_claim {
	struct nnvme_nodes nodes;
	int *fds;
	int count;
};

/* 0, and nnvme_pci_release() gives it back; -EBUSY like nnvme_pci_in_use(), -errno. */
int nnvme_pci_claim(const char *bdf, struct nnvme_pci_claim *claim, struct nnvme_err *err);
void nnvme_pci_release(struct nnvme_pci_claim *claim);

/*
 * Ask again about what a claim does not keep away, programs and parts of the kernel that open a
 * disk as everybody may: they had until its driver was gone. 0 or -errno.
 */
int nnvme_pci_claim_check(const struct nnvme_pci_claim *claim, struct nnvme_err *err);

/*
 * -EBUSY when a program has the device by one of its nodes: unbinding it from VFIO would wait for
 * that to end. @strict: also an error when this user can't see all programs.
 */
int nnvme_pci_refuse_open(const struct nnvme_pci_info *info, bool strict, struct nnvme_err *err);

#endif
