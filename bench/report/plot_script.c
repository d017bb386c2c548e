// SPDX-License-Identifier: MIT
/*
 * The plots as gnuplot's scripts. Rows lie across, and a panel is a column of the results; where there is
 * room, panels stand side by side and share the names of the rows.
 */
#include <ctype.h>
#include <math.h>
#include <string.h>

#include "claim.h"
#include "pair.h"
#include "plot.h"
#include "plot_axis.h"

#define ROW_HEIGHT 17.0		/* pixels; all lengths are */
#define TITLE_HEIGHT 30.0
#define AXIS_HEIGHT 30.0
#define PANEL_GAP 40.0
#define GROUP_GAP 0.5		/* rows */
#define TRADE_HEIGHT 340.0
#define WIDEST 2.5		/* times a ratio, that its interval can widen the axis */

struct canvas {
	FILE *out;
	const struct bench_matrix *m;
	struct bench_plot_form form;
	double width, height, gutter;	/* gutter: for the names of the rows */
	unsigned across, font;
	double panel_height;
};

struct panel {
	double left, right, top, bottom;	/* pixels from the left and from the top */
	bool names;
};

struct paper {
	unsigned text, faint, grid;
};
static const struct paper papers[] = {
	{ .text = 0x2b2f36, .faint = 0x8a9099, .grid = 0xe2e5e9 },
	{ .text = 0xd6d9de, .faint = 0x7d838c, .grid = 0x353a41 },
};

unsigned bench_plot_colour(enum bench_group group, bool dark)
{
	static const unsigned colours[BENCH_GROUPS][2] = {
		[BENCH_GROUP_IDENTITY] = { 0x2f6fb7, 0x6aa9ef },
		[BENCH_GROUP_DMA] = { 0xc4532d, 0xef8a62 },
		[BENCH_GROUP_DMA_FQ] = { 0xb58a00, 0xe6c04d },
		[BENCH_GROUP_NONE] = { 0x6b7280, 0x9aa3b2 },
		[BENCH_GROUP_NNVME_IOMMU] = { 0x7a4fb5, 0xb795ea },
		[BENCH_GROUP_NNVME_NOIOMMU] = { 0x16845b, 0x4cc79a },
		[BENCH_GROUP_OTHER] = { 0x444444, 0xbbbbbb },
	};

	return colours[group][dark];
}

/* gnuplot runs what stands in backquotes, so that of names only the harmless characters remain. */
static void quote(FILE *out, const char *text)
{
	putc('\'', out);
	for (; *text; text++)
		putc(isalnum((unsigned char)*text) || strchr(" ,.:/()+-_%*", *text) ? *text : '?', out);
	putc('\'', out);
}

/* Where a row is drawn, from 0 down; groups stand apart. At nr_rows: where the last ends. */
static double place(const struct bench_matrix *m, size_t row)
{
	double y = row;

	for (size_t i = 1; i <= row && i < m->nr_rows; i++)
		y += m->rows[i].group != m->rows[i - 1].group ? GROUP_GAP : 0;
	return y;
}

static void canvas_begin(struct canvas *c, size_t panels)
{
	const struct paper *paper = &papers[c->form.dark];
	size_t lines;

	c->across = c->form.narrow ? 1 : c->across;
	lines = (panels + c->across - 1) / c->across;
	c->width = c->form.narrow ? 360 : c->width;
	c->font = c->form.narrow ? 11 : c->width < 1000 ? 12 : 13;
	c->height = lines * (TITLE_HEIGHT + c->panel_height + AXIS_HEIGHT);
	fprintf(c->out,
		"set encoding utf8\nset terminal svg size %.0f,%.0f dynamic noenhanced font 'system-ui,%u'\n",
		c->width, c->height, c->font);
	fprintf(c->out, "set multiplot\nunset key\nset tics scale 0 textcolor rgb '#%06x'\n", paper->text);
	fprintf(c->out, "set border 0\nset grid xtics linetype 1 linewidth 1 linecolor rgb '#%06x'\n",
		paper->grid);
	fputs("set errorbars small\n", c->out);
}

static struct panel canvas_panel(struct canvas *c, size_t number, const char *title)
{
	size_t above = number / c->across;
	double line = (double)above * (TITLE_HEIGHT + c->panel_height + AXIS_HEIGHT);
	double each = (c->width - c->gutter) / c->across;
	struct panel p = {
		.left = c->gutter + each * (double)(number % c->across),
		.top = line + TITLE_HEIGHT,
		.bottom = line + TITLE_HEIGHT + c->panel_height,
		.names = number % c->across == 0,
	};

	p.right = p.left + each - PANEL_GAP;
	fprintf(c->out, "set lmargin at screen %.6f\nset rmargin at screen %.6f\n", p.left / c->width,
		p.right / c->width);
	fprintf(c->out, "set tmargin at screen %.6f\nset bmargin at screen %.6f\nunset label\n",
		1 - p.top / c->height, 1 - p.bottom / c->height);
	fprintf(c->out, "set label front ");
	quote(c->out, title);
	fprintf(c->out, " at screen %.6f,%.6f left textcolor rgb '#%06x'\n", p.left / c->width,
		1 - (p.top - 14) / c->height, papers[c->form.dark].text);
	return p;
}

/* `unset ytics` forgets how they look. */
static void names_begin(struct canvas *c)
{
	fprintf(c->out, "set ytics scale 0 textcolor rgb '#%06x' (", papers[c->form.dark].text);
}

/* The rows' axis: their names, in the first panel of a line. */
static void rows_axis(struct canvas *c, const struct panel *p)
{
	fprintf(c->out, "set yrange [%.3f:-0.7]\n", place(c->m, c->m->nr_rows) - 0.3);
	if (!p->names) {
		fputs("unset ytics\n", c->out);
		return;
	}
	names_begin(c);
	for (size_t i = 0; i < c->m->nr_rows; i++) {
		char label[sizeof(c->m->rows[i].label) + 2];

		snprintf(label, sizeof(label), "%s%s", c->m->rows[i].label, c->m->rows[i].spins ? " *" : "");
		if (i)
			fputs(", ", c->out);
		quote(c->out, label);
		fprintf(c->out, " %.3f", place(c->m, i));
	}
	fputs(")\n", c->out);
}

/* Beside a row of a panel: that it was not run, or what is to be held against it. */
static void remark(char text[64], const struct bench_cell *cell)
{
	unsigned doubts = cell ? bench_cell_doubts(cell) : 0;
	size_t n = 0;

	n += (size_t)snprintf(text, 64, "%s", !cell ? "not run" : doubts & BENCH_DOUBT_ERRORS ? "errors" : "");
	if (doubts & BENCH_DOUBT_ROUNDS)
		n += (size_t)snprintf(text + n, 64 - n, "%s%zu of %u rounds", n ? ", " : "", cell->nr_rounds,
				      cell->asked);
	if (doubts & BENCH_DOUBT_DISTURBED)
		snprintf(text + n, 64 - n, "%sdisturbed", n ? ", " : "");
}

static void remarks(struct canvas *c, const struct panel *p, size_t column)
{
	double rows = place(c->m, c->m->nr_rows) + 0.4;

	for (size_t i = 0; i < c->m->nr_rows; i++) {
		const struct bench_cell *cell = bench_matrix_cell(c->m, i, column);
		double y = p->top + (place(c->m, i) + 0.7) / rows * (p->bottom - p->top);
		char text[64];

		remark(text, cell);
		if (!*text)
			continue;
		fprintf(c->out, "set label front '%s' at screen %.6f,%.6f %s textcolor rgb '#%06x'\n",
			text, (cell ? p->right : p->left + 4) / c->width, 1 - y / c->height,
			cell ? "right" : "left", papers[c->form.dark].faint);
	}
}

static const struct bench_figure none = { NAN, NAN, NAN };

static struct bench_figure figure(const struct canvas *c, size_t row, size_t column,
				  enum bench_metric metric)
{
	const struct bench_cell *cell = bench_matrix_cell(c->m, row, column);

	return cell ? cell->figure[metric] : none;
}

/* One bar a row with the spread of @subject: @metric, and on it what else belongs to that, paler. */
static void bars(struct canvas *c, size_t column, size_t number, enum bench_metric metric,
		 enum bench_subject subject)
{
	bool stacked = subject != BENCH_SUBJECT_IOPS;
	struct panel p = canvas_panel(c, number, c->m->columns[column].title);
	struct bench_axis axis = BENCH_AXIS_EMPTY;

	rows_axis(c, &p);
	remarks(c, &p, column);
	fprintf(c->out, "$bars%zu << END\n", number);
	for (size_t i = 0; i < c->m->nr_rows; i++) {
		struct bench_figure first = figure(c, i, column, metric);
		struct bench_figure all = bench_subject_figure(bench_matrix_cell(c->m, i, column), subject);
		unsigned colour = bench_plot_colour(c->m->rows[i].group, c->form.dark);

		if (!isfinite(all.median) || !isfinite(first.median))
			continue;
		bench_axis_cover(&axis, all.high);
		fprintf(c->out, "%.3f %.9g %.9g %.9g %.9g %u %u\n", place(c->m, i), fmin(first.median, all.median),
			all.median, all.low, all.high, colour, colour | 0x90000000u);
	}
	/* gnuplot refuses data without a point. */
	fputs("-9 0 0 0 0 0 0\nEND\n", c->out);
	bench_axis_write(c->out, 'x', &axis, c->across > 3 ? 3 : 4);
	fprintf(c->out,
		"plot $bars%zu using 2:1:(0):2:($1-0.38):($1+0.38):6 with boxxyerror fillstyle solid 1 "
		"noborder linecolor rgb variable", number);
	if (stacked)
		fprintf(c->out, ", '' using 3:1:2:3:($1-0.38):($1+0.38):7 with boxxyerror fillstyle solid 1 "
				"noborder linecolor rgb variable");
	fprintf(c->out, ", '' using 3:1:4:5 with xerrorbars pointtype 0 linewidth 1.2 linecolor rgb '#%06x'\n",
		papers[c->form.dark].text);
}

/* Three points a row on a line, each with its spread. */
static void percentiles(struct canvas *c, size_t column, size_t number)
{
	static const int point[] = { 7, 5, 9 };	/* disc, square, triangle */
	struct panel p = canvas_panel(c, number, c->m->columns[column].title);
	struct bench_axis axis = BENCH_AXIS_EMPTY;

	axis.log = axis.time = true;
	rows_axis(c, &p);
	remarks(c, &p, column);
	for (unsigned k = 0; k < 3; k++) {
		fprintf(c->out, "$points%zu_%u << END\n", number, k);
		for (size_t i = 0; i < c->m->nr_rows; i++) {
			struct bench_figure f = figure(c, i, column, BENCH_LATENCY_P50 + k);
			struct bench_figure left = figure(c, i, column, BENCH_LATENCY_P50);

			if (!(f.low > 0) || !(left.median > 0) || !isfinite(f.high))
				continue;
			bench_axis_cover(&axis, f.low);
			bench_axis_cover(&axis, f.high);
			fprintf(c->out, "%.3f %.9g %.9g %.9g %.9g %u\n", place(c->m, i), f.median, f.low, f.high,
				left.median, bench_plot_colour(c->m->rows[i].group, c->form.dark));
		}
		fputs("-9 1 1 1 1 0\nEND\n", c->out);
	}
	bench_axis_write(c->out, 'x', &axis, 4);
	fprintf(c->out,
		"plot $points%zu_2 using 5:1:($2-$5):(0) with vectors nohead linewidth 1 linecolor rgb "
		"'#%06x'",
		number, papers[c->form.dark].faint);
	for (unsigned k = 0; k < 3; k++)
		fprintf(c->out, ", $points%zu_%u using 2:1:3:4:6 with xerrorbars pointtype %d pointsize 0.6 "
				"linecolor rgb variable", number, k, point[k]);
	fputs("\n", c->out);
}

/* A line a row through the depths of a family: further right is more, further down is sooner. */
static void trade(struct canvas *c, size_t first, size_t count, size_t number)
{
	static const int point[BENCH_KINDS] = { 7, 5, 9, 13, 9, 5, 7, 2 };
	struct bench_axis x = BENCH_AXIS_EMPTY, y = BENCH_AXIS_EMPTY;

	char title[64];

	snprintf(title, sizeof(title), "%.*s", (int)strcspn(c->m->columns[first].title, ","),
		 c->m->columns[first].title);
	canvas_panel(c, number, count > 1 ? title : c->m->columns[first].title);
	x.log = y.log = y.time = true;
	for (size_t i = 0; i < c->m->nr_rows; i++) {
		fprintf(c->out, "$line%zu_%zu << END\n", number, i);
		for (size_t j = first; j < first + count; j++) {
			struct bench_figure iops = figure(c, i, j, BENCH_IOPS),
					    time = figure(c, i, j, BENCH_LATENCY_P50);

			if (!(iops.low > 0) || !(time.low > 0) || !isfinite(iops.high) || !isfinite(time.high))
				continue;
			bench_axis_cover(&x, iops.low);
			bench_axis_cover(&x, iops.high);
			bench_axis_cover(&y, time.low);
			bench_axis_cover(&y, time.high);
			fprintf(c->out, "%.9g %.9g %.9g %.9g %.9g %.9g\n", iops.median, time.median, iops.low, iops.high,
				time.low, time.high);
		}
		fputs("1e-30 1e-30 1e-30 1e-30 1e-30 1e-30\nEND\n", c->out);
	}
	bench_axis_write(c->out, 'x', &x, c->form.narrow ? 4 : 8);
	bench_axis_write(c->out, 'y', &y, 6);
	fprintf(c->out, "set grid ytics\nplot ");
	for (size_t i = 0; i < c->m->nr_rows; i++) {
		unsigned colour = bench_plot_colour(c->m->rows[i].group, c->form.dark);

		fprintf(c->out,
			"%s$line%zu_%zu using ($1>1e-9?$1:NaN):2:3:4:5:6 with xyerrorbars pointtype %d pointsize "
			"0.7 linecolor rgb '#%06x', '' using ($1>1e-9?$1:NaN):2 with lines linewidth 1.5 "
			"linecolor rgb '#%06x'",
			i ? ", " : "", number, i, point[c->m->rows[i].kind], colour, colour);
	}
	fputs("\n", c->out);
}

/* Columns from @first on that are of one family. */
static size_t family(const struct bench_matrix *m, size_t first, size_t end)
{
	size_t n = 1;

	while (first + n < end && !strcmp(m->columns[first].family, m->columns[first + n].family))
		n++;
	return n;
}

static void trades(struct canvas *c, size_t first, size_t count)
{
	size_t panels = 0, end = first + count, n;

	for (size_t i = first; i < end; i += family(c->m, i, end))
		panels++;
	c->panel_height = TRADE_HEIGHT;
	c->gutter = 56;
	c->across = panels > 1 ? 2 : 1;
	canvas_begin(c, panels);
	panels = 0;
	for (size_t i = first; i < end; i += n) {
		n = family(c->m, i, end);
		trade(c, i, n, panels++);
	}
}

/* Pairs from the top down; those with the same title stand together. */
static double pair_place(const struct bench_pair *pairs, size_t count, size_t pair)
{
	double y = (double)pair;

	for (size_t i = 1; i <= pair && i < count; i++)
		y += strcmp(pairs[i].title, pairs[i - 1].title) != 0 ? GROUP_GAP : 0;
	return y;
}

/* With a question mark where one of the two is in doubt. */
static void pair_name(struct canvas *c, const struct bench_pair *pair, size_t column)
{
	const struct bench_cell *a = bench_matrix_cell(c->m, pair->a, column),
				*b = bench_matrix_cell(c->m, pair->b, column);
	char name[sizeof(pair->label) + 4];

	snprintf(name, sizeof(name), "%s%s", pair->label,
		 (a && bench_cell_doubts(a)) || (b && bench_cell_doubts(b)) ? " (?)" : "");
	quote(c->out, name);
}

/* A line for each pair: its interval, in grey where that spans 1; a ring is a ratio that has none. */
static void ratio_panel(struct canvas *c, const struct bench_pair *pairs, size_t count, size_t number,
			enum bench_subject subject, size_t column)
{
	static const char *const names[] = {
		[BENCH_SUBJECT_IOPS] = "IOPS",
		[BENCH_SUBJECT_LATENCY] = "median latency",
		[BENCH_SUBJECT_CPU] = "CPU time",
		[BENCH_SUBJECT_INSTRUCTIONS] = "instructions",
	};
	const struct paper *paper = &papers[c->form.dark];
	struct bench_axis axis = BENCH_AXIS_EMPTY;
	struct panel p;
	char title[48];

	snprintf(title, sizeof(title), "%s, depth %u", names[subject], c->m->columns[column].depth);
	p = canvas_panel(c, number, title);
	axis.log = true;
	bench_axis_cover(&axis, 0.8);
	bench_axis_cover(&axis, 1.6);
	fprintf(c->out, "set yrange [%.3f:-0.7]\nunset ytics\n", pair_place(pairs, count, count) - 0.3);
	if (p.names)
		names_begin(c);
	for (size_t i = 0; i < count && p.names; i++) {
		fputs(i ? ", " : "", c->out);
		pair_name(c, &pairs[i], column);
		fprintf(c->out, " %.3f%s", pair_place(pairs, count, i), i + 1 == count ? ")\n" : "");
	}
	fprintf(c->out, "$ratios%zu << END\n", number);
	for (size_t i = 0; i < count; i++) {
		struct bench_claim claim = bench_claim_of(bench_matrix_cell(c->m, pairs[i].a, column),
							  bench_matrix_cell(c->m, pairs[i].b, column),
							  subject);
		bool one = claim.verdict == BENCH_ONE_ROUND;
		double low = one ? claim.ratio.ratio : claim.ratio.low, high = one ? low : claim.ratio.high;

		if (claim.verdict == BENCH_NOT_COMPARED || !(low > 0) || !isfinite(high))
			continue;
		/* What is hardly known must not press all others together: its line leaves the panel. */
		bench_axis_cover(&axis, fmax(low, claim.ratio.ratio / WIDEST));
		bench_axis_cover(&axis, fmin(high, claim.ratio.ratio * WIDEST));
		fprintf(c->out, "%.3f %.9g %.9g %.9g %u %d\n", pair_place(pairs, count, i), claim.ratio.ratio, low,
			high, claim.verdict == BENCH_NO_DIFFERENCE ? paper->faint :
			bench_plot_colour(c->m->rows[pairs[i].a].group, c->form.dark), one ? 6 : 7);
	}
	fputs("-9 1 1 1 0 7\nEND\n", c->out);
	bench_axis_write(c->out, 'x', &axis, c->across > 1 ? 4 : 6);
	fprintf(c->out, "set arrow 1 from 1,graph 0 to 1,graph 1 nohead linewidth 1.2 linecolor rgb '#%06x'\n",
		paper->faint);
	fprintf(c->out,
		"plot $ratios%zu using 2:1:3:4:5 with xerrorbars pointtype 0 linewidth 2 linecolor rgb "
		"variable, '' using 2:1:(0.62):6:5 with points pointsize variable pointtype variable "
		"linecolor rgb variable\n", number);
}

/* Of IOPS, of median latencies, and of instructions where they were counted. */
static void ratios(struct canvas *c)
{
	size_t deep = bench_matrix_random_reads(c->m, 32);
	bool counted = bench_matrix_has(c->m, deep, BENCH_INSTRUCTIONS_USER);
	struct bench_pair pairs[BENCH_PAIRS_MOST];
	size_t count = bench_pairs(c->m, pairs), number = 0;

	c->width = 720;
	c->gutter = c->form.narrow ? 188 : 222;
	c->across = 2 + counted;
	c->panel_height = (pair_place(pairs, count, count) + 0.4) * ROW_HEIGHT;
	canvas_begin(c, c->across);
	ratio_panel(c, pairs, count, number++, BENCH_SUBJECT_IOPS, deep);
	ratio_panel(c, pairs, count, number++, BENCH_SUBJECT_LATENCY, deep);
	if (counted)
		ratio_panel(c, pairs, count, number++, BENCH_SUBJECT_INSTRUCTIONS, deep);
}

void bench_plot_script(FILE *script, const struct bench_matrix *m, enum bench_plot_kind kind, size_t first,
		       size_t count, struct bench_plot_form form)
{
	struct canvas c = {
		.out = script, .m = m, .form = form, .across = count < 4 ? count : 4, .width = 1120,
	};

	if (kind == BENCH_PLOT_RATIOS) {
		ratios(&c);
		return;
	}
	if (kind == BENCH_PLOT_TRADE) {
		trades(&c, first, count);
		return;
	}
	c.gutter = form.narrow ? 150 : 178;
	c.panel_height = (place(m, m->nr_rows) + 0.4) * ROW_HEIGHT;
	canvas_begin(&c, count);
	for (size_t i = 0; i < count; i++) {
		if (kind == BENCH_PLOT_LATENCY)
			percentiles(&c, first + i, i);
		else if (kind == BENCH_PLOT_IOPS)
			bars(&c, first + i, i, BENCH_IOPS, BENCH_SUBJECT_IOPS);
		else if (kind == BENCH_PLOT_CPU)
			bars(&c, first + i, i, BENCH_CPU_USER, BENCH_SUBJECT_CPU);
		else
			bars(&c, first + i, i, BENCH_INSTRUCTIONS_USER, BENCH_SUBJECT_INSTRUCTIONS);
	}
}
