/* SPDX-License-Identifier: MIT */
#ifndef NNVME_KERNEL_PCI_BIND_H
#define NNVME_KERNEL_PCI_BIND_H

/* What changing an IOMMU group needs of binding. Private to the library; not installed. */

#include <stdbool.h>

#include "noiommu_nvme/pci.h"

/* Lock its driver against changes until nnvme_sys_close(lock). Waits up to 10 s. */
int nnvme_pci_lock(const char *bdf, int *lock, struct nnvme_err *err);

/*
 * Unbind a device from its driver for a time, if it is not in use, and return it. Its former driver
 * is in the same state file as nnvme_pci_bind()'s, so nnvme_pci_unbind() returns it, too. Call with
 * its lock held.
 */
int nnvme_pci_detach(const char *bdf, struct nnvme_err *err);
int nnvme_pci_reattach(const char *bdf, struct nnvme_err *err);

/* Has a run been killed after it detached the device, or at any step of binding it? */
bool nnvme_pci_is_halfway(const char *bdf);

#endif
