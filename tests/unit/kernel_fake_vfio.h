/* SPDX-License-Identifier: MIT */
#ifndef NNVME_TESTS_KERNEL_FAKE_VFIO_H
#define NNVME_TESTS_KERNEL_FAKE_VFIO_H

/* The fake kernel's VFIO and iommufd: called by kernel_fake.c. @path is the descriptor's node. */

#include <sys/types.h>

/* What the call returns, or -errno. */
int fake_vfio_ioctl(int fd, const char *path, unsigned long request, void *arg);
void fake_vfio_closed(int fd, const char *path);

/* kernel_fake.c: a descriptor for a device that its group hands out. */
int fake_open_device(void);

ssize_t fake_config_read(void *buf, size_t len, off_t offset);
ssize_t fake_config_write(const void *buf, size_t len, off_t offset);

#endif
