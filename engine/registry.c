// SPDX-License-Identifier: GPL-2.0-only

#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "noiommu_nvme/pci.h"
#include "registry.h"

struct nnvme_open {
	struct nnvme_open *next;
	struct nnvme_ctrl *ctrl;
	struct nnvme_options opts;
	char bdf[NNVME_BDF_SIZE];
	unsigned int refs;
	pid_t pid;
};

static pthread_mutex_t nnvme_open_lock = PTHREAD_MUTEX_INITIALIZER;
static struct nnvme_open *nnvme_open_list;

static struct nnvme_open *nnvme_open_find(const char *bdf)
{
	struct nnvme_open *open = nnvme_open_list;

	while (open && strcmp(open->bdf, bdf))
		open = open->next;
	return open;
}

static struct nnvme_open *nnvme_open_new(const char *bdf, const struct nnvme_options *opts, int *rc,
					 struct nnvme_err *err)
{
	struct nnvme_open *open = calloc(1, sizeof(*open));

	if (!open) {
		*rc = nnvme_fail(err, -ENOMEM, "%s: out of memory", bdf);
		return NULL;
	}
	*rc = nnvme_ctrl_open(bdf, opts, &open->ctrl, err);
	if (*rc) {
		free(open);
		return NULL;
	}
	strcpy(open->bdf, bdf);
	open->opts = *opts;
	open->pid = getpid();
	open->next = nnvme_open_list;
	nnvme_open_list = open;
	return open;
}

int nnvme_registry_get(const char *bdf, const struct nnvme_options *opts,
		       struct nnvme_ctrl **ctrl, struct nnvme_err *err)
{
	struct nnvme_open *open;
	int rc = 0;

	pthread_mutex_lock(&nnvme_open_lock);
	open = nnvme_open_find(bdf);
	if (!open)
		open = nnvme_open_new(bdf, opts, &rc, err);
	else if (open->opts.mode != opts->mode || open->opts.hugepages != opts->hugepages ||
		 open->opts.shadow_doorbells != opts->shadow_doorbells ||
		 open->opts.interrupts != opts->interrupts)
		rc = nnvme_fail(err, -EINVAL, "%s: another job uses it with a different mode=, "
				"hugepages= or shadow_doorbells=, or one polls (wait=poll) and "
				"another doesn't; give all jobs on one controller the same", bdf);
	if (open && !rc) {
		open->refs++;
		*ctrl = open->ctrl;
	}
	pthread_mutex_unlock(&nnvme_open_lock);
	return rc;
}

static void nnvme_open_drop(struct nnvme_open **link)
{
	struct nnvme_open *open = *link;

	*link = open->next;
	/*
	 * A controller that can't be stopped has been reported; the kernel stops it when fio exits.
	 */
	(void)nnvme_ctrl_close(open->ctrl);
	free(open);
}

void nnvme_registry_put(struct nnvme_ctrl *ctrl)
{
	struct nnvme_open **link = &nnvme_open_list;

	pthread_mutex_lock(&nnvme_open_lock);
	while ((*link)->ctrl != ctrl)
		link = &(*link)->next;
	if (!--(*link)->refs)
		nnvme_open_drop(link);
	pthread_mutex_unlock(&nnvme_open_lock);
}

void nnvme_registry_close_all(void)
{
	pthread_mutex_lock(&nnvme_open_lock);
	while (nnvme_open_list && nnvme_open_list->pid == getpid())
		nnvme_open_drop(&nnvme_open_list);
	pthread_mutex_unlock(&nnvme_open_lock);
}
