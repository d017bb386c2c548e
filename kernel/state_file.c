// SPDX-License-Identifier: MIT
#include "kernel/state_file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>

#include "kernel/sys.h"

int nnvme_state_file_write(const char *name, const char *text)
{
	char path[300], new[310];
	int fd, rc;

	snprintf(path, sizeof(path), "%s" NNVME_STATE_DIR, nnvme_sys.root);
	if (nnvme_sys.mkdir(path, 0755) && errno != EEXIST)
		return -errno;
	fd = nnvme_sys_open(O_WRONLY | O_CREAT | O_TRUNC | O_NOFOLLOW, NNVME_STATE_DIR "/%s.new",
			    name);
	if (fd < 0)
		return fd;
	rc = (int)nnvme_sys.pwrite(fd, text, strlen(text), 0);
	rc = rc == (int)strlen(text) ? 0 : rc < 0 ? -errno : -EIO;
	nnvme_sys_close(&fd);
	snprintf(path, sizeof(path), "%s" NNVME_STATE_DIR "/%s", nnvme_sys.root, name);
	snprintf(new, sizeof(new), "%s.new", path);
	if (!rc && nnvme_sys.rename(new, path))
		rc = -errno;
	if (rc)
		nnvme_sys.unlink(new);
	return rc;
}

int nnvme_state_file_read(char *buf, size_t size, const char *name)
{
	return nnvme_sys_read(buf, size, NNVME_STATE_DIR "/%s", name);
}

void nnvme_state_file_remove(const char *name)
{
	char path[300];
	int fd;

	snprintf(path, sizeof(path), "%s" NNVME_STATE_DIR "/%s", nnvme_sys.root, name);
	if (!nnvme_sys.unlink(path) || errno == ENOENT)
		return;
	fd = nnvme_sys_open(O_WRONLY | O_TRUNC | O_NOFOLLOW, NNVME_STATE_DIR "/%s", name);
	nnvme_sys_close(&fd);
}
