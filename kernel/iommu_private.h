/* SPDX-License-Identifier: MIT */
#ifndef NNVME_KERNEL_IOMMU_PRIVATE_H
#define NNVME_KERNEL_IOMMU_PRIVATE_H

/* What the iommu_*.c files share. Private to the library; not installed. */

#include "noiommu_nvme/iommu_group.h"

#define NNVME_IOMMU_GROUPS "/sys/kernel/iommu_groups"

/* The record of a change: the type before it, the type that it sets, and the process. */
struct nnvme_iommu_state {
	enum nnvme_domain was;
	char to[16];
	int pid;
};

/* Space for the name of a group's state file and lock. */
#define NNVME_GROUP_STATE_NAME 32
void nnvme_iommu_state_name(const struct nnvme_iommu_group *group,
			    char name[NNVME_GROUP_STATE_NAME]);

/*
 * nnvme_iommu_group_read() into a structure of this library, whatever its sizes; also to be freed
 * by nnvme_iommu_group_free().
 */
int nnvme_iommu_group_load(const char *bdf, struct nnvme_iommu_group *group, struct nnvme_err *err);

/* Read the type again into @group. 0 or -errno. */
int nnvme_iommu_read_type(struct nnvme_iommu_group *group);

/* 0; -ENOENT no change has to be undone; -EBADMSG it is damaged; or another -errno. */
int nnvme_iommu_state_read(const struct nnvme_iommu_group *group, struct nnvme_iommu_state *state);

/* Like nnvme_domain_parse(), for sysfs; NNVME_DOMAIN_OTHER if it is unknown. */
enum nnvme_domain nnvme_domain_of(const char *text);

/*
 * Fill @err with what the kernel's refusal (-errno) of a type means, and what to do. Returns the
 * error code for the caller.
 */
int nnvme_iommu_explain(const struct nnvme_iommu_group *group, enum nnvme_domain type, int rc,
			struct nnvme_err *err);

#endif
