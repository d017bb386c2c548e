// SPDX-License-Identifier: MIT
#include "kernel/openers.h"

#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "kernel/sys.h"

#define PAUSE_MS 20

int nnvme_nodes_add(struct nnvme_nodes *nodes, const char *name, mode_t type, const char *number)
{
	struct nnvme_node node = { .type = type }, *more;

	if (sscanf(number, "%u:%u", &node.major, &node.minor) != 2)
		return -EBADMSG;
	snprintf(node.name, sizeof(node.name), "%s", name);
	more = realloc(nodes->list, (nodes->count + 1) * sizeof(*more));
	if (!more)
		return -ENOMEM;
	nodes->list = more;
	more[nodes->count++] = node;
	return 0;
}

void nnvme_nodes_free(struct nnvme_nodes *nodes)
{
	free(nodes->list);
	nodes->list = NULL;
	nodes->count = 0;
}

const struct nnvme_node *nnvme_nodes_find(const struct nnvme_nodes *nodes, mode_t type,
					  unsigned major, unsigned minor)
{
	for (size_t i = 0; i < nodes->count; i++)
		if (nodes->list[i].type == type && nodes->list[i].major == major &&
		    nodes->list[i].minor == minor)
			return &nodes->list[i];
	return NULL;
}

const struct nnvme_node *nnvme_nodes_find_path(const struct nnvme_nodes *nodes, const char *path)
{
	struct nnvme_file_type type;
	size_t n;

	if (!nnvme_sys_type(&type, "%s", path) && type.mode != S_IFREG)
		return nnvme_nodes_find(nodes, type.mode, type.major, type.minor);
	for (size_t i = 0; i < nodes->count; i++) {
		n = strlen(nodes->list[i].name);
		/* "(deleted)" may follow, after a space that may be escaped. */
		if (!strncmp(path, nodes->list[i].name, n) && strchr(" \\", path[n]))
			return &nodes->list[i];
	}
	return NULL;
}

/* A search through all processes, and its result. */
struct scan {
	const struct nnvme_nodes *nodes;
	const int *own_fds;
	int nr_own;
	unsigned patience;	/* pauses left */
	int pid;		/* the process being examined */
	bool nameless;		/* it has a VFIO device that was not opened through a node */
	bool other_group;	/* and the node of another VFIO group, which may explain it */
	bool unseen;		/* there are processes that we may not examine */
	int silent;		/* a process whose io_uring does not show its files, or 0 */
	const char *how;	/* "open" or "mapped"; NULL: nothing is found */
	char what[64];		/* which */
};

/* The process is gone, or the descriptor. */
static bool is_gone(int rc)
{
	return rc == -ENOENT || rc == -ESRCH;
}

/* Is @link the device's resourceN file? Wherever sysfs is mounted, its path has the address. */
static bool is_resource(const struct scan *s, const char *link)
{
	const char *file = strrchr(link, '/'), *dir;
	size_t n = strlen(s->nodes->bdf);

	if (!file || strncmp(file, "/resource", 9) != 0 || !isdigit((unsigned char)file[9]))
		return false;
	dir = file - n;
	return dir > link && dir[-1] == '/' && !strncmp(dir, s->nodes->bdf, n);
}

static void look_at_path(struct scan *s, const char *link, const char *how)
{
	if (is_resource(s, link)) {
		s->how = how;
		snprintf(s->what, sizeof(s->what), "%.20s of the device in sysfs",
			 strrchr(link, '/') + 1);
	} else if (*s->nodes->group && !strcmp(link, "anon_inode:[vfio-device]")) {
		s->nameless = true;
	}
}

/* Since 6.17 Linux shows all of a ring or nothing; since 6.14 empty slots have no line. */
static bool shows_all_or_nothing(void)
{
	unsigned major = 0, minor = 0;
	char release[64];

	nnvme_sys_read(release, sizeof(release), "/proc/sys/kernel/osrelease");
	sscanf(release, "%u.%u", &major, &minor);
	return major > 6 || (major == 6 && minor >= 17);
}

/*
 * The lines about files in a ring's text (io_uring/fdinfo.c): "UserFiles:\t2", and then one for
 * each. NULL when the kernel did not show them, because the ring was busy.
 */
static const char *find_files(const char *text)
{
	const char *line = strstr(text, "UserFiles:");
	unsigned places, index;

	if (!line || sscanf(line, "UserFiles: %u", &places) != 1)
		return NULL;
	line += strcspn(line, "\n");
	line += *line == '\n';
	return !places || sscanf(line, "%u:", &index) == 1 || shows_all_or_nothing() ? line : NULL;
}

/* "    0: /dev/nvme0n1"; before Linux 6.14 "    0: nvme0n1", wherever that is. */
static const struct nnvme_node *node_of_file(const struct nnvme_nodes *nodes, const char *line)
{
	char path[256] = "";

	if (sscanf(line, "%*u: %255[^\n]", path) != 1 || *path == '/')
		return *path ? nnvme_nodes_find_path(nodes, path) : NULL;
	for (size_t i = 0; i < nodes->count; i++)
		if (!strcmp(path, strrchr(nodes->list[i].name, '/') + 1))
			return &nodes->list[i];
	return NULL;
}

static void look_at_files(struct scan *s, const char *line)
{
	unsigned index;

	while (!s->how && sscanf(line, "%u:", &index) == 1) {
		const struct nnvme_node *node = node_of_file(s->nodes, line);

		if (node) {
			s->how = "open in an io_uring";
			strcpy(s->what, node->name);
		}
		line += strcspn(line, "\n");
		line += *line == '\n';
	}
}

/* Files registered with an io_uring stay open when their descriptors are closed. */
static int look_at_ring(struct scan *s, const char *dir, const char *name)
{
	const char *files = NULL;
	char *text;
	int rc;

	for (;;) {
		rc = nnvme_sys_read_all(&text, "%sinfo/%s", dir, name);
		files = rc ? NULL : find_files(text);
		if (files)
			look_at_files(s, files);
		free(text);
		if (rc || files || !s->patience)
			break;
		s->patience--;
		nnvme_sys.pause(PAUSE_MS);
	}
	if (!rc && !files)
		s->silent = s->pid;
	return rc;
}

/* One descriptor or mapping: a link in a directory of procfs. 0 or -errno. */
static int look_at_link(struct scan *s, const char *dir, const char *name, const char *how)
{
	const struct nnvme_node *node;
	struct nnvme_file_type type;
	char link[512];
	int rc = nnvme_sys_type(&type, "%s/%s", dir, name);

	if (rc)
		return rc;
	if (S_ISBLK(type.mode) || S_ISCHR(type.mode)) {
		node = nnvme_nodes_find(s->nodes, type.mode, type.major, type.minor);
		if (node) {
			s->how = how;
			strcpy(s->what, node->name);
		} else if (S_ISCHR(type.mode) && type.major == s->nodes->group_major) {
			s->other_group = true;
		}
	} else if (S_ISREG(type.mode) || !type.mode) {	/* anonymous inodes have no type */
		rc = nnvme_sys_link(link, sizeof(link), "%s/%s", dir, name);
		if (!rc)
			look_at_path(s, link, how);
		if (!rc && !strcmp(link, "anon_inode:[io_uring]") && !strcmp(how, "open"))
			rc = look_at_ring(s, dir, name);
	}
	return rc;
}

static bool is_own_fd(const struct scan *s, const char *name)
{
	if (s->pid != getpid())
		return false;
	for (int i = 0; i < s->nr_own; i++)
		if (atoi(name) == s->own_fds[i])
			return true;
	return false;
}

static int look_at_links(struct scan *s, const char *dir, const char *how)
{
	bool descriptors = !strcmp(how, "open");
	struct dirent **names;
	int n = nnvme_sys_list(&names, "%s", dir), rc = n < 0 ? n : 0;

	for (int i = 0; i < n && !rc && !s->how; i++) {
		if (descriptors && is_own_fd(s, names[i]->d_name))
			continue;
		rc = look_at_link(s, dir, names[i]->d_name, how);
		if (is_gone(rc))
			rc = 0;
	}
	nnvme_sys_list_free(names, n);
	return is_gone(rc) ? 0 : rc;
}

/*
 * Threads may have descriptors of their own, and so do the threads of a process whose main thread
 * has ended.
 */
static int look_at_threads(struct scan *s)
{
	struct dirent **names;
	char dir[64];
	int n = nnvme_sys_list(&names, "/proc/%d/task", s->pid), rc = n < 0 ? n : 0;

	for (int i = 0; i < n && !rc && !s->how; i++) {
		int tid = atoi(names[i]->d_name);

		if (tid == s->pid || nnvme_sys.same_files(s->pid, tid))
			continue;
		snprintf(dir, sizeof(dir), "/proc/%d/task/%d/fd", s->pid, tid);
		rc = look_at_links(s, dir, "open");
	}
	nnvme_sys_list_free(names, n);
	return is_gone(rc) ? 0 : rc;
}

static int look_at_process(struct scan *s)
{
	char dir[64];
	int rc;

	s->nameless = s->other_group = false;
	snprintf(dir, sizeof(dir), "/proc/%d/fd", s->pid);
	rc = look_at_links(s, dir, "open");
	if (!rc && !s->how)
		rc = look_at_threads(s);
	snprintf(dir, sizeof(dir), "/proc/%d/map_files", s->pid);
	if (!rc && !s->how)
		rc = look_at_links(s, dir, "mapped");
	/*
	 * A device opened through a VFIO group has no name: assume it is this one, unless another
	 * group is open.
	 */
	if (!rc && !s->how && s->nameless && !s->other_group) {
		s->how = "open";
		snprintf(s->what, sizeof(s->what), "a VFIO device, which may be this one,");
	}
	if (rc != -EACCES && rc != -EPERM)
		return rc;
	s->unseen = true;
	return 0;
}

/* 0, and s->how is set if an opener was found. */
static int look_at_all(struct scan *s)
{
	struct dirent **names;
	int n = nnvme_sys_list(&names, "/proc"), rc = n < 0 ? n : 0;

	s->unseen = false;
	s->silent = 0;
	for (int i = 0; i < n && !rc && !s->how; i++) {
		const char *name = names[i]->d_name;

		if (name[strspn(name, "0123456789")])
			continue;
		s->pid = atoi(name);
		rc = look_at_process(s);
	}
	nnvme_sys_list_free(names, n);
	return rc ? rc : s->unseen && !s->how ? -EACCES : 0;
}

/* Wait for the opener to close it while patience lasts. 0; s->how is still set if it did not. */
static int wait_for_end(struct scan *s)
{
	int rc = 0;

	while (!rc && s->how && s->patience) {
		s->patience--;
		nnvme_sys.pause(PAUSE_MS);
		s->how = NULL;
		rc = look_at_process(s);
	}
	return rc;
}

/* Only disks matter here: VFIO's nodes are not registered with an io_uring. */
static bool has_disk(const struct nnvme_nodes *nodes)
{
	for (size_t i = 0; i < nodes->count; i++)
		if (nodes->list[i].type == S_IFBLK)
			return true;
	return false;
}

static int refuse(const struct scan *s, struct nnvme_err *err)
{
	const char *bdf = s->nodes->bdf;
	int pid = s->how ? s->pid : s->silent;
	char comm[32];

	if (pid == getpid() && s->how)
		return nnvme_fail(err, -EBUSY, "%s is in use: this program itself has %s %s; close "
				  "it first", bdf, s->what, s->how);
	nnvme_sys_read(comm, sizeof(comm), "/proc/%d/comm", pid);
	if (!s->how)
		return nnvme_fail(err, -EBUSY, "cannot tell who uses %s: an io_uring of process %d "
				  "(%s) does not show its files; try again, or end that first",
				  bdf, pid, comm);
	return nnvme_fail(err, -EBUSY, "%s is in use: process %d (%s) has %s %s; end that first",
			  bdf, pid, comm, s->what, s->how);
}

int nnvme_nodes_refuse_open(const struct nnvme_nodes *nodes, const int *own_fds, int count,
			    unsigned patience_ms, struct nnvme_err *err)
{
	struct scan s = {
		.nodes = nodes, .own_fds = own_fds, .nr_own = count,
		.patience = patience_ms / PAUSE_MS,
	};
	bool found;
	int rc;

	do {	/* a process that was already examined may have opened it since */
		rc = look_at_all(&s);
		found = s.how;
		if (found)
			rc = wait_for_end(&s);
	} while (!rc && found && !s.how);
	return s.how || (!rc && s.silent && has_disk(nodes)) ? refuse(&s, err) : rc;
}

int nnvme_nodes_opener(const struct nnvme_nodes *nodes, char comm[32])
{
	struct scan s = { .nodes = nodes };

	comm[0] = 0;
	look_at_all(&s);
	if (!s.how)
		return 0;
	nnvme_sys_read(comm, 32, "/proc/%d/comm", s.pid);
	return s.pid;
}
