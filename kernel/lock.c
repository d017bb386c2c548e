// SPDX-License-Identifier: MIT
#include "kernel/lock.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <unistd.h>

#include "kernel/sys.h"

#define STEP_MS 20

static int make_directory(void)
{
	char path[300];

	snprintf(path, sizeof(path), "%s" NNVME_LOCKS, nnvme_sys.root);
	return nnvme_sys.mkdir(path, 0700) && errno != EEXIST ? -errno : 0;
}

static void read_holder(const char *name, int *holder)
{
	char text[16];

	nnvme_sys_read(text, sizeof(text), NNVME_LOCKS "/%s", name);
	*holder = atoi(text);
}

int nnvme_lock_file(const char *name, unsigned wait_ms, int *fd, int *holder)
{
	char text[16];
	int rc = make_directory();

	*fd = -1;
	*holder = 0;
	if (!rc) {
		*fd = nnvme_sys_open(O_RDWR | O_CREAT | O_NOFOLLOW, NNVME_LOCKS "/%s", name);
		rc = *fd < 0 ? *fd : 0;
	}
	while (!rc && nnvme_sys.flock(*fd, LOCK_EX | LOCK_NB)) {
		if (errno == EINTR)
			continue;
		if (errno != EWOULDBLOCK || wait_ms < STEP_MS) {
			rc = -errno;
			break;
		}
		nnvme_sys.pause(STEP_MS);
		wait_ms -= STEP_MS;
	}
	if (!rc) {	/* only for other processes' error texts, so it may fail */
		snprintf(text, sizeof(text), "%10d\n", (int)getpid());
		(void)!nnvme_sys.pwrite(*fd, text, strlen(text), 0);
		return 0;
	}
	nnvme_sys_close(fd);
	if (rc == -EWOULDBLOCK)
		read_holder(name, holder);
	return rc;
}

int nnvme_lock_file_held(const char *name, int *holder)
{
	int fd = nnvme_sys_open(O_RDONLY, NNVME_LOCKS "/%s", name), rc = 0;

	*holder = 0;
	if (fd < 0)
		return fd == -ENOENT ? 0 : fd;
	if (nnvme_sys.flock(fd, LOCK_SH | LOCK_NB))
		rc = errno == EWOULDBLOCK ? 1 : -errno;
	nnvme_sys_close(&fd);
	if (rc == 1)
		read_holder(name, holder);
	return rc;
}
