// SPDX-License-Identifier: MIT
/*
 * The type1 backend: a device by its group, in a VFIO container with the IOMMU driver type1 (Linux,
 * Documentation/driver-api/vfio.rst), for kernels without iommufd, like Debian's. Only for devices
 * behind an IOMMU. Here the library chooses the IOVAs.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/vfio.h>
#include <stdlib.h>
#include <string.h>

#include "kernel/sys.h"
#include "kernel/vfio_error.h"
#include "kernel/vfio_private.h"
#include "kernel/vfio_type1.h"

#define HUGE ((uint64_t)2 << 20)

/* The IOMMU's large pages need IOVAs aligned like the memory. */
static int choose_iova(struct nnvme_vfio *d, const void *va, size_t len, uint64_t *iova)
{
	if (len >= HUGE && (uintptr_t)va % HUGE == 0 && HUGE >= d->alignment &&
	    !nnvme_iova_take(&d->iovas, len, HUGE, iova))
		return 0;
	return nnvme_iova_take(&d->iovas, len, d->alignment, iova);
}

static int map(struct nnvme_vfio *d, void *va, size_t len, uint64_t *iova, struct nnvme_err *err)
{
	uint64_t at;
	int rc = choose_iova(d, va, len, &at);

	if (rc)
		return nnvme_fail(err, rc, "cannot map %zu bytes for %s: %s", len, d->dev.name,
				  rc == -ENOSPC ? "no IOVA range that is large enough is free" :
						  "out of memory");
	rc = nnvme_type1_map(d->container, va, len, at);
	if (rc) {
		nnvme_iova_give(&d->iovas, at, len);
		return nnvme_vfio_map_failed(d->dev.name, rc, va, len, err);
	}
	*iova = at;
	return 0;
}

static int unmap(struct nnvme_vfio *d, uint64_t iova, size_t len)
{
	int rc = nnvme_type1_unmap(d->container, iova, len);

	/* After a failure it may still be mapped, so keep the IOVAs taken. */
	return rc ? rc : nnvme_iova_give(&d->iovas, iova, len);
}

static int bus_addr(struct nnvme_vfio *d, uint64_t iova, size_t *len, nnvme_bus_t *bus,
		    struct nnvme_err *err)
{
	bus->v = iova;
	return 0;
}

static int coherency_enforced(struct nnvme_vfio *d)
{
	return nnvme_type1_has(d->container, VFIO_DMA_CC_IOMMU);
}

static int open_nodes(struct nnvme_vfio *d, const struct nnvme_pci_info *info,
		      struct nnvme_err *err)
{
	int rc;

	d->container = nnvme_sys_open(O_RDWR, "/dev/vfio/vfio");
	if (d->container < 0)
		return nnvme_vfio_node_failed(info, "vfio", d->container, err);
	rc = nnvme_type1_usable(d->container);
	if (rc)
		return nnvme_fail(err, rc, "cannot open %s: this kernel's VFIO container has no "
				  "type1 IOMMU driver (modprobe vfio_iommu_type1)", info->bdf);
	d->group = nnvme_sys_open(O_RDWR, "/dev/vfio/%s", info->group);
	if (d->group < 0)
		return nnvme_vfio_node_failed(info, info->group, d->group, err);
	return 0;
}

static int join(struct nnvme_vfio *d, const struct nnvme_pci_info *info, struct nnvme_err *err)
{
	int rc = nnvme_type1_join(d->container, d->group);

	d->contained = !rc;
	if (rc)
		return nnvme_vfio_join_failed(info, rc, err);
	d->fd = nnvme_type1_device(d->group, info->bdf);
	if (d->fd < 0)
		return nnvme_fail(err, d->fd, "VFIO does not open %s of group %s: %s",
				  info->bdf, info->group, strerror(-d->fd));
	return 0;
}

static int open_device(struct nnvme_vfio *d, const struct nnvme_pci_info *info,
		       struct nnvme_err *err)
{
	int rc = open_nodes(d, info, err);

	rc = rc ? rc : join(d, info, err);
	if (rc)
		return rc;
	/* Ask after the group is in the container: an empty one has no limits. */
	rc = nnvme_type1_ranges(d->container, &d->iova_ranges, &d->nr_iova_ranges, &d->alignment);
	if (rc)
		return nnvme_fail(err, rc, "cannot get the IOVA ranges that the IOMMU "
				  "of %s can map: %s%s", info->bdf, strerror(-rc),
				  rc == -EOPNOTSUPP ? "; that needs Linux 5.4" : "");
	d->iovas.iova_ranges = d->iova_ranges;
	d->iovas.nr_iova_ranges = d->nr_iova_ranges;
	return 0;
}

/* Leave explicitly: a forked child that inherited the descriptors would keep the mappings. */
static void close_device(struct nnvme_vfio *d)
{
	nnvme_sys_close(&d->fd);
	if (d->contained)
		nnvme_type1_leave(d->group);
	nnvme_sys_close(&d->group);
	nnvme_sys_close(&d->container);
	nnvme_iova_free(&d->iovas);
}

const struct nnvme_vfio_backend nnvme_backend_type1 = {
	.open = open_device,
	.close = close_device,
	.map = map,
	.unmap = unmap,
	.bus_addr = bus_addr,
	.coherency_enforced = coherency_enforced,
	.module = "vfio_iommu_type1",
};
