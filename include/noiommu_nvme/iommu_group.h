/* SPDX-License-Identifier: MIT */
#ifndef NNVME_IOMMU_GROUP_H
#define NNVME_IOMMU_GROUP_H

/**
 * @file
 * The default domain of a device's IOMMU group: how the kernel's own drivers access memory through
 * the IOMMU.
 *
 * It can be changed at run time, while no device of the group is bound to a driver.
 * Programs that open a device through VFIO get a domain of their own, whatever this one is.
 *
 * @threads any thread, any time. Changes to one group exclude each other, across processes too.
 *
 * @spec Linux, Documentation/ABI/testing/sysfs-kernel-iommu_groups.
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

/** Types of a default domain. */
enum nnvme_domain {
	NNVME_DOMAIN_OTHER,	/* no default domain, or one of an unknown type */
	NNVME_DOMAIN_IDENTITY,	/* not translated: the device can access all of memory */
	NNVME_DOMAIN_DMA,	/* each buffer is mapped for its transfer, and unmapped at once */
	NNVME_DOMAIN_DMA_FQ,	/* the same, but unmapped a little later, in batches */
	NNVME_DOMAIN_AUTO,	/* to set what the kernel would choose; never read */
};

/** A device of a group. */
struct nnvme_iommu_member {
	uint32_t size;		/* of this structure as the caller knows it */
	uint32_t class_code;	/* NNVME_PCI_CLASS for an NVMe controller */
	char name[64];		/* a PCI address, on most machines */
	char driver[NNVME_DRIVER_SIZE];	/* "" when none */
};

/** A group, its type and its devices. */
struct nnvme_iommu_group {
	uint32_t size;			/* set by the caller: sizeof(struct nnvme_iommu_group) */
	uint32_t member_size;		/* set by the caller: sizeof(struct nnvme_iommu_member) */
	char bdf[NNVME_BDF_SIZE];	/* the device that was given */
	char number[16];
	char type_text[16];		/* the kernel's name for @type */
	enum nnvme_domain type;
	bool unfinished;		/* a change was interrupted: nnvme_iommu_group_restore() */
	int holder;			/* process that changes or holds it now, 0 none; -1 there
					 * is one, or one was killed: only root can see which */
	size_t count;			/* devices in the group, @bdf among them */
	struct nnvme_iommu_member *members;
};

/**
 * Name a domain type.
 *
 * @param type  any value
 * @return "identity", "DMA", "DMA-FQ", "auto" or "other"; static storage.
 */
const char *nnvme_domain_name(enum nnvme_domain type);

/**
 * Find the domain type of a name.
 *
 * @param text       the name, as nnvme_domain_name() spells it
 * @param[out] type  its type
 * @retval 0        found
 * @retval -EINVAL  not one of the four that can be set
 */
int nnvme_domain_parse(const char *text, enum nnvme_domain *type, struct nnvme_err *err);

/**
 * Read the IOMMU group of a PCI device.
 *
 * nnvme_iommu_group_free() frees it. Needs no privilege.
 *
 * @param bdf             its address, as for nnvme_bdf_parse()
 * @param[in,out] group   its two sizes are set by the caller
 * @retval 0            read
 * @retval -EINVAL      not an address, or a size is below that of the first layout
 * @retval -ENODEV      no such device
 * @retval -EOPNOTSUPP  it has no IOMMU behind it
 * @retval -ENOMEM      no memory
 */
int nnvme_iommu_group_read(const char *bdf, struct nnvme_iommu_group *group, struct nnvme_err *err);

/**
 * Free what nnvme_iommu_group_read() allocated.
 *
 * @param group  the group; the structure itself is the caller's
 */
void nnvme_iommu_group_free(struct nnvme_iommu_group *group);

/**
 * Set the default domain type of a device's group.
 *
 * NVMe controllers of the group that are not in use are unbound from their driver and returned to
 * it afterwards; from DMA to DMA-FQ they stay bound. Setting the type that the group has already
 * succeeds whatever is mounted. Waits until the disks are back, about a second. On failure the
 * group keeps its type and its devices their drivers.
 *
 * @param bdf   its address, as for nnvme_bdf_parse()
 * @param type  what to set
 * @retval 0            set
 * @retval -EBUSY       a disk is in use, or another device of the group has a driver
 * @retval -EPERM       not root, or without CAP_SYS_ADMIN or CAP_SYS_RAWIO
 * @retval -EINVAL      not an address, or the kernel does not give this group that type
 * @retval -EOPNOTSUPP  the same, or no IOMMU is behind the device
 * @retval -EIO         or another errno of the kernel's
 */
int nnvme_iommu_group_set(const char *bdf, enum nnvme_domain type, struct nnvme_err *err);

/** A group whose type is held. */
struct nnvme_iommu_hold;

/**
 * Set the default domain type of a device's group for a time.
 *
 * As nnvme_iommu_group_set(); until it is released, nobody else can change the group.
 *
 * @param bdf        its address, as for nnvme_bdf_parse()
 * @param type       what to set
 * @param[out] hold  for nnvme_iommu_group_release(); NULL on failure
 * @retval 0            held
 * @retval -ENOMEM      no memory
 * @retval -EBUSY, -EPERM, -EINVAL, -EOPNOTSUPP, -EIO
 *                      as for nnvme_iommu_group_set()
 * @see nnvme_iommu_group_release()
 */
int nnvme_iommu_group_hold(const char *bdf, enum nnvme_domain type, struct nnvme_iommu_hold **hold,
			   struct nnvme_err *err);

/**
 * Restore the former type of a group, and end the hold.
 *
 * On failure nnvme_iommu_group_restore() remains.
 *
 * @param[in,out] hold  from nnvme_iommu_group_hold(); NULL afterwards, on failure too
 * @retval 0       released, or nothing was held
 * @retval -EBUSY, -EPERM, -EINVAL, -EOPNOTSUPP, -EIO
 *                 as for nnvme_iommu_group_set()
 */
int nnvme_iommu_group_release(struct nnvme_iommu_hold **hold, struct nnvme_err *err);

/**
 * Undo a change or a hold whose process was killed.
 *
 * Restores the group's type and its devices' drivers.
 *
 * @param bdf  its address, as for nnvme_bdf_parse()
 * @retval 1       something was undone
 * @retval 0       there was nothing to undo
 * @retval -EBUSY  that process is alive, or as for nnvme_iommu_group_set()
 * @retval -EPERM, -EINVAL, -ENODEV, -EIO
 *                 as for nnvme_iommu_group_set()
 */
int nnvme_iommu_group_restore(const char *bdf, struct nnvme_err *err);

#pragma GCC visibility pop
#ifdef __cplusplus
}
#endif
#endif
