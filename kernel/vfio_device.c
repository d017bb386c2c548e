// SPDX-License-Identifier: MIT
/*
 * The device behind kernel/device.h as VFIO's device node and an iommufd give it, with an IOMMU or
 * without. This file holds what to do and in which order; vfio_error.c has the words for what can
 * go wrong.
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

#include "kernel/device.h"
#include "kernel/iommufd.h"
#include "kernel/sys.h"
#include "kernel/vfio_cdev.h"
#include "kernel/vfio_error.h"

/* The registers up to 1000h and the admin queue's doorbells (PCIe transport, Memory-Based Registers). */
#define BAR_MIN 8192

struct vfio_device {
	struct nnvme_device dev;
	int cdev, iommufd;
	bool has_ioas, attached;
	uint32_t ioas;
	struct nnvme_vfio_region config;
};

static struct vfio_device *to_vfio(struct nnvme_device *dev)
{
	return (struct vfio_device *)dev;
}

static int vfio_map(struct nnvme_device *dev, void *va, size_t len, uint64_t *iova,
		    struct nnvme_err *err)
{
	struct vfio_device *d = to_vfio(dev);
	uint64_t at;
	int rc;

	if (!len || ((uintptr_t)va | len) % 4096)
		return nnvme_fail(err, -EINVAL, "cannot map %zu bytes at %p for %s: not whole pages "
				  "of 4096 bytes", len, va, dev->name);
	rc = nnvme_ioas_map(d->iommufd, d->ioas, va, len, &at);
	if (rc)
		return nnvme_vfio_map_failed(dev->name, rc, va, len, err);
	/* Linux chooses from 4096 up (iopt_alloc_iova() in drivers/iommu/iommufd/io_pagetable.c). */
	if (!at) {
		nnvme_ioas_unmap(d->iommufd, d->ioas, at, len);
		return nnvme_fail(err, -EIO, "the kernel mapped memory for %s at IOVA 0, which can't "
				  "be told from no mapping", dev->name);
	}
	*iova = at;
	return 0;
}

static int vfio_unmap(struct nnvme_device *dev, uint64_t iova, size_t len)
{
	struct vfio_device *d = to_vfio(dev);

	return nnvme_ioas_unmap(d->iommufd, d->ioas, iova, len);
}

static int vfio_bus_addr(struct nnvme_device *dev, uint64_t iova, size_t *len, nnvme_bus_t *bus,
			 struct nnvme_err *err)
{
	struct vfio_device *d = to_vfio(dev);
	uint64_t run = *len, phys;
	int rc;

	/* Never ask for 0 bytes: the kernel takes that for "no limit" or for an error, by version. */
	if (!*len)
		return nnvme_fail(err, -EINVAL, "a bus address of 0 bytes was asked for");
	if (dev->mode == NNVME_MODE_IOMMU) {
		bus->v = iova;
		return 0;
	}
	rc = nnvme_ioas_get_pa(d->iommufd, d->ioas, iova, &run, &phys);
	if (rc)
		return nnvme_vfio_get_pa_failed(dev->name, rc, iova, err);
	if (run > *len)
		run = *len;
	if (!run || !phys || (phys ^ iova) % 4096 || phys + run < phys)
		return nnvme_fail(err, -EIO, "the kernel's answer for IOVA 0x%llx of %s makes no "
				  "sense: 0x%llx bytes at physical address 0x%llx",
				  (unsigned long long)iova, dev->name, (unsigned long long)run,
				  (unsigned long long)phys);
	*len = run;
	bus->v = phys;
	return 0;
}

static int read_command(struct vfio_device *d, uint16_t *command)
{
	off_t at = (off_t)(d->config.offset + PCI_COMMAND);
	ssize_t n = nnvme_sys.pread(d->cdev, command, sizeof(*command), at);

	if (n < 0)
		return -errno;
	/* PCIe reads of a device that is gone give all ones. */
	return n != sizeof(*command) ? -EIO : *command == 0xffff ? -ENODEV : 0;
}

static int write_command(struct vfio_device *d, uint16_t command)
{
	off_t at = (off_t)(d->config.offset + PCI_COMMAND);
	ssize_t n = nnvme_sys.pwrite(d->cdev, &command, sizeof(command), at);

	return n < 0 ? -errno : n != sizeof(command) ? -EIO : 0;
}

static int vfio_bus_master(struct nnvme_device *dev, bool on, struct nnvme_err *err)
{
	struct vfio_device *d = to_vfio(dev);
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

static int vfio_reset(struct nnvme_device *dev, struct nnvme_err *err)
{
	int rc = nnvme_vfio_reset(to_vfio(dev)->cdev);

	if (!rc)
		return 0;
	return nnvme_fail(err, rc, "cannot reset %s: %s", dev->name,
			  rc == -ENOTTY ? "it has no function-level reset" : strerror(-rc));
}

/*
 * Also for a half-open device. Detaching and destroying what closing would take down anyway,
 * because a forked child that inherited the descriptors would keep it.
 */
static void vfio_close(struct nnvme_device *dev)
{
	struct vfio_device *d = to_vfio(dev);

	if (d->config.size)
		vfio_bus_master(dev, false, NULL);
	if (dev->bar)
		nnvme_sys.munmap((void *)dev->bar, dev->bar_len);
	if (d->attached)
		nnvme_vfio_detach(d->cdev);
	if (d->has_ioas)
		nnvme_iommufd_destroy(d->iommufd, d->ioas);
	nnvme_sys_close(&d->cdev);
	nnvme_sys_close(&d->iommufd);
	free(d);
}

static const struct nnvme_device_ops vfio_ops = {
	.map = vfio_map,
	.unmap = vfio_unmap,
	.bus_addr = vfio_bus_addr,
	.bus_master = vfio_bus_master,
	.reset = vfio_reset,
	.close = vfio_close,
};

/* The two descriptors, tied to each other. */
static int open_nodes(struct vfio_device *d, const struct nnvme_pci_info *info,
		      struct nnvme_err *err)
{
	int rc;

	d->cdev = nnvme_sys_open(O_RDWR, "/dev/vfio/devices/%s", info->vfio_dev);
	if (d->cdev < 0)
		return nnvme_vfio_open_failed(info, d->cdev, err);
	d->iommufd = nnvme_iommufd_open();
	if (d->iommufd < 0)
		return nnvme_vfio_iommufd_failed(info, d->iommufd, err);
	rc = nnvme_vfio_bind(d->cdev, d->iommufd, NULL);
	if (rc) {
		/* Before looking for who has it open: that mustn't find us. */
		nnvme_sys_close(&d->cdev);
		return nnvme_vfio_bind_failed(info, rc, err);
	}
	return 0;
}

static int make_address_space(struct vfio_device *d, struct nnvme_err *err)
{
	uint64_t len = 4096, phys;
	int rc = nnvme_ioas_alloc(d->iommufd, &d->ioas);

	d->has_ioas = !rc;
	if (!rc) {
		rc = nnvme_vfio_attach(d->cdev, d->ioas);
		d->attached = !rc;
	}
	if (rc)
		return nnvme_fail(err, rc, "cannot give %s an I/O address space: %s", d->dev.name,
				  strerror(-rc));
	if (d->dev.mode == NNVME_MODE_IOMMU)
		return 0;
	/* Nothing is mapped yet: "no such IOVA" is what a kernel that can do it says. */
	rc = nnvme_ioas_get_pa(d->iommufd, d->ioas, 4096, &len, &phys);
	return rc == -ENOENT || !rc ? 0 : nnvme_vfio_get_pa_failed(d->dev.name, rc, 4096, err);
}

static int map_bar(struct vfio_device *d, struct nnvme_err *err)
{
	const uint32_t need = VFIO_REGION_INFO_FLAG_READ | VFIO_REGION_INFO_FLAG_WRITE |
			      VFIO_REGION_INFO_FLAG_MMAP;
	struct nnvme_vfio_region bar;
	void *p;
	int rc = nnvme_vfio_region(d->cdev, VFIO_PCI_BAR0_REGION_INDEX, &bar);

	if (rc)
		return nnvme_fail(err, rc, "cannot ask VFIO about BAR0 of %s: %s", d->dev.name,
				  strerror(-rc));
	if (bar.size < BAR_MIN || bar.size > SSIZE_MAX || bar.size % 4096 ||
	    bar.offset % 4096 || bar.offset > INT64_MAX - bar.size || (bar.flags & need) != need)
		return nnvme_fail(err, -ENODEV, "BAR0 of %s is not that of an NVMe controller: %llu "
				  "bytes, flags 0x%x", d->dev.name, (unsigned long long)bar.size,
				  bar.flags);
	p = nnvme_sys.mmap(NULL, bar.size, PROT_READ | PROT_WRITE, MAP_SHARED, d->cdev,
			   (off_t)bar.offset);
	if (p == MAP_FAILED)
		return nnvme_fail(err, -errno, "cannot map BAR0 of %s: %s", d->dev.name,
				  strerror(errno));
	d->dev.bar = p;
	d->dev.bar_len = bar.size;
	return 0;
}

static int find_config(struct vfio_device *d, struct nnvme_err *err)
{
	struct nnvme_vfio_region config;
	uint32_t flags, regions;
	int rc = nnvme_vfio_info(d->cdev, &flags, &regions);

	if (!rc && (!(flags & VFIO_DEVICE_FLAGS_PCI) || regions <= VFIO_PCI_CONFIG_REGION_INDEX))
		rc = -ENODEV;
	if (!rc)
		rc = nnvme_vfio_region(d->cdev, VFIO_PCI_CONFIG_REGION_INDEX, &config);
	if (!rc && (config.size < PCI_STD_HEADER_SIZEOF || config.offset > INT64_MAX - config.size))
		rc = -ENODEV;
	if (rc)
		return nnvme_fail(err, rc, "VFIO shows no PCI configuration space for %s: %s",
				  d->dev.name, strerror(-rc));
	d->config = config;
	return 0;
}

int nnvme_device_open(const char *name, enum nnvme_mode mode, struct nnvme_device **dev,
		      struct nnvme_err *err)
{
	struct nnvme_pci_info info;
	struct vfio_device *d;
	int rc;

	rc = nnvme_vfio_check(name, &mode, &info, err);
	if (rc)
		return rc;
	d = calloc(1, sizeof(*d));
	if (!d)
		return nnvme_fail(err, -ENOMEM, "out of memory");
	d->cdev = d->iommufd = -1;
	d->dev.ops = &vfio_ops;
	d->dev.mode = mode;
	strcpy(d->dev.name, info.bdf);
	rc = open_nodes(d, &info, err);
	if (!rc)
		rc = make_address_space(d, err);
	if (!rc)
		rc = find_config(d, err);
	if (!rc)	/* it is off already, unless the kernel changed its habits */
		rc = vfio_bus_master(&d->dev, false, err);
	if (!rc)
		rc = map_bar(d, err);
	if (rc) {
		vfio_close(&d->dev);
		return rc;
	}
	*dev = &d->dev;
	return 0;
}
