// SPDX-License-Identifier: MIT
#include "finding.h"

#include <errno.h>
#include <json-c/json.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char *const word[] = { "ok", "note", "missing", "unknown" };

struct finding *finding_add(struct findings *f, const char *name, enum finding_state state,
			    const char *message_fmt, ...)
{
	static struct finding nowhere;
	struct finding *one = &nowhere, *more;
	va_list ap;

	if (f->count == f->max) {
		more = realloc(f->list, (f->max + 32) * sizeof(*more));
		f->lost = f->lost || !more;
		if (more) {
			f->list = more;
			f->max += 32;
		}
	}
	if (f->count < f->max)
		one = &f->list[f->count++];
	*one = (struct finding){ .state = state };
	snprintf(one->subject, sizeof(one->subject), "%s", f->subject ? f->subject : "");
	snprintf(one->name, sizeof(one->name), "%s", name);
	va_start(ap, message_fmt);
	vsnprintf(one->message, sizeof(one->message), message_fmt, ap);
	va_end(ap);
	return one;
}

void finding_fix(struct finding *f, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(f->fix, sizeof(f->fix), fmt, ap);
	va_end(ap);
}

void findings_print(const struct findings *f)
{
	const char *subject = "";

	for (size_t i = 0; i < f->count; i++) {
		const struct finding *one = &f->list[i];

		if (strcmp(one->subject, subject) != 0) {
			subject = one->subject;
			printf("%s\n", subject);
		}
		printf("%-8s %-13s %s\n", word[one->state], one->name, one->message);
		if (*one->fix)
			printf("%-8s %-13s -> %s\n", "", "", one->fix);
	}
}

static int add_text(struct json_object *to, const char *key, const char *text)
{
	struct json_object *value = json_object_new_string(text);

	if (value && !json_object_object_add(to, key, value))
		return 0;
	json_object_put(value);
	return -ENOMEM;
}

static int add_one(struct json_object *array, const struct finding *one)
{
	struct json_object *object = json_object_new_object();

	if (!object || add_text(object, "subject", *one->subject ? one->subject : "machine") ||
	    add_text(object, "name", one->name) || add_text(object, "state", word[one->state]) ||
	    add_text(object, "message", one->message) || add_text(object, "fix", one->fix) ||
	    json_object_array_add(array, object)) {
		json_object_put(object);
		return -ENOMEM;
	}
	return 0;
}

int findings_print_json(const struct findings *f)
{
	struct json_object *array = json_object_new_array();
	const char *text = NULL;
	int rc = array ? 0 : -ENOMEM;

	for (size_t i = 0; i < f->count && !rc; i++)
		rc = add_one(array, &f->list[i]);
	if (!rc)
		text = json_object_to_json_string_ext(array, JSON_C_TO_STRING_PRETTY |
						      JSON_C_TO_STRING_NOSLASHESCAPE);
	if (text)
		puts(text);
	json_object_put(array);
	return text ? 0 : -ENOMEM;
}

void findings_free(struct findings *f)
{
	free(f->list);
}
