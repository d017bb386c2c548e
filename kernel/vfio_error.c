// SPDX-License-Identifier: MIT
#include "kernel/vfio_error.h"

#include <errno.h>
#include <linux/capability.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "kernel/pci_disks.h"
#include "kernel/pci_nodes.h"
#include "kernel/sys.h"

/* -EBUSY if a process has the device open, with its name in @err; 0 if none is found. */
static int open_elsewhere(const struct nnvme_pci_info *info, struct nnvme_err *err)
{
	struct nnvme_nodes nodes;
	char comm[32];
	int pid = 0;

	if (!nnvme_pci_nodes(info, &nodes)) {
		pid = nnvme_nodes_opener(&nodes, comm);
		nnvme_nodes_free(&nodes);
	}
	if (!pid)
		return 0;
	if (pid == getpid())
		return nnvme_fail(err, -EBUSY, "%s is already open in this program; close it there "
				  "first", info->bdf);
	return nnvme_fail(err, -EBUSY, "%s is already open in another program, process %d (%s); "
			  "end that first", info->bdf, pid, comm);
}

#define UNSEEN "another program may have it open that can't be seen from here (look as root, " \
	"outside of containers)"

static int busy(const struct nnvme_pci_info *info, struct nnvme_err *err)
{
	int rc = open_elsewhere(info, err);

	return rc ? rc : nnvme_fail(err, -EBUSY, "the kernel says that "
				    "%s is busy: " UNSEEN, info->bdf);
}

/* EINVAL of the bind ioctl: drivers/vfio/device_cdev.c, and iommufd_device_bind(). */
static int not_bindable(const struct nnvme_pci_info *info, struct nnvme_err *err)
{
	int rc = open_elsewhere(info, err);

	if (rc)
		return rc;
	return nnvme_fail(err, -EINVAL, "the kernel does not bind %s to an "
			  "iommufd (%s): " UNSEEN "%s; the kernel's log may say more (dmesg)",
			  info->bdf, strerror(EINVAL), nnvme_vfio_is_noiommu(info) ? "" : ", or "
			  "its DMA is not coherent with the CPU's caches, which iommufd needs "
			  "(arm64), or its IOMMU has no driver");
}

/* Bridges aside (Linux, iommu_device_claim_dma_owner()). */
bool nnvme_vfio_shared_group(const struct nnvme_pci_info *info, struct nnvme_err *err)
{
	struct dirent **names;
	char driver[NNVME_DRIVER_SIZE];
	bool found = false;
	int n;

	if (!info->iommu)
		return false;
	n = nnvme_sys_list(&names, "/sys/kernel/iommu_groups/%s/devices", info->group);
	for (int i = 0; i < n && !found; i++) {
		const char *mate = names[i]->d_name;

		if (nnvme_sys_link_name(driver, sizeof(driver), NNVME_PCI_DEVICES "/%s/driver",
					mate) ||
		    !strcmp(driver, "vfio-pci") || !strcmp(driver, "pci-stub") ||
		    !strcmp(driver, "pcieport"))
			continue;
		found = true;
		nnvme_fail(err, -EBUSY, "%s shares IOMMU group %s with %.64s, which the driver "
			   "%.64s has: programs get a group as a whole; bind that to vfio-pci too, "
			   "or unbind it", info->bdf, info->group, mate, driver);
	}
	nnvme_sys_list_free(names, n);
	return found;
}

int nnvme_vfio_node_failed(const struct nnvme_pci_info *info, const char *node, int rc,
			   struct nnvme_err *err)
{
	if (rc == -EPERM || rc == -EACCES)
		return nnvme_fail(err, -EPERM, "cannot open /dev/vfio/%s of %s: permission denied; "
				  "run as root", node, info->bdf);
	if (rc == -EBUSY)
		return busy(info, err);
	return nnvme_fail(err, rc, "cannot open /dev/vfio/%s of %s: %s", node, info->bdf,
			  strerror(-rc));
}

int nnvme_vfio_join_failed(const struct nnvme_pci_info *info, int rc, struct nnvme_err *err)
{
	if ((rc == -ESRCH || rc == -EBUSY || rc == -EPERM) && nnvme_vfio_shared_group(info, err))
		return -EBUSY;
	if (rc == -ESRCH)
		return nnvme_fail(err, -EBUSY, "%s: other devices of IOMMU group %s have drivers "
				  "that are not VFIO's; bind them to vfio-pci too",
				  info->bdf, info->group);
	if (rc == -EPERM)
		return nnvme_fail(err, rc, "the kernel refuses %s: its interrupts "
				  "can't be isolated; to accept that, boot with "
				  "vfio_iommu_type1.allow_unsafe_interrupts=1", info->bdf);
	return nnvme_fail(err, rc, "cannot put group %s of %s into a VFIO container: %s",
			  info->group, info->bdf, strerror(-rc));
}

int nnvme_vfio_open_failed(const struct nnvme_pci_info *info, int rc, struct nnvme_err *err)
{
	if (rc == -EPERM && nnvme_vfio_is_noiommu(info) && nnvme_sys.has_cap(CAP_SYS_RAWIO) != 1)
		return nnvme_fail(err, rc, "cannot open %s: a device without an IOMMU needs "
				  "CAP_SYS_RAWIO; run as root or with that capability", info->bdf);
	if (rc == -EPERM || rc == -EACCES)
		return nnvme_fail(err, -EPERM, "cannot open /dev/vfio/devices/%s of %s: permission "
				  "denied; run as root", info->vfio_dev, info->bdf);
	if (rc == -EBUSY)
		return busy(info, err);
	if (rc == -ENOENT)
		return nnvme_fail(err, -ENODEV, "%s has no node /dev/vfio/devices/%s although the "
				  "kernel offers it; is /dev a devtmpfs?", info->bdf,
				  info->vfio_dev);
	return nnvme_fail(err, rc, "cannot open /dev/vfio/devices/%s of %s: %s", info->vfio_dev,
			  info->bdf, strerror(-rc));
}

int nnvme_vfio_iommufd_failed(const struct nnvme_pci_info *info, int rc, struct nnvme_err *err)
{
	if (rc == -ENOENT || rc == -ENODEV || rc == -ENXIO)
		return nnvme_fail(err, -EOPNOTSUPP, "cannot open %s: this kernel has no "
				  "/dev/iommu; it needs CONFIG_IOMMUFD, or modprobe iommufd",
				  info->bdf);
	if (rc == -EPERM || rc == -EACCES)
		return nnvme_fail(err, -EPERM, "cannot open /dev/iommu for %s: permission denied; "
				  "run as root", info->bdf);
	return nnvme_fail(err, rc, "cannot open /dev/iommu for %s: %s", info->bdf, strerror(-rc));
}

int nnvme_vfio_bind_failed(const struct nnvme_pci_info *info, int rc, struct nnvme_err *err)
{
	/* Where another device of the group has a driver, Linux 6.12 says EPERM, others EBUSY. */
	if ((rc == -EBUSY || rc == -EPERM) && nnvme_vfio_shared_group(info, err))
		return -EBUSY;
	/* The second opener of a node gets EINVAL; EBUSY if the group is open. */
	if (rc == -EINVAL)
		return not_bindable(info, err);
	if (rc == -EBUSY)
		return busy(info, err);
	if (rc == -EPERM && !nnvme_vfio_is_noiommu(info))
		return nnvme_fail(err, rc, "the kernel refuses %s: its interrupts "
				  "can't be isolated; to accept that, boot with "
				  "iommufd.allow_unsafe_interrupts=1", info->bdf);
	if (rc == -EPERM)
		return nnvme_fail(err, rc, "the kernel refuses %s: a device without an IOMMU needs "
				  "CAP_SYS_RAWIO; run as root or with that capability", info->bdf);
	if (rc == -EOPNOTSUPP)
		return nnvme_fail(err, rc, "the kernel refuses %s: without an IOMMU it would need "
				  "other addresses than physical ones (memory encryption, Xen, or "
				  "an offset of its bus)", info->bdf);
	if (rc == -ENOTTY)
		return nnvme_fail(err, -EOPNOTSUPP, "the kernel can't use %s through its device "
				  "node; it needs Linux 6.6 with CONFIG_VFIO_DEVICE_CDEV",
				  info->bdf);
	return nnvme_fail(err, rc, "cannot bind %s to an iommufd: %s", info->bdf, strerror(-rc));
}

/*
 * Errors of type1 (vfio_dma_do_map() in drivers/vfio/vfio_iommu_type1.c). With iommufd: no IOVAs
 * are left.
 */
static int too_many_mappings(const char *name, size_t len, struct nnvme_err *err)
{
	char limit[16];

	if (nnvme_sys_read(limit, sizeof(limit),
			   "/sys/module/vfio_iommu_type1/parameters/dma_entry_limit") <= 0)
		strcpy(limit, "65535");
	return nnvme_fail(err, -ENOSPC, "cannot map %zu KiB for %s: the IOMMU has no room "
			  "left; a VFIO container takes %s mappings: register memory in "
			  "fewer and larger pieces, or load vfio_iommu_type1 with a greater "
			  "dma_entry_limit", len / 1024, name, limit);
}

int nnvme_vfio_map_failed(const char *name, int rc, void *va, size_t len, struct nnvme_err *err)
{
	uint64_t limit = nnvme_sys.memlock();

	if (rc == -ENOMEM && limit != UINT64_MAX && nnvme_sys.has_cap(CAP_IPC_LOCK) != 1)
		return nnvme_fail(err, rc, "cannot pin %zu KiB for %s: RLIMIT_MEMLOCK is "
				  "%llu KiB, for all that this user pins; raise it (ulimit "
				  "-l unlimited) or run with CAP_IPC_LOCK", len / 1024, name,
				  (unsigned long long)limit / 1024);
	if (rc == -ENOMEM)
		return nnvme_fail(err, rc, "cannot pin %zu KiB for %s: out of memory", len / 1024,
				  name);
	if (rc == -ENOSPC)
		return too_many_mappings(name, len, err);
	if (rc == -EFAULT)
		return nnvme_fail(err, rc, "cannot pin %zu bytes at %p for %s: not all of that is "
				  "writable memory of this program", len, va, name);
	return nnvme_fail(err, rc, "cannot map %zu bytes at %p for %s: %s", len, va, name,
			  strerror(-rc));
}

int nnvme_vfio_get_pa_failed(const char *name, int rc, uint64_t iova, struct nnvme_err *err)
{
	if (rc == -ENOTTY)
		return nnvme_fail(err, -EOPNOTSUPP, "cannot use %s without an IOMMU: this kernel "
				  "does not give physical addresses (iommufd command 0x95); "
				  NNVME_NEEDS_KERNEL, name);
	if (rc == -EPERM)
		return nnvme_fail(err, rc, "cannot get physical addresses for %s: that needs "
				  "CAP_SYS_RAWIO; run as root or with that capability", name);
	if (rc == -ENOENT)
		return nnvme_fail(err, rc, "IOVA 0x%llx of %s is not mapped",
				  (unsigned long long)iova, name);
	return nnvme_fail(err, rc, "cannot get the physical address of IOVA 0x%llx for %s: %s",
			  (unsigned long long)iova, name, strerror(-rc));
}
