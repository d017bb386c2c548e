// SPDX-License-Identifier: MIT
/* Results to JSON and CSV. */
#include "results.h"

#include <errno.h>
#include <json-c/json.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "output.h"

/* The shortest decimal that reads back as the same value: 0.2 and not 0.20000000000000001. */
static void number_text(double value, char text[32])
{
	if (value == floor(value) && value < 1e15) {
		snprintf(text, 32, "%.0f", value);	/* 53739520 and not 5.373952e+07 */
		return;
	}
	for (int digits = 6; digits <= 17; digits++) {
		snprintf(text, 32, "%.*g", digits, value);
		if (strtod(text, NULL) == value)
			return;
	}
}

/*
 * @object takes @value as its member. json-c treats NULL as null, so a failed allocation would look
 * like a value that was not measured: *lost tells the difference.
 */
static void put(struct json_object *object, const char *name, struct json_object *value, bool *lost)
{
	if (!object || !value || json_object_object_add(object, name, value)) {
		*lost = true;
		json_object_put(value);
	}
}

static void put_null(struct json_object *object, const char *name, bool *lost)
{
	if (!object || json_object_object_add(object, name, NULL))
		*lost = true;
}

static void put_last(struct json_object *list, struct json_object *value, bool *lost)
{
	if (!list || !value || json_object_array_add(list, value)) {
		*lost = true;
		json_object_put(value);
	}
}

static void put_number(struct json_object *object, const char *name, double value, bool *lost)
{
	char text[32];

	if (!isfinite(value)) {
		put_null(object, name, lost);
		return;
	}
	number_text(value, text);
	put(object, name, json_object_new_double_s(value, text), lost);
}

static void put_count(struct json_object *object, const char *name, uint64_t value, bool *lost)
{
	put(object, name, json_object_new_uint64(value), lost);
}

static void put_bool(struct json_object *object, const char *name, bool value, bool *lost)
{
	put(object, name, json_object_new_boolean(value), lost);
}

static void put_text(struct json_object *object, const char *name, const char *text, bool *lost)
{
	put(object, name, json_object_new_string(text), lost);
}

/* "" is null. */
static void put_text_or_null(struct json_object *object, const char *name, const char *text, bool *lost)
{
	if (*text)
		put_text(object, name, text, lost);
	else
		put_null(object, name, lost);
}

/*
 * Where the metric "group.name" goes: the object "group", created for the first; *name is the rest.
 */
static struct json_object *nest(struct json_object *object, const char **name, bool *lost)
{
	const char *dot = strchr(*name, '.');
	struct json_object *group;
	char key[32];

	if (!dot)
		return object;
	snprintf(key, sizeof(key), "%.*s", (int)(dot - *name), *name);
	*name = dot + 1;
	if (json_object_object_get_ex(object, key, &group))
		return group;
	group = json_object_new_object();
	put(object, key, group, lost);
	return *lost ? NULL : group;
}

static struct json_object *round_json(const struct bench_round *round, bool *lost)
{
	struct json_object *json = json_object_new_object();

	put_number(json, "seconds", round->seconds, lost);
	put_count(json, "ios", round->ios, lost);
	put_count(json, "errors", round->errors, lost);
	put_text_or_null(json, "domain_read_back", round->domain_read_back, lost);
	if (round->mark)
		put_count(json, "mark", round->mark, lost);
	for (int m = 0; m < BENCH_METRICS; m++) {
		const char *name = bench_metrics[m];
		struct json_object *where = nest(json, &name, lost);

		put_number(where, name, round->value[m], lost);
	}
	return json;
}

static struct json_object *figure_json(const struct bench_figure *figure, bool *lost)
{
	struct json_object *json = json_object_new_object();

	put_number(json, "median", figure->median, lost);
	put_number(json, "low", figure->low, lost);
	put_number(json, "high", figure->high, lost);
	return json;
}

static struct json_object *cell_json(const struct bench_cell *cell, bool *lost)
{
	struct json_object *json = json_object_new_object(), *rounds = json_object_new_array();

	put_text(json, "row", cell->row, lost);
	put_text(json, "column", cell->column, lost);
	put_text(json, "driver", cell->driver, lost);
	put_text(json, "variant", cell->variant, lost);
	put_text_or_null(json, "domain", cell->domain, lost);
	put_text_or_null(json, "domain_read_back", cell->domain_read_back, lost);
	put_text_or_null(json, "mode", cell->mode, lost);
	put_text(json, "device", cell->device, lost);
	put_bool(json, "spins", cell->spins, lost);
	put_count(json, "errors", cell->errors, lost);
	for (int m = 0; m < BENCH_METRICS; m++) {
		const char *name = bench_metrics[m];
		struct json_object *where = nest(json, &name, lost);

		if (isnan(cell->figure[m].median))
			put_null(where, name, lost);
		else
			put(where, name, figure_json(&cell->figure[m], lost), lost);
	}
	for (size_t i = 0; i < cell->nr_rounds; i++)
		put_last(rounds, round_json(&cell->rounds[i], lost), lost);
	put(json, "rounds", rounds, lost);
	return json;
}

static struct json_object *facts_json(const struct bench_facts *facts, bool *lost)
{
	struct json_object *json = json_object_new_object();

	for (size_t i = 0; i < facts->count; i++)
		put_text(json, facts->fact[i].name, facts->fact[i].value, lost);
	return json;
}

static struct json_object *skipped_json(const struct bench_skipped *skipped, bool *lost)
{
	struct json_object *json = json_object_new_object();

	put_text(json, "row", skipped->row, lost);
	put_text_or_null(json, "column", skipped->column, lost);
	put_text(json, "reason", skipped->reason, lost);
	return json;
}

static struct json_object *results_json(const struct bench_results *r, bool *lost)
{
	struct json_object *json = json_object_new_object();
	struct json_object *cells = json_object_new_array(), *skipped = json_object_new_array();

	put_count(json, "schema", r->version, lost);
	put_text(json, "started", r->started, lost);
	put_text(json, "harness", r->harness, lost);
	put_text_or_null(json, "backend", r->backend, lost);
	put_bool(json, "emulated", r->emulated, lost);
	put_bool(json, "complete", r->complete, lost);
	put_count(json, "rounds", r->rounds, lost);
	put_number(json, "seconds", r->seconds, lost);
	put(json, "machine", facts_json(&r->machine, lost), lost);
	put(json, "device", facts_json(&r->device, lost), lost);
	for (size_t i = 0; i < r->nr_cells; i++)
		put_last(cells, cell_json(&r->cells[i], lost), lost);
	put(json, "cells", cells, lost);
	for (size_t i = 0; i < r->nr_skipped; i++)
		put_last(skipped, skipped_json(&r->skipped[i], lost), lost);
	put(json, "skipped", skipped, lost);
	return json;
}

int bench_results_write(const struct bench_results *r, const char *path, struct nnvme_err *err)
{
	bool lost = false;
	struct json_object *json = results_json(r, &lost);
	const char *text = lost ? NULL : json_object_to_json_string_ext(json,
		JSON_C_TO_STRING_PRETTY | JSON_C_TO_STRING_SPACED | JSON_C_TO_STRING_NOSLASHESCAPE);
	struct bench_output out = { 0 };
	int rc;

	if (!text)
		rc = nnvme_fail(err, -ENOMEM, "%s: no memory for the results", path);
	else
		rc = bench_output_begin(&out, path, err);
	if (!rc) {
		fputs(text, out.file);
		fputc('\n', out.file);
		rc = bench_output_end(&out, err);
	}
	json_object_put(json);
	return rc;
}

static void csv_text(FILE *file, const char *text)
{
	if (!strpbrk(text, "\",\r\n")) {
		fputs(text, file);
		return;
	}
	fputc('"', file);
	for (; *text; text++)
		fprintf(file, *text == '"' ? "\"\"" : "%c", *text);
	fputc('"', file);
}

static void csv_texts(FILE *file, const char *const *texts)
{
	for (; *texts; texts++) {
		csv_text(file, *texts);
		fputc(',', file);
	}
}

static void csv_round(FILE *file, const struct bench_cell *cell, size_t i)
{
	const struct bench_round *round = &cell->rounds[i];
	char text[32];

	csv_texts(file, (const char *const[]){ cell->row, cell->column, cell->driver, cell->variant,
		  cell->domain, round->domain_read_back, cell->mode, cell->device, NULL });
	number_text(round->seconds, text);
	fprintf(file, "%d,%zu,%s,%llu,%llu", cell->spins, i + 1, text, (unsigned long long)round->ios,
		(unsigned long long)round->errors);
	for (int m = 0; m < BENCH_METRICS; m++) {
		if (isfinite(round->value[m]))
			number_text(round->value[m], text);
		else
			text[0] = '\0';
		fprintf(file, ",%s", text);
	}
	fputc('\n', file);
}

int bench_results_write_csv(const struct bench_results *r, const char *path, struct nnvme_err *err)
{
	struct bench_output out;
	int rc = bench_output_begin(&out, path, err);
	FILE *file = out.file;

	if (rc)
		return rc;
	fputs("row,column,driver,variant,domain,domain_read_back,mode,device,spins,round,seconds,ios,errors",
	      file);
	for (int m = 0; m < BENCH_METRICS; m++)
		fprintf(file, ",%s", bench_metrics[m]);
	fputc('\n', file);
	for (size_t c = 0; c < r->nr_cells; c++)
		for (size_t i = 0; i < r->cells[c].nr_rounds; i++)
			csv_round(file, &r->cells[c], i);
	return bench_output_end(&out, err);
}
