/* SPDX-License-Identifier: MIT */
#ifndef NNVME_KERNEL_EVENTFD_H
#define NNVME_KERNEL_EVENTFD_H

/*
 * Eventfds: an interrupt adds 1, and a thread can sleep on them. They count, so an interrupt before
 * the sleep ends it at once.
 *
 * Private to the library; not installed.
 */

#include <poll.h>

#include "noiommu_nvme/err.h"

/* A file descriptor, close-on-exec, never blocking; close it with nnvme_sys_close(). Or -errno. */
int nnvme_eventfd_open(struct nnvme_err *err);

/* Add 1, as an interrupt does. */
void nnvme_eventfd_raise(int fd);

/* Forget the interrupts so far. */
void nnvme_eventfd_clear(int fd);

/*
 * Sleep until an interrupt on any of @count eventfds comes, or has come (above 0), for at most @ms
 * milliseconds (0). -EINTR: a signal. Clears nothing.
 */
int nnvme_eventfd_wait(struct pollfd *eventfds, unsigned count, unsigned ms);

#endif
