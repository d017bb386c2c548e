// SPDX-License-Identifier: MIT
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli/cli.h"
#include "nvme/noiommu_nvme.h"

enum { COLUMNS = 6 };

struct row {
	char cell[COLUMNS][64];
};

/* Who makes the device's addresses: the kernel's own driver, or a program in one of two modes. */
static const char *mode(const struct nnvme_pci_info *info)
{
	if (!*info->driver)
		return "-";
	if (strcmp(info->driver, "vfio-pci") != 0)
		return "kernel";
	if (!info->cdev)
		return "-";
	return strncmp(info->vfio_dev, "noiommu-", 8) ? "iommu" : "noiommu";
}

/* As disks are sold: powers of 1000. */
static void size_text(uint64_t bytes, char text[64])
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
	snprintf(row->cell[0], sizeof(row->cell[0]), "%s", info->bdf);
	snprintf(row->cell[1], sizeof(row->cell[1]), "%s", *info->driver ? info->driver : "-");
	snprintf(row->cell[2], sizeof(row->cell[2]), "%s", mode(info));
	snprintf(row->cell[3], sizeof(row->cell[3]), "%s", info->iommu ? info->group : "-");
	if (*info->model)
		snprintf(row->cell[4], sizeof(row->cell[4]), "%.63s", info->model);
	else	/* only the kernel's driver knows better */
		snprintf(row->cell[4], sizeof(row->cell[4]), "%04x:%04x", info->vendor,
			 info->device);
	size_text(info->size, row->cell[5]);
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
	struct nnvme_pci_info *info;
	struct nnvme_err err;
	struct row *rows;
	size_t count;

	if (argc)
		return cli_misuse("list takes no argument %s", argv[0]);
	if (nnvme_pci_list(&info, &count, &err)) {
		cli_error("%s", err.text);
		return 1;
	}
	rows = calloc(count + 1, sizeof(*rows));
	if (!rows) {
		free(info);
		cli_error("out of memory");
		return 1;
	}
	rows[0] = (struct row){ { "BDF", "DRIVER", "MODE", "GROUP", "MODEL", "SIZE" } };
	for (size_t i = 0; i < count; i++)
		fill(&rows[i + 1], &info[i]);
	print_rows(rows, count + 1);
	free(rows);
	free(info);
	return 0;
}
