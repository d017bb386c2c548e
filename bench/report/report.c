// SPDX-License-Identifier: MIT
#include "report.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "output.h"
#include "comparisons.h"
#include "findings.h"
#include "html.h"
#include "page.h"
#include "pair.h"
#include "plot.h"
#include "report_style.h"	/* from report.css */

#define PANELS 4	/* columns in one plot; the rest is in further ones, folded */

void bench_page_begin(FILE *page, const char *title)
{
	fputs("<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n"
	      "<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n"
	      "<title>", page);
	bench_html_text(page, title);
	fprintf(page, "</title>\n<style>\n%s</style>\n</head>\n<body>\n", style);
}

void bench_page_end(FILE *page)
{
	fputs("</body>\n</html>\n", page);
}

static void heading(FILE *page, const struct bench_results *r)
{
	const char *model = bench_facts_get(&r->device, "model"),
		   *kernel = bench_facts_get(&r->machine, "kernel");

	fputs("<header>\n<h1>What each address mode and domain type costs</h1>\n<p class=\"what\">", page);
	bench_html_textf(page, "%s on Linux %s. ", *model ? model : "An NVMe controller",
			 *kernel ? kernel : "(unknown)");
	bench_html_textf(page, "%u round%s", r->rounds, r->rounds == 1 ? "" : "s");
	if (r->seconds > 0)
		fprintf(page, " of %.3g s a cell", r->seconds);
	bench_html_textf(page, ", load by %s, begun %s.",
			 !strcmp(r->harness, "fio") ? "fio" : "noiommu-nvme-bench",
			 *r->started ? r->started : "at an unknown time");
	fputs("</p>\n", page);
	if (r->emulated) {
		fputs("<p class=\"banner\"><b>Emulated machine: read ratios, not numbers.</b> Processor and "
		      "controller are QEMU's, without KVM", page);
		if (*r->backend)
			bench_html_textf(page, "; the storage behind it is %s", r->backend);
		fputs(". It cannot show how far an IOTLB reaches or what an invalidation really costs.</p>\n", page);
	}
	if (!r->complete)
		fputs("<p class=\"banner\"><b>This run was interrupted.</b> What follows is what it had by "
		      "then.</p>\n", page);
	if (r->rounds == 1)
		fputs("<p class=\"banner\"><b>One round.</b> Its ratios have no interval: none of them is a "
		      "finding yet.</p>\n", page);
	fputs("<nav><a href=\"#findings\">Findings</a><a href=\"#plots\">Plots</a><a "
	      "href=\"#figures\">Figures</a><a href=\"#rows\">Rows</a><a href=\"#how\">How it was "
	      "measured</a><a href=\"#machine\">Machine</a></nav>\n</header>\n", page);
}

/* Beside the findings in words: the same, and the rest, as a picture. */
static int ratios(FILE *page, const struct bench_matrix *m, struct nnvme_err *err)
{
	struct bench_pair pairs[BENCH_PAIRS_MOST];
	char *picture = NULL;
	size_t size = 0;
	FILE *part;
	int ret;

	if (!bench_pairs(m, pairs))
		return 0;
	part = open_memstream(&picture, &size);
	if (!part)
		return nnvme_fail(err, -ENOMEM, "no memory for a plot");
	ret = bench_plot(part, m, BENCH_PLOT_RATIOS, 0, 0, err);
	fclose(part);
	if (!ret)
		fprintf(page,
			"<figure>\n<figcaption><b>Ratios.</b> First row ÷ second row, each with its 95 %% "
			"interval; grey where that spans 1, a ring where there is no interval; a line that "
			"reaches the edge goes on beyond it; (?) where one of the two is in doubt.</figcaption>\n"
			"%s</figure>\n",
			picture);
	free(picture);
	return ret;
}

static int findings(FILE *page, const struct bench_matrix *m, struct nnvme_err *err)
{
	int ret;

	fputs("<section id=\"findings\">\n<h2>Findings</h2>\n<div class=\"two\">\n<div>\n", page);
	bench_findings(page, m);
	fputs("</div>\n", page);
	ret = ratios(page, m, err);
	fputs("</div>\n<details>\n<summary>All comparisons at two depths</summary>\n", page);
	bench_comparisons(page, m);
	fputs("</details>\n<details>\n<summary>Ratios of IOPS in every column</summary>\n", page);
	bench_comparisons_table(page, m);
	fputs("</details>\n</section>\n", page);
	return ret;
}

struct plot_text {
	const char *title, *text;
	enum bench_metric metric;	/* without it there is no such plot */
};
static const struct plot_text plot_texts[BENCH_PLOTS] = {
	[BENCH_PLOT_IOPS] = { "IOPS", "More is better.", BENCH_IOPS },
	[BENCH_PLOT_LATENCY] = {
		"Latency", "From submission to reap, on a logarithmic axis; less is better.", BENCH_LATENCY_P50,
	},
	[BENCH_PLOT_CPU] = {
		"CPU time", "Seconds of CPU per million I/Os; less is better. Of rows that spin (*) it "
			    "includes waiting.", BENCH_CPU_USER,
	},
	[BENCH_PLOT_INSTRUCTIONS] = {
		"Instructions", "Executed by the guest per I/O; less is better. Of rows that spin (*) they "
				"include waiting.", BENCH_INSTRUCTIONS_USER,
	},
	[BENCH_PLOT_TRADE] = {
		"Throughput against latency", "IOPS to the right, median latency upward, both logarithmic; a "
					      "line goes through the depths. Right and low is better.", BENCH_IOPS,
	},
};

/* One kind of plot, of all columns; the first four at once, the others on demand. */
static int plots_of(FILE *page, const struct bench_matrix *m, enum bench_plot_kind kind,
		    struct nnvme_err *err)
{
	const struct plot_text *text = &plot_texts[kind];
	int ret = 0;

	if (!bench_matrix_has(m, m->nr_columns, text->metric))
		return 0;
	fprintf(page, "<figure>\n<figcaption><b>%s.</b> %s</figcaption>\n", text->title, text->text);
	bench_plot_legend(page, m, kind);
	for (size_t first = 0; first < m->nr_columns && !ret; first += PANELS) {
		size_t count = m->nr_columns - first < PANELS ? m->nr_columns - first : PANELS;

		if (first == PANELS)
			fprintf(page, "<details>\n<summary>%s in the other columns</summary>\n", text->title);
		ret = bench_plot(page, m, kind, first, count, err);
	}
	if (m->nr_columns > PANELS && !ret)
		fputs("</details>\n", page);
	fputs("</figure>\n", page);
	return ret;
}

/* The section, or why there is none: @ret and @why, when the first plot has failed already. */
static int plots(FILE *page, const struct bench_matrix *m, int ret, struct nnvme_err *why)
{
	char *text = NULL;
	size_t size = 0;
	FILE *part = open_memstream(&text, &size);

	if (!part)
		return nnvme_fail(why, -ENOMEM, "no memory for the plots");
	for (int kind = BENCH_PLOT_IOPS; kind < BENCH_PLOTS && m->nr_columns && !ret; kind++)
		ret = plots_of(part, m, kind, why);
	if (fclose(part) && !ret)
		ret = nnvme_fail(why, -ENOMEM, "no memory for the plots");
	fputs("<section id=\"plots\">\n<h2>Plots</h2>\n", page);
	if (!ret) {
		fputs("<p>Each mark is the median of the rounds, each thin line reaches from the lowest to "
		      "the highest.</p>\n", page);
		fwrite(text, 1, size, page);
	} else {
		fputs("<p class=\"banner\"><b>No plots:</b> ", page);
		bench_html_text(page, why->text);
		fputs("</p>\n", page);
	}
	fputs("</section>\n", page);
	free(text);
	return ret;
}

/* What holds for every run, a point each. */
static const char *const methods[] = {
	"Latency is the time from the submission of an I/O to its reap, so that with a deep queue it "
	"includes waiting for the I/Os before it. An I/O that failed counts as a failure and never as an "
	"I/O.",
	"Rounds are interleaved: each runs every row once, so that what disturbs the machine for a while "
	"disturbs all rows.",
	"A figure is the median of the rounds; below it stand the lowest and the highest.",
	"A ratio is formed round by round: the geometric mean, and in brackets its 95&nbsp;% interval "
	"(Student's t over the logarithms). When that spans 1, the text says <em>no difference "
	"seen</em>. Of twenty equal pairs one can be expected to look different. <em>twins</em>: the two "
	"rows ran on different controllers.",
	"Before each round the group's domain type was read back from sysfs, and is kept with the round. "
	"It matters to the kernel's driver: behind an IOMMU this driver has a domain of its own.",
	"Polling loses more than interrupts do when the machine does something else. How long the threads that "
	"make the load were ready to run and had no processor was measured with each round (in the emulated "
	"machine those of QEMU, on its host). Above 5&nbsp;% of the time a round is disturbed: it is measured "
	"again, three times at most, and marked § if it stays so.",
	"Reads of blocks that were never written, or were deallocated, measure no medium: a controller answers "
	"them from its tables. Fill the namespace first; where the kernel tells how much of it is used, that is "
	"among the device's facts.",
	"All rows of a controller run on one namespace, and no pass reads what the one before it has read.",
	"CPU time is that of the process, user and system. A row that <em>spins</em> polls without "
	"sleeping: its CPU time and its instructions include waiting.",
	"An I/O is what the load asked for. In a sequential column the kernel may make one command of "
	"several that it is handed together: what is said per I/O is then of less than a command.",
};

static const char emulation[] = "In the emulated machine, instructions are counted by QEMU, user and "
				"kernel apart, and repeat well; times do not. A driver that submits sooner can show "
				"fewer IOPS at depth 1, because the emulated controller runs on the same processors. "
				"The reach of an IOTLB and the real cost of an invalidation can't be seen here at "
				"all.";

static void method(FILE *page, const struct bench_results *r)
{
	fputs("<section id=\"how\">\n<h2>How it was measured</h2>\n<ul>\n", page);
	fprintf(page, "<li>%s</li>\n", !strcmp(r->harness, "fio") ?
		"fio made the load and measured it, for the kernel's driver and for this one." :
		"One generator, one clock and one histogram drive all rows.");
	for (size_t i = 0; i < sizeof(methods) / sizeof(*methods); i++)
		fprintf(page, "<li>%s</li>\n", methods[i]);
	if (r->emulated)
		fprintf(page, "<li>%s</li>\n", emulation);
	fputs("</ul>\n</section>\n", page);
}

static void machine(FILE *page, const struct bench_results *r)
{
	fputs("<section id=\"machine\">\n<h2>Machine and device</h2>\n<div class=\"two\">\n", page);
	bench_table_of_facts(page, "Machine", &r->machine);
	bench_table_of_facts(page, "Device", &r->device);
	fputs("</div>\n</section>\n", page);
}

static int single(FILE *page, const struct bench_results *r, struct nnvme_err *err)
{
	struct nnvme_err why = { 0 };
	struct bench_matrix m;
	int ret = bench_matrix_init(&m, r, err);

	if (ret)
		return ret;
	bench_page_begin(page, "noiommu-nvme-bench");
	heading(page, r);
	ret = findings(page, &m, &why);
	ret = plots(page, &m, ret, &why);
	bench_tables(page, &m);
	bench_table_of_rows(page, &m);
	method(page, r);
	machine(page, r);
	bench_page_end(page);
	bench_matrix_free(&m);
	return ret ? nnvme_fail(err, ret, "the report has no plots: %s", why.text) : 0;
}

static int put(const char *dir, const char *text, size_t size, struct nnvme_err *err)
{
	struct bench_output out;
	char path[PATH_MAX];
	int ret;

	if (snprintf(path, sizeof(path), "%s/report.html", dir) >= (int)sizeof(path))
		return nnvme_fail(err, -ENAMETOOLONG, "%.150s...: the name is too long", dir);
	ret = bench_output_begin(&out, path, err);
	if (ret)
		return ret;
	fwrite(text, 1, size, out.file);
	return bench_output_end(&out, err);
}

int bench_report(const struct bench_results *a, const struct bench_results *b, const char *dir,
		 struct nnvme_err *err)
{
	char *text = NULL;
	size_t size = 0;
	FILE *page = open_memstream(&text, &size);
	int ret, written;

	if (!page)
		return nnvme_fail(err, -ENOMEM, "no memory for the report");
	ret = b ? bench_compare(page, a, b, err) : single(page, a, err);
	if (fclose(page) && !ret)
		ret = nnvme_fail(err, -ENOMEM, "no memory for the report");
	if (!ret || ret == -ENOPKG) {	/* the latter: without plots */
		written = put(dir, text, size, err);
		ret = written ? written : ret;
	}
	free(text);
	return ret;
}
