/* SPDX-License-Identifier: MIT */
#ifndef NNVME_KERNEL_BLOCK_USERS_H
#define NNVME_KERNEL_BLOCK_USERS_H

/*
 * What the kernel itself does with a disk without claiming it: loop devices and storage targets
 * open it as a program would, but no process has it. Private to the library; not installed.
 */

#include "kernel/openers.h"

/* A user: a loop device, by its name, or words that say what it is and what takes it down. */
struct nnvme_block_user {
	char loop[32];		/* "" when it isn't one */
	char node[64];		/* which of the nodes it uses */
	char what[320];
};

/* 1 and a user of one of @nodes, 0 when there is none, or -errno when that can't be told. */
int nnvme_block_user_find(const struct nnvme_nodes *nodes, struct nnvme_block_user *user);

#endif
