/* SPDX-License-Identifier: MIT */
#ifndef NNVME_KERNEL_BLOCK_IN_USE_H
#define NNVME_KERNEL_BLOCK_IN_USE_H

/*
 * Uses of a disk by the kernel itself without a claim: loop devices and storage targets open it
 * as a program would, but no process has it open. Private to the library; not installed.
 */

#include "kernel/openers.h"

/* A use of a node: a loop device, by its name, or a text with what it is and how to end it. */
struct nnvme_block_use {
	char loop[32];		/* "": not in use */
	char node[64];		/* which of the nodes it uses */
	char what[320];
};

/* 1 and a use of one of @nodes, 0 when there is none, or -errno when that can't be told. */
int nnvme_block_in_use(const struct nnvme_nodes *nodes, struct nnvme_block_use *use);

#endif
