// SPDX-License-Identifier: MIT
#include "kernel/eventfd.h"

#include <errno.h>
#include <string.h>
#include <sys/eventfd.h>

#include "kernel/sys.h"

int nnvme_eventfd_open(struct nnvme_err *err)
{
	int fd = nnvme_sys.eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);

	if (fd >= 0)
		return fd;
	return nnvme_fail(err, -errno, "cannot make an eventfd for an interrupt: %s%s",
			  strerror(errno), errno == EMFILE ? " (raise ulimit -n)" : "");
}

void nnvme_eventfd_raise(int fd)
{
	(void)!eventfd_write(fd, 1);	/* fails only if it is readable already */
}

void nnvme_eventfd_clear(int fd)
{
	uint64_t count;

	/* Reads the whole count; fails where that is 0. */
	(void)!nnvme_sys.read(fd, &count, sizeof(count));
}

int nnvme_eventfd_wait(struct pollfd *eventfds, unsigned count, unsigned ms)
{
	struct timespec timeout = { .tv_sec = ms / 1000, .tv_nsec = ms % 1000 * 1000000L };
	int n = nnvme_sys.ppoll(eventfds, count, &timeout, NULL);

	return n < 0 ? -errno : n;
}
