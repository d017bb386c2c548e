// SPDX-License-Identifier: MIT
#include "sysfs.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define FORMAT(path, fmt) do { \
	va_list ap_; \
	va_start(ap_, fmt); \
	vsnprintf(path, sizeof(path), fmt, ap_); \
	va_end(ap_); \
} while (0)

int bench_sysfs_read(char *text, size_t size, const char *fmt, ...)
{
	char path[PATH_MAX];
	size_t length = 0;
	ssize_t got = 1;
	int fd, rc = 0;

	FORMAT(path, fmt);
	text[0] = '\0';
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return -errno;
	while (got > 0 && length < size - 1) {
		got = read(fd, text + length, size - 1 - length);
		if (got > 0)
			length += (size_t)got;
		else if (got < 0)
			rc = -errno;
	}
	close(fd);
	if (rc)
		length = 0;
	while (length && strchr(" \t\n", text[length - 1]))
		length--;
	text[length] = '\0';
	return rc ? rc : (int)length;
}

uint64_t bench_sysfs_number(uint64_t otherwise, const char *fmt, ...)
{
	char path[PATH_MAX], text[32], *end;
	uint64_t value;

	FORMAT(path, fmt);
	bench_sysfs_read(text, sizeof(text), "%s", path);
	value = strtoull(text, &end, 10);
	return end > text ? value : otherwise;
}

int bench_sysfs_write(const char *text, const char *fmt, ...)
{
	char path[PATH_MAX];
	int fd, rc = 0;

	FORMAT(path, fmt);
	fd = open(path, O_WRONLY | O_CLOEXEC);
	if (fd < 0)
		return -errno;
	if (write(fd, text, strlen(text)) != (ssize_t)strlen(text))
		rc = errno ? -errno : -EIO;
	close(fd);
	return rc;
}
