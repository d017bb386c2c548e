/* SPDX-License-Identifier: MIT */
#ifndef NNVME_KERNEL_LOCK_H
#define NNVME_KERNEL_LOCK_H

/*
 * Locks between processes, by name: that of a device or of an IOMMU group. They are files in a
 * directory that only root can enter, because whoever can open a file can lock it. The locks of a
 * process end with it. Private to the library; not installed.
 */

#define NNVME_LOCKS "/run/noiommu-nvme.lock"

/*
 * Take a lock, waiting up to @wait_ms for another holder; nnvme_sys_close(fd) releases it. 0;
 * -EWOULDBLOCK with the holder's process ID in *holder (0 unknown); -EACCES not root; or another
 * -errno. On failure *fd is -1.
 */
int nnvme_lock_file(const char *name, unsigned wait_ms, int *fd, int *holder);

/* Is it held? 1 and the holder's process ID as above, 0 or -errno. */
int nnvme_lock_file_held(const char *name, int *holder);

#endif
