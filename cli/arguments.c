// SPDX-License-Identifier: MIT
#include "arguments.h"

#include <string.h>

#include "cli.h"

/* What getopt_long() refused: it leaves a letter in optopt, or has just passed a long option. */
static int refused(char **argv, int answer)
{
	if (answer == ':')
		return cli_usage_error("%s needs a value", argv[optind - 1]);
	if (optopt && argv[optind - 1][1] != '-')
		return cli_usage_error("%s has no option -%c", argv[0], optopt);
	return cli_usage_error("%s has no option %s", argv[0], argv[optind - 1]);
}

static int add_operand(const char *command, const char *text, const struct cli_syntax *syntax,
		       struct cli_arguments *arguments)
{
	for (int i = 0; i < syntax->operands; i++)
		if (!arguments->operand[i]) {
			arguments->operand[i] = text;
			return 0;
		}
	return cli_usage_error("%s %s; unexpected: %s", command, syntax->takes, text);
}

int cli_arguments_read(int argc, char **argv, const struct cli_syntax *syntax,
		       struct cli_arguments *arguments)
{
	int answer, status = 0;

	*arguments = (struct cli_arguments){ .command = NULL };
	optind = 0;	/* glibc: begin anew */
	opterr = 0;
	/* "-": in the order of the command line, so that it shows where "--" was. */
	while (!status && (answer = getopt_long(argc, argv, "-:", syntax->options, NULL)) != -1) {
		if (answer == 1)
			status = add_operand(argv[0], optarg, syntax, arguments);
		else if (answer == '?' || answer == ':')
			status = refused(argv, answer);
		else if (optarg)
			arguments->value = optarg;
	}
	if (syntax->command && !strcmp(argv[optind - 1], "--")) {
		arguments->command = argv + optind;
		return status;
	}
	for (; !status && optind < argc; optind++)
		status = add_operand(argv[0], argv[optind], syntax, arguments);
	return status;
}
