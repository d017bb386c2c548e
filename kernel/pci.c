// SPDX-License-Identifier: MIT
#include "noiommu_nvme/pci.h"

#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "kernel/pci_disks.h"
#include "kernel/pci_private.h"
#include "kernel/sized.h"
#include "kernel/sys.h"

/* Parse a hexadecimal field of at most @digits digits and value @max; *text moves past it. */
static bool parse_field(const char **text, int digits, unsigned max, unsigned *value)
{
	const char *c = *text;

	*value = 0;
	while (isxdigit((unsigned char)*c) && c - *text < digits) {
		*value = *value * 16 + (isdigit((unsigned char)*c) ? (unsigned)(*c - '0') :
					(unsigned)(tolower((unsigned char)*c) - 'a') + 10);
		c++;
	}
	if (c == *text || isxdigit((unsigned char)*c) || *value > max)
		return false;
	*text = c;
	return true;
}

/* The whole of [domain SEP] bus SEP device . function */
static bool parse_with(const char *text, char separator, bool has_domain, unsigned field[4])
{
	field[0] = 0;
	if (has_domain && (!parse_field(&text, 8, ~0u, &field[0]) || *text++ != separator))
		return false;
	return parse_field(&text, 2, 0xff, &field[1]) && *text++ == separator &&
	       parse_field(&text, 2, 0x1f, &field[2]) && *text++ == '.' &&
	       parse_field(&text, 1, 7, &field[3]) && !*text;
}

/* "0000", "41" or "00.0": part of an address that was split at its colons. */
static bool looks_cut(const char *text)
{
	size_t n = strspn(text, "0123456789abcdefABCDEF");

	return n >= 1 && n <= 8 &&
	       (!text[n] || (n <= 2 && text[n] == '.' && isxdigit((unsigned char)text[n + 1]) &&
			     !text[n + 2]));
}

/*
 * "/dev/nvme0n1", "nvme0", "ng0n1p2": the address of the controller behind it, "" when there is
 * none. A namespace with several paths has them below its subsystem; the first is as good as any.
 */
static void find_node(const char *text, char bdf[NNVME_BDF_SIZE])
{
	const char *slash = strrchr(text, '/'), *name = slash ? slash + 1 : text;
	struct dirent **names;
	char device[64] = "", after;
	unsigned x, y, field[4];
	int n;

	bdf[0] = 0;
	if (sscanf(name, "nvme%un%u", &x, &y) == 2 || sscanf(name, "ng%un%u", &x, &y) == 2) {
		char disk[32];

		snprintf(disk, sizeof(disk), "nvme%un%u", x, y);
		nnvme_sys_link_name(device, sizeof(device), NNVME_BLOCKS "/%s/device", disk);
	} else if (sscanf(name, "nvme%u", &x) == 1) {
		snprintf(device, sizeof(device), "nvme%u", x);
	}
	if (!strncmp(device, "nvme-subsys", 11)) {
		n = nnvme_sys_list(&names, "/sys/class/nvme-subsystem/%s", device);
		for (int i = 0; i < n; i++)
			if (sscanf(names[i]->d_name, "nvme%u%c", &x, &after) == 1)
				snprintf(device, sizeof(device), "nvme%u", x);
		nnvme_sys_list_free(names, n);
	}
	/* Controllers behind a network have another kind of address. */
	if (*device && (nnvme_sys_read(bdf, NNVME_BDF_SIZE, "/sys/class/nvme/%s/address",
				       device) < 0 || !parse_with(bdf, ':', true, field)))
		bdf[0] = 0;
}

static int not_an_address(const char *text, struct nnvme_err *err)
{
	char bdf[NNVME_BDF_SIZE];

	find_node(text, bdf);
	if (*bdf)
		return nnvme_fail(err, -EINVAL, "\"%.64s\" is not a PCI address; its controller is "
				  "%s", text, bdf);
	return nnvme_fail(err, -EINVAL, "\"%.64s\" is not a PCI address; write it like "
			  "0000:41:00.0 or 0000.41.00.0 (noiommu-nvme list shows them)", text);
}

int nnvme_bdf_parse(const char *text, char bdf[NNVME_BDF_SIZE], struct nnvme_err *err)
{
	unsigned f[4];

	if (!text || !*text)
		return nnvme_fail(err, -EINVAL,
				  "no PCI address given; write it like 0000:41:00.0");
	if (looks_cut(text))
		return nnvme_fail(err, -EINVAL, "\"%s\" is not a PCI address; fio splits file "
				  "names at colons: write 0000\\:41\\:00.0 or 0000.41.00.0", text);
	if (!parse_with(text, ':', true, f) && !parse_with(text, ':', false, f) &&
	    !parse_with(text, '.', true, f) && !parse_with(text, '.', false, f))
		return not_an_address(text, err);
	snprintf(bdf, NNVME_BDF_SIZE, "%04x:%02x:%02x.%x", f[0], f[1], f[2], f[3]);
	return 0;
}

static unsigned read_number(const char *bdf, const char *attribute)
{
	char text[32];

	if (nnvme_sys_read(text, sizeof(text), NNVME_PCI_DEVICES "/%s/%s", bdf, attribute) < 0)
		return 0;
	return (unsigned)strtoul(text, NULL, 0);
}

/*
 * A device without an IOMMU has no IOMMU group. But with VFIO's containers built in, it gets a
 * stand-in group of this name when vfio-pci binds it (drivers/vfio/group.c).
 */
static int read_group(struct nnvme_pci_info *info)
{
	char name[32];
	int rc = nnvme_sys_link_name(info->group, sizeof(info->group),
				     NNVME_PCI_DEVICES "/%s/iommu_group", info->bdf);

	if (rc)
		return rc == -ENOENT ? 0 : rc;
	/* Most groups have no name, and then the file does not exist. */
	rc = nnvme_sys_read(name, sizeof(name), NNVME_PCI_DEVICES "/%s/iommu_group/name",
			    info->bdf);
	info->iommu = strcmp(name, "vfio-noiommu") != 0;
	return rc >= 0 || rc == -ENOENT ? 0 : rc;
}

static int read_vfio_dev(struct nnvme_pci_info *info)
{
	struct dirent **names;
	int n = nnvme_sys_list(&names, NNVME_PCI_DEVICES "/%s/vfio-dev", info->bdf);

	if (n > 0 && strlen(names[0]->d_name) < sizeof(info->vfio_dev)) {
		strcpy(info->vfio_dev, names[0]->d_name);
		info->cdev = nnvme_sys_exists(NNVME_PCI_DEVICES "/%s/vfio-dev/%s/dev", info->bdf,
					      info->vfio_dev);
	}
	nnvme_sys_list_free(names, n);
	info->container = info->iommu && nnvme_sys_exists("/dev/vfio/vfio") &&
			  nnvme_sys_exists("/dev/vfio/%s", info->group);
	return n >= 0 || n == -ENOENT ? 0 : n;
}

/* The node through which a userspace driver without VFIO uses it. */
static int read_uio(struct nnvme_pci_info *info)
{
	struct dirent **names;
	int n = nnvme_sys_list(&names, NNVME_PCI_DEVICES "/%s/uio", info->bdf);

	for (int i = 0; i < n; i++)
		if (!strncmp(names[i]->d_name, "uio", 3) &&
		    strlen(names[i]->d_name) < sizeof(info->uio))
			strcpy(info->uio, names[i]->d_name);
	nnvme_sys_list_free(names, n);
	return n >= 0 || n == -ENOENT ? 0 : n;
}

/* Only the nvme driver knows these. */
static void read_nvme(struct nnvme_pci_info *info)
{
	char (*disks)[NNVME_BLOCK_NAME];
	struct dirent **names;
	int n = nnvme_sys_list(&names, NNVME_PCI_DEVICES "/%s/nvme", info->bdf);

	if (n > 0)
		nnvme_sys_read(info->model, sizeof(info->model), NNVME_PCI_DEVICES
			       "/%s/nvme/%s/model", info->bdf, names[0]->d_name);
	nnvme_sys_list_free(names, n);
	n = nnvme_pci_disks(info->bdf, &disks);
	for (int i = 0; i < n; i++)
		info->capacity += nnvme_block_size(disks[i]);
	free(disks);
}

static int check_size(uint32_t size, struct nnvme_err *err)
{
	return nnvme_sized_check("struct nnvme_pci_info", size,
				 NNVME_SIZE_UP_TO(struct nnvme_pci_info, model), err);
}

int nnvme_pci_read(const char *bdf, struct nnvme_pci_info *info, struct nnvme_err *err)
{
	int rc;

	memset(info, 0, sizeof(*info));
	rc = nnvme_bdf_parse(bdf, info->bdf, err);
	if (rc)
		return rc;
	if (!nnvme_sys_exists(NNVME_PCI_DEVICES "/%s", info->bdf))
		return nnvme_fail(err, -ENODEV, "there is no PCI device %s; "
				  "noiommu-nvme list shows the NVMe controllers", info->bdf);
	info->vendor = (uint16_t)read_number(info->bdf, "vendor");
	info->device = (uint16_t)read_number(info->bdf, "device");
	info->class_code = read_number(info->bdf, "class");
	rc = nnvme_sys_link_name(info->driver, sizeof(info->driver), NNVME_PCI_DEVICES "/%s/driver",
				 info->bdf);
	if (!rc || rc == -ENOENT)	/* none */
		rc = read_group(info);
	if (!rc)
		rc = read_vfio_dev(info);
	if (!rc)
		rc = read_uio(info);
	if (rc)
		return nnvme_fail(err, rc, "cannot read the facts about %s in sysfs: %s", info->bdf,
				  strerror(-rc));
	read_nvme(info);
	return 0;
}

int nnvme_pci_info(const char *bdf, struct nnvme_pci_info *info, struct nnvme_err *err)
{
	struct nnvme_pci_info own;
	int rc = check_size(info->size, err);

	if (!rc)
		rc = nnvme_pci_read(bdf, &own, err);
	if (!rc)
		nnvme_sized_out(info, info->size, &own, sizeof(own));
	return rc;
}

int nnvme_pci_nvme_info(const char *bdf, struct nnvme_pci_info *info, struct nnvme_err *err)
{
	int rc = nnvme_pci_read(bdf, info, err);

	if (!rc && info->class_code != NNVME_PCI_CLASS)
		return nnvme_fail(err, -ENODEV, "%s is not an NVMe controller (class 0x%06x, "
				  "not 0x%06x); noiommu-nvme list shows those", info->bdf,
				  info->class_code, NNVME_PCI_CLASS);
	return rc;
}

static int by_bdf(const void *a, const void *b)
{
	const struct nnvme_pci_info *x = a, *y = b;

	return strcmp(x->bdf, y->bdf);
}

/* The NVMe controllers among the devices @names, sorted. */
static int read_controllers(struct dirent **names, int n, struct nnvme_pci_info **list,
			    size_t *count)
{
	struct nnvme_pci_info *more;

	for (int i = 0; i < n; i++) {
		if (read_number(names[i]->d_name, "class") != NNVME_PCI_CLASS)
			continue;
		more = realloc(*list, (*count + 1) * sizeof(**list));
		if (!more)
			return -ENOMEM;
		*list = more;
		if (!nnvme_pci_read(names[i]->d_name, &more[*count], NULL))
			++*count;
	}
	if (*count)
		qsort(*list, *count, sizeof(**list), by_bdf);
	return 0;
}

int nnvme_pci_list(struct nnvme_pci_info **list, size_t *count, uint32_t size,
		   struct nnvme_err *err)
{
	struct nnvme_pci_info *own = NULL;
	struct dirent **names;
	int n, rc = check_size(size, err);

	*list = NULL;
	*count = 0;
	if (rc)
		return rc;
	n = nnvme_sys_list(&names, NNVME_PCI_DEVICES);
	if (n == -ENOENT)	/* a machine without PCI */
		return 0;
	if (n < 0)
		return nnvme_fail(err, n, "cannot read " NNVME_PCI_DEVICES ": %s", strerror(-n));
	rc = read_controllers(names, n, &own, count);
	nnvme_sys_list_free(names, n);
	if (rc || !*count)
		free(own);
	else
		*list = nnvme_sized_list(own, *count, sizeof(*own), size);
	if (!rc && (*list || !*count))
		return 0;
	*count = 0;
	return nnvme_fail(err, -ENOMEM, "out of memory");
}

int nnvme_noiommu_switch(void)
{
	char text[8];
	int rc = nnvme_sys_read(text, sizeof(text), NNVME_NOIOMMU_SWITCH);

	return rc < 0 ? rc : text[0] == 'Y' || text[0] == '1';
}
