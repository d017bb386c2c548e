// SPDX-License-Identifier: MIT
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "arguments.h"
#include "cli.h"
#include "noiommu_nvme/noiommu_nvme.h"

enum { COLUMNS = 7 };

struct row {
	char cell[COLUMNS][NNVME_DRIVER_SIZE];
};

/*
 * Who uses the device: the kernel's own driver, a program in one of two modes, or another userspace
 * driver; for any other driver, that is not known.
 */
const char *cli_mode(const struct nnvme_pci_info *info)
{
	bool vfio = !strcmp(info->driver, "vfio-pci") || *info->vfio_dev;

	if (!*info->driver)
		return "-";
	if (*info->uio)
		return "uio";
	if (!vfio)
		return strcmp(info->driver, "nvme") ? "other" : "kernel";
	if (!info->cdev && !info->container)
		return "-";
	return strncmp(info->vfio_dev, "noiommu-", 8) ? "iommu" : "noiommu";
}

/* In powers of 1000, as disks are sold. */
void cli_size(uint64_t bytes, char text[64])
{
	static const char *const unit[] = { "B", "kB", "MB", "GB", "TB", "PB", "EB" };
	double value = (double)bytes;
	int i = 0;

	for (; value >= 1000 && i < 6; i++)
		value /= 1000;
	if (bytes)
		snprintf(text, 64, "%.*f %s", value < 10 && i ? 2 : value < 100 && i ? 1 : 0, value,
			 unit[i]);
	else
		strcpy(text, "-");
}

static void fill(struct row *row, const struct nnvme_pci_info *info)
{
	struct nnvme_iommu_group group = {
		.size = sizeof(group), .member_size = sizeof(*group.members),
	};
	char size[64];
	bool grouped = !nnvme_iommu_group_read(info->bdf, &group, NULL);
	const char *cell[COLUMNS] = {
		info->bdf, info->driver, cli_mode(info), grouped ? group.number : "",
		grouped ? group.type_text : "", info->model,
	};

	for (int c = 0; c < COLUMNS; c++)
		snprintf(row->cell[c], sizeof(row->cell[c]), "%s",
			 cell[c] && *cell[c] ? cell[c] : "-");
	if (!*info->model)	/* only the nvme driver knows it */
		snprintf(row->cell[5], sizeof(row->cell[5]), "%04x:%04x", info->vendor,
			 info->device);
	cli_size(info->capacity, size);
	strcpy(row->cell[6], size);
	if (grouped)
		nnvme_iommu_group_free(&group);
}

static void print_rows(const struct row *rows, size_t count)
{
	int width[COLUMNS] = { 0 };

	for (size_t i = 0; i < count; i++)
		for (int c = 0; c < COLUMNS; c++)
			if ((int)strlen(rows[i].cell[c]) > width[c])
				width[c] = (int)strlen(rows[i].cell[c]);
	for (size_t i = 0; i < count; i++) {
		for (int c = 0; c < COLUMNS - 1; c++)
			printf("%-*s  ", width[c], rows[i].cell[c]);
		printf("%s\n", rows[i].cell[COLUMNS - 1]);
	}
}

int cli_list(int argc, char **argv)
{
	const struct option none[] = { { 0 } };
	const struct cli_syntax syntax = { none, 0, "takes no arguments", false };
	struct cli_arguments arguments;
	struct nnvme_pci_info *info;
	struct nnvme_err err;
	struct row *rows;
	size_t count;
	int status;

	status = cli_arguments_read(argc, argv, &syntax, &arguments);
	if (status)
		return status;
	if (nnvme_pci_list(&info, &count, sizeof(*info), &err)) {
		cli_error("%s", err.text);
		return 1;
	}
	if (!count) {
		printf("no NVMe controllers\n");
		return 0;
	}
	rows = calloc(count + 1, sizeof(*rows));
	if (!rows) {
		free(info);
		cli_error("out of memory");
		return 1;
	}
	rows[0] = (struct row){ { "BDF", "DRIVER", "MODE", "GROUP", "TYPE", "MODEL", "SIZE" } };
	for (size_t i = 0; i < count; i++)
		fill(&rows[i + 1], &info[i]);
	print_rows(rows, count + 1);
	free(rows);
	free(info);
	return 0;
}
