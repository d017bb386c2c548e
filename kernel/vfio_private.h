/* SPDX-License-Identifier: MIT */
#ifndef NNVME_KERNEL_VFIO_PRIVATE_H
#define NNVME_KERNEL_VFIO_PRIVATE_H

/*
 * A device behind VFIO, and the backend that gives it an address space. vfio_open.c chooses the
 * backend, vfio_device.c is what both share, backend_iommufd.c and backend_type1.c are the two.
 *
 * Private to the library; not installed.
 */

#include "kernel/device.h"
#include "kernel/iova.h"
#include "kernel/vfio_cdev.h"
#include "noiommu_nvme/pci.h"

struct nnvme_vfio;

/*
 * Either the device's node and an iommufd, or its group and a container with the IOMMU driver
 * type1, which is all that kernels without iommufd have. map() is called for whole pages only,
 * bus_addr() never for 0 bytes.
 */
struct nnvme_vfio_backend {
	/* Open the device up to where memory can be mapped. On failure close() undoes it. */
	int (*open)(struct nnvme_vfio *d, const struct nnvme_pci_info *info, struct nnvme_err *err);
	void (*close)(struct nnvme_vfio *d);

	/* As in struct nnvme_device_ops. */
	int (*map)(struct nnvme_vfio *d, void *va, size_t len, uint64_t *iova,
		   struct nnvme_err *err);
	int (*unmap)(struct nnvme_vfio *d, uint64_t iova, size_t len);
	int (*bus_addr)(struct nnvme_vfio *d, uint64_t iova, size_t *len, nnvme_bus_t *bus,
			struct nnvme_err *err);

	/* Does the IOMMU enforce coherency with the CPU's caches? 1, 0 or -errno. */
	int (*coherency_enforced)(struct nnvme_vfio *d);

	const char *module;	/* its parameter allow_unsafe_interrupts applies */
};

extern const struct nnvme_vfio_backend nnvme_backend_iommufd, nnvme_backend_type1;

struct nnvme_vfio {
	struct nnvme_device dev;
	const struct nnvme_vfio_backend *backend;
	int fd;				/* the device */
	struct nnvme_vfio_region config;
	struct nnvme_iova_range *iova_ranges;	/* that can be mapped */
	size_t nr_iova_ranges;
	uint64_t alignment;
	bool unsafe_interrupts;		/* the check for isolated interrupts is off */

	uint32_t irq_index;		/* MSI-X or MSI as VFIO numbers them, once asked */
	bool interrupting;

	int iommufd;			/* backend_iommufd.c */
	bool has_ioas, attached;
	uint32_t ioas;

	int container, group;		/* backend_type1.c */
	bool contained;
	struct nnvme_iova_space iovas;
};

static inline struct nnvme_vfio *nnvme_to_vfio(struct nnvme_device *dev)
{
	return (struct nnvme_vfio *)dev;
}

/*
 * vfio_device.c: the device in @mode behind @backend, with BAR0 mapped and bus mastering off. On
 * failure nothing is left open.
 */
int nnvme_vfio_open(const struct nnvme_vfio_backend *backend, const struct nnvme_pci_info *info,
		    enum nnvme_mode mode, struct nnvme_vfio **device, struct nnvme_err *err);

/* vfio_interrupt.c: as in struct nnvme_device_ops. */
unsigned nnvme_vfio_vectors(struct nnvme_device *dev);
int nnvme_vfio_interrupts_on(struct nnvme_device *dev, const int *fds, unsigned *count,
			     struct nnvme_err *err);
void nnvme_vfio_interrupts_off(struct nnvme_device *dev);

#endif
