// SPDX-License-Identifier: MIT
/*
 * The device behind kernel/device.h as VFIO gives it, with an IOMMU or without. This file holds what
 * is the same for both ways to an address space (vfio_private.h), and the choice between them;
 * vfio_error.c has the words for what can go wrong.
 */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/pci_regs.h>
#include <linux/vfio.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "kernel/sys.h"
#include "kernel/vfio_error.h"
#include "kernel/vfio_private.h"

/* The registers up to 1000h and the admin queue's doorbells (PCIe transport, Memory-Based Registers). */
#define BAR_MIN 8192

bool nnvme_vfio_unsafe_interrupts(const char *module)
{
	char text[8];

	nnvme_sys_read(text, sizeof(text), "/sys/module/%s/parameters/allow_unsafe_interrupts",
		       module);
	return *text != 'N' && *text != '0';	/* what can't be read may be on */
}

int nnvme_vfio_check_pages(const struct nnvme_vfio *d, const void *va, size_t len,
			   struct nnvme_err *err)
{
	if (len && !(((uintptr_t)va | len) % d->alignment))
		return 0;
	return nnvme_fail(err, -EINVAL, "cannot map %zu bytes at %p for %s: not whole pages of %llu "
			  "bytes", len, va, d->dev.name, (unsigned long long)d->alignment);
}

static int read_command(struct nnvme_vfio *d, uint16_t *command)
{
	off_t at = (off_t)(d->config.offset + PCI_COMMAND);
	ssize_t n = nnvme_sys.pread(d->fd, command, sizeof(*command), at);

	if (n < 0)
		return -errno;
	if (n != sizeof(*command))
		return -EIO;
	/*
	 * PCIe reads of a device that is gone give all ones, but INTx Disable, which VFIO keeps
	 * for us (init_pci_cap_basic_perm() in drivers/vfio/pci/vfio_pci_config.c).
	 */
	return (*command | PCI_COMMAND_INTX_DISABLE) == 0xffff ? -ENODEV : 0;
}

static int write_command(struct nnvme_vfio *d, uint16_t command)
{
	off_t at = (off_t)(d->config.offset + PCI_COMMAND);
	ssize_t n = nnvme_sys.pwrite(d->fd, &command, sizeof(command), at);

	return n < 0 ? -errno : n != sizeof(command) ? -EIO : 0;
}

int nnvme_vfio_bus_master(struct nnvme_device *dev, bool on, struct nnvme_err *err)
{
	struct nnvme_vfio *d = nnvme_to_vfio(dev);
	uint16_t command, want;
	int rc = read_command(d, &command);

	if (!rc) {
		want = on ? command | PCI_COMMAND_MASTER :
			    command & (uint16_t)~PCI_COMMAND_MASTER;
		rc = command == want ? 0 : write_command(d, want);
		if (!rc)
			rc = read_command(d, &command);
		if (!rc && (command ^ want) & PCI_COMMAND_MASTER)
			rc = -EIO;
	}
	if (!rc)
		return 0;
	return nnvme_fail(err, rc, "cannot turn bus mastering of %s %s: %s", dev->name,
			  on ? "on" : "off",
			  rc == -ENODEV ? "the device is gone" : strerror(-rc));
}

int nnvme_vfio_reset_op(struct nnvme_device *dev, struct nnvme_err *err)
{
	int rc = nnvme_vfio_reset(nnvme_to_vfio(dev)->fd);

	if (!rc)
		return 0;
	return nnvme_fail(err, rc, "cannot reset %s: %s", dev->name,
			  rc == -ENOTTY ? "it has no function-level reset" : strerror(-rc));
}

void nnvme_vfio_dma_limits(const struct nnvme_vfio *d, int enforced, struct nnvme_dma_limits *r)
{
	*r = (struct nnvme_dma_limits){
		.iova_ranges = d->iova_ranges, .nr_iova_ranges = d->nr_iova_ranges, .alignment = d->alignment,
		.coherency_enforced = enforced < 0 ? NNVME_HAVE_UNKNOWN :
				      enforced ? NNVME_HAVE : NNVME_HAVE_NOT,
		.interrupts_isolated = d->unsafe_interrupts ? NNVME_HAVE_UNKNOWN : NNVME_HAVE,
	};
}

/* Also for a half-open device. */
void nnvme_vfio_close(struct nnvme_device *dev)
{
	struct nnvme_vfio *d = nnvme_to_vfio(dev);

	if (d->config.size)
		nnvme_vfio_bus_master(dev, false, NULL);
	nnvme_vfio_interrupts_off(dev);
	if (dev->bar)
		nnvme_sys.munmap((void *)dev->bar, dev->bar_len);
	if (dev->ops == &nnvme_container_way_ops)
		nnvme_container_way_close(d);
	else
		nnvme_iommufd_way_close(d);
	free(d->iova_ranges);
	free(d);
}

static int map_bar(struct nnvme_vfio *d, struct nnvme_err *err)
{
	const uint32_t need = VFIO_REGION_INFO_FLAG_READ | VFIO_REGION_INFO_FLAG_WRITE |
			      VFIO_REGION_INFO_FLAG_MMAP;
	struct nnvme_vfio_region bar;
	void *p;
	int rc = nnvme_vfio_region(d->fd, VFIO_PCI_BAR0_REGION_INDEX, &bar);

	if (rc)
		return nnvme_fail(err, rc, "cannot ask VFIO about BAR0 of %s: %s", d->dev.name,
				  strerror(-rc));
	if (bar.size < BAR_MIN || bar.size > SSIZE_MAX || bar.size % 4096 ||
	    bar.offset % 4096 || bar.offset > INT64_MAX - bar.size || (bar.flags & need) != need)
		return nnvme_fail(err, -ENODEV, "BAR0 of %s is not that of an NVMe controller: %llu "
				  "bytes, flags 0x%x", d->dev.name, (unsigned long long)bar.size,
				  bar.flags);
	p = nnvme_sys.mmap(NULL, bar.size, PROT_READ | PROT_WRITE, MAP_SHARED, d->fd,
			   (off_t)bar.offset);
	if (p == MAP_FAILED)
		return nnvme_fail(err, -errno, "cannot map BAR0 of %s: %s", d->dev.name,
				  strerror(errno));
	/* A child's mapping would keep the device open after our end. */
	(void)madvise(p, bar.size, MADV_DONTFORK);
	d->dev.bar = p;
	d->dev.bar_len = bar.size;
	return 0;
}

static int find_config(struct nnvme_vfio *d, struct nnvme_err *err)
{
	struct nnvme_vfio_region config;
	uint32_t flags, regions;
	int rc = nnvme_vfio_info(d->fd, &flags, &regions);

	if (!rc && (!(flags & VFIO_DEVICE_FLAGS_PCI) || regions <= VFIO_PCI_CONFIG_REGION_INDEX))
		rc = -ENODEV;
	if (!rc)
		rc = nnvme_vfio_region(d->fd, VFIO_PCI_CONFIG_REGION_INDEX, &config);
	if (!rc && (config.size < PCI_STD_HEADER_SIZEOF || config.offset > INT64_MAX - config.size))
		rc = -ENODEV;
	if (rc)
		return nnvme_fail(err, rc, "VFIO shows no PCI configuration space for %s: %s",
				  d->dev.name, strerror(-rc));
	d->config = config;
	return 0;
}

/* The words for nnvme_device.mode_reason. */
static void explain(struct nnvme_vfio *d, const struct nnvme_pci_info *info, bool asked)
{
	const char *how = asked ? "as asked" : "chosen";

	if (d->dev.mode == NNVME_MODE_NOIOMMU)
		snprintf(d->dev.mode_reason, sizeof(d->dev.mode_reason),
			 "mode noiommu, %s: no IOMMU is behind it (node %s)", how, info->vfio_dev);
	else if (d->dev.ops == &nnvme_iommufd_way_ops)
		snprintf(d->dev.mode_reason, sizeof(d->dev.mode_reason),
			 "mode iommu, %s: it is in IOMMU group %s; through iommufd (node %s)", how,
			 info->group, info->vfio_dev);
	else
		snprintf(d->dev.mode_reason, sizeof(d->dev.mode_reason),
			 "mode iommu, %s: it is in IOMMU group %s; through the VFIO container, there "
			 "being no iommufd", how, info->group);
}

/* To where the device has an address space. */
static int open_way(struct nnvme_vfio *d, const struct nnvme_pci_info *info, struct nnvme_err *err)
{
	if (info->container && (!info->cdev || !nnvme_sys_exists("/dev/iommu"))) {
		d->dev.ops = &nnvme_container_way_ops;
		return nnvme_container_way_open(d, info, err);
	}
	d->dev.ops = &nnvme_iommufd_way_ops;
	return nnvme_iommufd_way_open(d, info, err);
}

int nnvme_device_open(const char *name, enum nnvme_mode mode, struct nnvme_device **dev,
		      struct nnvme_err *err)
{
	bool asked = mode != NNVME_MODE_AUTO;
	struct nnvme_pci_info info;
	struct nnvme_vfio *d;
	int rc;

	rc = nnvme_vfio_check(name, &mode, &info, err);
	if (rc)
		return rc;
	d = calloc(1, sizeof(*d));
	if (!d)
		return nnvme_fail(err, -ENOMEM, "out of memory");
	d->fd = d->iommufd = d->container = d->group = -1;
	d->alignment = 4096;
	d->dev.mode = mode;
	strcpy(d->dev.name, info.bdf);
	rc = open_way(d, &info, err);
	if (!rc && d->alignment < 4096)
		d->alignment = 4096;
	if (!rc)
		rc = find_config(d, err);
	if (!rc)	/* it is off already, unless the kernel changed its habits */
		rc = nnvme_vfio_bus_master(&d->dev, false, err);
	if (!rc)
		rc = map_bar(d, err);
	if (rc) {
		nnvme_vfio_close(&d->dev);
		return rc;
	}
	explain(d, &info, asked);
	*dev = &d->dev;
	return 0;
}
