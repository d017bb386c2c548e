// SPDX-License-Identifier: MIT
/* noiommu-nvme-bench: what each address mode and domain type costs, on this machine. */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "report.h"
#include "run.h"

static const char usage[] =
	"usage: noiommu-nvme-bench --device BDF [OPTION]...\n"
	"       noiommu-nvme-bench rows | --help | --version\n"
	"       noiommu-nvme-bench report RESULTS [OTHER] [--out DIR]\n"
	"       noiommu-nvme-bench merge TIMED COUNTED MARKS\n"
	"\n"
	"Measures the same loads through the kernel's driver, under each domain type of the\n"
	"IOMMU, and through noiommu-nvme, and leaves results.json, results.csv and report.html.\n"
	"All is put back as it was.\n"
	"\n"
	"  --device BDF       the controller; nothing may use it or its disks\n"
	"  --second-device BDF  another of the same kind: one behind an IOMMU, one without\n"
	"  --rows PATTERN,... which rows; all by default\n"
	"  --columns PATTERN,...  which columns; three by default; all: all that read\n"
	"  --destroy-data     columns that write may run: what is on the devices is lost\n"
	"  --unsafe-noiommu   noiommu mode on for the run: the device can reach all of memory\n"
	"  --rounds N         5 by default\n"
	"  --time SECONDS     of a round of a row and column: 3 by default\n"
	"  --ios N            at most so many I/Os instead, or as well\n"
	"  --warmup SECONDS   before each: 0.5 by default\n"
	"  --fio              fio makes the load\n"
	"  --out DIR          bench-results by default\n"
	"  --backend NAME     recorded: what is behind an emulated controller\n"
	"  --marks            set marks for a counter of instructions outside the machine\n";

static int list_rows(FILE *to)
{
	fputs("rows:\n", to);
	for (size_t i = 0; i < bench_nr_rows; i++)
		fprintf(to, "  %-32s %s\n", bench_rows[i].name, bench_rows[i].title);
	fputs("columns (* by default):\n", to);
	for (size_t i = 0; i < bench_nr_columns; i++)
		fprintf(to, "%s %-32s %s%s\n", bench_columns[i].is_default ? "*" : " ",
			bench_columns[i].name, bench_columns[i].title,
			bench_columns[i].work.percent_write ? " (--destroy-data)" : "");
	return 0;
}

/* After an error, so short that the error stays in sight. */
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

static int run(int argc, char **argv)
{
	struct bench_options options;
	struct nnvme_err err;
	int rc = bench_options_parse(argc - 1, argv + 1, &options, &err);

	if (!rc)
		return bench_run(&options, argc, argv);
	fprintf(stderr, "noiommu-nvme-bench: %s; see noiommu-nvme-bench --help\n", err.text);
	if (rc == -ENOENT)
		list_names();
	return 2;
}

static int help(FILE *to)
{
	fputs(usage, to);
	return 0;
}

static int version(FILE *to)
{
	fputs("noiommu-nvme-bench " NNVME_VERSION "\n", to);
	return 0;
}

/* Commands without arguments. */
static const struct {
	const char *name;
	int (*run)(FILE *to);
} plain[] = {
	{ "--help", help }, { "-h", help }, { "--version", version }, { "rows", list_rows },
};

int main(int argc, char **argv)
{
	const char *verb = argc > 1 ? argv[1] : "";

	if (argc < 2) {
		fputs(usage, stderr);
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
	if (!strcmp(verb, "merge") || !strcmp(verb, "report"))
		return bench_report_program(argv);
	return run(argc, argv);
}
