/* SPDX-License-Identifier: MIT */
#ifndef NNVME_KERNEL_STATE_FILE_H
#define NNVME_KERNEL_STATE_FILE_H

/*
 * What a change to the system leaves to undo: small files in /run/noiommu-nvme, written before the
 * change and removed once it is undone, so that another process can undo it if this one dies. A
 * state file is replaced as a whole, and an empty one counts as none.
 *
 * Private to the library; not installed.
 */

#include <stddef.h>

#define NNVME_STATE_DIR "/run/noiommu-nvme"

/* On failure the file is as before. */
int nnvme_state_file_write(const char *name, const char *text);

/* The length of the text, without the white space at its end, or -errno; -ENOENT no such file. */
int nnvme_state_file_read(char *buf, size_t size, const char *name);

void nnvme_state_file_remove(const char *name);

#endif
