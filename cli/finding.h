/* SPDX-License-Identifier: MIT */
#ifndef NNVME_CLI_FINDING_H
#define NNVME_CLI_FINDING_H

/* What doctor found, in order, as text and as JSON. */

#include <stdbool.h>
#include <stddef.h>

enum finding_state {
	FINDING_OK,
	FINDING_NOTE,		/* neither good nor bad by itself */
	FINDING_MISSING,
	FINDING_UNKNOWN,
};

struct finding {
	char subject[24];		/* a device's address; "" for the machine */
	char name[24];
	enum finding_state state;
	char message[400];
	char fix[400];		/* a command or a step; "" when nothing is to be done */
};

struct findings {
	struct finding *list;
	size_t count, max;
	const char *subject;	/* of those added next; NULL: the machine */
	bool lost;		/* no memory for all of them */
};

/* A new one; its texts may still be changed. Never NULL. */
struct finding *finding_add(struct findings *f, const char *name, enum finding_state state,
			    const char *message_fmt, ...) __attribute__((format(printf, 4, 5)));
void finding_fix(struct finding *f, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

void findings_print(const struct findings *f);
/* 0, or -ENOMEM. */
int findings_print_json(const struct findings *f);
void findings_free(struct findings *f);

#endif
