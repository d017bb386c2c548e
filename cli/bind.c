// SPDX-License-Identifier: MIT
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "cli/cli.h"
#include "nvme/noiommu_nvme.h"

/* One address, and the option *unsafe where that is allowed (not NULL). 0 or an exit status. */
static int parse(const char *command, int argc, char **argv, const char **bdf, bool *unsafe)
{
	*bdf = NULL;
	for (int i = 0; i < argc; i++) {
		if (unsafe && !strcmp(argv[i], "--unsafe-noiommu"))
			*unsafe = true;
		else if (argv[i][0] == '-')
			return cli_misuse("%s has no option %s", command, argv[i]);
		else if (*bdf)
			return cli_misuse("%s takes one address", command);
		else
			*bdf = argv[i];
	}
	return *bdf ? 0 : cli_misuse("%s needs an address", command);
}

int cli_bind(int argc, char **argv)
{
	struct nnvme_pci_info info;
	struct nnvme_err err;
	bool unsafe = false;
	const char *bdf;
	int status = parse("bind", argc, argv, &bdf, &unsafe);

	if (status)
		return status;
	if (nnvme_pci_bind(bdf, unsafe ? NNVME_BIND_UNSAFE_NOIOMMU : 0, &err) ||
	    nnvme_pci_info(bdf, &info, &err)) {
		cli_error("%s", err.text);
		return 1;
	}
	printf("%s is bound to %s (/dev/vfio/devices/%s)\n", info.bdf, info.driver, info.vfio_dev);
	if (!info.iommu)
		cli_error("warning: %s has no IOMMU: whoever drives it can reach all of the "
			  "machine's memory through it", info.bdf);
	return 0;
}

int cli_unbind(int argc, char **argv)
{
	struct nnvme_pci_info info;
	struct nnvme_err err;
	const char *bdf;
	int status = parse("unbind", argc, argv, &bdf, NULL);

	if (status)
		return status;
	if (nnvme_pci_unbind(bdf, &err) || nnvme_pci_info(bdf, &info, &err)) {
		cli_error("%s", err.text);
		return 1;
	}
	printf("%s is bound to %s\n", info.bdf, *info.driver ? info.driver : "no driver");
	return 0;
}
