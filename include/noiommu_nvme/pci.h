/* SPDX-License-Identifier: MIT */
#ifndef NNVME_PCI_H
#define NNVME_PCI_H

/**
 * @file
 * NVMe controllers on the PCI bus.
 *
 * Their addresses, their drivers, whether they are in use, and binding them to vfio-pci and back to
 * the kernel's driver. Every call reads sysfs anew and keeps nothing.
 *
 * @threads any thread, any time. Changes to one device exclude each other, across processes too.
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

/** Room for a PCI address as text with its NUL: "0000:41:00.0", domains of up to 8 digits. */
#define NNVME_BDF_SIZE 20

/** Room for a driver's name with its NUL: a file name in sysfs. */
#define NNVME_DRIVER_SIZE 256

/** NVM Express I/O controller (PCIe transport, Class Code: 01h, 08h, 02h). */
#define NNVME_PCI_CLASS 0x010802u

/**
 * Convert a PCI address to the kernel's spelling, 0000:41:00.0.
 *
 * Accepted are 0000:41:00.0, 41:00.0 (domain 0) and the same with dots, 0000.41.00.0 and 41.00.0,
 * for programs that split their arguments at colons; hexadecimal digits in either case. Does not
 * check that the device exists.
 *
 * @param text      the address
 * @param[out] bdf  its spelling
 * @retval 0        converted
 * @retval -EINVAL  not an address
 */
int nnvme_bdf_parse(const char *text, char bdf[NNVME_BDF_SIZE], struct nnvme_err *err);

/** A PCI device. */
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
	char uio[16];		/* UIO node, "uio0", of another userspace driver; "" when none */
	char model[64];		/* "" unless the kernel's driver has it */
};

/**
 * Describe one PCI device, NVMe or not.
 *
 * Needs no privilege.
 *
 * @param bdf            its address, as for nnvme_bdf_parse()
 * @param[in,out] info   its size is set by the caller
 * @retval 0        filled in
 * @retval -EINVAL  not an address, or the size is below that of the first layout
 * @retval -ENODEV  no such device
 */
int nnvme_pci_info(const char *bdf, struct nnvme_pci_info *info, struct nnvme_err *err);

/**
 * List all NVMe controllers, by address.
 *
 * @param[out] list   the list, for the caller to free(); NULL when there are none
 * @param[out] count  how many
 * @param size        sizeof(**list)
 * @retval 0        listed
 * @retval -EINVAL  `size` is below that of the structure's first layout
 * @retval -ENOMEM  no memory
 */
int nnvme_pci_list(struct nnvme_pci_info **list, size_t *count, uint32_t size,
		   struct nnvme_err *err);

/**
 * Check whether nnvme_ctrl_open() could open a controller in a mode.
 *
 * As far as can be told without opening it.
 *
 * @param bdf   its address, as for nnvme_bdf_parse()
 * @param mode  as in struct nnvme_options
 * @retval 0        it seems so
 * @retval -EINVAL, -ENODEV, -EBUSY, -EPERM, -EOPNOTSUPP
 *                  the error that nnvme_ctrl_open() would return
 */
int nnvme_pci_can_open(const char *bdf, enum nnvme_mode mode, struct nnvme_err *err);

/**
 * Check whether a controller is in use.
 *
 * In use means: a mount point, swap, a device stacked on one of its disks (holders/), a loop device
 * or a storage target on one, an exclusive opener, or a process that has it open or mapped through
 * one of its nodes (disks, partitions, ngXnY, nvmeX, UIO, VFIO, sysfs resource files). Multipath
 * disks and what is stacked on them count, and so do virtual functions.
 *
 * @param bdf  its address, as for nnvme_bdf_parse()
 * @retval 0        it is not in use
 * @retval -EBUSY   it is, and `err` names the first use found; or this can't be determined, because
 *                  a disk's node is not in /dev or because not all processes can be seen, as in a
 *                  container
 * @retval -EINVAL  not an address
 * @retval -ENODEV  no such device
 * @retval -EPERM   not root
 */
int nnvme_pci_in_use(const char *bdf, struct nnvme_err *err);

/**
 * Flag of nnvme_pci_bind(): turn noiommu mode on if the device needs it. The program that drives
 * the device can then make it access all of memory.
 */
#define NNVME_BIND_UNSAFE_NOIOMMU 1u

/**
 * Bind an NVMe controller to vfio-pci, and record its former driver.
 *
 * The driver is loaded if it is a module. Succeeds if the controller is bound already, and
 * completes an earlier call that was killed half-way. Takes as long as both drivers need, about a
 * second. On failure the device keeps its driver, or has it back.
 *
 * @param bdf    its address, as for nnvme_bdf_parse()
 * @param flags  0 or NNVME_BIND_UNSAFE_NOIOMMU: turn noiommu mode on if the device needs it
 * @retval 0            bound
 * @retval -EINVAL      not an address
 * @retval -ENODEV      no such device, or not NVMe
 * @retval -EBUSY       it is in use, as for nnvme_pci_in_use(), or another program was changing its
 *                      driver for 10 s
 * @retval -EPERM       not root, or noiommu mode is off and `flags` does not turn it on
 * @retval -EOPNOTSUPP  this kernel can't, or this machine can't without an IOMMU
 * @retval -EIO         or another errno of the kernel's: a driver refused
 * @see nnvme_pci_unbind()
 */
int nnvme_pci_bind(const char *bdf, unsigned flags, struct nnvme_err *err);

/**
 * Bind an NVMe controller to another VFIO driver than vfio-pci: some devices have one of their own.
 *
 * The rest is as for nnvme_pci_bind().
 *
 * @param bdf     its address, as for nnvme_bdf_parse()
 * @param driver  its name
 * @param flags   as for nnvme_pci_bind()
 * @retval 0        bound
 * @retval -EINVAL  `driver` is not a VFIO driver, or `bdf` not an address
 * @retval -ENODEV, -EBUSY, -EPERM, -EOPNOTSUPP, -EIO
 *                  as for nnvme_pci_bind()
 */
int nnvme_pci_bind_to(const char *bdf, const char *driver, unsigned flags, struct nnvme_err *err);

/**
 * Return a controller to the driver that it had before nnvme_pci_bind().
 *
 * Whichever process called that; if the driver is not recorded, to the one that the kernel chooses.
 * Succeeds if the controller is not bound to vfio-pci. What somebody else has changed since stays
 * as it is.
 *
 * @param bdf  its address, as for nnvme_bdf_parse()
 * @retval 0         returned
 * @retval -EINVAL   not an address
 * @retval -ENODEV   no such device
 * @retval -EPERM    not root
 * @retval -EBUSY    a program has it open
 * @retval -EBADMSG  the state file is damaged, and `err` names it
 */
int nnvme_pci_unbind(const char *bdf, struct nnvme_err *err);

#pragma GCC visibility pop
#ifdef __cplusplus
}
#endif
#endif
