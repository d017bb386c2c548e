/* SPDX-License-Identifier: MIT */
#ifndef NNVME_IOMMU_GROUP_H
#define NNVME_IOMMU_GROUP_H

/*
 * The default domain of a device's IOMMU group: how the kernel's own drivers access memory through
 * the IOMMU. It can be changed at run time, while no device of the group is bound to a driver.
 * Programs that open a device through VFIO get a domain of their own, whatever this one is.
 * Linux, Documentation/ABI/testing/sysfs-kernel-iommu_groups.
 *
 * Thread rule: any thread, any time. Changes to one group exclude each other, across processes too.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "err.h"
#include "pci.h"

#ifdef __cplusplus
extern "C" {
#endif
#pragma GCC visibility push(default)

enum nnvme_domain {
	NNVME_DOMAIN_OTHER,	/* no default domain, or one of an unknown type */
	NNVME_DOMAIN_IDENTITY,	/* not translated: the device can access all of memory */
	NNVME_DOMAIN_DMA,	/* each buffer is mapped for its transfer, and unmapped at once */
	NNVME_DOMAIN_DMA_FQ,	/* the same, but unmapped a little later, in batches */
	NNVME_DOMAIN_AUTO,	/* to set what the kernel would choose; never read */
};

struct nnvme_iommu_member {
	uint32_t size;		/* of this structure as the caller knows it */
	uint32_t class_code;	/* NNVME_PCI_CLASS for an NVMe controller */
	char name[64];		/* a PCI address, on most machines */
	char driver[NNVME_DRIVER_SIZE];	/* "" when none */
};

struct nnvme_iommu_group {
	uint32_t size;			/* set by the caller: sizeof(struct nnvme_iommu_group) */
	uint32_t member_size;		/* set by the caller: sizeof(struct nnvme_iommu_member) */
	char bdf[NNVME_BDF_SIZE];	/* the device that was given */
	char number[16];
	char type_text[16];		/* the kernel's name for @type */
	enum nnvme_domain type;
	bool unfinished;		/* a change was interrupted: nnvme_iommu_group_restore() */
	int holder;			/* process that changes or holds it now, 0 none; -1 there is one,
					 * or one was killed: only root can see which */
	size_t count;			/* devices in the group, @bdf among them */
	struct nnvme_iommu_member *members;
};

/* The name of a type: "identity", "DMA", "DMA-FQ", "auto" or "other". */
const char *nnvme_domain_name(enum nnvme_domain type);

/* The type of a name; -EINVAL unless it is one of the four that can be set. */
int nnvme_domain_parse(const char *text, enum nnvme_domain *type, struct nnvme_err *err);

/*
 * Read the group of a PCI device; nnvme_iommu_group_free() frees it. -ENODEV no such device;
 * -EOPNOTSUPP it has no IOMMU behind it; -EINVAL a size is too small. Needs no privilege.
 */
int nnvme_iommu_group_read(const char *bdf, struct nnvme_iommu_group *group, struct nnvme_err *err);
void nnvme_iommu_group_free(struct nnvme_iommu_group *group);

/*
 * Set the type of a device's group. NVMe controllers of the group that are not in use are unbound
 * from their driver and returned to it afterwards; from DMA to DMA-FQ they stay bound. Setting
 * the type that the group has already succeeds whatever is mounted. Waits until the disks are
 * back, about a second.
 *
 * On failure the group keeps its type and its devices their drivers: -EBUSY a disk is in use, or
 * another device of the group has a driver; -EPERM not root, or without CAP_SYS_ADMIN or
 * CAP_SYS_RAWIO; -EINVAL, -EOPNOTSUPP the kernel does not give this group that type; otherwise the
 * kernel's errno.
 */
int nnvme_iommu_group_set(const char *bdf, enum nnvme_domain type, struct nnvme_err *err);

/* The same for a time: until it is released, nobody else can change the group. */
struct nnvme_iommu_hold {
	uint32_t size;		/* set by the caller: sizeof(struct nnvme_iommu_hold) */
	int lock;		/* -1: nothing is held */
	char bdf[NNVME_BDF_SIZE];
};
int nnvme_iommu_group_hold(const char *bdf, enum nnvme_domain type, struct nnvme_iommu_hold *hold,
			   struct nnvme_err *err);

/* Restore the former type, and end the hold. On failure nnvme_iommu_group_restore() remains. */
int nnvme_iommu_group_release(struct nnvme_iommu_hold *hold, struct nnvme_err *err);

/*
 * Undo a change or a hold whose process was killed: restore the group's type and its devices'
 * drivers. 1 something was undone; 0 there was nothing to undo; -EBUSY also when that process is
 * alive.
 */
int nnvme_iommu_group_restore(const char *bdf, struct nnvme_err *err);

#pragma GCC visibility pop
#ifdef __cplusplus
}
#endif
#endif
