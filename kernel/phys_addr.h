/* SPDX-License-Identifier: MIT */
#ifndef NNVME_KERNEL_PHYS_ADDR_H
#define NNVME_KERNEL_PHYS_ADDR_H

/*
 * Without an IOMMU a device is given the kernel's physical addresses. On some machines it needs
 * others, but Linux 7.3 returns the physical address there, too.
 *
 * Private to the library; not installed.
 */

#include "noiommu_nvme/err.h"

/*
 * 0 when devices take physical addresses, as far as can be seen from here; -EOPNOTSUPP with the
 * reason for @name; or another -errno when that can't be found out. An offset between the two
 * (dma-ranges in a device tree, _DMA in ACPI) can't be seen from user space; the kernel series for
 * 6.12 checks for one itself. Thread rule: any thread, any time.
 */
int nnvme_phys_addr_check(const char *name, struct nnvme_err *err);

#endif
