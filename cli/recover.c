// SPDX-License-Identifier: MIT
/* What every command that changes something begins with. */
#include <signal.h>
#include <stdio.h>

#include "cli.h"

int cli_recover(const char *bdf, bool always_report)
{
	struct nnvme_iommu_group g = { .size = sizeof(g), .member_size = sizeof(*g.members) };
	struct nnvme_err err;
	bool unfinished, held;
	int rc;

	if (nnvme_iommu_group_read(bdf, &g, &err))	/* the command itself reports why */
		return always_report ? (cli_error("%s", err.text), 1) : 0;
	unfinished = g.unfinished;
	held = g.holder;
	nnvme_iommu_group_free(&g);
	if (!unfinished && !(held && always_report)) {
		if (always_report)
			printf("%s: there is nothing to restore\n", bdf);
		return 0;
	}
	rc = nnvme_iommu_group_restore(bdf, &err);
	if (rc < 0) {
		cli_error("an earlier run was interrupted and cannot be undone: %s", err.text);
		return 1;
	}
	if (!rc || nnvme_iommu_group_read(bdf, &g, &err))
		return 0;
	fprintf(always_report ? stdout : stderr, "%san earlier run was interrupted: IOMMU group %s "
		"of %s has its type %s again\n",
		always_report ? "" : "noiommu-nvme: ", g.number, g.bdf, g.type_text);
	nnvme_iommu_group_free(&g);
	return 0;
}

void cli_block_signals(sigset_t *before)
{
	sigset_t all;

	sigemptyset(&all);
	for (const int *s = (const int[]){ SIGINT, SIGTERM, SIGHUP, SIGQUIT, SIGCHLD, 0 }; *s; s++)
		sigaddset(&all, *s);
	signal(SIGPIPE, SIG_IGN);
	signal(SIGCHLD, SIG_DFL);	/* where it is ignored, waiting for children fails */
	sigprocmask(SIG_BLOCK, &all, before);
}
