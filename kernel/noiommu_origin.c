// SPDX-License-Identifier: MIT
#include "kernel/noiommu_origin.h"

#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "kernel/sys.h"

/* kernel/module/source-tree gives the modules this MODULE_VERSION; Linux's iommufd has none. */
#define MARK "noiommu-vfio"
#define PACKAGE "./build/noiommu-vfio-dkms_*.deb"
#define OPTIONS "CONFIG_IOMMUFD, CONFIG_VFIO_DEVICE_CDEV and CONFIG_VFIO_NOIOMMU"

/* 6.12 and 7.3, so that they can be compared; 0: no such number. */
static unsigned series(const char *release)
{
	unsigned major = 0, minor = 0;

	return sscanf(release, "%u.%u", &major, &minor) == 2 ? major << 16 | minor : 0;
}

#define MERGED (7u << 16 | 3)	/* the first with the cdev and GET_PA */

static enum nnvme_noiommu_origin origin(const struct nnvme_probe *p)
{
	char version[64];

	if (p->noiommu_cdev != NNVME_HAVE)
		return p->noiommu_cdev == NNVME_HAVE_NOT ? NNVME_NOIOMMU_ABSENT :
			NNVME_NOIOMMU_UNKNOWN;
	nnvme_sys_read(version, sizeof(version), "/sys/module/iommufd/version");
	if (!strncmp(version, MARK, strlen(MARK)))
		return NNVME_NOIOMMU_MODULES;
	return series(p->release) >= MERGED ? NNVME_NOIOMMU_MERGED : NNVME_NOIOMMU_SERIES;
}

/* An iommufd below /lib/modules/RELEASE, packed as distributions do, or not. */
static bool has_iommufd(const char *release, const char *dir)
{
	static const char *const ends[] = { "", ".xz", ".zst", ".gz" };

	for (size_t i = 0; i < sizeof(ends) / sizeof(*ends); i++)
		if (nnvme_sys_exists("/lib/modules/%s/%s/iommufd.ko%s", release, dir, ends[i]))
			return true;
	return false;
}

/* The value of @key, without quotes, from the text of os-release(5); "" if it is not there. */
static void os_release(char value[16], const char *text, const char *key)
{
	size_t n = strlen(key);

	*value = 0;
	for (const char *line = text; line; line = strchr(line, '\n')) {
		line += *line == '\n';
		if (strncmp(line, key, n) != 0 || line[n] != '=')
			continue;
		line += n + 1;
		line += strspn(line, "\"'");
		sscanf(line, "%15[^\"'\n]", value);
	}
}

/*
 * The kernel of Debian @version that the package has modules for: this one, or else one of the same
 * flavour, if possible of the same series. NULL: none.
 */
static const char *debian_kernel(const char *release, const char *version)
{
	static const char *const kernels[] = { NNVME_MODULE_KERNELS };	/* kernel/meson.build */
	const char *flavour, *found = NULL;
	char end[64];

	flavour = strstr(release, "-cloud-amd64") ? "cloud-amd64" : strstr(release, "-amd64") ?
		"amd64" : "none";
	snprintf(end, sizeof(end), "+deb%s-%s", version, flavour);
	for (size_t i = 0; i < sizeof(kernels) / sizeof(*kernels); i++) {
		const char *its_end = strchr(kernels[i], '+');

		if (!strcmp(kernels[i], release))
			return kernels[i];
		if (its_end && !strcmp(its_end, end) &&
		    (!found || (series(kernels[i]) == series(release) &&
				series(found) != series(release))))
			found = kernels[i];
	}
	return found;
}

/* What to install, if this kernel has neither the modules nor such code of its own. */
static void by_distribution(char *fix, size_t size, const char *release)
{
	char text[4096], id[16], version[16];
	const char *kernel = NULL;

	nnvme_sys_read(text, sizeof(text), "/etc/os-release");
	os_release(id, text, "ID");
	os_release(version, text, "VERSION_ID");
	if (!strcmp(id, "debian"))
		kernel = debian_kernel(release, version);
	if (kernel && !strcmp(kernel, release))
		snprintf(fix, size, "apt install linux-headers-%s " PACKAGE, kernel);
	else if (kernel)
		snprintf(fix, size, "apt install linux-image-%s linux-headers-%s " PACKAGE
			 ", and boot that kernel", kernel, kernel);
	else if (series(release) >= MERGED)
		snprintf(fix, size, "a kernel with " OPTIONS);
	else
		snprintf(fix, size, "Linux 7.3, or 6.12 with the series in "
			 "kernel/module/patches/6.12, with " OPTIONS);
}

/* /dev has no node of what the kernel has, as in many containers. */
static bool lacks_node(const struct nnvme_probe *p, char *fix, size_t size)
{
	unsigned major, minor;
	char number[32];

	nnvme_sys_read(number, sizeof(number), "/sys/class/misc/iommu/dev");
	if (p->iommufd != NNVME_HAVE_NOT || sscanf(number, "%u:%u", &major, &minor) != 2)
		return false;
	snprintf(fix, size, "mknod /dev/iommu c %u %u", major, minor);
	return true;
}

static void fill_fix(const struct nnvme_probe *p, char *fix, size_t size)
{
	bool vfio_loaded = nnvme_sys_exists("/sys/class/vfio-dev");
	bool installed = has_iommufd(p->release, "updates/dkms");

	if (lacks_node(p, fix, size))
		return;
	if (p->iommufd == NNVME_HAVE && p->get_pa == NNVME_HAVE_UNKNOWN)
		snprintf(fix, size, "run as root");
	else if (!vfio_loaded && (installed || p->get_pa == NNVME_HAVE ||
				  has_iommufd(p->release, "kernel/drivers/iommu/iommufd")))
		snprintf(fix, size, "modprobe vfio-pci");
	else if (installed)
		snprintf(fix, size, "/usr/lib/noiommu-vfio/reload, once nothing uses VFIO: the "
			 "modules that are loaded are not those of noiommu-vfio-dkms");
	else
		by_distribution(fix, size, p->release);
}

void nnvme_noiommu_origin(struct nnvme_probe *p)
{
	p->noiommu_origin = origin(p);
	if (p->noiommu_cdev != NNVME_HAVE || p->get_pa != NNVME_HAVE)
		fill_fix(p, p->noiommu_fix, sizeof(p->noiommu_fix));
}
