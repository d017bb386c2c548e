// SPDX-License-Identifier: MIT
#include <getopt.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "cli.h"
#include "noiommu_nvme/noiommu_nvme.h"

static const char help[] =
	"usage: noiommu-nvme COMMAND [ARGUMENT]...\n"
	"\n"
	"  doctor [BDF]      what works here, what is missing, how to fix it; --json for programs\n"
	"  list              the NVMe controllers of this machine and their drivers\n"
	"  bind BDF          give a controller to vfio-pci, for programs to use\n"
	"    --unsafe-noiommu  turn noiommu mode on if it has no IOMMU: the device, or a\n"
	"                      mistake of the program, can then access all of memory\n"
	"    --driver DRIVER   another VFIO driver than vfio-pci\n"
	"  unbind BDF        return it to its former driver\n"
	"  domain BDF        show the type of its IOMMU group's default domain\n"
	"    TYPE              set it: identity, DMA, DMA-FQ or auto (the kernel's choice)\n"
	"    TYPE --hold -- COMMAND...  only while COMMAND runs\n"
	"    --restore         undo what a killed run left\n"
	"  isolation BDF     test that the device can only access memory given to it; exit status\n"
	"                    0 isolated, 3 bypass possible, 4 no IOMMU\n"
	"\n"
	"  --help, --version\n"
	"\n"
	"BDF is a PCI address as list shows it: 0000:41:00.0, also 41:00.0 or 0000.41.00.0.\n";

static const struct {
	const char *name;
	int (*run)(int argc, char **argv);
} commands[] = {
	{ "list", cli_list }, { "bind", cli_bind }, { "unbind", cli_unbind },
	{ "domain", cli_domain }, { "isolation", cli_isolation }, { "doctor", cli_doctor },
	{ "probe", cli_doctor },	/* its former name */
};

/* Anywhere before another program's command line. */
static bool wants_help(char **argv)
{
	for (; *argv && strcmp(*argv, "--") != 0; argv++)
		if (!strcmp(*argv, "--help") || !strcmp(*argv, "-h"))
			return true;
	return false;
}

/* The command and what follows it, its name first. */
static int run(int argc, char **argv)
{
	for (size_t i = 0; i < sizeof(commands) / sizeof(commands[0]); i++) {
		if (strcmp(argv[0], commands[i].name) != 0)
			continue;
		if (!wants_help(argv + 1))
			return commands[i].run(argc, argv);
		fputs(help, stdout);
		return 0;
	}
	return cli_usage_error("there is no command \"%s\"", argv[0]);
}

static int parse(int argc, char **argv)
{
	static const struct option options[] = {
		{ "help", no_argument, NULL, 'h' }, { "version", no_argument, NULL, 'v' }, { 0 },
	};

	opterr = 0;
	switch (getopt_long(argc, argv, "+h", options, NULL)) {	/* "+": up to the command */
	case 'h':
		fputs(help, stdout);
		return 0;
	case 'v':
		printf("noiommu-nvme %s\n", nnvme_version());
		return 0;
	case '?':
		return cli_usage_error("there is no option %s", argv[1]);
	}
	if (optind == argc)
		return cli_usage_error("no command");
	if (!strcmp(argv[optind], "help")) {
		fputs(help, stdout);
		return 0;
	}
	return run(argc - optind, argv + optind);
}

int main(int argc, char **argv)
{
	int status = parse(argc, argv);

	if ((fflush(stdout) || ferror(stdout)) && !status) {
		cli_error("cannot write the output");
		status = 1;
	}
	return status;
}
