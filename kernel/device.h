/* SPDX-License-Identifier: MIT */
#ifndef NNVME_KERNEL_DEVICE_H
#define NNVME_KERNEL_DEVICE_H

/*
 * The interface between a PCI function and everything above it (dma/, nvme/): its registers, and
 * memory that it may access. What uses it cannot tell what kind of addresses the device gets.
 * Implementations: VFIO (vfio_open.c) and the software controller of tests/model.
 *
 * Private to the library; not installed.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "noiommu_nvme/bus.h"
#include "noiommu_nvme/err.h"
#include "noiommu_nvme/dma_limits.h"
#include "noiommu_nvme/probe.h"

struct nnvme_device;

/* What restricts a device to memory that it was given; the fields of struct nnvme_isolation. */
struct nnvme_dma_limits {
	const struct nnvme_iova_range *iova_ranges;	/* none without an IOMMU */
	size_t nr_iova_ranges;
	uint64_t alignment;
	enum nnvme_have coherency_enforced;
	enum nnvme_have interrupts_isolated;
};

struct nnvme_device_ops {
	/*
	 * Let the device access [va, va + len), both multiples of 4096. Pins the
	 * pages. *iova is the key for bus_addr() and unmap(); it is never 0.
	 * -ENOMEM names RLIMIT_MEMLOCK when that is the limit.
	 */
	int (*map)(struct nnvme_device *dev, void *va, size_t len, uint64_t *iova,
		   struct nnvme_err *err);

	/*
	 * Undo one whole map(). The device must not touch that memory any more:
	 * nothing below protects a page that a running controller still writes to.
	 */
	int (*unmap)(struct nnvme_device *dev, uint64_t iova, size_t len);

	/*
	 * The address that the device must put on the bus to access @iova. *len: on entry the bytes
	 * wanted (not 0), on return how many bytes are contiguous from there, between 1 and that
	 * number. Behind an IOMMU the address is @iova itself.
	 */
	int (*bus_addr)(struct nnvme_device *dev, uint64_t iova, size_t *len,
			nnvme_bus_t *bus, struct nnvme_err *err);

	/* What can be mapped for it, and what restricts it to that. */
	int (*dma_limits)(struct nnvme_device *dev, struct nnvme_dma_limits *limits,
			  struct nnvme_err *err);

	/*
	 * Bus Master Enable in the PCI command register. Off means no more DMA. -ENODEV:
	 * configuration space does not answer, so the function is not on the bus.
	 */
	int (*bus_master)(struct nnvme_device *dev, bool on, struct nnvme_err *err);

	/* Function-level reset: stops all DMA, forgets all queues. */
	int (*reset)(struct nnvme_device *dev, struct nnvme_err *err);

	/* The number of interrupt vectors: MSI-X, or MSI if it has no MSI-X; 0: none. */
	unsigned (*vectors)(struct nnvme_device *dev);

	/*
	 * From now on vector i of the first *count adds 1 to the eventfd @fds[i]. Sets all up at
	 * once, so none may be connected before. On return *count may be lower, but at least 1, if
	 * the kernel had no more. -EOPNOTSUPP: the device has none.
	 */
	int (*interrupts_on)(struct nnvme_device *dev, const int *fds, unsigned *count,
			     struct nnvme_err *err);

	/* Disconnect all vectors. Never fails; harmless where none is connected. */
	void (*interrupts_off)(struct nnvme_device *dev);

	/* Free everything. Never fails. All memory must be unmapped before. */
	void (*close)(struct nnvme_device *dev);
};

/* Implementations embed this first. */
struct nnvme_device {
	const struct nnvme_device_ops *ops;
	volatile void *bar;	/* BAR0, mapped for the life of the device */
	size_t bar_len;		/* bytes */
	enum nnvme_mode mode;	/* never NNVME_MODE_AUTO once open */
	char name[32];		/* 0000:41:00.0 */
	char mode_reason[120];	/* why that mode, a sentence */
};

/*
 * Open the PCI function @name (any spelling that nnvme_bdf_parse() takes): BAR0 mapped, nothing
 * mapped for DMA, bus mastering off. On failure the device is as before and @err names the next
 * step.
 *
 * Resolved at link time: the library links VFIO here, the native tests link the software
 * controller.
 */
int nnvme_device_open(const char *name, enum nnvme_mode mode, struct nnvme_device **dev,
		      struct nnvme_err *err);

#endif
