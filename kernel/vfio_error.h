/* SPDX-License-Identifier: MIT */
#ifndef NNVME_KERNEL_VFIO_ERROR_H
#define NNVME_KERNEL_VFIO_ERROR_H

/*
 * Why a device can't be opened, or memory mapped for it: what the kernel's errno means at that
 * place, and what to do about it. Each returns the errno that the caller shall return, with
 * the words in @err.
 *
 * Private to the library; not installed.
 */

#include <stddef.h>
#include <stdint.h>

#include "noiommu_nvme/bus.h"
#include "noiommu_nvme/err.h"
#include "noiommu_nvme/pci.h"

/*
 * Before anything is opened: is @name an NVMe controller, bound to vfio-pci, with a node, and can
 * it do *mode? Resolves NNVME_MODE_AUTO.
 */
int nnvme_vfio_check(const char *name, enum nnvme_mode *mode, struct nnvme_pci_info *info,
		     struct nnvme_err *err);

int nnvme_vfio_open_failed(const struct nnvme_pci_info *info, int rc, struct nnvme_err *err);
/* @node: of /dev/vfio, the container's or the group's. */
int nnvme_vfio_node_failed(const struct nnvme_pci_info *info, const char *node, int rc,
			   struct nnvme_err *err);
int nnvme_vfio_join_failed(const struct nnvme_pci_info *info, int rc, struct nnvme_err *err);
int nnvme_vfio_iommufd_failed(const struct nnvme_pci_info *info, int rc, struct nnvme_err *err);
int nnvme_vfio_bind_failed(const struct nnvme_pci_info *info, int rc, struct nnvme_err *err);
int nnvme_vfio_map_failed(const char *name, int rc, void *va, size_t len, struct nnvme_err *err);
int nnvme_vfio_get_pa_failed(const char *name, int rc, uint64_t iova, struct nnvme_err *err);

#endif
