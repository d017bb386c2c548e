/* SPDX-License-Identifier: MIT */
#ifndef NNVME_CLI_H
#define NNVME_CLI_H

#include <signal.h>
#include <stdbool.h>

#include "noiommu_nvme/noiommu_nvme.h"

/*
 * The commands of noiommu-nvme. Each gets its name and the arguments after it, and returns the
 * exit status: 0, 1 when it failed, 2 after a usage error; isolation has more.
 */
int cli_list(int argc, char **argv);
int cli_bind(int argc, char **argv);
int cli_unbind(int argc, char **argv);
int cli_doctor(int argc, char **argv);
int cli_domain(int argc, char **argv);
int cli_isolation(int argc, char **argv);

/*
 * list.c: "kernel", "noiommu", "iommu", "uio", "other" or "-"; a number of bytes in powers of 1000.
 */
const char *cli_mode(const struct nnvme_pci_info *info);
void cli_size(uint64_t bytes, char text[64]);

/*
 * Recover from an earlier run that was killed while it changed the device's domain: undo what it
 * left and report that; with @always_report also that there was nothing. 0, or 1 when that
 * failed.
 */
int cli_recover(const char *bdf, bool always_report);

/*
 * Block the signals that would end this program in the middle of a change; *before: the mask until
 * now.
 */
void cli_block_signals(sigset_t *before);

/* Report on stderr, after the program's name and in one line, what went wrong. */
void cli_error(const char *fmt, ...) __attribute__((format(printf, 1, 2)));

/* Report that the command line is wrong and where to find help; returns 2. */
int cli_usage_error(const char *fmt, ...) __attribute__((format(printf, 1, 2)));

#endif
