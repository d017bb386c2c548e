// SPDX-License-Identifier: MIT
#include "plot.h"

#include <errno.h>
#include <stdlib.h>

#include "gnuplot.h"
#include "html.h"

#define NARROW "(max-width: 719px)"
#define DARK "(prefers-color-scheme: dark)"

/* What a browser tries, in this order. */
static const struct {
	struct bench_plot_form form;
	const char *media;
} forms[] = {
	{ { .dark = true, .narrow = true }, DARK " and " NARROW },
	{ { .dark = false, .narrow = true }, NARROW },
	{ { .dark = true, .narrow = false }, DARK },
	{ { .dark = false, .narrow = false }, NULL },	/* the one that is left */
};

static const char *const titles[BENCH_PLOTS] = {
	"Ratios with their intervals", "IOPS of each row",	   "Latency percentiles of each row",
	"CPU time of each row",	       "Instructions of each row", "Throughput against latency",
};

static int draw(FILE *page, const struct bench_matrix *m, enum bench_plot_kind kind, size_t first,
		size_t count, unsigned form, struct nnvme_err *err)
{
	char *script = NULL, *drawing = NULL;
	size_t size, drawn;
	FILE *out = open_memstream(&script, &size);
	int ret;

	if (!out)
		return nnvme_fail(err, -ENOMEM, "no memory for a plot");
	bench_plot_script(out, m, kind, first, count, forms[form].form);
	if (fclose(out)) {
		free(script);
		return nnvme_fail(err, -ENOMEM, "no memory for a plot");
	}
	ret = bench_gnuplot(script, size, &drawing, &drawn, err);
	free(script);
	if (ret)
		return ret;
	if (forms[form].media)
		fprintf(page, "<source media=\"%s\" srcset=\"data:image/svg+xml;base64,", forms[form].media);
	else
		fprintf(page, "<img alt=\"%s\" src=\"data:image/svg+xml;base64,", titles[kind]);
	bench_base64(page, drawing, drawn);
	fputs("\">\n", page);
	free(drawing);
	return 0;
}

int bench_plot(FILE *page, const struct bench_matrix *m, enum bench_plot_kind kind, size_t first,
	       size_t count, struct nnvme_err *err)
{
	char *picture = NULL;
	size_t size;
	FILE *out = open_memstream(&picture, &size);
	int ret = 0;

	if (!out)
		return nnvme_fail(err, -ENOMEM, "no memory for a plot");
	fputs("<picture>\n", out);
	for (unsigned i = 0; !ret && i < sizeof(forms) / sizeof(*forms); i++)
		ret = draw(out, m, kind, first, count, i, err);
	fputs("</picture>\n", out);
	if (fclose(out) && !ret)
		ret = nnvme_fail(err, -ENOMEM, "no memory for a plot");
	if (!ret)
		fwrite(picture, 1, size, page);
	free(picture);
	return ret;
}

static void shape(FILE *page, const char *svg, const char *text)
{
	fprintf(page, "<span class=\"key\"><svg viewBox=\"-6 -6 12 12\" aria-hidden=\"true\">%s</svg>", svg);
	bench_html_text(page, text);
	fputs("</span>\n", page);
}

#define DISC "<circle r=\"4\"/>"
#define SQUARE "<path d=\"M-4-4h8v8h-8z\"/>"
#define TRIANGLE "<path d=\"M0-5L5 4H-5z\"/>"
#define DIAMOND "<path d=\"M0-5L5 0 0 5-5 0z\"/>"

static void legend_of_points(FILE *page, const struct bench_matrix *m)
{
	static const char *const svg[BENCH_KIND_OTHER] = {
		DISC, SQUARE, TRIANGLE, DIAMOND, TRIANGLE, SQUARE, DISC,
	};

	for (int kind = 0; kind < BENCH_KIND_OTHER; kind++)
		for (size_t i = 0; i < m->nr_rows; i++)
			if ((int)m->rows[i].kind == kind) {
				shape(page, svg[kind], bench_kind_title[kind]);
				break;
			}
}

void bench_plot_legend(FILE *page, const struct bench_matrix *m, enum bench_plot_kind kind)
{
	fputs("<p class=\"legend\">", page);
	for (int group = 0; group < BENCH_GROUPS; group++)
		for (size_t i = 0; i < m->nr_rows; i++)
			if ((int)m->rows[i].group == group) {
				fprintf(page, "<span class=\"key\"><i class=\"g%d\"></i>%s</span>\n", group,
					bench_group_title[group]);
				break;
			}
	if (kind == BENCH_PLOT_TRADE) {
		legend_of_points(page, m);
	} else if (kind == BENCH_PLOT_LATENCY) {
		shape(page, DISC, "median");
		shape(page, SQUARE, "99 %");
		shape(page, TRIANGLE, "99.9 %");
	} else if (kind != BENCH_PLOT_IOPS) {
		shape(page, "<path d=\"M-5-5h10v10h-10z\"/>", "full: user");
		shape(page, "<path opacity=\".4\" d=\"M-5-5h10v10h-10z\"/>", "pale: kernel");
	}
	fputs("</p>\n", page);
}
