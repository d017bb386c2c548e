// SPDX-License-Identifier: MIT
/*
 * Results from JSON. The file may come from anywhere: nothing in it is believed before its type, length
 * and range were looked at. Members that this version does not know are left alone; figures are not read
 * but summed up again from the rounds, so that they can't say anything else than those.
 */
#include "results.h"

#include <errno.h>
#include <fcntl.h>
#include <json-c/json.h>
#include <limits.h>
#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define MOST_BYTES (64L << 20)
#define MOST_CELLS 10000
#define MOST_ROUNDS 10000
#define MOST_FACTS 500
#define DEEPEST 8	/* results, cells, cell, rounds, round, group: 6 */

/* Where we are in the file, for messages, and the first thing that was wrong. */
struct reader {
	const char *path;
	char where[80];		/* "cells[3].rounds[0]"; "" at the top */
	struct nnvme_err *err;
	int rc;
};

/* Later failures change nothing: they may follow from the first. */
__attribute__((format(printf, 3, 4)))
static void wrong(struct reader *in, int rc, const char *fmt, ...)
{
	char says[300];
	va_list ap;

	if (in->rc)
		return;
	va_start(ap, fmt);
	vsnprintf(says, sizeof(says), fmt, ap);
	va_end(ap);
	in->rc = nnvme_fail(in->err, rc, "%.150s: %s%s%s", in->path, in->where, *in->where ? ": " : "", says);
}

/* The member of that type, or NULL: it is missing, or null, or something else; wrong unless @optional. */
static struct json_object *member(struct reader *in, struct json_object *object, const char *name,
				  enum json_type type, bool optional)
{
	struct json_object *value = NULL;

	if (in->rc)
		return NULL;
	json_object_object_get_ex(object, name, &value);
	if (!value) {
		if (!optional)
			wrong(in, -EINVAL, "there is no \"%s\"", name);
		return NULL;
	}
	/* A whole number is as good a number as another. */
	if (json_object_is_type(value, type) ||
	    (type == json_type_double && json_object_is_type(value, json_type_int)))
		return value;
	wrong(in, -EINVAL, "\"%s\" is of type %s, and not %s", name,
	      json_type_to_name(json_object_get_type(value)), json_type_to_name(type));
	return NULL;
}

static void get_text(struct reader *in, struct json_object *object, const char *name, char *to, size_t size,
		     bool optional)
{
	struct json_object *value = member(in, object, name, json_type_string, optional);
	const char *text = json_object_get_string(value);
	size_t length = text ? (size_t)json_object_get_string_len(value) : 0;

	*to = '\0';
	if (!text)
		return;
	if (length >= size || strlen(text) != length)
		wrong(in, -EINVAL, "\"%s\" is longer than %zu bytes or has a zero byte in it", name, size - 1);
	else
		memcpy(to, text, length + 1);
}

static uint64_t get_count(struct reader *in, struct json_object *object, const char *name, uint64_t most,
			  bool optional)
{
	struct json_object *value = member(in, object, name, json_type_int, optional);

	if (!value)
		return 0;
	if (json_object_get_int64(value) < 0 || json_object_get_uint64(value) > most) {
		wrong(in, -EINVAL, "\"%s\" is %s, and not from 0 to %llu", name,
		      json_object_get_string(value), (unsigned long long)most);
		return 0;
	}
	return json_object_get_uint64(value);
}

/* NAN where it is null or missing. */
static double get_number(struct reader *in, struct json_object *object, const char *name, bool optional)
{
	struct json_object *value = member(in, object, name, json_type_double, optional);
	double number;

	if (!value)
		return NAN;
	number = json_object_get_double(value);
	if (isfinite(number) && number >= 0)
		return number;
	wrong(in, -EINVAL, "\"%s\" is %s, and not a number from 0 up", name, json_object_get_string(value));
	return NAN;
}

static bool get_bool(struct reader *in, struct json_object *object, const char *name)
{
	return json_object_get_boolean(member(in, object, name, json_type_boolean, false));
}

/* An array of no more than @most elements, all objects; their number in *count. */
static struct json_object *get_list(struct reader *in, struct json_object *object, const char *name,
				    size_t most, size_t *count)
{
	struct json_object *list = member(in, object, name, json_type_array, false);

	*count = list ? json_object_array_length(list) : 0;
	if (*count > most)
		wrong(in, -EINVAL, "\"%s\" has %zu elements, and at most %zu are read", name, *count, most);
	for (size_t i = 0; !in->rc && i < *count; i++)
		if (!json_object_is_type(json_object_array_get_idx(list, i), json_type_object))
			wrong(in, -EINVAL, "\"%s\"[%zu] is no object", name, i);
	if (in->rc)
		*count = 0;
	return list;
}

/* The part of @object in which the metric "group.name" is; NULL when it has none. */
static struct json_object *part(struct reader *in, struct json_object *object, const char **name)
{
	const char *dot = strchr(*name, '.');
	char key[32];

	if (!dot)
		return object;
	snprintf(key, sizeof(key), "%.*s", (int)(dot - *name), *name);
	*name = dot + 1;
	return member(in, object, key, json_type_object, true);
}

static void read_round(struct reader *in, struct json_object *json, struct bench_round *round)
{
	round->seconds = get_number(in, json, "seconds", false);
	round->ios = get_count(in, json, "ios", INT64_MAX, false);
	round->errors = get_count(in, json, "errors", INT64_MAX, false);
	round->mark = get_count(in, json, "mark", INT64_MAX, true);
	get_text(in, json, "domain_read_back", round->domain_read_back, sizeof(round->domain_read_back), true);
	for (int m = 0; m < BENCH_METRICS; m++) {
		const char *name = bench_metrics[m].name;
		struct json_object *where = part(in, json, &name);

		round->value[m] = where ? get_number(in, where, name, true) : NAN;
	}
}

/* What others compare with, as they spell it. */
static void check_word(struct reader *in, const char *name, const char *word, const char *const *words)
{
	for (const char *const *w = words; *w; w++)
		if (!strcmp(word, *w))
			return;
	wrong(in, -EINVAL, "\"%s\" is \"%s\", which is none that there is", name, word);
}

static void read_cell(struct reader *in, struct json_object *json, struct bench_results *r, size_t number)
{
	struct bench_cell *cell = bench_results_cell(r, "", "");
	struct json_object *rounds;
	size_t count;

	if (!cell) {
		wrong(in, -ENOMEM, "no memory");
		return;
	}
	snprintf(in->where, sizeof(in->where), "cells[%zu]", number);
	get_text(in, json, "row", cell->row, sizeof(cell->row), false);
	get_text(in, json, "column", cell->column, sizeof(cell->column), false);
	get_text(in, json, "driver", cell->driver, sizeof(cell->driver), false);
	get_text(in, json, "variant", cell->variant, sizeof(cell->variant), false);
	get_text(in, json, "domain", cell->domain, sizeof(cell->domain), true);
	get_text(in, json, "mode", cell->mode, sizeof(cell->mode), true);
	get_text(in, json, "device", cell->device, sizeof(cell->device), false);
	cell->spins = get_bool(in, json, "spins");
	check_word(in, "driver", cell->driver, (const char *const[]){ "kernel", "nnvme", NULL });
	check_word(in, "domain", cell->domain, (const char *const[]){ "", "identity", "DMA", "DMA-FQ", NULL });
	check_word(in, "mode", cell->mode, (const char *const[]){ "", "iommu", "noiommu", NULL });
	rounds = get_list(in, json, "rounds", MOST_ROUNDS, &count);
	for (size_t i = 0; !in->rc && i < count; i++) {
		struct bench_round *round = bench_cell_round(cell);

		snprintf(in->where, sizeof(in->where), "cells[%zu].rounds[%zu]", number, i);
		if (!round)
			wrong(in, -ENOMEM, "no memory");
		else
			read_round(in, json_object_array_get_idx(rounds, i), round);
	}
}

static void read_skipped(struct reader *in, struct json_object *json, struct bench_results *r, size_t number)
{
	struct bench_skipped *skipped;

	if (bench_results_skip(r, "", "", " ")) {
		wrong(in, -ENOMEM, "no memory");
		return;
	}
	skipped = &r->skipped[r->nr_skipped - 1];
	snprintf(in->where, sizeof(in->where), "skipped[%zu]", number);
	get_text(in, json, "row", skipped->row, sizeof(skipped->row), false);
	get_text(in, json, "column", skipped->column, sizeof(skipped->column), true);
	get_text(in, json, "reason", skipped->reason, sizeof(skipped->reason), false);
}

static void read_facts(struct reader *in, struct json_object *json, const char *name,
		       struct bench_facts *facts)
{
	struct json_object *object = member(in, json, name, json_type_object, false);

	if (!object)
		return;
	snprintf(in->where, sizeof(in->where), "%s", name);
	if (json_object_object_length(object) > MOST_FACTS)
		wrong(in, -EINVAL, "it has more than %d members", MOST_FACTS);
	json_object_object_foreach(object, key, value) {
		struct bench_fact *fact;

		(void)value;
		if (in->rc)
			break;
		if (strlen(key) >= sizeof(fact->name)) {
			wrong(in, -EINVAL, "a name is longer than %zu bytes", sizeof(fact->name) - 1);
			break;
		}
		if (bench_facts_add(facts, key, " ")) {
			wrong(in, -ENOMEM, "no memory");
			break;
		}
		fact = &facts->fact[facts->count - 1];
		get_text(in, object, key, fact->value, sizeof(fact->value), false);
	}
	in->where[0] = '\0';
}

static void read_all(struct reader *in, struct json_object *json, struct bench_results *r)
{
	struct json_object *list;
	size_t count;

	r->version = (unsigned)get_count(in, json, "schema", UINT_MAX, false);
	if (!in->rc && r->version != BENCH_SCHEMA)
		wrong(in, -EPROTO, "its schema is %u, and this program reads %d", r->version, BENCH_SCHEMA);
	get_text(in, json, "started", r->started, sizeof(r->started), false);
	get_text(in, json, "harness", r->harness, sizeof(r->harness), false);
	get_text(in, json, "backend", r->backend, sizeof(r->backend), true);
	r->emulated = get_bool(in, json, "emulated");
	r->complete = get_bool(in, json, "complete");
	r->rounds = (unsigned)get_count(in, json, "rounds", MOST_ROUNDS, false);
	r->seconds = get_number(in, json, "seconds", false);
	read_facts(in, json, "machine", &r->machine);
	read_facts(in, json, "device", &r->device);
	list = get_list(in, json, "cells", MOST_CELLS, &count);
	for (size_t i = 0; !in->rc && i < count; i++)
		read_cell(in, json_object_array_get_idx(list, i), r, i);
	in->where[0] = '\0';
	list = get_list(in, json, "skipped", MOST_CELLS, &count);
	for (size_t i = 0; !in->rc && i < count; i++)
		read_skipped(in, json_object_array_get_idx(list, i), r, i);
}

/* All of the file, with a zero byte behind it, or NULL. */
static char *slurp(struct reader *in, size_t *length)
{
	int fd = open(in->path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	struct stat st;
	char *text = NULL;
	ssize_t got;

	*length = 0;
	if (fd < 0 || fstat(fd, &st))
		wrong(in, -errno, "cannot be read: %s", strerror(errno));
	else if (!S_ISREG(st.st_mode) || st.st_size > MOST_BYTES)
		wrong(in, -EINVAL, "is no file of at most %ld MiB", MOST_BYTES >> 20);
	else if (!(text = malloc((size_t)st.st_size + 1)))
		wrong(in, -ENOMEM, "no memory");
	while (text && *length < (size_t)st.st_size) {
		got = read(fd, text + *length, (size_t)st.st_size - *length);
		if (got <= 0) {
			wrong(in, got ? -errno : -EINVAL, "cannot be read: %s",
			      got ? strerror(errno) : "it has become shorter");
			break;
		}
		*length += (size_t)got;
	}
	if (fd >= 0)
		close(fd);
	if (text)
		text[*length] = '\0';
	return text;
}

static struct json_object *parse(struct reader *in, const char *text, size_t length)
{
	struct json_tokener *tokener = json_tokener_new_ex(DEEPEST);
	struct json_object *json = NULL;
	enum json_tokener_error error;

	if (!tokener) {
		wrong(in, -ENOMEM, "no memory");
		return NULL;
	}
	json_tokener_set_flags(tokener, JSON_TOKENER_STRICT | JSON_TOKENER_VALIDATE_UTF8);
	json = json_tokener_parse_ex(tokener, text, (int)length);
	error = json_tokener_get_error(tokener);
	if (error != json_tokener_success)
		wrong(in, -EINVAL, "is no JSON: %s, at byte %zu",
		      error == json_tokener_continue ? "it ends too early" : json_tokener_error_desc(error),
		      json_tokener_get_parse_end(tokener));
	else if (!json_object_is_type(json, json_type_object))
		wrong(in, -EINVAL, "is no JSON object");
	json_tokener_free(tokener);
	if (!in->rc)
		return json;
	json_object_put(json);
	return NULL;
}

int bench_results_read(struct bench_results *r, const char *path, struct nnvme_err *err)
{
	struct reader in = { .path = path, .err = err };
	struct json_object *json = NULL;
	size_t length;
	char *text = slurp(&in, &length);

	bench_results_init(r);
	if (!in.rc)
		json = parse(&in, text, length);
	if (!in.rc)
		read_all(&in, json, r);
	json_object_put(json);
	free(text);
	if (in.rc)
		bench_results_free(r);
	else
		bench_results_sum_up(r);
	return in.rc;
}
