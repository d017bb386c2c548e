/* SPDX-License-Identifier: MIT */
#ifndef NNVME_KERNEL_SYS_H
#define NNVME_KERNEL_SYS_H

/*
 * The one place where this layer calls the system: every call that can fail goes through nnvme_sys,
 * and every path is prefixed with its root. Unit tests replace both, to run on a recorded tree and
 * to make each call fail in turn. Nothing else writes to it.
 *
 * The helpers return 0 (or what they say) or -errno.
 *
 * Private to the library; not installed.
 */

#include <dirent.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/stat.h>
#include <sys/types.h>
#include <time.h>

struct nnvme_sys {
	const char *root;	/* prefix of every path; "" outside of tests */
	int (*open)(const char *path, int flags, ...);
	int (*close)(int fd);
	int (*ioctl)(int fd, unsigned long request, ...);
	void *(*mmap)(void *addr, size_t len, int prot, int flags, int fd, off_t offset);
	int (*munmap)(void *addr, size_t len);
	int (*eventfd)(unsigned count, int flags);
	ssize_t (*read)(int fd, void *buf, size_t len);
	int (*ppoll)(struct pollfd *fds, nfds_t count, const struct timespec *timeout,
		     const sigset_t *mask);
	ssize_t (*pread)(int fd, void *buf, size_t len, off_t offset);
	ssize_t (*pwrite)(int fd, const void *buf, size_t len, off_t offset);
	int (*access)(const char *path, int mode);
	ssize_t (*readlink)(const char *path, char *buf, size_t size);
	int (*scandir)(const char *path, struct dirent ***names,
		       int (*filter)(const struct dirent *),
		       int (*compare)(const struct dirent **, const struct dirent **));
	int (*mkdir)(const char *path, mode_t mode);
	int (*unlink)(const char *path);
	int (*rename)(const char *from, const char *to);
	int (*statx)(int dir, const char *path, int flags, unsigned mask, struct statx *stx);
	int (*flock)(int fd, int operation);
	void (*pause)(unsigned ms);
	int (*run)(char *const argv[]);		/* 0; -ENOENT no such program; -EIO it failed */
	bool (*same_files)(pid_t a, pid_t b);	/* do two threads surely share descriptors? */
	int (*has_cap)(int capability);		/* is it in effect: 1, 0 or -errno */
	uint64_t (*memlock)(void);		/* RLIMIT_MEMLOCK in bytes, UINT64_MAX: no limit */
	long (*page_size)(void);		/* of this kernel, in bytes */
};
extern struct nnvme_sys nnvme_sys;

/* A file descriptor, always close-on-exec. */
int nnvme_sys_open(int flags, const char *path_fmt, ...) __attribute__((format(printf, 2, 3)));

/* Close and forget: *fd becomes -1. A negative one is ignored. */
void nnvme_sys_close(int *fd);

/* What the kernel returned (0 or more), or -errno. */
int nnvme_sys_ioctl(int fd, unsigned long request, void *arg);

/* The kind of a file, of S_IFMT, and the number of the device whose node it is. */
struct nnvme_file_type {
	mode_t mode;
	unsigned major, minor;
};

/* Of a path, links followed, and of a descriptor. They never wait for a file server. */
int nnvme_sys_type(struct nnvme_file_type *type, const char *path_fmt, ...)
	__attribute__((format(printf, 2, 3)));
int nnvme_sys_fd_type(struct nnvme_file_type *type, int fd);

/* False only when it is certain that there is no such file. */
bool nnvme_sys_exists(const char *path_fmt, ...) __attribute__((format(printf, 1, 2)));

/*
 * The first @size - 1 bytes of a file, without the white space at its end, ended by NUL. Returns
 * their number; @buf is an empty string on failure.
 */
int nnvme_sys_read(char *buf, size_t size, const char *path_fmt, ...)
	__attribute__((format(printf, 3, 4)));

/* A whole file whose size isn't known before (those in /proc); free() *text. */
int nnvme_sys_read_all(char **text, const char *path_fmt, ...)
	__attribute__((format(printf, 2, 3)));

/* Write @text to an existing file in one call, as sysfs wants it. */
int nnvme_sys_write(const char *text, const char *path_fmt, ...)
	__attribute__((format(printf, 2, 3)));

/* Where a symbolic link points. */
int nnvme_sys_link(char *buf, size_t size, const char *path_fmt, ...)
	__attribute__((format(printf, 3, 4)));

/* The last component of where it points: a device's driver, its IOMMU group. */
int nnvme_sys_link_name(char *buf, size_t size, const char *path_fmt, ...)
	__attribute__((format(printf, 3, 4)));

/*
 * The names in a directory without the dot files, in natural order (nvme2 before nvme10). Returns
 * their number; give the list to nnvme_sys_list_free(), which takes an empty one too.
 */
int nnvme_sys_list(struct dirent ***names, const char *path_fmt, ...)
	__attribute__((format(printf, 2, 3)));
void nnvme_sys_list_free(struct dirent **names, int count);

#endif
