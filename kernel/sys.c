// SPDX-License-Identifier: MIT
#include "kernel/sys.h"

#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/kcmp.h>
#include <spawn.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/capability.h>
#include <sys/eventfd.h>
#include <sys/file.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

static int run(char *const argv[])
{
	posix_spawn_file_actions_t quiet;
	int status, rc;
	pid_t pid;

	rc = posix_spawn_file_actions_init(&quiet);
	if (rc)
		return -rc;
	/* The library doesn't print, so the programs that it runs may not either. */
	rc = posix_spawn_file_actions_addopen(&quiet, STDOUT_FILENO, "/dev/null", O_WRONLY, 0);
	if (!rc)
		rc = posix_spawn_file_actions_adddup2(&quiet, STDOUT_FILENO, STDERR_FILENO);
	if (!rc)
		rc = posix_spawnp(&pid, argv[0], &quiet, NULL, argv, environ);
	posix_spawn_file_actions_destroy(&quiet);
	if (rc)
		return -rc;
	while (waitpid(pid, &status, 0) < 0)
		if (errno != EINTR)
			return -errno;
	return WIFEXITED(status) && WEXITSTATUS(status) == 0 ? 0 : -EIO;
}

static bool same_files(pid_t a, pid_t b)
{
	return !syscall(SYS_kcmp, a, b, KCMP_FILES, 0ul, 0ul);
}

static int has_cap(int capability)
{
	cap_flag_value_t value;
	cap_t caps = cap_get_proc();
	int rc;

	if (!caps)
		return -errno;
	rc = cap_get_flag(caps, capability, CAP_EFFECTIVE, &value) ? -errno : value == CAP_SET;
	cap_free(caps);
	return rc;
}

static long page_size(void)
{
	return sysconf(_SC_PAGESIZE);
}

static uint64_t memlock(void)
{
	struct rlimit limit;

	if (getrlimit(RLIMIT_MEMLOCK, &limit) || limit.rlim_cur == RLIM_INFINITY)
		return UINT64_MAX;
	return limit.rlim_cur;
}

static void pause_ms(unsigned ms)
{
	usleep(ms * 1000);
}

struct nnvme_sys nnvme_sys = {
	.root = "",
	.open = open,
	.close = close,
	.ioctl = ioctl,
	.mmap = mmap,
	.munmap = munmap,
	.eventfd = eventfd,
	.read = read,
	.ppoll = ppoll,
	.pread = pread,
	.pwrite = pwrite,
	.access = access,
	.readlink = readlink,
	.scandir = scandir,
	.mkdir = mkdir,
	.unlink = unlink,
	.rename = rename,
	.statx = statx,
	.flock = flock,
	.pause = pause_ms,
	.run = run,
	.same_files = same_files,
	.has_cap = has_cap,
	.memlock = memlock,
	.page_size = page_size,
};

/* The root and then the path; an overlong one is an error, never cut short. */
static int make_path(char path[PATH_MAX], const char *fmt, va_list ap)
{
	size_t n = strlen(nnvme_sys.root);
	int m;

	if (n >= PATH_MAX)
		return -ENAMETOOLONG;
	memcpy(path, nnvme_sys.root, n);
	m = vsnprintf(path + n, PATH_MAX - n, fmt, ap);
	return m < 0 || (size_t)m >= PATH_MAX - n ? -ENAMETOOLONG : 0;
}

#define MAKE_PATH(path, fmt, rc) do {		\
	va_list ap;				\
	va_start(ap, fmt);			\
	rc = make_path(path, fmt, ap);		\
	va_end(ap);				\
} while (0)

static int open_path(const char *path, int flags)
{
	int fd;

	do
		fd = nnvme_sys.open(path, flags | O_CLOEXEC, 0600);
	while (fd < 0 && errno == EINTR);
	return fd < 0 ? -errno : fd;
}

int nnvme_sys_open(int flags, const char *path_fmt, ...)
{
	char path[PATH_MAX];
	int rc;

	MAKE_PATH(path, path_fmt, rc);
	return rc ? rc : open_path(path, flags);
}

void nnvme_sys_close(int *fd)
{
	if (*fd >= 0)
		nnvme_sys.close(*fd);
	*fd = -1;
}

int nnvme_sys_ioctl(int fd, unsigned long request, void *arg)
{
	int rc;

	do
		rc = nnvme_sys.ioctl(fd, request, arg);
	while (rc < 0 && errno == EINTR);
	return rc < 0 ? -errno : rc;
}

static int get_type(struct nnvme_file_type *type, int fd, const char *path, int flags)
{
	struct statx stx;

	/*
	 * Ask for no fields: type and number come anyway, even from a user's FUSE mount, which
	 * refuses root (fuse_getattr() in fs/fuse/dir.c).
	 */
	if (nnvme_sys.statx(fd, path, flags | AT_STATX_DONT_SYNC, 0, &stx))
		return -errno;
	*type = (struct nnvme_file_type){
		.mode = stx.stx_mode & S_IFMT, .major = stx.stx_rdev_major,
		.minor = stx.stx_rdev_minor,
	};
	return 0;
}

int nnvme_sys_type(struct nnvme_file_type *type, const char *path_fmt, ...)
{
	char path[PATH_MAX];
	int rc;

	MAKE_PATH(path, path_fmt, rc);
	return rc ? rc : get_type(type, AT_FDCWD, path, 0);
}

int nnvme_sys_fd_type(struct nnvme_file_type *type, int fd)
{
	return get_type(type, fd, "", AT_EMPTY_PATH);
}

bool nnvme_sys_exists(const char *path_fmt, ...)
{
	char path[PATH_MAX];
	int rc;

	MAKE_PATH(path, path_fmt, rc);
	return !rc && (!nnvme_sys.access(path, F_OK) || (errno != ENOENT && errno != ENOTDIR));
}

/* Bytes read, at most @size; fewer only at the end of the file. */
static ssize_t read_fd(int fd, char *buf, size_t size)
{
	size_t have = 0;

	while (have < size) {
		ssize_t n = nnvme_sys.pread(fd, buf + have, size - have, (off_t)have);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return -errno;
		if (n == 0)
			break;
		have += (size_t)n;
	}
	return (ssize_t)have;
}

int nnvme_sys_read(char *buf, size_t size, const char *path_fmt, ...)
{
	char path[PATH_MAX];
	ssize_t n;
	int fd, rc;

	buf[0] = 0;
	MAKE_PATH(path, path_fmt, rc);
	fd = rc ? rc : open_path(path, O_RDONLY);
	if (fd < 0)
		return fd;
	n = read_fd(fd, buf, size - 1);
	nnvme_sys_close(&fd);
	if (n < 0) {
		buf[0] = 0;
		return (int)n;
	}
	while (n > 0 && isspace((unsigned char)buf[n - 1]))
		n--;
	buf[n] = 0;
	return (int)n;
}

int nnvme_sys_read_all(char **text, const char *path_fmt, ...)
{
	char path[PATH_MAX], *buf = NULL;
	size_t size = 16384;
	ssize_t n;
	int fd, rc;

	*text = NULL;
	MAKE_PATH(path, path_fmt, rc);
	fd = rc ? rc : open_path(path, O_RDONLY);
	if (fd < 0)
		return fd;
	do {
		char *more = realloc(buf, size *= 2);

		if (!more) {
			n = -ENOMEM;
			break;
		}
		buf = more;
		n = read_fd(fd, buf, size - 1);
	} while (n == (ssize_t)size - 1);	/* a full buffer: there may be more */
	nnvme_sys_close(&fd);
	if (n < 0) {
		free(buf);
		return (int)n;
	}
	buf[n] = 0;
	*text = buf;
	return 0;
}

int nnvme_sys_write(const char *text, const char *path_fmt, ...)
{
	char path[PATH_MAX];
	size_t len = strlen(text);
	ssize_t n;
	int fd, rc;

	MAKE_PATH(path, path_fmt, rc);
	fd = rc ? rc : open_path(path, O_WRONLY);
	if (fd < 0)
		return fd;
	/* Not repeated on EINTR: a sysfs write may already have taken effect. */
	n = nnvme_sys.pwrite(fd, text, len, 0);
	rc = n < 0 ? -errno : (size_t)n != len ? -EIO : 0;
	nnvme_sys_close(&fd);
	return rc;
}

static int read_link(char *buf, size_t size, const char *path)
{
	ssize_t n = nnvme_sys.readlink(path, buf, size - 1);
	int rc = n < 0 ? -errno : 0;

	buf[n < 0 ? 0 : n] = 0;
	return rc;
}

int nnvme_sys_link(char *buf, size_t size, const char *path_fmt, ...)
{
	char path[PATH_MAX];
	int rc;

	buf[0] = 0;
	MAKE_PATH(path, path_fmt, rc);
	return rc ? rc : read_link(buf, size, path);
}

int nnvme_sys_link_name(char *buf, size_t size, const char *path_fmt, ...)
{
	char path[PATH_MAX], target[PATH_MAX];
	const char *name;
	int rc;

	buf[0] = 0;
	MAKE_PATH(path, path_fmt, rc);
	rc = rc ? rc : read_link(target, sizeof(target), path);
	if (rc)
		return rc;
	name = strrchr(target, '/');
	name = name ? name + 1 : target;
	if (strlen(name) >= size)
		return -ENAMETOOLONG;
	strcpy(buf, name);
	return 0;
}

static int not_hidden(const struct dirent *d)
{
	return d->d_name[0] != '.';
}

int nnvme_sys_list(struct dirent ***names, const char *path_fmt, ...)
{
	char path[PATH_MAX];
	int rc;

	*names = NULL;
	MAKE_PATH(path, path_fmt, rc);
	if (rc)
		return rc;
	rc = nnvme_sys.scandir(path, names, not_hidden, versionsort);
	if (rc >= 0)
		return rc;
	*names = NULL;
	return -errno;
}

void nnvme_sys_list_free(struct dirent **names, int count)
{
	for (int i = 0; i < count; i++)
		free(names[i]);
	free(names);
}
