// SPDX-License-Identifier: MIT
#include "kernel/pagemap.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>

#include "kernel/sys.h"

#define PRESENT (1ull << 63)
#define FRAME ((1ull << 55) - 1)	/* bits 54:0 */

int nnvme_physical(const void *va, uint64_t *phys, struct nnvme_err *err)
{
	off_t at = (off_t)((uintptr_t)va / 4096 * sizeof(uint64_t));
	int fd = nnvme_sys_open(O_RDONLY, "/proc/self/pagemap");
	uint64_t entry = 0;
	ssize_t n;
	int rc = fd < 0 ? fd : 0;

	if (!rc) {
		n = nnvme_sys.pread(fd, &entry, sizeof(entry), at);
		rc = n < 0 ? -errno : n == sizeof(entry) ? 0 : -EIO;
		nnvme_sys_close(&fd);
	}
	if (rc)
		return nnvme_fail(err, rc, "cannot read /proc/self/pagemap: %s", strerror(-rc));
	if (!(entry & PRESENT))
		return nnvme_fail(err, -ENXIO, "there is no page at %p", va);
	/* Without the capability the kernel writes 0, which is no error (fs/proc/task_mmu.c). */
	if (!(entry & FRAME))
		return nnvme_fail(err, -EPERM, "cannot read physical addresses: that needs "
				  "CAP_SYS_ADMIN; run as root");
	*phys = (entry & FRAME) * 4096 + (uintptr_t)va % 4096;
	return 0;
}
