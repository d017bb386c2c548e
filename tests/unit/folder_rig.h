/* SPDX-License-Identifier: MIT */
#ifndef NNVME_TESTS_FOLDER_RIG_H
#define NNVME_TESTS_FOLDER_RIG_H

/* A folder of a test's own, gone with all that is in it afterwards. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static char folder[40];

static inline int folder_setup(void **state)
{
	strcpy(folder, "/tmp/bench-test.XXXXXX");
	return mkdtemp(folder) ? 0 : -1;
}

static inline int folder_teardown(void **state)
{
	char command[80];

	snprintf(command, sizeof(command), "rm -rf %s", folder);
	return system(command);
}

#endif
