// SPDX-License-Identifier: MIT
#include "kernel/pci_disks.h"

#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "kernel/sys.h"

/* The disk for one entry of the controller's directory; false if the entry is something else. */
static bool disk_name(const char *entry, char name[NNVME_BLOCK_NAME])
{
	unsigned subsystem, controller, namespace;
	int n = 0;

	if (strlen(entry) >= NNVME_BLOCK_NAME)
		return false;
	if (sscanf(entry, "nvme%un%u%n", &controller, &namespace, &n) == 2 && !entry[n]) {
		strcpy(name, entry);
		return true;
	}
	/* One path of a multipath namespace: the usable disk is the subsystem's. */
	n = 0;
	if (sscanf(entry, "nvme%uc%un%u%n", &subsystem, &controller, &namespace, &n) == 3 &&
	    !entry[n]) {
		snprintf(name, NNVME_BLOCK_NAME, "nvme%un%u", subsystem, namespace);
		return nnvme_sys_exists(NNVME_BLOCKS "/%s", name);
	}
	return false;
}

/* Add the disks of one nvmeX to the list. */
static int add_disks(const char *bdf, const char *ctrl, char (**names)[NNVME_BLOCK_NAME],
		     int *count)
{
	struct dirent **entries;
	int n = nnvme_sys_list(&entries, NNVME_PCI_DEVICES "/%s/nvme/%s", bdf, ctrl), rc = 0;

	for (int i = 0; i < n && !rc; i++) {
		char name[NNVME_BLOCK_NAME], (*more)[NNVME_BLOCK_NAME];

		if (!disk_name(entries[i]->d_name, name))
			continue;
		more = realloc(*names, (size_t)(*count + 1) * sizeof(**names));
		if (!more) {
			rc = -ENOMEM;
			break;
		}
		*names = more;
		memcpy(more[(*count)++], name, sizeof(name));
	}
	nnvme_sys_list_free(entries, n);
	return n < 0 ? n : rc;
}

int nnvme_pci_disks(const char *bdf, char (**names)[NNVME_BLOCK_NAME])
{
	struct dirent **ctrls;
	int n = nnvme_sys_list(&ctrls, NNVME_PCI_DEVICES "/%s/nvme", bdf), rc = 0, count = 0;

	*names = NULL;
	for (int i = 0; i < n && !rc; i++)
		rc = add_disks(bdf, ctrls[i]->d_name, names, &count);
	nnvme_sys_list_free(ctrls, n);
	if (n < 0 && n != -ENOENT)	/* -ENOENT: it is not bound to the nvme driver */
		rc = n;
	if (!rc)
		return count;
	free(*names);
	*names = NULL;
	return rc;
}

uint64_t nnvme_block_size(const char *name)
{
	char text[32];

	if (nnvme_sys_read(text, sizeof(text), NNVME_BLOCKS "/%s/size", name) < 0)
		return 0;
	return strtoull(text, NULL, 10) * 512;	/* sysfs: always in units of 512 bytes */
}
