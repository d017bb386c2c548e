// SPDX-License-Identifier: MIT
/*
 * Who uses a controller: file systems, swap areas and stacked devices on its disks, loop devices
 * and storage targets over them, and programs that have one of its nodes open. The kernel lets root
 * unbind a driver under a mounted file system (drivers/base/bus.c does not check), so this is what
 * protects the user's data.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "kernel/block_in_use.h"
#include "kernel/pci_disks.h"
#include "kernel/pci_in_use.h"
#include "kernel/pci_nodes.h"
#include "kernel/pci_private.h"
#include "kernel/sys.h"

/* The first PID namespace's number (PROC_PID_INIT_INO in include/linux/proc_ns.h). */
#define WHOLE_MACHINE "pid:[4026531836]"

/* The state of a search for uses. */
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
 * Where a block device is mounted: by number, and by name as well because btrfs has numbers of its
 * own. proc(5): ID parent major:minor root mount-point options ... - type source options
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
	int n = nnvme_sys_list(&names, NNVME_BLOCKS "/%s/holders", name), rc = 0;

	if (n > 0) {
		rc = depth ? check_block(s, names[0]->d_name, name, depth - 1) : 0;
		if (!rc)	/* a holder is enough, mounted or not */
			rc = nnvme_fail(s->err, -EBUSY, "%s is in use: /dev/%s is held by /dev/%s; "
					"remove that first", s->bdf, name, names[0]->d_name);
	}
	nnvme_sys_list_free(names, n);
	return n < 0 && n != -ENOENT ? n : rc;
}

static int check_partitions(const struct search *s, const char *name)
{
	struct dirent **names;
	int n = nnvme_sys_list(&names, NNVME_BLOCKS "/%s", name), rc = 0;

	for (int i = 0; i < n && !rc; i++)
		if (nnvme_sys_exists(NNVME_BLOCKS "/%s/%s/partition", name, names[i]->d_name))
			rc = check_block(s, names[i]->d_name, NULL, 8);
	nnvme_sys_list_free(names, n);
	return n < 0 ? n : rc;
}

/* One block device, a disk, a partition or something stacked on @under. */
static int check_block(const struct search *s, const char *name, const char *under, int depth)
{
	char on[NNVME_BLOCK_NAME + 32] = "", dev[32], where[256];
	int rc;

	if (under)
		snprintf(on, sizeof(on), ", on top of /dev/%s,", under);
	rc = nnvme_sys_read(dev, sizeof(dev), NNVME_BLOCKS "/%s/dev", name);
	if (rc < 0)
		return nnvme_fail(s->err, rc, "cannot tell who uses /dev/%s of %s: %s", name,
				  s->bdf, strerror(-rc));
	if (find_mount(s->mounts, dev, name, where))
		return nnvme_fail(s->err, -EBUSY, "%s is in use: /dev/%s%s is mounted on %s; "
				  "unmount that first (umount %s)", s->bdf, name, on, where,
				  where);
	if (is_swap(s->swaps, name))
		return nnvme_fail(s->err, -EBUSY, "%s is in use: /dev/%s%s is swap space; "
				  "run swapoff /dev/%s first", s->bdf, name, on, name);
	return check_holders(s, name, depth);
}

static int read_tables(struct search *s)
{
	int rc = nnvme_sys_read_all(&s->mounts, "/proc/self/mountinfo");

	if (!rc)
		rc = nnvme_sys_read_all(&s->swaps, "/proc/swaps");
	if (rc != -ENOENT || !s->mounts)
		return rc;
	s->swaps = calloc(1, 1);	/* a kernel without swap */
	return s->swaps ? 0 : -ENOMEM;
}

/* A disk that the kernel hides has no node; the multipath disk above it has one. */
static bool is_hidden(const char *disk)
{
	char text[8];

	return nnvme_sys_read(text, sizeof(text), NNVME_BLOCKS "/%s/hidden", disk) > 0 &&
	       *text == '1';
}

static int check_disks(struct search *s)
{
	char (*disks)[NNVME_BLOCK_NAME];
	int n = nnvme_pci_disks(s->bdf, &disks), rc = n < 0 ? n : 0;

	for (int i = 0; i < n && !rc; i++) {
		if (is_hidden(disks[i]))
			continue;
		rc = check_block(s, disks[i], NULL, 8);
		if (!rc)
			rc = check_partitions(s, disks[i]);
	}
	free(disks);
	return rc;
}

/* Uses of the nodes without a claim, and where these are mounted in turn. */
static int check_block_in_use(struct search *s, const struct nnvme_nodes *nodes)
{
	struct nnvme_block_use use;
	int rc = nnvme_block_in_use(nodes, &use);

	if (rc <= 0)
		return rc;
	rc = 0;
	if (*use.loop) {
		rc = s->mounts ? 0 : read_tables(s);
		if (!rc)
			rc = check_block(s, use.loop, use.node + strlen("/dev/"), 8);
	}
	return rc ? rc : nnvme_fail(s->err, -EBUSY, "%s is in use: %s", s->bdf, use.what);
}

/* The processes of other containers can't be seen. */
static int check_sight(const char *bdf, struct nnvme_err *err)
{
	char space[32];
	int rc = nnvme_sys_link(space, sizeof(space), "/proc/self/ns/pid");

	if (!rc && strcmp(space, WHOLE_MACHINE) != 0)
		return nnvme_fail(err, -EBUSY, "cannot tell who uses %s: only the processes of "
				  "this container can be seen (a PID namespace); run it outside, "
				  "or with the host's (--pid=host)", bdf);
	return rc == -ENOENT ? 0 : rc;	/* a kernel without these */
}

/* Processes that have opened disks without O_EXCL. */
static int check_openers(const char *bdf, const struct nnvme_pci_claim *claim,
			 struct nnvme_err *err)
{
	int rc = check_sight(bdf, err);

	if (rc)
		return rc;
	/* udev opens a disk that has just appeared: give it half a second. */
	rc = nnvme_nodes_refuse_open(&claim->nodes, claim->fds, claim->count, 500, err);
	return rc == -EACCES || rc == -EPERM ?
	       nnvme_fail(err, -EPERM, "cannot tell who uses %s: not all processes can be "
			  "examined; run as root, with CAP_SYS_PTRACE and CAP_SYS_ADMIN", bdf) : rc;
}

/* A disk's descriptor, -ENXIO when its controller is dead, or another -errno. */
static int claim_disk(const char *bdf, const char *disk, struct nnvme_err *err)
{
	int fd = nnvme_sys_open(O_RDONLY | O_EXCL, "/dev/%s", disk);

	if (fd >= 0 || fd == -ENXIO || fd == -ENODEV)
		return fd == -ENODEV ? -ENXIO : fd;
	if (fd == -EBUSY)
		return nnvme_fail(err, fd, "%s is in use: another program, or a mount in another "
				  "mount namespace, has /dev/%s; end that first", bdf, disk);
	return nnvme_fail(err, fd == -EACCES ? -EPERM : fd, "cannot open /dev/%s of %s: %s%s",
			  disk, bdf, strerror(-fd), fd == -EACCES ? "; run as root" : "");
}

/* If its node is missing or is another device's, whether the disk is in use can't be told. */
static int check_node(const char *bdf, const struct nnvme_nodes *nodes, const char *disk, int fd,
		      struct nnvme_err *err)
{
	const struct nnvme_node *node = NULL, *is;
	struct nnvme_file_type type = { 0 };
	char path[NNVME_BLOCK_NAME + 8];
	int rc = fd == -ENOENT ? 0 : nnvme_sys_fd_type(&type, fd);

	snprintf(path, sizeof(path), "/dev/%s", disk);
	for (size_t i = 0; i < nodes->count; i++)
		if (!strcmp(nodes->list[i].name, path))
			node = &nodes->list[i];
	if (rc || !node)
		return nnvme_fail(err, rc ? rc : -EIO, "cannot tell which node is that of %s of %s",
				  path, bdf);
	is = nnvme_nodes_find(nodes, type.mode, type.major, type.minor);
	if (is == node)
		return 0;
	return nnvme_fail(err, -EBUSY, "cannot tell whether %s of %s is in use: there is %s "
			  "by that name here; run it where /dev is the machine's, or first: "
			  "mknod %s b %u %u", path, bdf, fd == -ENOENT ? "nothing" : "another file",
			  path, node->major, node->minor);
}

static int claim_disks(const char *bdf, struct nnvme_pci_claim *claim, struct nnvme_err *err)
{
	char (*disks)[NNVME_BLOCK_NAME];
	int n = nnvme_pci_disks(bdf, &disks), rc = n < 0 ? n : 0;

	if (!rc)
		claim->fds = calloc((size_t)n + 1, sizeof(*claim->fds));
	if (!rc && !claim->fds)
		rc = -ENOMEM;
	for (int i = 0; i < n && !rc; i++) {
		int fd = is_hidden(disks[i]) ? -ENXIO : claim_disk(bdf, disks[i], err);

		if (fd >= 0)
			claim->fds[claim->count++] = fd;
		if (fd != -ENXIO)
			rc = fd >= 0 || fd == -ENOENT ?
			     check_node(bdf, &claim->nodes, disks[i], fd, err) : fd;
	}
	free(disks);
	return rc;
}

/* Uses other than by processes; @disks: also those that a claim prevents. */
static int check_named(const struct nnvme_pci_claim *claim, bool disks, struct nnvme_err *err)
{
	struct search s = { .bdf = claim->nodes.bdf, .err = err };
	int rc = disks ? read_tables(&s) : 0;

	if (!rc && disks)
		rc = check_disks(&s);
	if (!rc)
		rc = check_block_in_use(&s, &claim->nodes);
	free(s.mounts);
	free(s.swaps);
	return rc;
}

/* Resetting the controller stops its virtual functions, and vfio-pci would not bind it. */
static int check_functions(const char *bdf, struct nnvme_err *err)
{
	char count[16];
	int rc = nnvme_sys_read(count, sizeof(count), NNVME_PCI_DEVICES "/%s/sriov_numvfs", bdf);

	if (rc == -ENOENT || !strcmp(count, "0"))
		return 0;
	if (rc < 0)
		return rc;
	return nnvme_fail(err, -EBUSY, "%s is in use: it has %s virtual functions, which depend on "
			  "it; remove them first (echo 0 > " NNVME_PCI_DEVICES "/%s/sriov_numvfs)",
			  bdf, count, bdf);
}

/* Overwritten by a more exact error where there is one. */
static void not_known(const char *bdf, struct nnvme_err *err)
{
	nnvme_fail(err, -EIO, "cannot tell who uses %s: reading sysfs or /proc failed", bdf);
}

static int set_code(int rc, struct nnvme_err *err)
{
	if (err)
		err->code = rc;
	return rc;
}

static void let_go_of_disks(struct nnvme_pci_claim *claim)
{
	for (int i = 0; i < claim->count; i++)
		nnvme_sys_close(&claim->fds[i]);
	claim->count = 0;
}

/* @hold: the disks stay claimed on return. Otherwise not even while processes are examined. */
static int claim_device(const char *bdf, bool hold, struct nnvme_pci_claim *claim,
			struct nnvme_err *err)
{
	struct nnvme_pci_info info;
	int rc = nnvme_pci_read(bdf, &info, err);

	*claim = (struct nnvme_pci_claim){ 0 };
	if (rc)
		return rc;
	not_known(info.bdf, err);
	rc = check_functions(info.bdf, err);
	if (!rc)
		rc = nnvme_pci_nodes(&info, &claim->nodes);
	if (!rc)
		rc = check_named(claim, true, err);
	if (!rc)
		rc = claim_disks(info.bdf, claim, err);
	if (!hold)
		let_go_of_disks(claim);
	if (!rc)
		rc = check_openers(info.bdf, claim, err);
	if (rc)
		nnvme_pci_release(claim);
	return set_code(rc, err);
}

int nnvme_pci_claim(const char *bdf, struct nnvme_pci_claim *claim, struct nnvme_err *err)
{
	return claim_device(bdf, true, claim, err);
}

int nnvme_pci_claim_check(const struct nnvme_pci_claim *claim, struct nnvme_err *err)
{
	int rc;

	not_known(claim->nodes.bdf, err);
	rc = check_named(claim, false, err);
	if (!rc)
		rc = check_openers(claim->nodes.bdf, claim, err);
	return set_code(rc, err);
}

void nnvme_pci_release(struct nnvme_pci_claim *claim)
{
	let_go_of_disks(claim);
	free(claim->fds);
	nnvme_nodes_free(&claim->nodes);
	*claim = (struct nnvme_pci_claim){ 0 };
}

int nnvme_pci_in_use(const char *bdf, struct nnvme_err *err)
{
	struct nnvme_pci_claim claim;
	int rc = claim_device(bdf, false, &claim, err);

	if (!rc)
		nnvme_pci_release(&claim);
	return rc;
}

int nnvme_pci_refuse_open(const struct nnvme_pci_info *info, bool strict, struct nnvme_err *err)
{
	struct nnvme_nodes nodes;
	int rc = strict ? check_sight(info->bdf, err) : 0;

	if (!rc)
		rc = nnvme_pci_nodes(info, &nodes);
	if (!rc) {
		rc = nnvme_nodes_refuse_open(&nodes, NULL, 0, 0, err);
		nnvme_nodes_free(&nodes);
	}
	if (rc == -EBUSY)
		return rc;
	if (!rc || !strict)
		return 0;
	return nnvme_fail(err, rc == -EACCES ? -EPERM : rc, "cannot tell who has %s open: %s%s",
			  info->bdf, strerror(-rc), rc == -EACCES ? "; run as root" : "");
}
