// SPDX-License-Identifier: MIT
/* PCI devices and drivers, by sysfs. See contract.h. */

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "contract.h"

#define MODE "/sys/module/vfio/parameters/enable_unsafe_noiommu_mode"

static int write_file(const char *path, const char *text)
{
	int fd = open(path, O_WRONLY | O_CLOEXEC);
	int ret = 0;

	if (fd < 0)
		return -errno;
	if (write(fd, text, strlen(text)) < 0)
		ret = -errno;
	close(fd);
	return ret;
}

static int write_device(const char *bdf, const char *file, const char *text)
{
	char path[128];

	snprintf(path, sizeof(path), "/sys/bus/pci/devices/%s/%s", bdf, file);
	return write_file(path, text);
}

/* The last part of what the link @name of a device points at. */
static int read_link(const char *bdf, const char *name, char last[64])
{
	char path[128], target[256];
	ssize_t n;

	snprintf(path, sizeof(path), "/sys/bus/pci/devices/%s/%s", bdf, name);
	n = readlink(path, target, sizeof(target) - 1);
	if (n < 0)
		return -errno;
	target[n] = 0;
	snprintf(last, 64, "%s", strrchr(target, '/') + 1);
	return 0;
}

bool pcidev_is_bound(const char *bdf, const char *driver)
{
	char name[64];

	if (read_link(bdf, "driver", name))
		return false;
	return !driver || !strcmp(name, driver);
}

int pcidev_unbind(const char *bdf)
{
	return write_device(bdf, "driver/unbind", bdf);
}

int pcidev_remove(const char *bdf)
{
	return write_device(bdf, "remove", "1");
}

int pcidev_rescan(void)
{
	return write_file("/sys/bus/pci/rescan", "1");
}

int pcidev_bind(const char *bdf, const char *driver)
{
	int ret;

	/* An empty line removes an override */
	ret = write_device(bdf, "driver_override", driver ? driver : "\n");
	if (ret)
		return ret;
	if (pcidev_is_bound(bdf, NULL)) {
		ret = pcidev_unbind(bdf);
		if (ret)
			return ret;
	}
	ret = write_file("/sys/bus/pci/drivers_probe", bdf);
	if (ret)
		return ret;
	return pcidev_is_bound(bdf, driver) ? 0 : -ENXIO;
}

int pcidev_vfio_name(const char *bdf, char name[64])
{
	struct dirent *entry;
	char path[128];
	int ret = -ENOENT;
	DIR *dir;

	snprintf(path, sizeof(path), "/sys/bus/pci/devices/%s/vfio-dev", bdf);
	dir = opendir(path);
	if (!dir)
		return -errno;
	while ((entry = readdir(dir))) {
		if (entry->d_name[0] == '.')
			continue;
		snprintf(name, 64, "%.63s", entry->d_name);
		ret = 0;
	}
	closedir(dir);
	return ret;
}

bool pcidev_has_group(const char *bdf)
{
	char name[64];

	return !read_link(bdf, "iommu_group", name);
}

int pcidev_group_path(const char *bdf, char path[64])
{
	char number[64], vfio[64];
	int ret;

	ret = read_link(bdf, "iommu_group", number);
	if (!ret)
		ret = pcidev_vfio_name(bdf, vfio);
	if (ret)
		return ret;
	snprintf(path, 64, "/dev/vfio/%s%.16s", strncmp(vfio, "noiommu-", 8) ? "" : "noiommu-",
		 number);
	return 0;
}

static int open_config(const char *bdf)
{
	char path[128];
	int fd;

	snprintf(path, sizeof(path), "/sys/bus/pci/devices/%s/config", bdf);
	fd = open(path, O_RDWR | O_CLOEXEC);
	assert_true(fd >= 0);
	return fd;
}

uint32_t pcidev_config(const char *bdf, unsigned offset, unsigned bytes)
{
	uint32_t value = 0;
	int fd = open_config(bdf);

	assert_int_equal(pread(fd, &value, bytes, offset), bytes);
	close(fd);
	return value;
}

uint32_t pcidev_register(const char *bdf, unsigned offset)
{
	uint16_t command, with_memory;
	int config = open_config(bdf), fd;
	volatile uint32_t *bar;
	uint32_t value;
	char path[128];

	/* vfio-pci leaves a closed device without memory decoding */
	assert_int_equal(pread(config, &command, 2, 4), 2);
	with_memory = command | 2;
	assert_int_equal(pwrite(config, &with_memory, 2, 4), 2);
	snprintf(path, sizeof(path), "/sys/bus/pci/devices/%s/resource0", bdf);
	fd = open(path, O_RDWR | O_CLOEXEC);
	assert_true(fd >= 0);
	bar = mmap(NULL, PAGE, PROT_READ, MAP_SHARED, fd, 0);
	assert_true(bar != MAP_FAILED);
	value = bar[offset / 4];
	munmap((void *)bar, PAGE);
	close(fd);
	assert_int_equal(pwrite(config, &command, 2, 4), 2);
	close(config);
	return value;
}

void pcidev_noiommu_mode(bool on)
{
	if (write_file(MODE, on ? "1" : "0"))
		fprintf(stderr, "contract: %s cannot be written: CONFIG_VFIO_NOIOMMU?\n", MODE);
}

bool pcidev_containers(void)
{
	return !access("/dev/vfio/vfio", F_OK);
}
