// SPDX-License-Identifier: MIT
/* Where sysfs has the facts: Linux, Documentation/ABI/stable/sysfs-block. */
#include "path_private.h"

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "sysfs.h"

/* Of the disk, because a partition has no queue of its own. 0: not known. */
static uint64_t queue_number(const char *folder, const char *name)
{
	uint64_t of_disk = bench_sysfs_number(0, "%s/../queue/%s", folder, name);

	return bench_sysfs_number(of_disk, "%s/queue/%s", folder, name);
}

static int facts_of_disk(const char *node, const char *folder, struct bench_node *facts,
			 struct nnvme_err *err)
{
	uint64_t sectors = bench_sysfs_number(0, "%s/size", folder);
	uint64_t block = queue_number(folder, "logical_block_size");
	uint64_t kib = queue_number(folder, "max_hw_sectors_kb");

	if (!sectors || !block)
		return nnvme_fail(err, -ENODEV, "%s: %s does not say "
				  "how large it is", node, folder);
	facts->bytes = sectors * 512;
	facts->block = (uint32_t)block;
	facts->max_transfer = kib < UINT32_MAX / 1024 ? (uint32_t)kib * 1024 : 0;
	facts->polls = queue_number(folder, "io_poll");
	return 0;
}

/* ng0n1 is the same namespace as nvme0n1. */
static int facts_of_generic(const char *node, const char *folder, struct bench_node *facts,
			    struct nnvme_err *err)
{
	char link[PATH_MAX], disk[NAME_MAX + 32];
	ssize_t n = readlink(folder, link, sizeof(link) - 1);
	const char *name;

	if (n < 0)
		return nnvme_fail(err, -errno, "%s: %s: %m", node, folder);
	link[n] = 0;
	name = strrchr(link, '/');
	if (!name || strncmp(name, "/ng", 3) || strlen(name) > NAME_MAX)
		return nnvme_fail(err, -EINVAL, "%s is a character device, but no NVMe generic "
				  "device (/dev/ng0n1)", node);
	snprintf(disk, sizeof(disk), "/sys/class/block/nvme%.*s", NAME_MAX, name + 3);
	return facts_of_disk(node, disk, facts, err);
}

int bench_node_look(const char *node, struct bench_node *facts, struct nnvme_err *err)
{
	char folder[64];
	struct stat st;

	memset(facts, 0, sizeof(*facts));
	if (stat(node, &st))
		return nnvme_fail(err, -errno, "%s: %m", node);
	snprintf(folder, sizeof(folder), "/sys/dev/%s/%u:%u",
		 S_ISBLK(st.st_mode) ? "block" : "char", major(st.st_rdev), minor(st.st_rdev));
	switch (st.st_mode & S_IFMT) {
	case S_IFREG:
		facts->bytes = (uint64_t)st.st_size;
		facts->block = BENCH_PAGE;	/* what O_DIRECT accepts everywhere */
		return 0;
	case S_IFBLK:
		facts->is_disk = true;
		return facts_of_disk(node, folder, facts, err);
	case S_IFCHR:
		return facts_of_generic(node, folder, facts, err);
	default:
		return nnvme_fail(err, -EINVAL, "%s is neither a device nor a file", node);
	}
}
