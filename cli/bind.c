// SPDX-License-Identifier: MIT
#include <stdbool.h>
#include <stdio.h>

#include "arguments.h"
#include "cli.h"
#include "noiommu_nvme/noiommu_nvme.h"

/*
 * *bdf: the one operand, of which an interrupted change was undone; from now on signals wait. 0,
 * or the exit status.
 */
static int begin(int argc, char **argv, const struct option *options,
		 struct cli_arguments *arguments, const char **bdf)
{
	const struct cli_syntax syntax = { options, 1, "takes one address", false };
	int status = cli_arguments_read(argc, argv, &syntax, arguments);
	sigset_t before;

	*bdf = arguments->operand[0];
	if (status)
		return status;
	if (!*bdf)
		return cli_usage_error("%s needs an address", argv[0]);
	cli_block_signals(&before);
	return cli_recover(*bdf, false) ? 1 : 0;
}

int cli_bind(int argc, char **argv)
{
	int unsafe = 0;
	const struct option options[] = {
		{ "unsafe-noiommu", no_argument, &unsafe, 1 },
		{ "driver", required_argument, NULL, 'd' },
		{ 0 },
	};
	struct nnvme_pci_info info = { .size = sizeof(info) };
	struct cli_arguments arguments;
	struct nnvme_err err;
	const char *bdf;
	int status = begin(argc, argv, options, &arguments, &bdf);

	if (status)
		return status;
	if (nnvme_pci_bind_to(bdf, arguments.value ? arguments.value : "vfio-pci",
			      unsafe ? NNVME_BIND_UNSAFE_NOIOMMU : 0, &err) ||
	    nnvme_pci_info(bdf, &info, &err)) {
		cli_error("%s", err.text);
		return 1;
	}
	printf("%s is bound to %s (/dev/vfio/%s%s)\n", info.bdf, info.driver,
	       info.cdev ? "devices/" : "", info.cdev ? info.vfio_dev : info.group);
	if (!info.iommu)
		cli_error("warning: %s has no IOMMU: a program that drives it can access all of "
			  "the machine's memory", info.bdf);
	return 0;
}

int cli_unbind(int argc, char **argv)
{
	const struct option options[] = { { 0 } };
	struct nnvme_pci_info info = { .size = sizeof(info) };
	struct cli_arguments arguments;
	struct nnvme_err err;
	const char *bdf;
	int status = begin(argc, argv, options, &arguments, &bdf);

	if (status)
		return status;
	if (nnvme_pci_unbind(bdf, &err) || nnvme_pci_info(bdf, &info, &err)) {
		cli_error("%s", err.text);
		return 1;
	}
	printf("%s is bound to %s\n", info.bdf, *info.driver ? info.driver : "no driver");
	return 0;
}
