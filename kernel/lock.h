/* SPDX-License-Identifier: MIT */
#ifndef NNVME_KERNEL_LOCK_H
#define NNVME_KERNEL_LOCK_H

/*
 * Locks between processes, by name: that of a device or of an IOMMU group. They are files of our own
 * in a directory that is root's alone, because whoever can open a file can lock it. A process that
 * ends gives its locks back. Private to the library; not installed.
 */

#define NNVME_LOCKS "/run/noiommu-nvme.lock"

/*
 * Take it, waiting so many milliseconds for another one who has it, and nnvme_sys_close(fd) to give
 * it back. 0, -EWOULDBLOCK with his process ID in *holder (0 when it isn't known), -EACCES not root,
 * or another -errno; *fd is -1 then.
 */
int nnvme_lock_file(const char *name, unsigned wait_ms, int *fd, int *holder);

/* Has somebody got it? 1 and his process ID like above, 0 nobody, -errno. */
int nnvme_lock_file_held(const char *name, int *holder);

#endif
