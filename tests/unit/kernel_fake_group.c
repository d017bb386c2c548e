// SPDX-License-Identifier: MIT
#include "kernel_fake_group.h"

#include <dirent.h>
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "kernel/sys.h"
#include "kernel_fake.h"

#define GROUP "/sys/kernel/iommu_groups/5"

void fake_group_add(const char *bdf)
{
	char target[100];

	fake_link("../../../../kernel/iommu_groups/5", "/sys/bus/pci/devices/%s/iommu_group", bdf);
	snprintf(target, sizeof(target), "../../../../bus/pci/devices/%s", bdf);
	fake_link(target, GROUP "/devices/%s", bdf);
}

/* A driver that says so (driver_managed_dma) doesn't own the DMA of its device. */
static bool owned(void)
{
	char path[PATH_MAX];
	struct dirent *d;
	bool any = false;
	DIR *dir;

	snprintf(path, sizeof(path), "%s" GROUP "/devices", nnvme_sys.root);
	dir = opendir(path);
	assert_non_null(dir);
	while ((d = readdir(dir))) {
		const char *driver = d->d_name[0] == '.' ? "" : fake_driver(d->d_name);

		any = any || (*driver && !strstr(driver, "vfio") && strcmp(driver, "pcieport") &&
			      strcmp(driver, "pci-stub"));
	}
	closedir(dir);
	return any;
}

/* drivers/iommu/iommu.c, iommu_group_store_type() */
int fake_type_write(const char *path, const char *text)
{
	const char *now = fake_text(GROUP "/type"), *type = text;
	char line[32];

	assert_string_equal(path, GROUP "/type");
	fake.type_writes++;
	if (fake.type_errno)
		return fake.type_errno;
	if (strcmp(type, "identity") && strcmp(type, "DMA") && strcmp(type, "DMA-FQ") &&
	    strcmp(type, "auto"))
		return EINVAL;
	if (owned() && (strcmp(type, "DMA-FQ") != 0 || strcmp(now, "DMA\n") != 0))
		return EPERM;
	if (!strcmp(type, "auto"))
		type = fake.auto_gives ? fake.auto_gives : "DMA-FQ";
	if (fake.type_gives)
		type = fake.type_gives;
	snprintf(line, sizeof(line), "%s\n", type);
	fake_file(line, GROUP "/type");
	return 0;
}

/* --- disks: out of the tree while the driver doesn't have their controller --- */

static char coming[4][24];	/* controllers whose disks appear later */
static int wait_for;

static void move(const char *bdf, bool away)
{
	char here[PATH_MAX], there[PATH_MAX];

	snprintf(here, sizeof(here), "%s/sys/bus/pci/devices/%s/nvme", nnvme_sys.root, bdf);
	snprintf(there, sizeof(there), "%s/away/%s", nnvme_sys.root, bdf);
	if (away) {
		fake_file("", "/away/.keep");
		rename(here, there);
	} else {
		rename(there, here);
	}
}

void fake_hide_disks(const char *bdf)
{
	move(bdf, true);
}

void fake_show_disks(const char *bdf)
{
	if (!fake.slow_disks) {
		move(bdf, false);
		return;
	}
	wait_for = fake.slow_disks;
	for (int i = 0; i < 4; i++)
		if (!coming[i][0]) {
			snprintf(coming[i], sizeof(coming[i]), "%s", bdf);
			break;
		}
}

void fake_pause(unsigned ms)
{
	usleep(1000);	/* others give their locks back in their own time */
	if (++fake.pauses == fake.until_pause)
		fake_remove("%s", fake.at_pause);
	if (--wait_for > 0)
		return;
	for (int i = 0; i < 4; i++) {
		if (coming[i][0])
			move(coming[i], false);
		coming[i][0] = 0;
	}
}
