// SPDX-License-Identifier: MIT
#include "kernel/block_in_use.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/loop.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "kernel/pci_disks.h"
#include "kernel/sys.h"

#define NVMET "/sys/kernel/config/nvmet/subsystems"
#define LIO "/sys/kernel/config/target/core"

/* Not there, not a directory, or just gone. */
static bool is_nothing(int rc)
{
	return rc == -ENOENT || rc == -ENOTDIR || rc == -ENODEV;
}

/* A device number as the kernel encodes it (huge_encode_dev() in include/linux/kdev_t.h). */
static const struct nnvme_node *node_of_number(const struct nnvme_nodes *nodes, uint64_t number)
{
	return nnvme_nodes_find(nodes, S_IFBLK, (unsigned)(number >> 8) & 0xfff,
				(unsigned)((number & 0xff) | (number >> 12 & 0xfff00)));
}

/* 1 when @name is a loop device over one of the nodes. */
static int look_at_loop(const struct nnvme_nodes *nodes, const char *name,
			struct nnvme_block_use *use)
{
	const struct nnvme_node *node;
	struct loop_info64 info;
	char path[512];
	int fd, rc;

	rc = nnvme_sys_read(path, sizeof(path), NNVME_BLOCKS "/%s/loop/backing_file", name);
	if (rc <= 0)	/* nothing backs it */
		return is_nothing(rc) ? 0 : rc;
	/* By number: the loop device's path may have been renamed. */
	fd = nnvme_sys_open(O_RDONLY, "/dev/%s", name);
	rc = fd < 0 ? fd : nnvme_sys_ioctl(fd, LOOP_GET_STATUS64, &info);
	nnvme_sys_close(&fd);
	if (rc == -ENXIO)	/* just detached */
		return 0;
	node = rc ? nnvme_nodes_find_path(nodes, path) : node_of_number(nodes, info.lo_rdevice);
	if (!node)
		return 0;
	snprintf(use->loop, sizeof(use->loop), "%s", name);
	strcpy(use->node, node->name);
	snprintf(use->what, sizeof(use->what), "/dev/%s is backed by %s; run: losetup -d /dev/%s",
		 use->loop, node->name, use->loop);
	return 1;
}

static int look_at_loops(const struct nnvme_nodes *nodes, struct nnvme_block_use *use)
{
	struct dirent **names;
	int n = nnvme_sys_list(&names, NNVME_BLOCKS), rc = n < 0 && !is_nothing(n) ? n : 0;

	for (int i = 0; i < n && !rc; i++)
		if (!strncmp(names[i]->d_name, "loop", 4))
			rc = look_at_loop(nodes, names[i]->d_name, use);
	nnvme_sys_list_free(names, n);
	return rc;
}

/* An nvmet namespace, or a controller that nvmet passes through: device_path and enable. */
static int look_at_nvmet(const struct nnvme_nodes *nodes, const char *dir,
			 struct nnvme_block_use *use)
{
	const struct nnvme_node *node;
	char path[512], enabled[8];
	int rc = nnvme_sys_read(path, sizeof(path), "%s/device_path", dir);

	if (rc > 0)
		rc = nnvme_sys_read(enabled, sizeof(enabled), "%s/enable", dir);
	if (rc < 0)
		return is_nothing(rc) ? 0 : rc;
	node = rc && enabled[0] == '1' ? nnvme_nodes_find_path(nodes, path) : NULL;
	if (!node)
		return 0;
	strcpy(use->node, node->name);
	snprintf(use->what, sizeof(use->what), "nvmet exports %s; run: echo 0 > %.200s/enable",
		 node->name, dir);
	return 1;
}

static int look_at_subsystem(const struct nnvme_nodes *nodes, const char *subsystem,
			     struct nnvme_block_use *use)
{
	struct dirent **names;
	char dir[400];
	int n, rc;

	snprintf(dir, sizeof(dir), NVMET "/%s/passthru", subsystem);
	rc = look_at_nvmet(nodes, dir, use);
	if (rc)
		return rc;
	n = nnvme_sys_list(&names, NVMET "/%s/namespaces", subsystem);
	for (int i = 0; i < n && !rc; i++) {
		snprintf(dir, sizeof(dir), NVMET "/%.256s/namespaces/%.40s",
			 subsystem, names[i]->d_name);
		rc = look_at_nvmet(nodes, dir, use);
	}
	nnvme_sys_list_free(names, n);
	return n < 0 && !is_nothing(n) ? n : rc;
}

static int look_at_nvmets(const struct nnvme_nodes *nodes, struct nnvme_block_use *use)
{
	struct dirent **names;
	int n = nnvme_sys_list(&names, NVMET), rc = n < 0 && !is_nothing(n) ? n : 0;

	for (int i = 0; i < n && !rc; i++)
		rc = look_at_subsystem(nodes, names[i]->d_name, use);
	nnvme_sys_list_free(names, n);
	if (n != -ENOENT || !nnvme_sys_exists("/sys/module/nvmet"))
		return rc;
	snprintf(use->what, sizeof(use->what), "the NVMe target may export it, and configfs, "
		 "which would show that, is not mounted; run: mount -t configfs configfs "
		 "/sys/kernel/config");
	return 1;
}

/*
 * The disk behind a LIO backstore, from its info file: fileio gives a path and does not claim the
 * disk; iblock gives a name and may not claim it either.
 */
static const struct nnvme_node *node_of_backstore(const struct nnvme_nodes *nodes, const char *info)
{
	const char *file = strstr(info, "File: "), *device = strstr(info, "iBlock device: ");
	char path[256] = "/dev/";

	if ((file && sscanf(file, "File: %255s", path) == 1) ||
	    (device && sscanf(device, "iBlock device: %250s", path + strlen("/dev/")) == 1))
		return nnvme_nodes_find_path(nodes, path);
	return NULL;
}

static int look_at_backstore(const struct nnvme_nodes *nodes, const char *hba, const char *name,
			     struct nnvme_block_use *use)
{
	const struct nnvme_node *node;
	char info[1024];
	int rc = nnvme_sys_read(info, sizeof(info), LIO "/%s/%s/info", hba, name);

	if (rc < 0)
		return is_nothing(rc) ? 0 : rc;
	node = node_of_backstore(nodes, info);
	if (!node)
		return 0;
	strcpy(use->node, node->name);
	snprintf(use->what, sizeof(use->what), "the SCSI target's backstore %.40s/%.100s has %s "
		 "open; delete that first (targetcli)", hba, name, node->name);
	return 1;
}

static int look_at_hba(const struct nnvme_nodes *nodes, const char *hba,
		       struct nnvme_block_use *use)
{
	struct dirent **names;
	int n = nnvme_sys_list(&names, LIO "/%s", hba), rc = 0;

	for (int i = 0; i < n && !rc; i++)
		rc = look_at_backstore(nodes, hba, names[i]->d_name, use);
	nnvme_sys_list_free(names, n);
	return n < 0 && !is_nothing(n) ? n : rc;
}

static int look_at_hbas(const struct nnvme_nodes *nodes, struct nnvme_block_use *use)
{
	struct dirent **names;
	int n = nnvme_sys_list(&names, LIO), rc = n < 0 && !is_nothing(n) ? n : 0;

	for (int i = 0; i < n && !rc; i++)
		if (!strncmp(names[i]->d_name, "fileio_", 7) ||
		    !strncmp(names[i]->d_name, "iblock_", 7))
			rc = look_at_hba(nodes, names[i]->d_name, use);
	nnvme_sys_list_free(names, n);
	return rc;
}

int nnvme_block_in_use(const struct nnvme_nodes *nodes, struct nnvme_block_use *use)
{
	int rc;

	memset(use, 0, sizeof(*use));
	rc = look_at_loops(nodes, use);
	if (!rc)
		rc = look_at_nvmets(nodes, use);
	return rc ? rc : look_at_hbas(nodes, use);
}
