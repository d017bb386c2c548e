// SPDX-License-Identifier: MIT
/* Results to JSON and CSV. bench_output_end() reports what could not be written. */
#include "results.h"

#include <inttypes.h>
#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "output.h"

/* The shortest decimal that reads back as the same value: 0.2 and not 0.20000000000000001. */
static const char *number_text(double value, char text[32])
{
	snprintf(text, 32, "%.0f", value);	/* 53739520 and not 5.373952e+07 */
	for (int digits = 6; strtod(text, NULL) != value && digits <= 17; digits++)
		snprintf(text, 32, "%.*g", digits, value);
	return text;
}

struct json {
	FILE *file;
	int depth;
	bool more;	/* this object or array is not empty */
};

/* The next member, or if @name is "" the next element; its value as printf() formats it. */
__attribute__((format(printf, 3, 4)))
static void put(struct json *j, const char *name, const char *fmt, ...)
{
	va_list ap;

	if (j->depth)
		fprintf(j->file, "%s\n%*s", j->more ? "," : "", 2 * j->depth, "");
	if (*name)
		fprintf(j->file, "\"%s\": ", name);
	va_start(ap, fmt);
	vfprintf(j->file, fmt, ap);
	va_end(ap);
	j->more = true;
}

static void begin(struct json *j, const char *name, const char *bracket)
{
	put(j, name, "%s", bracket);
	j->depth++;
	j->more = false;
}

static void end(struct json *j, char bracket)
{
	j->depth--;
	if (j->more)
		fprintf(j->file, "\n%*s", 2 * j->depth, "");
	fputc(bracket, j->file);
	j->more = true;
}

static void put_text(struct json *j, const char *name, const char *text)
{
	put(j, name, "\"");
	for (; *text; text++) {
		if (*text == '"' || *text == '\\')
			fputc('\\', j->file);
		fprintf(j->file, (unsigned char)*text < ' ' ? "\\u%04x" : "%c", *text);
	}
	fputc('"', j->file);
}

/* "" is null. */
static void put_text_or_null(struct json *j, const char *name, const char *text)
{
	if (*text)
		put_text(j, name, text);
	else
		put(j, name, "null");
}

static void put_bool(struct json *j, const char *name, bool value)
{
	put(j, name, value ? "true" : "false");
}

static void put_number(struct json *j, const char *name, double value)
{
	char text[32];

	put(j, name, "%s", isfinite(value) ? number_text(value, text) : "null");
}

/* A dot in a name means nesting; members are neighbours. */
static void put_metrics(struct json *j, const double *values)
{
	char group[32] = "";

	for (int m = 0; m < BENCH_METRICS; m++) {
		const char *name = bench_metrics[m], *dot = strchr(name, '.');
		size_t length = dot ? (size_t)(dot - name) : 0;

		if (strlen(group) != length || strncmp(group, name, length) != 0) {
			if (*group)
				end(j, '}');
			snprintf(group, sizeof(group), "%.*s", (int)length, name);
			if (*group)
				begin(j, group, "{");
		}
		name = dot ? dot + 1 : name;
		put_number(j, name, values[m]);
	}
	if (*group)
		end(j, '}');
}

static void put_round(struct json *j, const struct bench_round *round)
{
	begin(j, "", "{");
	put_number(j, "seconds", round->seconds);
	put(j, "ios", "%" PRIu64, round->ios);
	put(j, "errors", "%" PRIu64, round->errors);
	put_text_or_null(j, "domain_read_back", round->domain_read_back);
	if (round->mark)
		put(j, "mark", "%" PRIu64, round->mark);
	put_metrics(j, round->value);
	end(j, '}');
}

static const char *driver_of(const struct bench_row *row)
{
	return row->nnvme ? "nnvme" : "kernel";
}

static const char *domain_of(const struct bench_row *row)
{
	return row->nnvme || row->domain == NNVME_DOMAIN_OTHER ? "" :
	       nnvme_domain_name(row->domain);
}

static const char *mode_of(const struct bench_row *row)
{
	return !row->nnvme ? "" : row->mode == NNVME_MODE_IOMMU ? "iommu" : "noiommu";
}

static void put_cell(struct json *j, const struct bench_cell *cell)
{
	begin(j, "", "{");
	put_text(j, "row", cell->row->name);
	put_text(j, "column", cell->column->name);
	put_text(j, "driver", driver_of(cell->row));
	put_text(j, "variant", cell->row->variant);
	put_text_or_null(j, "domain", domain_of(cell->row));
	put_text_or_null(j, "mode", mode_of(cell->row));
	put_text(j, "device", cell->device);
	put_bool(j, "spins", cell->row->spins);
	begin(j, "rounds", "[");
	for (size_t i = 0; i < cell->nr_rounds; i++)
		put_round(j, &cell->rounds[i]);
	end(j, ']');
	end(j, '}');
}

static void put_facts(struct json *j, const char *name, const struct bench_facts *facts)
{
	begin(j, name, "{");
	for (size_t i = 0; i < facts->count; i++)
		put_text(j, facts->fact[i].name, facts->fact[i].value);
	end(j, '}');
}

static void put_skipped(struct json *j, const struct bench_skipped *skipped)
{
	begin(j, "", "{");
	put_text(j, "row", skipped->row->name);
	put_text_or_null(j, "column", skipped->column ? skipped->column->name : "");
	put_text(j, "reason", skipped->reason);
	end(j, '}');
}

static void put_results(struct json *j, const struct bench_results *r)
{
	begin(j, "", "{");
	put(j, "schema", "%d", BENCH_SCHEMA);
	put_text(j, "started", r->started);
	put_text(j, "harness", r->harness);
	put_text_or_null(j, "backend", r->backend);
	put_bool(j, "emulated", r->emulated);
	put_bool(j, "complete", r->complete);
	put(j, "rounds", "%u", r->rounds);
	put_number(j, "seconds", r->seconds);
	put_facts(j, "machine", &r->machine);
	put_facts(j, "device", &r->device);
	begin(j, "cells", "[");
	for (size_t i = 0; i < r->nr_cells; i++)
		put_cell(j, &r->cells[i]);
	end(j, ']');
	begin(j, "skipped", "[");
	for (size_t i = 0; i < r->nr_skipped; i++)
		put_skipped(j, &r->skipped[i]);
	end(j, ']');
	end(j, '}');
	fputc('\n', j->file);
}

int bench_results_write(const struct bench_results *r, const char *path, struct nnvme_err *err)
{
	struct bench_output out;
	int rc = bench_output_begin(&out, path, err);

	if (rc)
		return rc;
	put_results(&(struct json){ .file = out.file }, r);
	return bench_output_end(&out, err);
}

/* Followed by a comma. */
static void csv_text(FILE *file, const char *text)
{
	bool quoted = strpbrk(text, "\",\r\n");

	fputs(quoted ? "\"" : "", file);
	for (; *text; text++)
		fprintf(file, *text == '"' ? "\"\"" : "%c", *text);
	fputs(quoted ? "\"," : ",", file);
}

static void csv_round(FILE *file, const struct bench_cell *cell, const struct bench_round *round)
{
	const char *const texts[] = {
		cell->row->name, cell->column->name, driver_of(cell->row), cell->row->variant,
		domain_of(cell->row), round->domain_read_back, mode_of(cell->row), cell->device,
	};
	char text[32];

	for (size_t i = 0; i < sizeof(texts) / sizeof(*texts); i++)
		csv_text(file, texts[i]);
	fprintf(file, "%d,%td,%s,%" PRIu64 ",%" PRIu64, cell->row->spins, round - cell->rounds + 1,
		number_text(round->seconds, text), round->ios, round->errors);
	for (int m = 0; m < BENCH_METRICS; m++)
		fprintf(file, ",%s", isfinite(round->value[m]) ?
			number_text(round->value[m], text) : "");
	fputc('\n', file);
}

int bench_results_write_csv(const struct bench_results *r, const char *path, struct nnvme_err *err)
{
	struct bench_output out;
	int rc = bench_output_begin(&out, path, err);
	FILE *file = out.file;

	if (rc)
		return rc;
	fputs("row,column,driver,variant,domain,domain_read_back,mode,device,spins,round,seconds,"
	      "ios,errors", file);
	for (int m = 0; m < BENCH_METRICS; m++)
		fprintf(file, ",%s", bench_metrics[m]);
	fputc('\n', file);
	for (size_t c = 0; c < r->nr_cells; c++)
		for (size_t i = 0; i < r->cells[c].nr_rounds; i++)
			csv_round(file, &r->cells[c], &r->cells[c].rounds[i]);
	return bench_output_end(&out, err);
}
