// SPDX-License-Identifier: MIT
/*
 * The log function is the caller's and may call the library, so it is never called while a lock
 * of the library is held: lines are kept until the thread releases its last lock.
 */
#include "nvme/log.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct line {
	struct line *next;
	nnvme_log_fn *fn;
	void *arg;
	enum nnvme_log_level level;
	char text[600];
};

/* Per thread: the number of locks held, and the lines that wait. */
static __thread unsigned locks;
static __thread struct line *first, **last;

static void keep(const struct nnvme_options *opts, enum nnvme_log_level level, const char *text)
{
	struct line *l = malloc(sizeof(*l));

	if (!l)
		return;		/* the line is lost; the work goes on */
	*l = (struct line){ .fn = opts->log, .arg = opts->log_arg, .level = level };
	snprintf(l->text, sizeof(l->text), "%s", text);
	if (!first)
		last = &first;
	*last = l;
	last = &l->next;
}

static void say_kept(void)
{
	struct line *l = first;

	first = NULL;		/* the listener may call the library */
	while (l) {
		struct line *next = l->next;

		l->fn(l->arg, l->level, l->text);
		free(l);
		l = next;
	}
}

void nnvme_lock(pthread_mutex_t *lock)
{
	pthread_mutex_lock(lock);
	locks++;
}

void nnvme_unlock(pthread_mutex_t *lock)
{
	pthread_mutex_unlock(lock);
	if (!--locks)
		say_kept();
}

void nnvme_log(const struct nnvme_ctrl *ctrl, enum nnvme_log_level level, const char *fmt, ...)
{
	const char *name = ctrl->dev->name;
	char text[520], line[600];
	va_list ap;

	if (!ctrl->opts.log)
		return;
	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	/* Error texts already begin with the name. */
	if (!strncmp(text, name, strlen(name)))
		strcpy(line, text);
	else
		snprintf(line, sizeof(line), "%s: %s", name, text);
	if (locks)
		keep(&ctrl->opts, level, line);
	else
		ctrl->opts.log(ctrl->opts.log_arg, level, line);
}
