/* SPDX-License-Identifier: MIT */
#ifndef NNVME_KERNEL_OPENERS_H
#define NNVME_KERNEL_OPENERS_H

/*
 * Which process has a device open or mapped. Nodes are known by their numbers, because a node may
 * have any name, or none any more. Private to the library; not installed.
 */

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

#include "noiommu_nvme/err.h"
#include "noiommu_nvme/pci.h"

/* One way to a device. */
struct nnvme_node {
	char name[64];		/* /dev/nvme0n1, as udev or devtmpfs would call it */
	mode_t type;		/* S_IFBLK or S_IFCHR */
	unsigned major, minor;
};

/* All ways to one PCI function; sysfs's files resource0 and so on are always among them. */
struct nnvme_nodes {
	char bdf[NNVME_BDF_SIZE];
	char group[16];		/* its VFIO group, or "" when it can't be opened by that */
	unsigned group_major;	/* of VFIO's groups */
	struct nnvme_node *list;
	size_t count;
};

/* Add a node by what sysfs says of it, "259:0". 0, -EBADMSG, -ENOMEM. */
int nnvme_nodes_add(struct nnvme_nodes *nodes, const char *name, mode_t type, const char *number);
void nnvme_nodes_free(struct nnvme_nodes *nodes);

/* NULL when it isn't one of them. */
const struct nnvme_node *nnvme_nodes_find(const struct nnvme_nodes *nodes, mode_t type,
					  unsigned major, unsigned minor);

/*
 * The one that a path which the kernel shows leads to: by its number, because it may have any name;
 * by name too, because it may be in another mount namespace, or deleted.
 */
const struct nnvme_node *nnvme_nodes_find_path(const struct nnvme_nodes *nodes, const char *path);

/*
 * -EBUSY, with who it is in @err, while a process has one of @nodes open or mapped, and after
 * @patience_ms still has. This process's own descriptors @ours don't count. 0 nobody; -EACCES nobody
 * whom this user may look at, and there are others (root sees all); another -errno when it couldn't
 * be found out. @err is written with -EBUSY only.
 */
int nnvme_nodes_refuse_open(const struct nnvme_nodes *nodes, const int *ours, int count,
			    unsigned patience_ms, struct nnvme_err *err);

/* The same to find him: his process ID (0: nobody, or not to be seen) and his name. */
int nnvme_nodes_opener(const struct nnvme_nodes *nodes, char comm[32]);

#endif
