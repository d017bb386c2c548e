// SPDX-License-Identifier: MIT
/*
 * A device by its group, in a VFIO container with the IOMMU driver type1 (Linux,
 * Documentation/driver-api/vfio.rst): the way of kernels without iommufd, which is how Debian
 * builds them. Only for devices behind an IOMMU. Here the IOVAs are ours to choose.
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

/* Huge pages of the IOMMU need IOVAs that are aligned like the memory. */
static int choose_iova(struct nnvme_vfio *d, const void *va, size_t len, uint64_t *iova)
{
	if (len >= HUGE && (uintptr_t)va % HUGE == 0 && HUGE >= d->alignment &&
	    !nnvme_iova_take(&d->iovas, len, HUGE, iova))
		return 0;
	return nnvme_iova_take(&d->iovas, len, d->alignment, iova);
}

static int map(struct nnvme_device *dev, void *va, size_t len, uint64_t *iova,
	       struct nnvme_err *err)
{
	struct nnvme_vfio *d = nnvme_to_vfio(dev);
	uint64_t at;
	int rc = nnvme_vfio_check_pages(d, va, len, err);

	if (rc)
		return rc;
	rc = choose_iova(d, va, len, &at);
	if (rc)
		return nnvme_fail(err, rc, "cannot map %zu bytes for %s: %s", len, dev->name,
				  rc == -ENOSPC ? "what its IOMMU can map is used up" :
						  "out of memory");
	rc = nnvme_type1_map(d->container, va, len, at);
	if (rc) {
		nnvme_iova_give(&d->iovas, at, len);
		return nnvme_vfio_map_failed(dev->name, rc, va, len, err);
	}
	*iova = at;
	return 0;
}

static int unmap(struct nnvme_device *dev, uint64_t iova, size_t len)
{
	struct nnvme_vfio *d = nnvme_to_vfio(dev);
	int rc = nnvme_type1_unmap(d->container, iova, len);

	/* What may still be mapped is not for anybody else. */
	return rc ? rc : nnvme_iova_give(&d->iovas, iova, len);
}

static int bus_addr(struct nnvme_device *dev, uint64_t iova, size_t *len, nnvme_bus_t *bus,
		    struct nnvme_err *err)
{
	if (!*len)
		return nnvme_fail(err, -EINVAL, "a bus address of 0 bytes was asked for");
	bus->v = iova;
	return 0;
}

static int dma_limits(struct nnvme_device *dev, struct nnvme_dma_limits *r, struct nnvme_err *err)
{
	struct nnvme_vfio *d = nnvme_to_vfio(dev);

	nnvme_vfio_dma_limits(d, nnvme_type1_has(d->container, VFIO_DMA_CC_IOMMU), r);
	return 0;
}

const struct nnvme_device_ops nnvme_container_way_ops = {
	.map = map,
	.unmap = unmap,
	.bus_addr = bus_addr,
	.dma_limits = dma_limits,
	.bus_master = nnvme_vfio_bus_master,
	.reset = nnvme_vfio_reset_op,
	.vectors = nnvme_vfio_vectors,
	.interrupts_on = nnvme_vfio_interrupts_on,
	.interrupts_off = nnvme_vfio_interrupts_off,
	.close = nnvme_vfio_close,
};

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
		return nnvme_fail(err, d->fd, "VFIO gives no device for %s of group %s: %s",
				  info->bdf, info->group, strerror(-d->fd));
	return 0;
}

int nnvme_container_way_open(struct nnvme_vfio *d, const struct nnvme_pci_info *info,
			     struct nnvme_err *err)
{
	int rc = open_nodes(d, info, err);

	d->unsafe_interrupts = nnvme_vfio_unsafe_interrupts("vfio_iommu_type1");
	rc = rc ? rc : join(d, info, err);
	if (rc)
		return rc;
	/* With the group in it: a container alone has no limits. */
	rc = nnvme_type1_ranges(d->container, &d->iova_ranges, &d->nr_iova_ranges, &d->alignment);
	if (rc)
		return nnvme_fail(err, rc, "cannot learn what the IOMMU of %s can map: %s%s",
				  info->bdf, strerror(-rc),
				  rc == -EOPNOTSUPP ? "; that needs Linux 5.4" : "");
	d->iovas.iova_ranges = d->iova_ranges;
	d->iovas.nr_iova_ranges = d->nr_iova_ranges;
	return 0;
}

/* Leaving in order: a forked child that inherited the descriptors would keep the mappings. */
void nnvme_container_way_close(struct nnvme_vfio *d)
{
	nnvme_sys_close(&d->fd);
	if (d->contained)
		nnvme_type1_leave(d->group);
	nnvme_sys_close(&d->group);
	nnvme_sys_close(&d->container);
	nnvme_iova_free(&d->iovas);
}
