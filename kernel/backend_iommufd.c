// SPDX-License-Identifier: MIT
/*
 * The iommufd backend: a device's VFIO node bound to an iommufd, with or without an IOMMU. The
 * kernel chooses the IOVAs, which mean something to the device only behind an IOMMU.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>

#include "kernel/iommufd.h"
#include "kernel/sys.h"
#include "kernel/vfio_error.h"
#include "kernel/vfio_private.h"

static bool misplaced(const struct nnvme_vfio *d, uint64_t iova, size_t len)
{
	/*
	 * Linux chooses from 4096 up (iopt_alloc_iova() in drivers/iommu/iommufd/io_pagetable.c).
	 */
	return !iova || (d->dev.mode == NNVME_MODE_IOMMU &&
			 !nnvme_iova_within(d->iova_ranges, d->nr_iova_ranges, iova, len));
}

static int map(struct nnvme_vfio *d, void *va, size_t len, uint64_t *iova, struct nnvme_err *err)
{
	uint64_t at;
	int rc = nnvme_ioas_map(d->iommufd, d->ioas, va, len, &at);

	if (rc)
		return nnvme_vfio_map_failed(d->dev.name, rc, va, len, err);
	if (misplaced(d, at, len)) {
		nnvme_ioas_unmap(d->iommufd, d->ioas, at, len);
		return nnvme_fail(err, -EIO, "the kernel mapped memory for %s at IOVA 0x%llx, %s",
				  d->dev.name, (unsigned long long)at,
				  at ? "which its IOMMU can't map" :
				       "which stands for not mapped");
	}
	*iova = at;
	return 0;
}

static int unmap(struct nnvme_vfio *d, uint64_t iova, size_t len)
{
	return nnvme_ioas_unmap(d->iommufd, d->ioas, iova, len);
}

static int bus_addr(struct nnvme_vfio *d, uint64_t iova, size_t *len, nnvme_bus_t *bus,
		    struct nnvme_err *err)
{
	uint64_t run = *len, phys;
	int rc;

	if (d->dev.mode == NNVME_MODE_IOMMU) {
		bus->v = iova;
		return 0;
	}
	/* Never pass a length of 0: some kernels take it for "no limit", others refuse it. */
	rc = nnvme_ioas_get_pa(d->iommufd, d->ioas, iova, &run, &phys);
	if (rc)
		return nnvme_vfio_get_pa_failed(d->dev.name, rc, iova, err);
	if (run > *len)
		run = *len;
	if (!run || !phys || (phys ^ iova) % 4096 || phys + run < phys)
		return nnvme_fail(err, -EIO, "the kernel's answer for IOVA 0x%llx of %s is not "
				  "plausible: 0x%llx bytes at physical address 0x%llx",
				  (unsigned long long)iova, d->dev.name, (unsigned long long)run,
				  (unsigned long long)phys);
	*len = run;
	bus->v = phys;
	return 0;
}

static int coherency_enforced(struct nnvme_vfio *d)
{
	return nnvme_ioas_coherency_enforced(d->iommufd, d->ioas);
}

/* Open the node and an iommufd, and bind one to the other. */
static int open_nodes(struct nnvme_vfio *d, const struct nnvme_pci_info *info,
		      struct nnvme_err *err)
{
	int rc;

	d->fd = nnvme_sys_open(O_RDWR, "/dev/vfio/devices/%s", info->vfio_dev);
	if (d->fd < 0)
		return nnvme_vfio_open_failed(info, d->fd, err);
	d->iommufd = nnvme_iommufd_open();
	if (d->iommufd < 0)
		return nnvme_vfio_iommufd_failed(info, d->iommufd, err);
	rc = nnvme_vfio_bind(d->fd, d->iommufd, NULL);
	if (rc) {
		/* Close it before looking for other openers, or the search finds this process. */
		nnvme_sys_close(&d->fd);
		return nnvme_vfio_bind_failed(info, rc, err);
	}
	return 0;
}

/* Only now, because attaching removes the ranges that this device's IOMMU can't map or reserves. */
static int learn_ranges(struct nnvme_vfio *d, struct nnvme_err *err)
{
	int rc = nnvme_ioas_ranges(d->iommufd, d->ioas, &d->iova_ranges, &d->nr_iova_ranges,
				   &d->alignment);

	if (!rc && !d->nr_iova_ranges)
		rc = -ENOSPC;
	if (!rc)
		return 0;
	return nnvme_fail(err, rc, "cannot get the IOVA ranges that the IOMMU of %s can map: %s",
			  d->dev.name, strerror(-rc));
}

static int make_address_space(struct nnvme_vfio *d, struct nnvme_err *err)
{
	uint64_t len = 4096, phys;
	int rc = nnvme_ioas_alloc(d->iommufd, &d->ioas);

	d->has_ioas = !rc;
	if (!rc) {
		rc = nnvme_vfio_attach(d->fd, d->ioas);
		d->attached = !rc;
	}
	if (rc)
		return nnvme_fail(err, rc, "cannot give %s an I/O address space: %s", d->dev.name,
				  strerror(-rc));
	if (d->dev.mode == NNVME_MODE_IOMMU)
		return learn_ranges(d, err);
	/* Nothing is mapped yet, so a kernel that has the call answers "no such IOVA". */
	rc = nnvme_ioas_get_pa(d->iommufd, d->ioas, 4096, &len, &phys);
	return rc == -ENOENT || !rc ? 0 : nnvme_vfio_get_pa_failed(d->dev.name, rc, 4096, err);
}

static int open_device(struct nnvme_vfio *d, const struct nnvme_pci_info *info,
		       struct nnvme_err *err)
{
	int rc = open_nodes(d, info, err);

	return rc ? rc : make_address_space(d, err);
}

/*
 * Closing the descriptors does the same, but not if a forked child has inherited them: so detach
 * and destroy explicitly.
 */
static void close_device(struct nnvme_vfio *d)
{
	if (d->attached)
		nnvme_vfio_detach(d->fd);
	if (d->has_ioas)
		nnvme_iommufd_destroy(d->iommufd, d->ioas);
	nnvme_sys_close(&d->fd);
	nnvme_sys_close(&d->iommufd);
}

const struct nnvme_vfio_backend nnvme_backend_iommufd = {
	.open = open_device,
	.close = close_device,
	.map = map,
	.unmap = unmap,
	.bus_addr = bus_addr,
	.coherency_enforced = coherency_enforced,
	.module = "iommufd",
};
