/* SPDX-License-Identifier: MIT */
#ifndef NNVME_CLI_ARGUMENTS_H
#define NNVME_CLI_ARGUMENTS_H

/* The arguments of one command, by getopt_long(3). */

#include <getopt.h>
#include <stdbool.h>

enum { CLI_OPERANDS_MAX = 2 };

struct cli_syntax {
	const struct option *options;	/* with their flags: getopt_long(3), flag */
	int operands;		/* at most */
	const char *takes;	/* these in words: "takes one address" */
	bool command;		/* another program's command line may follow "--" */
};

struct cli_arguments {
	const char *operand[CLI_OPERANDS_MAX];	/* NULL: not given */
	char **command;		/* NULL: not given */
	const char *value;	/* of the one option that takes a value; NULL: not given */
};

/* Read @argv, in which the command's name is first. 0, or 2 after a usage error. */
int cli_arguments_read(int argc, char **argv, const struct cli_syntax *syntax,
		       struct cli_arguments *arguments);

#endif
