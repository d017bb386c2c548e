// SPDX-License-Identifier: MIT
/* Opening a device: may it be opened, in which mode, and by which backend. */
#include <stdio.h>

#include "kernel/sys.h"
#include "kernel/vfio_check.h"
#include "kernel/vfio_private.h"

/* Fill nnvme_device.mode_reason. */
static void explain(struct nnvme_vfio *d, const struct nnvme_pci_info *info, bool asked)
{
	const char *how = asked ? "as asked" : "chosen";

	if (d->dev.mode == NNVME_MODE_NOIOMMU)
		snprintf(d->dev.mode_reason, sizeof(d->dev.mode_reason),
			 "mode noiommu, %s: no IOMMU is behind it (node %s)", how, info->vfio_dev);
	else if (d->backend == &nnvme_backend_iommufd)
		snprintf(d->dev.mode_reason, sizeof(d->dev.mode_reason),
			 "mode iommu, %s: it is in IOMMU group %s; through iommufd (node %s)", how,
			 info->group, info->vfio_dev);
	else
		snprintf(d->dev.mode_reason, sizeof(d->dev.mode_reason),
			 "mode iommu, %s: it is in IOMMU group %s; through a VFIO container, "
			 "because there is no iommufd", how, info->group);
}

/* Without an IOMMU there is no container, so report iommufd's errors. */
static const struct nnvme_vfio_backend *choose_backend(const struct nnvme_pci_info *info)
{
	bool iommufd = info->cdev && nnvme_sys_exists("/dev/iommu");

	return info->container && !iommufd ? &nnvme_backend_type1 : &nnvme_backend_iommufd;
}

int nnvme_device_open(const char *name, enum nnvme_mode mode, struct nnvme_device **dev,
		      struct nnvme_err *err)
{
	bool asked = mode != NNVME_MODE_AUTO;
	struct nnvme_pci_info info;
	struct nnvme_vfio *d;
	int rc = nnvme_vfio_check(name, &mode, &info, err);

	if (!rc)
		rc = nnvme_vfio_open(choose_backend(&info), &info, mode, &d, err);
	if (rc)
		return rc;
	explain(d, &info, asked);
	*dev = &d->dev;
	return 0;
}
