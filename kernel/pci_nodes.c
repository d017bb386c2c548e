// SPDX-License-Identifier: MIT
/*
 * All nodes through which programs can open a controller: its disks and their partitions, the
 * character devices nvmeX and ngXnY of the nvme driver, and those of UIO and VFIO.
 */
#include "kernel/pci_nodes.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "kernel/pci_disks.h"
#include "kernel/sys.h"

/* The node whose number is in the file @dir/@name/dev; none if there is no such file. */
static int add(struct nnvme_nodes *nodes, mode_t type, const char *prefix, const char *dir,
	       const char *name)
{
	char number[32], path[64];
	int rc = nnvme_sys_read(number, sizeof(number), "%s/%s/dev", dir, name);

	if (rc < 0)
		return rc == -ENOENT ? 0 : rc;
	snprintf(path, sizeof(path), "%s%.40s", prefix, name);
	return nnvme_nodes_add(nodes, path, type, number);
}

static int add_disk(struct nnvme_nodes *nodes, const char *name)
{
	char generic[NNVME_BLOCK_NAME], dir[64];
	struct dirent **parts;
	int n, rc = add(nodes, S_IFBLK, "/dev/", NNVME_BLOCKS, name);

	if (!rc) {	/* nvme0n1: ng0n1, in a directory of its own where there is multipath */
		snprintf(generic, sizeof(generic), "ng%s", name + 4);
		rc = add(nodes, S_IFCHR, "/dev/", "/sys/class/nvme-generic", generic);
	}
	if (rc)
		return rc;
	snprintf(dir, sizeof(dir), NNVME_BLOCKS "/%s", name);
	n = nnvme_sys_list(&parts, "%s", dir);
	for (int i = 0; i < n && !rc; i++)
		if (nnvme_sys_exists("%s/%s/partition", dir, parts[i]->d_name))
			rc = add(nodes, S_IFBLK, "/dev/", dir, parts[i]->d_name);
	nnvme_sys_list_free(parts, n);
	return n < 0 && n != -ENOENT ? n : rc;
}

static int add_disks(struct nnvme_nodes *nodes)
{
	char (*disks)[NNVME_BLOCK_NAME];
	int n = nnvme_pci_disks(nodes->bdf, &disks), rc = n < 0 ? n : 0;

	for (int i = 0; i < n && !rc; i++)
		rc = add_disk(nodes, disks[i]);
	free(disks);
	return rc;
}

/* All entries of a directory that begin with @like; each has a file dev. */
static int add_all(struct nnvme_nodes *nodes, const char *prefix, const char *dir, const char *like)
{
	struct dirent **names;
	int n = nnvme_sys_list(&names, "%s", dir), rc = 0;

	for (int i = 0; i < n && !rc; i++)
		if (!strncmp(names[i]->d_name, like, strlen(like)))
			rc = add(nodes, S_IFCHR, prefix, dir, names[i]->d_name);
	nnvme_sys_list_free(names, n);
	return n < 0 && n != -ENOENT ? n : rc;
}

/* The controller's own node, and those of namespaces without a disk. */
static int add_ctrls(struct nnvme_nodes *nodes)
{
	char dir[100], sub[140];
	struct dirent **names;
	int n, rc;

	snprintf(dir, sizeof(dir), NNVME_PCI_DEVICES "/%s/nvme", nodes->bdf);
	rc = add_all(nodes, "/dev/", dir, "nvme");
	if (rc)
		return rc;
	n = nnvme_sys_list(&names, "%s", dir);
	for (int i = 0; i < n && !rc; i++) {
		snprintf(sub, sizeof(sub), "%s/%.32s", dir, names[i]->d_name);
		rc = add_all(nodes, "/dev/", sub, "ng");
	}
	nnvme_sys_list_free(names, n);
	return n < 0 && n != -ENOENT ? n : rc;
}

/* A group's node is named after its number; without an IOMMU, noiommu- goes before it. */
static int add_group(struct nnvme_nodes *nodes, const char *group)
{
	char name[32];
	int rc;

	if (!*group)
		return 0;
	for (int i = 0; i < 2; i++) {
		size_t before = nodes->count;

		snprintf(name, sizeof(name), "%s%s", i ? "noiommu-" : "", group);
		rc = add(nodes, S_IFCHR, "/dev/vfio/", "/sys/class/vfio", name);
		if (rc)
			return rc;
		if (nodes->count == before)
			continue;
		strcpy(nodes->group, group);
		nodes->group_major = nodes->list[before].major;
	}
	return 0;
}

int nnvme_pci_nodes(const struct nnvme_pci_info *info, struct nnvme_nodes *nodes)
{
	char dir[100];
	int rc;

	*nodes = (struct nnvme_nodes){ 0 };
	strcpy(nodes->bdf, info->bdf);
	rc = add_disks(nodes);
	if (!rc)
		rc = add_ctrls(nodes);
	snprintf(dir, sizeof(dir), NNVME_PCI_DEVICES "/%s/uio", info->bdf);
	if (!rc)
		rc = add_all(nodes, "/dev/", dir, "uio");
	snprintf(dir, sizeof(dir), NNVME_PCI_DEVICES "/%s/vfio-dev", info->bdf);
	if (!rc)
		rc = add_all(nodes, "/dev/vfio/devices/", dir, "");
	if (!rc)
		rc = add_group(nodes, info->group);
	if (rc)
		nnvme_nodes_free(nodes);
	return rc;
}
