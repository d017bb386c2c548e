// SPDX-License-Identifier: MIT
#include "options.h"

#include <errno.h>
#include <fnmatch.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

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
	bool any;

	if (!strcmp(list, "all"))
		list = "*";
	do {
		size_t length = strcspn(list, ",");
		char pattern[64];

		snprintf(pattern, sizeof(pattern), "%.*s", (int)length, list);
		list += length + (list[length] == ',');
		any = false;
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
	int rc = choose("row", list, row_name, bench_nr_rows, wanted, err);

	for (size_t i = 0; !rc && i < bench_nr_rows; i++)
		if (wanted[i])
			o->rows[o->nr_rows++] = &bench_rows[i];
	return rc;
}

static int choose_columns(struct bench_options *o, const char *list, struct nnvme_err *err)
{
	bool wanted[BENCH_MAX_COLUMNS] = { false }, all = list && !strcmp(list, "all");
	int rc = list ? choose("column", list, column_name, bench_nr_columns, wanted, err) : 0;

	for (size_t i = 0; !rc && i < bench_nr_columns; i++) {
		const struct bench_column *column = &bench_columns[i];
		bool refused = column->work.percent_write && !o->destroy_data;

		if (!(list ? wanted[i] : column->is_default) || (all && refused))
			continue;
		if (refused)
			return nnvme_fail(err, -EINVAL, "%s writes to the device: what "
					  "is on it is lost; if that is meant, add "
					  "--destroy-data", column->name);
		o->columns[o->nr_columns++] = column;
	}
	return rc;
}

struct option {
	const char *name;
	bool *flag;		/* one of these three is set */
	const char **text;
	double *number;
	double least, most;
	bool whole;
	bool once;		/* a second one is a mistake */
};

static int take_number(const struct option *o, const char *text, struct nnvme_err *err)
{
	char *end;
	double v = strtod(text, &end);

	if (end == text || *end || !(v >= o->least && v <= o->most))
		return nnvme_fail(err, -EINVAL, "%s %.40s: it takes a number "
				  "from %g to %g", o->name, text, o->least, o->most);
	if (o->whole && v != floor(v))
		return nnvme_fail(err, -EINVAL, "%s %.40s: it takes a whole number", o->name, text);
	*o->number = v;
	return 0;
}

/* Take the option at *@word, "--name=value" or "--name value"; leaves *@word at its last word. */
static int take(const struct option *options, char ***word, char **end, struct nnvme_err *err)
{
	const char *name = **word, *value = NULL;
	size_t length = strcspn(name, "=");
	const struct option *o = options;

	while (o->name && (strncmp(o->name, name, length) != 0 || o->name[length]))
		o++;
	if (!o->name || (o->flag && name[length]))
		return nnvme_fail(err, -EINVAL, "there is no %s %.60s",
				  *name == '-' ? "option" : "command", name);
	if (o->flag) {
		*o->flag = true;
		return 0;
	}
	if (o->once && *o->text)
		return nnvme_fail(err, -EINVAL, "%.60s: it is given twice", name);
	if (name[length])
		value = name + length + 1;
	else if (++*word < end)
		value = **word;
	if (!value)
		return nnvme_fail(err, -EINVAL, "%s needs a value", name);
	if (o->number)
		return take_number(o, value, err);
	*o->text = value;
	return 0;
}

static int take_devices(struct bench_options *o, const char *device, const char *second,
			struct nnvme_err *err)
{
	int rc;

	if (!device)
		return nnvme_fail(err, -EINVAL, "--device BDF says which controller; noiommu-nvme "
				  "list shows them");
	rc = nnvme_bdf_parse(device, o->device, err);
	if (!rc && second)
		rc = nnvme_bdf_parse(second, o->second, err);
	if (!rc && !strcmp(o->device, o->second))
		rc = nnvme_fail(err, -EINVAL, "--device and --second-device are both %s: the "
				"second is another controller of the same kind, one behind an "
				"IOMMU and one without", o->second);
	return rc;
}

int bench_options_parse(int argc, char **argv, struct bench_options *o, struct nnvme_err *err)
{
	const char *device = NULL, *second = NULL, *rows = "all", *columns = NULL;
	double rounds = 5, ios = 0, seconds = 0;
	const struct option options[] = {
		{ "--device", .text = &device, .once = true },
		{ "--second-device", .text = &second, .once = true },
		{ "--rows", .text = &rows }, { "--columns", .text = &columns },
		{ "--out", .text = &o->out }, { "--backend", .text = &o->backend },
		{ "--rounds", .number = &rounds, .least = 1, .most = 1000, .whole = true },
		{ "--ios", .number = &ios, .least = 1, .most = 1e12, .whole = true },
		{ "--time", .number = &seconds, .least = 0.01, .most = 3600 },
		{ "--warmup", .number = &o->warmup, .least = 0, .most = 3600 },
		{ "--destroy-data", &o->destroy_data }, { "--unsafe-noiommu", &o->unsafe_noiommu },
		{ "--marks", &o->marks }, { "--fio", &o->fio }, { NULL },
	};
	int rc = 0;

	*o = (struct bench_options){ .warmup = 0.5, .out = "bench-results", .backend = "" };
	for (char **word = argv; !rc && word < argv + argc; word++)
		rc = take(options, &word, argv + argc, err);
	o->rounds = (unsigned)rounds;
	o->ios = (uint64_t)ios;
	o->seconds = seconds > 0 || o->ios ? seconds : 3;
	if (!rc)
		rc = take_devices(o, device, second, err);
	if (!rc)
		rc = choose_rows(o, rows, err);
	if (!rc)
		rc = choose_columns(o, columns, err);
	if (!rc && o->fio && (o->ios || o->marks))
		rc = nnvme_fail(err, -EINVAL, "--fio knows neither --ios nor --marks");
	if (!rc && strlen(o->backend) > 31)
		rc = nnvme_fail(err, -EINVAL, "--backend %.40s: at most 31 characters", o->backend);
	return rc;
}
