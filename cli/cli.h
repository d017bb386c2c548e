/* SPDX-License-Identifier: MIT */
#ifndef NNVME_CLI_H
#define NNVME_CLI_H

/*
 * The commands of noiommu-nvme. Each gets the arguments after its name and returns the exit status:
 * 0, 1 when it could not be done, 2 when it was called wrongly; isolation has more.
 */
int cli_list(int argc, char **argv);
int cli_bind(int argc, char **argv);
int cli_unbind(int argc, char **argv);
int cli_isolation(int argc, char **argv);
int cli_probe(int argc, char **argv);

/* Say on stderr, after the program's name and in one line, what went wrong. */
void cli_error(const char *fmt, ...) __attribute__((format(printf, 1, 2)));

/* Say that the command line is wrong and how to learn more; returns 2. */
int cli_misuse(const char *fmt, ...) __attribute__((format(printf, 1, 2)));

#endif
