/* SPDX-License-Identifier: MIT */
#ifndef NNVME_PCI_H
#define NNVME_PCI_H

/*
 * NVMe controllers as the PCI bus knows them: their addresses, who drives them, who uses their
 * disks, and how they get from the kernel's driver to vfio-pci and back.
 *
 * Everything is read from sysfs at the time of the call and nothing is kept.
 * Thread rule: any thread, any time; changes to one device wait for each other, across processes too.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "bus.h"
#include "err.h"

#ifdef __cplusplus
extern "C" {
#endif
#pragma GCC visibility push(default)

/* Room for a PCI address as text with its NUL: "0000:41:00.0", domains of up to 8 digits. */
#define NNVME_BDF_SIZE 20

/* Room for a driver's name with its NUL: a file name in sysfs. */
#define NNVME_DRIVER_SIZE 256

/* NVM Express I/O controller (PCIe transport, Class Code: 01h, 08h, 02h). */
#define NNVME_PCI_CLASS 0x010802u

/*
 * Bring a PCI address into the kernel's spelling, 0000:41:00.0. Accepted are 0000:41:00.0,
 * 41:00.0 (domain 0) and the same with dots, 0000.41.00.0 and 41.00.0, for programs that split
 * their arguments at colons; hexadecimal in any case. Says nothing about the device's existence.
 * -EINVAL with a hint.
 */
int nnvme_bdf_parse(const char *text, char bdf[NNVME_BDF_SIZE], struct nnvme_err *err);

struct nnvme_pci_info {
	uint32_t size;		/* set by the caller: sizeof(struct nnvme_pci_info) */
	uint32_t class_code;	/* NNVME_PCI_CLASS for an NVMe controller */
	uint64_t capacity;	/* bytes, all namespaces; 0 unless the kernel's driver has it */
	uint16_t vendor, device;
	bool iommu;		/* an IOMMU is behind it: VFIO's stand-in group does not count */
	bool cdev;		/* /dev/vfio/devices/ has the node @vfio_dev */
	bool container;		/* /dev/vfio/ has its group's node: for kernels without iommufd */
	char bdf[NNVME_BDF_SIZE];
	char driver[NNVME_DRIVER_SIZE];	/* "nvme", "vfio-pci", ...; "" when none */
	char group[16];		/* number of its IOMMU group; "" when none */
	char vfio_dev[32];	/* its VFIO node, "noiommu-vfio0" or "vfio0"; "" when none */
	char uio[16];		/* its UIO node, "uio0", for other userspace drivers; "" when none */
	char model[64];		/* "" unless the kernel's driver has it */
};

/*
 * All of that for one PCI device, NVMe or not. -EINVAL not an address, or @info->size is too small;
 * -ENODEV no such device.
 */
int nnvme_pci_info(const char *bdf, struct nnvme_pci_info *info, struct nnvme_err *err);

/*
 * All NVMe controllers, ascending. @size is sizeof(**list). *list is the caller's, free() it; NULL
 * when *count is 0.
 */
int nnvme_pci_list(struct nnvme_pci_info **list, size_t *count, uint32_t size,
		   struct nnvme_err *err);

/*
 * Whether nnvme_ctrl_open() can have it in that mode, as far as that shows without opening
 * anything: 0, or what it would return and say.
 */
int nnvme_pci_can_open(const char *bdf, enum nnvme_mode mode, struct nnvme_err *err);

/*
 * 0 when nobody uses the controller; -EBUSY with the first user found in @err: a mount point, swap, a
 * device stacked on one of its disks (holders/), a loop device or a storage target over one, anybody
 * who has one exclusively, and any process that has it open or mapped by one of its nodes (disks,
 * partitions, ngXnY, nvmeX, UIO's, VFIO's, sysfs's resource files). Multipath disks and what is
 * stacked on them count, and virtual functions. -EBUSY too when that can't be told because a disk's
 * node is not in /dev or the machine's processes are not to be seen, as in a container; -EPERM not
 * root.
 */
int nnvme_pci_in_use(const char *bdf, struct nnvme_err *err);

/*
 * Turn noiommu mode on when the device needs it. The device can then reach all of memory,
 * whatever the program that drives it tells it to do.
 */
#define NNVME_BIND_UNSAFE_NOIOMMU 1u

/*
 * Hand an NVMe controller to vfio-pci, loading that where it is a module, and remember the driver
 * that it had. Done already is success, and what a call left half-way that was cut short is
 * finished. Takes as long as both drivers need, a second or so.
 *
 * Otherwise the device keeps the driver that it had, or has it back, and @err says why: -EBUSY
 * in use, as nnvme_pci_in_use() says, or for 10 s another program was changing it; -EPERM not root,
 * or noiommu mode is off and @flags doesn't turn it on; -EOPNOTSUPP this kernel can't, or without an
 * IOMMU this machine can't; -ENODEV no such device or not NVMe; what the kernel said else.
 */
int nnvme_pci_bind(const char *bdf, unsigned flags, struct nnvme_err *err);

/*
 * The same with another driver than vfio-pci: some devices have a VFIO driver of their own. -EINVAL
 * when it isn't one of VFIO's.
 */
int nnvme_pci_bind_to(const char *bdf, const char *driver, unsigned flags, struct nnvme_err *err);

/*
 * Give it back to the driver that it had before nnvme_pci_bind(), in this or another process; to
 * the one that the kernel chooses if that isn't known. Not bound to vfio-pci is success, and what
 * was changed by other hands since stays as it is. -EBUSY when a program has it open; -EBADMSG the
 * file about what it had is damaged, and @err names it.
 */
int nnvme_pci_unbind(const char *bdf, struct nnvme_err *err);

#pragma GCC visibility pop
#ifdef __cplusplus
}
#endif
#endif
