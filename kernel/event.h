/* SPDX-License-Identifier: MIT */
#ifndef NNVME_KERNEL_EVENT_H
#define NNVME_KERNEL_EVENT_H

/*
 * An event: an eventfd that an interrupt adds 1 to, and that a thread can sleep on. It counts, so an
 * interrupt that comes before the sleep ends it at once.
 *
 * Private to the library; not installed.
 */

#include "noiommu_nvme/err.h"

/* A file descriptor, close-on-exec, never blocking; close it with nnvme_sys_close(). Or -errno. */
int nnvme_event_open(struct nnvme_err *err);

/* Add 1, as an interrupt does. */
void nnvme_event_raise(int fd);

/* Forget the interrupts so far. */
void nnvme_event_clear(int fd);

/*
 * Sleep until an interrupt comes, or has come (1), for at most @ms milliseconds (0). -EINTR: a signal.
 * Clears nothing.
 */
int nnvme_event_wait(int fd, unsigned ms);

#endif
