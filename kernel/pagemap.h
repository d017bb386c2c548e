/* SPDX-License-Identifier: MIT */
#ifndef NNVME_KERNEL_PAGEMAP_H
#define NNVME_KERNEL_PAGEMAP_H

/*
 * Physical addresses of this process's memory, from /proc/self/pagemap (Linux,
 * Documentation/admin-guide/mm/pagemap.rst). Private to the library.
 */

#include <stdint.h>

#include "noiommu_nvme/err.h"

/*
 * The physical address behind @va, valid while the page is pinned. -EPERM without CAP_SYS_ADMIN;
 * -ENXIO no page is there.
 */
int nnvme_physical(const void *va, uint64_t *phys, struct nnvme_err *err);

#endif
