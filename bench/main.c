// SPDX-License-Identifier: MIT
/* noiommu-nvme-bench: what each address mode and domain type costs, on this machine. */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "merge.h"
#include "report/report.h"
#include "run.h"
#include "selftest.h"

static void usage(FILE *to)
{
	fputs("usage: noiommu-nvme-bench --device BDF [OPTION]...\n"
	      "       noiommu-nvme-bench rows | selftest | --help | --version\n"
	      "       noiommu-nvme-bench report RESULTS [OTHER] [--out DIR]\n"
	      "       noiommu-nvme-bench merge TIMED COUNTED MARKS\n"
	      "\n"
	      "Measures the same loads through the kernel's driver, under each domain type of the IOMMU, and\n"
	      "through noiommu-nvme, and leaves results.json, results.csv and report.html. All is put back as\n"
	      "it was.\n"
	      "\n"
	      "  --device BDF       the controller; nothing may use it or its disks\n"
	      "  --second-device BDF  another of the same kind: one has an IOMMU in front, the other none\n"
	      "  --rows PATTERN,... which rows; all by default\n"
	      "  --columns PATTERN,...  which columns; three by default; all: all that read\n"
	      "  --destroy-data     columns that write may run: what is on the devices is lost\n"
	      "  --unsafe-noiommu   turn noiommu mode on for the run: the device can then reach all of memory\n"
	      "  --rounds N         5 by default\n"
	      "  --time SECONDS     of a round of a row and column: 3 by default\n"
	      "  --ios N            at most so many I/Os instead, or as well\n"
	      "  --warmup SECONDS   before each: 0.5 by default\n"
	      "  --fio              fio makes the load\n"
	      "  --out DIR          bench-results by default\n"
	      "  --backend NAME     recorded: what is behind an emulated controller\n"
	      "  --marks            set marks for a counter of instructions outside the machine\n", to);
}

static int usage_error(const char *text)
{
	fprintf(stderr, "noiommu-nvme-bench: %s; see noiommu-nvme-bench --help\n", text);
	return 2;
}

static int list_rows(FILE *to)
{
	fputs("rows:\n", to);
	for (size_t i = 0; i < bench_nr_rows; i++)
		fprintf(to, "  %-32s %s\n", bench_rows[i].name, bench_rows[i].title);
	fputs("columns (* by default):\n", to);
	for (size_t i = 0; i < bench_nr_columns; i++)
		fprintf(to, "%s %-32s %s%s\n", bench_columns[i].is_default ? "*" : " ", bench_columns[i].name,
		       bench_columns[i].title, bench_columns[i].work.percent_write ? " (--destroy-data)" : "");
	return 0;
}

/* Behind an error, so short that it stays in sight. */
static void list_names(void)
{
	fputs("rows:", stderr);
	for (size_t i = 0; i < bench_nr_rows; i++)
		fprintf(stderr, " %s", bench_rows[i].name);
	fputs("\ncolumns:", stderr);
	for (size_t i = 0; i < bench_nr_columns; i++)
		fprintf(stderr, " %s", bench_columns[i].name);
	fputc('\n', stderr);
}

static int merge(int argc, char **argv)
{
	struct nnvme_err err;

	if (argc != 3)
		return usage_error("merge takes the timed results, the counted ones and the counter's file");
	if (!bench_merge_files(argv[0], argv[1], argv[2], &err))
		return 0;
	fprintf(stderr, "noiommu-nvme-bench: %s\n", err.text);
	return 1;
}

/* Where the report of @results goes when nobody says: beside them. */
static const char *beside(const char *results, char *folder, size_t size)
{
	const char *slash = strrchr(results, '/');

	if (!slash)
		return ".";
	snprintf(folder, size, "%.*s", slash > results ? (int)(slash - results) : 1, results);
	return folder;
}

static int make_report(const char *first, const char *second, const char *out, struct nnvme_err *err)
{
	struct bench_results a, b;
	int ret;

	bench_results_init(&a);
	bench_results_init(&b);
	ret = bench_results_read(&a, first, err);
	if (!ret && second)
		ret = bench_results_read(&b, second, err);
	if (!ret)
		ret = bench_report(&a, second ? &b : NULL, out, err);
	bench_results_free(&a);
	bench_results_free(&b);
	return ret;
}

static int report(int argc, char **argv)
{
	const char *results[2] = { NULL, NULL }, *out = NULL;
	struct nnvme_err err;
	char folder[4096];
	int n = 0, ret;

	for (int i = 0; i < argc; i++) {
		if (!strncmp(argv[i], "--out=", 6))
			out = argv[i] + 6;
		else if (!strcmp(argv[i], "--out") && i + 1 < argc)
			out = argv[++i];
		else if (*argv[i] != '-' && n < 2)
			results[n++] = argv[i];
		else
			return usage_error("report takes one results.json or two, and --out DIR");
	}
	if (!n)
		return usage_error("report takes one results.json or two, and --out DIR");
	ret = make_report(results[0], results[1], out ? out : beside(results[0], folder, sizeof(folder)), &err);
	if (ret)
		fprintf(stderr, "noiommu-nvme-bench: %s\n", err.text);
	return ret && ret != -ENOPKG;	/* that: there is a report, without plots */
}

static int run(int argc, char **argv)
{
	struct bench_options options;
	struct nnvme_err err;

	int rc = bench_options_parse(argc - 1, argv + 1, &options, &err);

	if (rc)
		usage_error(err.text);
	if (rc == -ENOENT)
		list_names();
	if (rc)
		return 2;
	return bench_run(&options, argc, argv);
}

static int help(FILE *to)
{
	usage(to);
	return 0;
}

static int version(FILE *to)
{
	fputs("noiommu-nvme-bench " NNVME_VERSION "\n", to);
	return 0;
}

/* Commands that take no more words. */
static const struct {
	const char *name;
	int (*run)(FILE *to);
} plain[] = {
	{ "--help", help }, { "-h", help }, { "--version", version }, { "rows", list_rows },
	{ "selftest", bench_selftest },
};

int main(int argc, char **argv)
{
	const char *verb = argc > 1 ? argv[1] : "";

	if (argc < 2) {
		usage(stderr);
		return 2;
	}
	for (size_t i = 0; i < sizeof(plain) / sizeof(*plain); i++) {
		if (strcmp(verb, plain[i].name) != 0)
			continue;
		if (argc == 2)
			return plain[i].run(stdout);
		fprintf(stderr, "noiommu-nvme-bench: %s takes no argument %s; "
			"see noiommu-nvme-bench --help\n", verb, argv[2]);
		return 2;
	}
	if (!strcmp(verb, "merge"))
		return merge(argc - 2, argv + 2);
	if (!strcmp(verb, "report"))
		return report(argc - 2, argv + 2);
	return run(argc, argv);
}
