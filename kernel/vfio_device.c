// SPDX-License-Identifier: MIT
/* The VFIO implementation of kernel/device.h: what both backends share (vfio_private.h). */
#include <errno.h>
#include <limits.h>
#include <linux/pci_regs.h>
#include <linux/vfio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "kernel/sys.h"
#include "kernel/vfio_private.h"

/*
 * The registers up to 1000h and the admin queue's doorbells (PCIe transport, Memory-Based
 * Registers).
 */
#define BAR_MIN 8192

/* Has the administrator switched off the kernel's check that interrupts are isolated? */
static bool has_unsafe_interrupts(const char *module)
{
	char text[8];

	nnvme_sys_read(text, sizeof(text), "/sys/module/%s/parameters/allow_unsafe_interrupts",
		       module);
	return *text != 'N' && *text != '0';	/* if it can't be read, assume that it is on */
}

static int map(struct nnvme_device *dev, void *va, size_t len, uint64_t *iova,
	       struct nnvme_err *err)
{
	struct nnvme_vfio *d = nnvme_to_vfio(dev);

	if (len && !(((uintptr_t)va | len) % d->alignment))
		return d->backend->map(d, va, len, iova, err);
	return nnvme_fail(err, -EINVAL, "cannot map %zu bytes at %p for %s: not whole pages of "
			  "%llu bytes", len, va, dev->name, (unsigned long long)d->alignment);
}

static int unmap(struct nnvme_device *dev, uint64_t iova, size_t len)
{
	struct nnvme_vfio *d = nnvme_to_vfio(dev);

	return d->backend->unmap(d, iova, len);
}

static int bus_addr(struct nnvme_device *dev, uint64_t iova, size_t *len, nnvme_bus_t *bus,
		    struct nnvme_err *err)
{
	struct nnvme_vfio *d = nnvme_to_vfio(dev);

	if (!*len)
		return nnvme_fail(err, -EINVAL, "the bus address of 0 bytes is not defined");
	return d->backend->bus_addr(d, iova, len, bus, err);
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

/*
 * With it on, INTx is off: the admin queue raises it at each completion, nobody handles it, and
 * Linux would disable a line that others share (note_interrupt() in kernel/irq/spurious.c).
 */
static int bus_master(struct nnvme_device *dev, bool on, struct nnvme_err *err)
{
	struct nnvme_vfio *d = nnvme_to_vfio(dev);
	uint16_t command, want;
	int rc = read_command(d, &command);

	if (!rc) {
		want = on ? command | PCI_COMMAND_MASTER | PCI_COMMAND_INTX_DISABLE :
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

static int reset(struct nnvme_device *dev, struct nnvme_err *err)
{
	int rc = nnvme_vfio_reset(nnvme_to_vfio(dev)->fd);

	if (!rc)
		return 0;
	return nnvme_fail(err, rc, "cannot reset %s: %s", dev->name,
			  rc == -ENOTTY ? "it has no function-level reset" : strerror(-rc));
}

static int dma_limits(struct nnvme_device *dev, struct nnvme_dma_limits *r, struct nnvme_err *err)
{
	struct nnvme_vfio *d = nnvme_to_vfio(dev);
	int enforced;

	*r = (struct nnvme_dma_limits){ .alignment = d->alignment };
	if (dev->mode == NNVME_MODE_NOIOMMU)
		return 0;
	enforced = d->backend->coherency_enforced(d);
	r->iova_ranges = d->iova_ranges;
	r->nr_iova_ranges = d->nr_iova_ranges;
	r->coherency_enforced = enforced < 0 ? NNVME_HAVE_UNKNOWN :
				enforced ? NNVME_HAVE : NNVME_HAVE_NOT;
	r->interrupts_isolated = d->unsafe_interrupts ? NNVME_HAVE_UNKNOWN : NNVME_HAVE;
	return 0;
}

/* Also for a half-open device. */
static void close_device(struct nnvme_device *dev)
{
	struct nnvme_vfio *d = nnvme_to_vfio(dev);

	if (d->config.size)
		bus_master(dev, false, NULL);
	nnvme_vfio_interrupts_off(dev);
	if (dev->bar)
		nnvme_sys.munmap((void *)dev->bar, dev->bar_len);
	d->backend->close(d);
	free(d->iova_ranges);
	free(d);
}

static const struct nnvme_device_ops ops = {
	.map = map,
	.unmap = unmap,
	.bus_addr = bus_addr,
	.dma_limits = dma_limits,
	.bus_master = bus_master,
	.reset = reset,
	.vectors = nnvme_vfio_vectors,
	.interrupts_on = nnvme_vfio_interrupts_on,
	.interrupts_off = nnvme_vfio_interrupts_off,
	.close = close_device,
};

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
		return nnvme_fail(err, -ENODEV, "BAR0 of %s is not that of an NVMe controller: "
				  "%llu bytes, flags 0x%x",
				  d->dev.name, (unsigned long long)bar.size, bar.flags);
	p = nnvme_sys.mmap(NULL, bar.size, PROT_READ | PROT_WRITE, MAP_SHARED, d->fd,
			   (off_t)bar.offset);
	if (p == MAP_FAILED)
		return nnvme_fail(err, -errno, "cannot map BAR0 of %s: %s", d->dev.name,
				  strerror(errno));
	/* Otherwise a child's mapping keeps the device open after this process ends. */
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

int nnvme_vfio_open(const struct nnvme_vfio_backend *backend, const struct nnvme_pci_info *info,
		    enum nnvme_mode mode, struct nnvme_vfio **device, struct nnvme_err *err)
{
	struct nnvme_vfio *d = calloc(1, sizeof(*d));
	int rc;

	if (!d)
		return nnvme_fail(err, -ENOMEM, "out of memory");
	d->fd = d->iommufd = d->container = d->group = -1;
	d->backend = backend;
	d->alignment = 4096;
	d->dev.ops = &ops;
	d->dev.mode = mode;
	strcpy(d->dev.name, info->bdf);
	rc = backend->open(d, info, err);
	d->unsafe_interrupts = has_unsafe_interrupts(backend->module);
	if (!rc && d->alignment < 4096)
		d->alignment = 4096;
	if (!rc)
		rc = find_config(d, err);
	if (!rc)	/* it should be off already */
		rc = bus_master(&d->dev, false, err);
	if (!rc)
		rc = map_bar(d, err);
	if (rc)
		close_device(&d->dev);
	else
		*device = d;
	return rc;
}
