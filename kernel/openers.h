/* SPDX-License-Identifier: MIT */
#ifndef NNVME_KERNEL_OPENERS_H
#define NNVME_KERNEL_OPENERS_H

/*
 * Which process has a device open or mapped. Nodes are known by their numbers, because a node may
 * have any name, or have been deleted. Private to the library; not installed.
 */

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

#include "noiommu_nvme/err.h"
#include "noiommu_nvme/pci.h"

/* A device node. */
struct nnvme_node {
	char name[64];		/* /dev/nvme0n1, as udev or devtmpfs would call it */
	mode_t type;		/* S_IFBLK or S_IFCHR */
	unsigned major, minor;
};

/* All nodes of one PCI function; its resource files in sysfs are always included. */
struct nnvme_nodes {
	char bdf[NNVME_BDF_SIZE];
	char group[16];		/* its VFIO group; "" if it can't be opened through that */
	unsigned group_major;	/* of VFIO's groups */
	struct nnvme_node *list;
	size_t count;
};

/* Add a node by its number in sysfs, "259:0". 0, -EBADMSG, -ENOMEM. */
int nnvme_nodes_add(struct nnvme_nodes *nodes, const char *name, mode_t type, const char *number);
void nnvme_nodes_free(struct nnvme_nodes *nodes);

/* NULL when it isn't one of them. */
const struct nnvme_node *nnvme_nodes_find(const struct nnvme_nodes *nodes, mode_t type,
					  unsigned major, unsigned minor);

/*
 * The node behind a path that the kernel shows: by its number, because it may have any name; also
 * by name, because it may be in another mount namespace, or deleted.
 */
const struct nnvme_node *nnvme_nodes_find_path(const struct nnvme_nodes *nodes, const char *path);

/*
 * -EBUSY, and @err names the process, if one has one of @nodes open or mapped and still has after
 * @patience_ms. This process's descriptors @own_fds don't count. 0 no process has; -EACCES none
 * that this user may examine, but there are others (root sees all); another -errno if that can't be
 * found out. @err is written with -EBUSY only.
 */
int nnvme_nodes_refuse_open(const struct nnvme_nodes *nodes, const int *own_fds, int count,
			    unsigned patience_ms, struct nnvme_err *err);

/* The process that has one open: its ID (0: none, or not visible) and its name. */
int nnvme_nodes_opener(const struct nnvme_nodes *nodes, char comm[32]);

#endif
