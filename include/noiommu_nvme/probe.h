/* SPDX-License-Identifier: MIT */
#ifndef NNVME_PROBE_H
#define NNVME_PROBE_H

/**
 * @file
 * What this library needs of the running kernel and of the calling process, and whether it is
 * there.
 *
 * Changes nothing and needs no device.
 *
 * @threads any thread, any time.
 */

#include <stdint.h>

#include "err.h"

#ifdef __cplusplus
extern "C" {
#endif
#pragma GCC visibility push(default)

/** Whether something is there. */
enum nnvme_have {
	NNVME_HAVE_NOT,
	NNVME_HAVE,
	NNVME_HAVE_UNKNOWN,	/* this process may not find out, or the module is not loaded */
};

/** Where the running kernel has device nodes without an IOMMU from. */
enum nnvme_noiommu_origin {
	NNVME_NOIOMMU_UNKNOWN,	/* this process may not find out, or VFIO is not loaded */
	NNVME_NOIOMMU_ABSENT,	/* it has none */
	NNVME_NOIOMMU_MERGED,	/* Linux 7.3 or later, configured so */
	NNVME_NOIOMMU_SERIES,	/* an older one that was built with the series */
	NNVME_NOIOMMU_MODULES,	/* the modules of noiommu-vfio-dkms */
};

/** What was found. */
struct nnvme_probe {
	uint32_t size;			/* set by the caller: sizeof(struct nnvme_probe) */
	enum nnvme_have iommufd;	/* /dev/iommu; CONFIG_IOMMUFD */
	enum nnvme_have iommu;		/* the kernel uses one */
	enum nnvme_have container;	/* VFIO containers; CONFIG_VFIO_CONTAINER */
	enum nnvme_have vfio_pci;	/* the driver vfio-pci is there */
	enum nnvme_have vfio_cdev;	/* VFIO device nodes; CONFIG_VFIO_DEVICE_CDEV */
	enum nnvme_have noiommu_mode;	/* VFIO has noiommu mode; CONFIG_VFIO_NOIOMMU */
	enum nnvme_have noiommu_on;	/* and it is on now */
	enum nnvme_have noiommu_cdev;	/* device nodes without an IOMMU too */
	enum nnvme_have get_pa;		/* iommufd gives physical addresses */
	enum nnvme_have phys_addr;	/* devices can use physical addresses, apparently */
	enum nnvme_have sys_rawio;	/* CAP_SYS_RAWIO in effect: for noiommu devices */
	enum nnvme_have sys_admin;	/* CAP_SYS_ADMIN in effect: binding, domain types */
	enum nnvme_have ipc_lock;	/* CAP_IPC_LOCK in effect: memlock does not limit it */
	enum nnvme_have tainted;	/* TAINT_USER: noiommu mode was used since boot */
	char release[65];		/* the kernel's, as in uname -r */
	char cpu_vendor[16];		/* "GenuineIntel", "AuthenticAMD"; "" not x86 */
	uint64_t memlock;		/* RLIMIT_MEMLOCK in bytes; UINT64_MAX: no limit */
	enum nnvme_noiommu_origin noiommu_origin;	/* who brought noiommu_cdev and get_pa */
	char noiommu_fix[252];		/* what brings both, a command if possible; "" not needed */
};

/**
 * Find out which of the library's needs the kernel and this process meet.
 *
 * Changes nothing, and needs neither a device nor a privilege.
 *
 * @param[in,out] probe  its size is set by the caller
 * @retval 0        filled in
 * @retval -EINVAL  its size is below that of the first layout
 */
int nnvme_probe(struct nnvme_probe *probe, struct nnvme_err *err);

#pragma GCC visibility pop
#ifdef __cplusplus
}
#endif
#endif
