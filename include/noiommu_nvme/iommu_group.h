/* SPDX-License-Identifier: MIT */
#ifndef NNVME_IOMMU_GROUP_H
#define NNVME_IOMMU_GROUP_H

/*
 * The default domain of a device's IOMMU group: how the kernel's own drivers reach memory through
 * the IOMMU. It can be changed at run time, while no driver has a device of the group. Programs that
 * open a device through VFIO get a domain of their own, whatever this one is.
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
	NNVME_DOMAIN_OTHER,	/* the group has no default domain, or one of a kind that we don't know */
	NNVME_DOMAIN_IDENTITY,	/* not translated: the device reaches all of memory */
	NNVME_DOMAIN_DMA,	/* translated, buffer by buffer; what is given back is gone at once */
	NNVME_DOMAIN_DMA_FQ,	/* the same, but what is given back is gone a little later, in batches */
	NNVME_DOMAIN_AUTO,	/* to ask for what the kernel would choose; never what a group has */
};

struct nnvme_iommu_member {
	uint32_t size;		/* of this structure as the caller knows it */
	uint32_t class_code;	/* NNVME_PCI_CLASS for an NVMe controller */
	char name[64];		/* a PCI address, on most machines */
	char driver[NNVME_DRIVER_SIZE];	/* "" when none */
};

struct nnvme_iommu_group {
	uint32_t size, member_size;	/* set by the caller: NNVME_IOMMU_GROUP_INIT */
	char bdf[NNVME_BDF_SIZE];	/* the device that was given */
	char number[16];
	char type_text[16];		/* the kernel's name for @type */
	enum nnvme_domain type;
	bool unfinished;		/* a change was cut short: nnvme_iommu_group_restore() */
	int holder;			/* the process that changes or holds it now, or 0; -1 a change is being
					   made or was cut short: which of these only root is told */
	size_t count;			/* devices in the group, @bdf among them */
	struct nnvme_iommu_member *members;
};

/* All fields, because C++ and -Wextra ask for them. */
#define NNVME_IOMMU_GROUP_INIT { sizeof(struct nnvme_iommu_group), sizeof(struct nnvme_iommu_member), \
				 "", "", "", NNVME_DOMAIN_OTHER, false, 0, 0, NULL }

/* "identity", "DMA", "DMA-FQ", "auto"; "other". */
const char *nnvme_domain_name(enum nnvme_domain type);

/* From that; -EINVAL with the four that there are to ask for. */
int nnvme_domain_parse(const char *text, enum nnvme_domain *type, struct nnvme_err *err);

/*
 * The group of a PCI device, with nnvme_iommu_group_free() to give it back. -ENODEV no such device;
 * -EOPNOTSUPP it has no IOMMU behind it; -EINVAL a size is too small. Needs no privilege.
 */
int nnvme_iommu_group_read(const char *bdf, struct nnvme_iommu_group *group, struct nnvme_err *err);
void nnvme_iommu_group_free(struct nnvme_iommu_group *group);

/*
 * Give a device's group another type. NVMe controllers of the group are taken from their driver,
 * when nobody uses their disks, and given back to it afterwards; going from DMA to DMA-FQ they keep
 * it. The type that the group has already is success whatever is mounted. Waits for the disks to be
 * there again, a second or so.
 *
 * Otherwise the group has the type and its devices have the drivers that they had, and @err says why:
 * -EBUSY a disk is in use, or another device of the group is driven; -EPERM not root, or no
 * CAP_SYS_ADMIN or no CAP_SYS_RAWIO; -EINVAL and -EOPNOTSUPP the kernel doesn't give this type to
 * this group; what it said else.
 */
int nnvme_iommu_group_set(const char *bdf, enum nnvme_domain type, struct nnvme_err *err);

/* The same for a while: nobody else can change the group until it is released. */
struct nnvme_iommu_hold {
	uint32_t size;		/* set by the caller: sizeof(struct nnvme_iommu_hold) */
	int lock;		/* -1: nothing is held */
	char bdf[NNVME_BDF_SIZE];
};
int nnvme_iommu_group_hold(const char *bdf, enum nnvme_domain type, struct nnvme_iommu_hold *hold,
			   struct nnvme_err *err);

/* Give the group the type that it had. The hold is gone, but after a failure restore() can do it. */
int nnvme_iommu_group_release(struct nnvme_iommu_hold *hold, struct nnvme_err *err);

/*
 * Undo a change or a hold whose process was killed: the group gets the type that it had before,
 * and its devices their drivers. 1 when there was something to undo, 0 when there was not; -EBUSY
 * also when that process is alive.
 */
int nnvme_iommu_group_restore(const char *bdf, struct nnvme_err *err);

#pragma GCC visibility pop
#ifdef __cplusplus
}
#endif
#endif
