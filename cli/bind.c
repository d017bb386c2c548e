// SPDX-License-Identifier: MIT
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "cli.h"
#include "noiommu_nvme/noiommu_nvme.h"

struct arguments {
	const char *bdf, *driver;
	bool unsafe;
};

/* One address and, with bind, its options. 0 or an exit status. */
static int parse(bool bind, int argc, char **argv, struct arguments *args)
{
	const char *command = bind ? "bind" : "unbind";

	*args = (struct arguments){ .driver = "vfio-pci" };
	for (int i = 0; i < argc; i++) {
		if (bind && !strcmp(argv[i], "--unsafe-noiommu"))
			args->unsafe = true;
		else if (bind && !strcmp(argv[i], "--driver") && i + 1 < argc)
			args->driver = argv[++i];
		else if (bind && !strncmp(argv[i], "--driver=", 9))
			args->driver = argv[i] + 9;
		else if (bind && !strcmp(argv[i], "--driver"))
			return cli_usage_error("--driver needs the name of a driver");
		else if (argv[i][0] == '-')
			return cli_usage_error("%s has no option %s", command, argv[i]);
		else if (args->bdf)
			return cli_usage_error("%s takes one address, and not %s", command, argv[i]);
		else
			args->bdf = argv[i];
	}
	return args->bdf ? 0 : cli_usage_error("%s needs an address", command);
}

int cli_bind(int argc, char **argv)
{
	struct nnvme_pci_info info = { .size = sizeof(info) };
	struct arguments args;
	struct nnvme_err err;
	sigset_t before;
	int status = parse(true, argc, argv, &args);

	if (status)
		return status;
	cli_block_signals(&before);
	if (cli_recover(args.bdf, false))
		return 1;
	if (nnvme_pci_bind_to(args.bdf, args.driver, args.unsafe ? NNVME_BIND_UNSAFE_NOIOMMU : 0,
			      &err) ||
	    nnvme_pci_info(args.bdf, &info, &err)) {
		cli_error("%s", err.text);
		return 1;
	}
	printf("%s is bound to %s (/dev/vfio/%s%s)\n", info.bdf, info.driver,
	       info.cdev ? "devices/" : "", info.cdev ? info.vfio_dev : info.group);
	if (!info.iommu)
		cli_error("warning: %s has no IOMMU: whoever drives it can reach all of the "
			  "machine's memory through it", info.bdf);
	return 0;
}

int cli_unbind(int argc, char **argv)
{
	struct nnvme_pci_info info = { .size = sizeof(info) };
	struct arguments args;
	struct nnvme_err err;
	sigset_t before;
	int status = parse(false, argc, argv, &args);

	if (status)
		return status;
	cli_block_signals(&before);
	if (cli_recover(args.bdf, false))
		return 1;
	if (nnvme_pci_unbind(args.bdf, &err) || nnvme_pci_info(args.bdf, &info, &err)) {
		cli_error("%s", err.text);
		return 1;
	}
	printf("%s is bound to %s\n", info.bdf, *info.driver ? info.driver : "no driver");
	return 0;
}
