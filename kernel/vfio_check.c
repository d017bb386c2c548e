// SPDX-License-Identifier: MIT
/* Which devices may be opened, and in which mode. */
#include "kernel/vfio_check.h"

#include <errno.h>
#include <linux/capability.h>
#include <string.h>

#include "kernel/pci_in_use.h"
#include "kernel/pci_private.h"
#include "kernel/phys_addr.h"
#include "kernel/sys.h"
#include "kernel/vfio_error.h"

#define PAGE 4096

/* Bound to vfio-pci, but without a VFIO node. */
static int no_node(const struct nnvme_pci_info *info, struct nnvme_err *err)
{
	if (info->iommu)
		return nnvme_fail(err, -EOPNOTSUPP, "%s has no VFIO device node: this kernel has "
				  "neither these nor containers; it needs CONFIG_VFIO_DEVICE_CDEV "
				  "(Linux 6.6) or CONFIG_VFIO_CONTAINER", info->bdf);
	if (nnvme_noiommu_switch() == 0)
		return nnvme_fail(err, -EOPNOTSUPP, "%s has no IOMMU and noiommu mode is off; to "
				  "accept that the device can reach all memory run: noiommu-nvme "
				  "bind --unsafe-noiommu %s", info->bdf, info->bdf);
	return nnvme_fail(err, -EOPNOTSUPP, "%s has no VFIO device node: it was bound while "
			  "noiommu mode was off (run: noiommu-nvme bind %s), or this kernel has "
			  "none without an IOMMU (" NNVME_NEEDS_KERNEL ")", info->bdf, info->bdf);
}

static int check_mode(const struct nnvme_pci_info *info, enum nnvme_mode *mode,
		      struct nnvme_err *err)
{
	enum nnvme_mode has = nnvme_vfio_is_noiommu(info) ? NNVME_MODE_NOIOMMU : NNVME_MODE_IOMMU;

	if (*mode == NNVME_MODE_AUTO)
		*mode = has;
	if (*mode == has)
		return has == NNVME_MODE_NOIOMMU ? nnvme_phys_addr_check(info->bdf, err) : 0;
	if (*mode == NNVME_MODE_NOIOMMU)
		return nnvme_fail(err, -EOPNOTSUPP, "mode noiommu is not possible for %s: it is "
				  "behind an IOMMU (group %s); use mode auto", info->bdf,
				  *info->group ? info->group : "unknown");
	if (*mode == NNVME_MODE_IOMMU)
		return nnvme_fail(err, -EOPNOTSUPP, "mode iommu is not possible for %s: it has no "
				  "IOMMU; use mode auto", info->bdf);
	return nnvme_fail(err, -EINVAL, "there is no mode %d", (int)*mode);
}

/* Not a VFIO driver: usually the kernel's own, or one for another userspace driver. */
static int other_driver(const struct nnvme_pci_info *info, struct nnvme_err *err)
{
	int rc = *info->uio ? nnvme_pci_refuse_open(info, false, err) : 0;

	if (rc)
		return rc;
	if (*info->uio)
		return nnvme_fail(err, -EBUSY, "%s is bound to the driver %.64s, for another "
				  "userspace driver (/dev/%s); when that has ended, run: "
				  "noiommu-nvme bind %s", info->bdf, info->driver, info->uio,
				  info->bdf);
	return nnvme_fail(err, -EBUSY, "%s is bound to the driver %.64s; run: noiommu-nvme bind %s",
			  info->bdf, info->driver, info->bdf);
}

/*
 * Memory is registered, and described to the controller, in pages of 4 KiB (Base 2.x, CC.MPS). The
 * kernel maps, pins and reports addresses in its own pages, which on arm64 may have 16 or 64 KiB.
 */
static int other_pages(const struct nnvme_pci_info *info, long size, struct nnvme_err *err)
{
	return nnvme_fail(err, -EOPNOTSUPP, "cannot use %s: this kernel's pages have %ld "
			  "bytes and the driver works with pages of %d; boot a kernel with "
			  "CONFIG_ARM64_4K_PAGES", info->bdf, size, PAGE);
}

int nnvme_vfio_check(const char *name, enum nnvme_mode *mode, struct nnvme_pci_info *info,
		     struct nnvme_err *err)
{
	int rc = nnvme_pci_nvme_info(name, info, err);

	if (rc)
		return rc;
	if (nnvme_sys.page_size() != PAGE)
		return other_pages(info, nnvme_sys.page_size(), err);
	if (!*info->driver)
		return nnvme_fail(err, -ENODEV, "%s is bound to no driver; run: "
				  "noiommu-nvme bind %s", info->bdf, info->bdf);
	/* Some devices have a VFIO driver of their own; its entry in sysfs shows that. */
	if (strcmp(info->driver, "vfio-pci") != 0 && !*info->vfio_dev)
		return other_driver(info, err);
	if (!info->cdev && !info->container)
		return no_node(info, err);
	return check_mode(info, mode, err);
}

int nnvme_pci_can_open(const char *bdf, enum nnvme_mode mode, struct nnvme_err *err)
{
	struct nnvme_pci_info info;
	int rc = nnvme_vfio_check(bdf, &mode, &info, err);

	if (rc)
		return rc;
	if (mode == NNVME_MODE_NOIOMMU && nnvme_sys.has_cap(CAP_SYS_RAWIO) != 1)
		return nnvme_vfio_open_failed(&info, -EPERM, err);
	if (!info.container && !nnvme_sys_exists("/dev/iommu"))
		return nnvme_vfio_iommufd_failed(&info, -ENOENT, err);
	if (nnvme_vfio_shared_group(&info, err))
		return -EBUSY;
	return nnvme_pci_refuse_open(&info, false, err);
}
