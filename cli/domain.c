// SPDX-License-Identifier: MIT
/* noiommu-nvme domain: show or set the type of a controller's default domain. */
#include <errno.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "arguments.h"
#include "cli.h"
#include "noiommu_nvme/noiommu_nvme.h"

struct arguments {
	const char *bdf, *type;
	int hold, restore;
	char **command;		/* after --; NULL when there is none */
};

static int check(const struct arguments *args)
{
	if (!args->bdf)
		return cli_usage_error("domain needs an address");
	if (args->restore && (args->type || args->hold))
		return cli_usage_error("--restore takes no type: it brings back what was before");
	if (args->hold && (!args->type || !args->command || !*args->command))
		return cli_usage_error("--hold needs a type and a command: domain BDF TYPE --hold "
				       "-- COMMAND");
	if (!args->hold && args->command)
		return cli_usage_error("a command goes with --hold: domain BDF TYPE "
				       "--hold -- COMMAND");
	return 0;
}

/* 0 or an exit status. */
static int parse(int argc, char **argv, struct arguments *args)
{
	const struct option options[] = {
		{ "hold", no_argument, &args->hold, 1 },
		{ "restore", no_argument, &args->restore, 1 },
		{ 0 },
	};
	const struct cli_syntax syntax = { options, 2, "takes one address and one type", true };
	struct cli_arguments arguments;
	int status;

	*args = (struct arguments){ 0 };
	status = cli_arguments_read(argc, argv, &syntax, &arguments);
	if (status)
		return status;
	args->bdf = arguments.operand[0];
	args->type = arguments.operand[1];
	args->command = arguments.command;
	return check(args);
}

static const char *explanation(enum nnvme_domain type)
{
	switch (type) {
	case NNVME_DOMAIN_IDENTITY:
		return "for the kernel's drivers the IOMMU does not translate: fastest, but the "
		       "device can access all of the machine's memory";
	case NNVME_DOMAIN_DMA:
		return "the kernel's drivers map each buffer for its transfer and unmap it at once "
		       "(strict): the best protection, and the slowest";
	case NNVME_DOMAIN_DMA_FQ:
		return "the kernel's drivers map each buffer for its transfer and unmap it a "
		       "little later, in batches (lazy): the device can access a buffer for some "
		       "milliseconds too long";
	default:
		return "a type that this program does not know";
	}
}

static int show(const char *bdf)
{
	struct nnvme_iommu_group g = { .size = sizeof(g), .member_size = sizeof(*g.members) };
	struct nnvme_err err;

	if (nnvme_iommu_group_read(bdf, &g, &err)) {
		cli_error("%s", err.text);
		return 1;
	}
	printf("%s is in IOMMU group %s of type %s: %s.\n", g.bdf, g.number, g.type_text,
	       explanation(g.type));
	if (g.count > 1) {
		const char *comma = "";

		printf("The group has %zu devices, which share that: ", g.count);
		for (size_t i = 0; i < g.count; i++, comma = ", ")
			printf("%s%s (%s)", comma, g.members[i].name,
			       *g.members[i].driver ? g.members[i].driver : "no driver");
		printf(".\n");
	}
	for (size_t i = 0; i < g.count; i++)
		if (!strcmp(g.members[i].name, g.bdf) && !strcmp(g.members[i].driver, "vfio-pci"))
			printf("It is bound to vfio-pci: programs that open it get a domain of "
			       "their own.\n");
	if (g.unfinished)
		printf("A change of it was interrupted; to undo that: noiommu-nvme domain "
		       "%s --restore\n", g.bdf);
	if (g.holder > 0)
		printf("Process %d is changing or holding it.\n", g.holder);
	else if (g.holder)
		printf("It is being changed or held, or a change of it was interrupted: only root "
		       "can see which.\n");
	nnvme_iommu_group_free(&g);
	return 0;
}

static int run_child(char **command, const sigset_t *mask)
{
	sigprocmask(SIG_SETMASK, mask, NULL);
	signal(SIGPIPE, SIG_DFL);
	execvp(command[0], command);
	cli_error("cannot run %s: %s", command[0], strerror(errno));
	_exit(errno == ENOENT ? 127 : 126);
}

/* Wait for the child, passing signals on to it. Returns its exit status, as shells report it. */
static int mind_child(pid_t child)
{
	sigset_t wanted;
	siginfo_t info;
	int status = 1 << 8;	/* exit status 1, should waiting fail */

	sigemptyset(&wanted);
	for (const int *s = (const int[]){ SIGINT, SIGTERM, SIGHUP, SIGQUIT, SIGCHLD, 0 }; *s; s++)
		sigaddset(&wanted, *s);
	while (waitpid(child, &status, WNOHANG) == 0) {
		int signal = sigwaitinfo(&wanted, &info);

		/* Not what a terminal sends: the child gets that, too. */
		if (signal > 0 && signal != SIGCHLD && info.si_code != SI_KERNEL)
			kill(child, signal);
	}
	return WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status);
}

static int hold(const struct arguments *args, enum nnvme_domain type, const sigset_t *mask)
{
	struct nnvme_iommu_hold *hold;
	struct nnvme_err err;
	int status = 1;
	pid_t child;

	if (nnvme_iommu_group_hold(args->bdf, type, &hold, &err)) {
		cli_error("%s", err.text);
		return 1;
	}
	fflush(stdout);
	child = fork();
	if (!child)
		run_child(args->command, mask);
	if (child < 0)
		cli_error("cannot run %s: %s", args->command[0], strerror(errno));
	else
		status = mind_child(child);
	if (!nnvme_iommu_group_release(&hold, &err))
		return status;
	cli_error("the domain type of %s was not restored: %s; then run: noiommu-nvme domain "
		  "%s --restore", args->bdf, err.text, args->bdf);
	return status ? status : 1;
}

int cli_domain(int argc, char **argv)
{
	struct nnvme_iommu_group g = { .size = sizeof(g), .member_size = sizeof(*g.members) };
	enum nnvme_domain type;
	struct arguments args;
	struct nnvme_err err;
	sigset_t mask;
	int status = parse(argc, argv, &args);

	if (status)
		return status;
	if (!args.type && !args.restore)
		return show(args.bdf);
	if (args.type && nnvme_domain_parse(args.type, &type, &err))
		return cli_usage_error("%s", err.text);
	cli_block_signals(&mask);
	status = cli_recover(args.bdf, args.restore);
	if (status || args.restore)
		return status;
	if (args.hold)
		return hold(&args, type, &mask);
	if (nnvme_iommu_group_set(args.bdf, type, &err) ||
	    nnvme_iommu_group_read(args.bdf, &g, &err)) {
		cli_error("%s", err.text);
		return 1;
	}
	printf("%s: IOMMU group %s has type %s\n", g.bdf, g.number, g.type_text);
	nnvme_iommu_group_free(&g);
	return 0;
}
