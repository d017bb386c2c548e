/* SPDX-License-Identifier: MIT */
#ifndef NNVME_KERNEL_PCI_FORMER_H
#define NNVME_KERNEL_PCI_FORMER_H

/*
 * What a device had before it was unbound from its driver, in a state file, and how to tell whether
 * it still is as we left it.
 *
 * Private to the library; not installed.
 */

#include <stdbool.h>

#include "noiommu_nvme/err.h"
#include "noiommu_nvme/pci.h"

/* sysfs shows a driver_override of up to a page, and an absent one as this. */
#define NNVME_OVERRIDE_SIZE 4097
#define NNVME_NO_OVERRIDE "(null)"

struct nnvme_former {
	char driver[NNVME_DRIVER_SIZE];			/* "" for none */
	char override[NNVME_OVERRIDE_SIZE];
	/* The driver_override that we write, and the one we wrote before or "": our mark. */
	char mark[2][NNVME_DRIVER_SIZE];
};

int nnvme_former_write(const char *bdf, const struct nnvme_former *former);

/* 0, -ENOENT there is none; -EBADMSG it is damaged; or another -errno. Both fill @err. */
int nnvme_former_read(const char *bdf, struct nnvme_former *former, struct nnvme_err *err);

/* Does the device's driver_override bear our mark? If not, somebody has changed it since. */
bool nnvme_former_has_mark(const struct nnvme_former *former, const char *override);

/* The device's driver_override now; -EPERM not root, -errno. */
int nnvme_override_read(const char *bdf, char override[NNVME_OVERRIDE_SIZE], struct nnvme_err *err);

#endif
