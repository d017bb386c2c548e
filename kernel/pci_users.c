// SPDX-License-Identifier: MIT
/*
 * Who uses a controller: the file systems, swap areas and stacked devices on its disks, and the
 * programs that have its VFIO node open. The kernel lets anybody unbind a driver under a mounted
 * file system (drivers/base/bus.c asks nobody), so this is what protects the user's data.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "kernel/pci_private.h"
#include "kernel/sys.h"

#define BLOCKS "/sys/class/block"

/* The disk for one entry of the controller's directory; false when it is something else. */
static bool disk_name(const char *entry, char name[NNVME_BLOCK_NAME])
{
	unsigned subsystem, controller, namespace;
	int n = 0;

	if (strlen(entry) >= NNVME_BLOCK_NAME)
		return false;
	if (sscanf(entry, "nvme%un%u%n", &controller, &namespace, &n) == 2 && !entry[n]) {
		strcpy(name, entry);
		return true;
	}
	/* One path of a multipath namespace: the disk that people use is the subsystem's. */
	n = 0;
	if (sscanf(entry, "nvme%uc%un%u%n", &subsystem, &controller, &namespace, &n) == 3 &&
	    !entry[n]) {
		snprintf(name, NNVME_BLOCK_NAME, "nvme%un%u", subsystem, namespace);
		return nnvme_sys_exists(BLOCKS "/%s", name);
	}
	return false;
}

/* Add the disks of one nvmeX to the list. */
static int add_disks(const char *bdf, const char *ctrl, char (**names)[NNVME_BLOCK_NAME], int *count)
{
	struct dirent **entries;
	int n = nnvme_sys_list(&entries, NNVME_PCI_DEVICES "/%s/nvme/%s", bdf, ctrl), rc = 0;

	for (int i = 0; i < n && !rc; i++) {
		char name[NNVME_BLOCK_NAME], (*more)[NNVME_BLOCK_NAME];

		if (!disk_name(entries[i]->d_name, name))
			continue;
		more = realloc(*names, (size_t)(*count + 1) * sizeof(**names));
		if (!more) {
			rc = -ENOMEM;
			break;
		}
		*names = more;
		memcpy(more[(*count)++], name, sizeof(name));
	}
	nnvme_sys_list_free(entries, n);
	return n < 0 ? n : rc;
}

int nnvme_pci_disks(const char *bdf, char (**names)[NNVME_BLOCK_NAME])
{
	struct dirent **ctrls;
	int n = nnvme_sys_list(&ctrls, NNVME_PCI_DEVICES "/%s/nvme", bdf), rc = 0, count = 0;

	*names = NULL;
	for (int i = 0; i < n && !rc; i++)
		rc = add_disks(bdf, ctrls[i]->d_name, names, &count);
	nnvme_sys_list_free(ctrls, n);
	if (n < 0 && n != -ENOENT)	/* not there: the nvme driver doesn't have it */
		rc = n;
	if (!rc)
		return count;
	free(*names);
	*names = NULL;
	return rc;
}

uint64_t nnvme_block_size(const char *name)
{
	char text[32];

	if (nnvme_sys_read(text, sizeof(text), BLOCKS "/%s/size", name) < 0)
		return 0;
	return strtoull(text, NULL, 10) * 512;	/* sysfs counts so whatever the block size */
}

/* What a search for users carries along. */
struct search {
	const char *bdf;
	char *mounts, *swaps;	/* the files' texts */
	struct nnvme_err *err;
};

/* Undo the octal escapes that /proc uses for white space and backslashes. */
static void unescape(char *text)
{
	char *to = text;

	for (char *c = text; *c; c++) {
		unsigned o;

		if (*c == '\\' && sscanf(c + 1, "%3o", &o) == 1 && strspn(c + 1, "01234567") >= 3) {
			*to++ = (char)o;
			c += 3;
		} else {
			*to++ = *c;
		}
	}
	*to = 0;
}

/* Copy the next line of *text, cut to @size; false at the end. */
static bool next_line(const char **text, char *line, size_t size)
{
	size_t n = strcspn(*text, "\n");

	if (!**text)
		return false;
	snprintf(line, size, "%.*s", (int)n, *text);
	*text += n + ((*text)[n] == '\n');
	return true;
}

/*
 * Where a block device is mounted. By number; by name too, because btrfs has a number of its own.
 * proc(5): ID parent major:minor root mount-point options ... - type source options
 */
static bool find_mount(const char *mounts, const char *dev, const char *name, char where[256])
{
	char line[4096], number[32], source[256], *dash;

	while (next_line(&mounts, line, sizeof(line))) {
		if (sscanf(line, "%*d %*d %31s %*s %255s", number, where) != 2)
			continue;
		dash = strstr(line, " - ");
		if (!dash || sscanf(dash, " - %*s %255s", source) != 1)
			source[0] = 0;
		if (strcmp(number, dev) != 0 &&
		    (strncmp(source, "/dev/", 5) != 0 || strcmp(source + 5, name) != 0))
			continue;
		unescape(where);
		return true;
	}
	return false;
}

static bool is_swap(const char *swaps, const char *name)
{
	char line[1024], path[256];

	while (next_line(&swaps, line, sizeof(line))) {
		const char *base;

		if (sscanf(line, "%255s", path) != 1)
			continue;
		base = strrchr(path, '/');
		if (base && !strcmp(base + 1, name))
			return true;
	}
	return false;
}

static int check_block(const struct search *s, const char *name, const char *under, int depth);

static int check_holders(const struct search *s, const char *name, int depth)
{
	struct dirent **names;
	int n = nnvme_sys_list(&names, BLOCKS "/%s/holders", name), rc = 0;

	if (n > 0) {
		rc = depth ? check_block(s, names[0]->d_name, name, depth - 1) : 0;
		if (!rc)	/* held is enough, mounted or not */
			rc = nnvme_fail(s->err, -EBUSY, "%s is in use: /dev/%s is held by /dev/%s; "
					"take that down first", s->bdf, name, names[0]->d_name);
	}
	nnvme_sys_list_free(names, n);
	return n < 0 && n != -ENOENT ? n : rc;
}

static int check_partitions(const struct search *s, const char *name)
{
	struct dirent **names;
	int n = nnvme_sys_list(&names, BLOCKS "/%s", name), rc = 0;

	for (int i = 0; i < n && !rc; i++)
		if (nnvme_sys_exists(BLOCKS "/%s/%s/partition", name, names[i]->d_name))
			rc = check_block(s, names[i]->d_name, NULL, 8);
	nnvme_sys_list_free(names, n);
	return n < 0 ? n : rc;
}

/* One block device, a disk, a partition or something that lies on @under. */
static int check_block(const struct search *s, const char *name, const char *under, int depth)
{
	char on[NNVME_BLOCK_NAME + 32] = "", dev[32], where[256];
	int rc;

	if (under)
		snprintf(on, sizeof(on), ", which lies on /dev/%s,", under);
	rc = nnvme_sys_read(dev, sizeof(dev), BLOCKS "/%s/dev", name);
	if (rc < 0)
		return nnvme_fail(s->err, rc, "cannot tell who uses /dev/%s of %s: %s", name,
				  s->bdf, strerror(-rc));
	if (find_mount(s->mounts, dev, name, where))
		return nnvme_fail(s->err, -EBUSY, "%s is in use: /dev/%s%s is mounted on %s; "
				  "unmount that first (umount %s)", s->bdf, name, on, where,
				  where);
	if (is_swap(s->swaps, name))
		return nnvme_fail(s->err, -EBUSY, "%s is in use: /dev/%s%s is swapped on; "
				  "run swapoff /dev/%s first", s->bdf, name, on, name);
	return check_holders(s, name, depth);
}

static int check_disks(struct search *s)
{
	char (*disks)[NNVME_BLOCK_NAME];
	int n = nnvme_pci_disks(s->bdf, &disks), rc = n < 0 ? n : 0;

	for (int i = 0; i < n && !rc; i++) {
		rc = check_block(s, disks[i], NULL, 8);
		if (!rc)
			rc = check_partitions(s, disks[i]);
	}
	free(disks);
	return rc;
}

/* The users that have a name. */
static int check_named(const char *bdf, struct nnvme_err *err)
{
	struct search s = { .bdf = bdf, .err = err };
	int rc;

	/* Written over by whoever knows better. */
	nnvme_fail(err, -EIO, "cannot tell who uses %s: reading sysfs or /proc failed", bdf);
	rc = nnvme_sys_read_all(&s.mounts, "/proc/self/mountinfo");
	if (!rc)
		rc = nnvme_sys_read_all(&s.swaps, "/proc/swaps");
	if (rc == -ENOENT && s.mounts) {	/* a kernel without swap */
		s.swaps = calloc(1, 1);
		rc = s.swaps ? 0 : -ENOMEM;
	}
	if (!rc)
		rc = check_disks(&s);
	free(s.mounts);
	free(s.swaps);
	if (err)
		err->code = rc;
	return rc;
}

void nnvme_pci_release(int *fds, int count)
{
	for (int i = 0; i < count; i++)
		nnvme_sys_close(&fds[i]);
	free(fds);
}

/* A disk's descriptor, -ENOENT when it has no node, or another -errno. */
static int claim_disk(const char *bdf, const char *disk, struct nnvme_err *err)
{
	int fd = nnvme_sys_open(O_RDONLY | O_EXCL, "/dev/%s", disk);

	if (fd >= 0 || fd == -ENOENT)
		return fd;
	if (fd == -ENXIO || fd == -ENODEV)	/* its controller is dead */
		return -ENOENT;
	if (fd == -EBUSY)
		return nnvme_fail(err, fd, "%s is in use: another program, or a mount in another "
				  "mount namespace, has /dev/%s; end that first", bdf, disk);
	return nnvme_fail(err, fd == -EACCES ? -EPERM : fd, "cannot open /dev/%s of %s: %s%s",
			  disk, bdf, strerror(-fd), fd == -EACCES ? "; run as root" : "");
}

int nnvme_pci_claim(const char *bdf, int **fds, struct nnvme_err *err)
{
	char (*disks)[NNVME_BLOCK_NAME];
	int n, fd, count = 0;

	*fds = NULL;
	n = nnvme_pci_disks(bdf, &disks);
	if (n < 0)
		return nnvme_fail(err, n, "cannot find the disks of %s: %s", bdf, strerror(-n));
	*fds = calloc((size_t)n + 1, sizeof(**fds));
	for (int i = 0; i < n && *fds; i++) {
		fd = claim_disk(bdf, disks[i], err);
		if (fd >= 0) {
			(*fds)[count++] = fd;
		} else if (fd != -ENOENT) {
			nnvme_pci_release(*fds, count);
			*fds = NULL;
			count = fd;
		}
	}
	free(disks);
	return *fds || count < 0 ? count : nnvme_fail(err, -ENOMEM, "out of memory");
}

int nnvme_pci_in_use(const char *bdf, struct nnvme_err *err)
{
	struct nnvme_pci_info info;
	int rc = nnvme_pci_info(bdf, &info, err), *fds;

	if (!rc)
		rc = check_named(info.bdf, err);
	if (rc)
		return rc;
	rc = nnvme_pci_claim(info.bdf, &fds, err);
	if (rc < 0)
		return rc;
	nnvme_pci_release(fds, rc);
	return 0;
}

static bool process_has(const char *pid, const char *node)
{
	struct dirent **names;
	int n = nnvme_sys_list(&names, "/proc/%s/fd", pid);
	bool found = false;
	char target[256];

	for (int i = 0; i < n && !found; i++)
		found = !nnvme_sys_link(target, sizeof(target), "/proc/%s/fd/%s", pid,
					names[i]->d_name) && !strcmp(target, node);
	nnvme_sys_list_free(names, n);
	return found;
}

int nnvme_node_holder(const char *node, char comm[32])
{
	struct dirent **names;
	int n = nnvme_sys_list(&names, "/proc"), pid = 0;

	comm[0] = 0;
	for (int i = 0; i < n && !pid; i++) {
		const char *name = names[i]->d_name;

		if (name[strspn(name, "0123456789")] || !process_has(name, node))
			continue;
		pid = atoi(name);
		nnvme_sys_read(comm, 32, "/proc/%d/comm", pid);
	}
	nnvme_sys_list_free(names, n);
	return pid;
}
