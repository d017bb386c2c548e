// SPDX-License-Identifier: MIT
#include "arguments.h"

#include <string.h>

#include "cli.h"

/*
 * What getopt_long() refused: a letter in optopt; or a long option, which it has just passed. Then
 * optopt is 0, or what a known one sets (arguments.h: 1) that was given a value and takes none.
 */
static int refused(char **argv, int answer)
{
	if (answer == ':')
		return cli_usage_error("%s needs a value", argv[optind - 1]);
	if (optopt > 1)
		return cli_usage_error("%s has no option -%c", argv[0], optopt);
	return cli_usage_error("%s has no option %s", argv[0], argv[optind - 1]);
}

/*
 * getopt_long() takes any beginning of a name. But a danger is accepted in full only, and a further
 * option must not change what a script does.
 */
static bool is_cut(char **argv, const struct option *option)
{
	const char *text = argv[optind - (optarg == argv[optind - 1] ? 2 : 1)];

	return strcspn(text + 2, "=") != strlen(option->name);
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
	int answer, index = 0, status = 0;

	*arguments = (struct cli_arguments){ .command = NULL };
	optind = 0;	/* glibc: begin anew */
	opterr = 0;
	/* "-": in the order of the command line, so that it shows where "--" was. */
	while (!status && (answer = getopt_long(argc, argv, "-:", syntax->options, &index)) != -1) {
		if (answer == 1)
			status = add_operand(argv[0], optarg, syntax, arguments);
		else if (answer == '?' || answer == ':')
			status = refused(argv, answer);
		else if (is_cut(argv, &syntax->options[index]))
			status = cli_usage_error("write --%s in full", syntax->options[index].name);
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
