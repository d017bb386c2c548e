/* SPDX-License-Identifier: MIT */
#ifndef NNVME_KERNEL_PCI_BIND_H
#define NNVME_KERNEL_PCI_BIND_H

/* What a change of an IOMMU group needs of binding. Private to the library; not installed. */

#include <stdbool.h>

#include "noiommu_nvme/pci.h"

/* Keep everybody else from changing its driver until nnvme_sys_close(lock); waits for them, 10 s. */
int nnvme_pci_lock(const char *bdf, int *lock, struct nnvme_err *err);

/*
 * Take a device from its driver for a while, when nobody uses its disks, and give it back. What it
 * had is in the same state file as nnvme_pci_bind()'s, so nnvme_pci_unbind() gives it back, too.
 * Call with its lock held.
 */
int nnvme_pci_detach(const char *bdf, struct nnvme_err *err);
int nnvme_pci_reattach(const char *bdf, struct nnvme_err *err);

/* Was a run killed that had detached it, or had not quite bound it, or was about to, or was done? */
bool nnvme_pci_is_halfway(const char *bdf);

#endif
