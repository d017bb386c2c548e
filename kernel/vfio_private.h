/* SPDX-License-Identifier: MIT */
#ifndef NNVME_KERNEL_VFIO_PRIVATE_H
#define NNVME_KERNEL_VFIO_PRIVATE_H

/*
 * A device behind VFIO and the two ways to give it an address space: its node and an iommufd
 * (vfio_iommufd.c), or its group and a container (vfio_container.c), which is all that kernels
 * without iommufd have. What is the same for both is in vfio_device.c.
 *
 * Private to the library; not installed.
 */

#include "kernel/device.h"
#include "kernel/iova.h"
#include "noiommu_nvme/pci.h"
#include "kernel/vfio_cdev.h"

struct nnvme_vfio {
	struct nnvme_device dev;
	int fd;				/* the device */
	struct nnvme_vfio_region config;
	struct nnvme_iova_range *iova_ranges;	/* IOVAs that can be mapped, as they were once attached */
	size_t nr_iova_ranges;
	uint64_t alignment;
	bool unsafe_interrupts;		/* the administrator has waived the kernel's check */

	uint32_t irq_index;		/* how it interrupts: VFIO's number of MSI-X or MSI, once asked */
	bool interrupting;

	int iommufd;			/* the first way */
	bool has_ioas, attached;
	uint32_t ioas;

	int container, group;		/* the second */
	bool contained;
	struct nnvme_iova_space iovas;
};

static inline struct nnvme_vfio *nnvme_to_vfio(struct nnvme_device *dev)
{
	return (struct nnvme_vfio *)dev;
}

/* A switch of the administrator's that makes the kernel take devices whatever their interrupts. */
bool nnvme_vfio_unsafe_interrupts(const char *module);

/* Each way's own: open to where the device can be given memory, and undo that, half-open too. */
int nnvme_iommufd_way_open(struct nnvme_vfio *d, const struct nnvme_pci_info *info,
			   struct nnvme_err *err);
void nnvme_iommufd_way_close(struct nnvme_vfio *d);
extern const struct nnvme_device_ops nnvme_iommufd_way_ops;

int nnvme_container_way_open(struct nnvme_vfio *d, const struct nnvme_pci_info *info,
			     struct nnvme_err *err);
void nnvme_container_way_close(struct nnvme_vfio *d);
extern const struct nnvme_device_ops nnvme_container_way_ops;

/* What both ops have in common. */
int nnvme_vfio_check_pages(const struct nnvme_vfio *d, const void *va, size_t len,
			   struct nnvme_err *err);
int nnvme_vfio_bus_master(struct nnvme_device *dev, bool on, struct nnvme_err *err);
int nnvme_vfio_reset_op(struct nnvme_device *dev, struct nnvme_err *err);
void nnvme_vfio_close(struct nnvme_device *dev);

/* What a device behind an IOMMU reaches; @enforced as the way's own question was answered, or -errno. */
void nnvme_vfio_dma_limits(const struct nnvme_vfio *d, int enforced, struct nnvme_dma_limits *r);

/* vfio_interrupt.c: also in both. */
unsigned nnvme_vfio_vectors(struct nnvme_device *dev);
int nnvme_vfio_interrupts_on(struct nnvme_device *dev, const int *fds, unsigned *count,
			     struct nnvme_err *err);
void nnvme_vfio_interrupts_off(struct nnvme_device *dev);

#endif
