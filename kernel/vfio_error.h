/* SPDX-License-Identifier: MIT */
#ifndef NNVME_KERNEL_VFIO_ERROR_H
#define NNVME_KERNEL_VFIO_ERROR_H

/*
 * Why a device can't be opened, or memory mapped for it: what the kernel's errno means at that
 * point, and what to do. Each fills @err and returns the error code for the caller.
 *
 * Private to the library; not installed.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "noiommu_nvme/err.h"
#include "noiommu_nvme/pci.h"

#define NNVME_NEEDS_KERNEL "it needs Linux 7.3, or 6.12 with the series in " \
	"kernel/module/patches/6.12, and CONFIG_VFIO_NOIOMMU: run noiommu-nvme doctor"

static inline bool nnvme_vfio_is_noiommu(const struct nnvme_pci_info *info)
{
	return !strncmp(info->vfio_dev, "noiommu-", 8);
}

/*
 * VFIO gets a group only if no device in it has one of the kernel's own drivers. True if one has,
 * with the reason in @err.
 */
bool nnvme_vfio_shared_group(const struct nnvme_pci_info *info, struct nnvme_err *err);

int nnvme_vfio_open_failed(const struct nnvme_pci_info *info, int rc, struct nnvme_err *err);
/* @node: in /dev/vfio, the container's or the group's. */
int nnvme_vfio_node_failed(const struct nnvme_pci_info *info, const char *node, int rc,
			   struct nnvme_err *err);
int nnvme_vfio_join_failed(const struct nnvme_pci_info *info, int rc, struct nnvme_err *err);
int nnvme_vfio_iommufd_failed(const struct nnvme_pci_info *info, int rc, struct nnvme_err *err);
int nnvme_vfio_bind_failed(const struct nnvme_pci_info *info, int rc, struct nnvme_err *err);
int nnvme_vfio_map_failed(const char *name, int rc, void *va, size_t len, struct nnvme_err *err);
int nnvme_vfio_get_pa_failed(const char *name, int rc, uint64_t iova, struct nnvme_err *err);

#endif
