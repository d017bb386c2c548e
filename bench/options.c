// SPDX-License-Identifier: MIT
#include "options.h"

#include <errno.h>
#include <fnmatch.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Options given as text that mean something only together. */
struct texts {
	const char *device, *second, *rows, *columns, *rounds, *time, *ios, *warmup, *out, *backend;
};

/* Take the first of a list of patterns separated by commas. */
static void next_pattern(const char **list, char pattern[64])
{
	size_t length = strcspn(*list, ",");

	snprintf(pattern, 64, "%.*s", (int)length, *list);
	*list += length + ((*list)[length] == ',');
}

static const char *row_name(size_t i)
{
	return bench_rows[i].name;
}

static const char *column_name(size_t i)
{
	return bench_columns[i].name;
}

/*
 * Which of @count names match a pattern of @list. -ENOENT: a pattern that matches none, or no
 * pattern.
 */
static int choose(const char *what, const char *list, const char *(*name)(size_t i), size_t count,
		  bool *wanted, struct nnvme_err *err)
{
	char pattern[64] = "";
	bool any;

	do {
		any = false;
		next_pattern(&list, pattern);
		for (size_t i = 0; i < count; i++)
			if (!fnmatch(pattern, name(i), 0))
				any = wanted[i] = true;
		if (!any)
			return nnvme_fail(err, -ENOENT, "no %s is called \"%.40s\"", what, pattern);
	} while (*list);
	return 0;
}

static int choose_rows(struct bench_options *o, const char *list, struct nnvme_err *err)
{
	bool wanted[BENCH_MAX_ROWS] = { false };
	int rc = choose("row", list && strcmp(list, "all") ? list : "*", row_name, bench_nr_rows, wanted, err);

	for (size_t i = 0; !rc && i < bench_nr_rows; i++)
		if (wanted[i])
			o->rows[o->nr_rows++] = &bench_rows[i];
	return rc;
}

static int choose_columns(struct bench_options *o, const char *list, struct nnvme_err *err)
{
	bool wanted[BENCH_MAX_COLUMNS] = { false }, all = list && !strcmp(list, "all");
	int rc = list ? choose("column", all ? "*" : list, column_name, bench_nr_columns, wanted, err) : 0;

	for (size_t i = 0; !rc && i < bench_nr_columns; i++) {
		const struct bench_column *column = &bench_columns[i];
		bool refused = column->work.percent_write && !o->destroy_data;

		if (!(list ? wanted[i] : column->is_default) || (all && refused))
			continue;
		if (refused)
			return nnvme_fail(err, -EINVAL, "%s writes to the device: what is on it is lost; if that "
					  "is meant, add --destroy-data", column->name);
		o->columns[o->nr_columns++] = column;
	}
	return rc;
}

/* @text as a number from @low to @high; NULL: leave it as it is. */
static int number(const char *name, const char *text, double low, double high, double *value,
		  struct nnvme_err *err)
{
	char *end;
	double v;

	if (!text)
		return 0;
	v = strtod(text, &end);
	if (end == text || *end || !(v >= low && v <= high))
		return nnvme_fail(err, -EINVAL, "%s %.40s: it takes a number from %g to %g", name, text, low,
				  high);
	*value = v;
	return 0;
}

static int whole(const char *name, const char *text, double low, double high, double *value,
		 struct nnvme_err *err)
{
	int rc = number(name, text, low, high, value, err);

	if (rc || *value == floor(*value))
		return rc;
	return nnvme_fail(err, -EINVAL, "%s %.40s: it takes a whole number", name, text);
}

static int take_numbers(struct bench_options *o, const struct texts *t, struct nnvme_err *err)
{
	double rounds = 5, ios = 0;
	int rc = whole("--rounds", t->rounds, 1, 1000, &rounds, err);

	o->seconds = t->ios ? 0 : 3;
	o->warmup = 0.5;
	if (!rc)
		rc = number("--time", t->time, 0.01, 3600, &o->seconds, err);
	if (!rc)
		rc = number("--warmup", t->warmup, 0, 3600, &o->warmup, err);
	if (!rc)
		rc = whole("--ios", t->ios, 1, 1e12, &ios, err);
	if (!rc && o->fio && (t->ios || o->marks))
		rc = nnvme_fail(err, -EINVAL, "--fio knows neither --ios nor --marks");
	o->rounds = (unsigned)rounds;
	o->ios = (uint64_t)ios;
	return rc;
}

static int take_devices(struct bench_options *o, const struct texts *t, struct nnvme_err *err)
{
	int rc;

	if (!t->device)
		return nnvme_fail(err, -EINVAL, "--device BDF says which controller; noiommu-nvme list shows them");
	rc = nnvme_bdf_parse(t->device, o->device, err);
	if (!rc && t->second)
		rc = nnvme_bdf_parse(t->second, o->second, err);
	if (!rc && !strcmp(o->device, o->second))
		rc = nnvme_fail(err, -EINVAL, "--device and --second-device are both %s: the second is "
				"another controller of the same kind, one behind an IOMMU and one without",
				o->second);
	return rc;
}

/* "--name=value" or "--name value": the value of @name, or NULL if this is another option. */
static const char **value_of(struct texts *t, const char *name, size_t length)
{
	const struct { const char *name; const char **value; } known[] = {
		{ "--device", &t->device }, { "--second-device", &t->second }, { "--rows", &t->rows },
		{ "--columns", &t->columns }, { "--rounds", &t->rounds }, { "--time", &t->time },
		{ "--ios", &t->ios }, { "--warmup", &t->warmup }, { "--out", &t->out },
		{ "--backend", &t->backend },
	};

	for (size_t i = 0; i < sizeof(known) / sizeof(*known); i++)
		if (strlen(known[i].name) == length && !strncmp(known[i].name, name, length))
			return known[i].value;
	return NULL;
}

static bool set_flag(struct bench_options *o, const char *name)
{
	const struct { const char *name; bool *flag; } known[] = {
		{ "--destroy-data", &o->destroy_data }, { "--unsafe-noiommu", &o->unsafe_noiommu },
		{ "--marks", &o->marks }, { "--fio", &o->fio },
	};

	for (size_t i = 0; i < sizeof(known) / sizeof(*known); i++) {
		if (strcmp(known[i].name, name) != 0)
			continue;
		return *known[i].flag = true;
	}
	return false;
}

static int split(int argc, char **argv, struct texts *t, struct bench_options *o, struct nnvme_err *err)
{
	for (int i = 0; i < argc; i++) {
		const char *equals = strchr(argv[i], '='), **value;

		if (set_flag(o, argv[i]))
			continue;
		value = value_of(t, argv[i], equals ? (size_t)(equals - argv[i]) : strlen(argv[i]));
		if (!value)
			return nnvme_fail(err, -EINVAL, "there is no %s %.60s", *argv[i] == '-' ? "option" :
					  "command", argv[i]);
		if (*value && (value == &t->device || value == &t->second))
			return nnvme_fail(err, -EINVAL, "%.60s: it is given twice", argv[i]);
		if (!equals && ++i == argc)
			return nnvme_fail(err, -EINVAL, "%s needs a value", argv[i - 1]);
		*value = equals ? equals + 1 : argv[i];
	}
	return 0;
}

int bench_options_parse(int argc, char **argv, struct bench_options *o, struct nnvme_err *err)
{
	struct texts t = { NULL };
	int rc;

	*o = (struct bench_options){ 0 };
	rc = split(argc, argv, &t, o, err);
	if (!rc)
		rc = take_devices(o, &t, err);
	if (!rc)
		rc = choose_rows(o, t.rows, err);
	if (!rc)
		rc = choose_columns(o, t.columns, err);
	if (!rc)
		rc = take_numbers(o, &t, err);
	o->out = t.out ? t.out : "bench-results";
	o->backend = t.backend ? t.backend : "";
	if (!rc && strlen(o->backend) > 31)
		rc = nnvme_fail(err, -EINVAL, "--backend %.40s: at most 31 characters", o->backend);
	return rc;
}
