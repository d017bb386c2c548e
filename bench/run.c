// SPDX-License-Identifier: MIT
#include "run.h"

#include <errno.h>
#include <limits.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>

#include "clock.h"
#include "machine.h"
#include "mark.h"
#include "measure.h"
#include "place.h"
#include "plan.h"
#include "quiet.h"
#include "report.h"
#include "results.h"

struct run {
	const struct bench_options *options;
	struct bench_places places;
	struct bench_results results;
	const struct bench_row *at;	/* a row of the current place; NULL: nowhere yet */
	size_t done;			/* steps that were measured */
	size_t repeats;			/* of disturbed rounds, left for this run */
	size_t disturbed;		/* rounds that stayed so */
	uint64_t began;			/* ns */
	uint64_t mark;
	bool failed, interrupted;
};

__attribute__((format(printf, 1, 2)))
static void say(const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	vfprintf(stderr, fmt, ap);
	va_end(ap);
	fputc('\n', stderr);
}

/* --- what is not run --- */

/* Without a @column: in all of them. */
static void skip(struct run *run, const struct bench_row *row, const struct bench_column *column,
		 const char *why)
{
	say("skipped: %s%s%s: %s", row->name, column ? " " : "", column ? column->name : "", why);
	if (bench_results_skip(&run->results, row, column, why))
		run->failed = true;
}

static bool is_skipped(const struct run *run, const struct bench_row *row,
		       const struct bench_column *column)
{
	for (size_t i = 0; i < run->results.nr_skipped; i++) {
		const struct bench_skipped *s = &run->results.skipped[i];

		if (s->row == row && (!s->column || s->column == column))
			return true;
	}
	return false;
}

/* Skip all rows of a place that could not be entered. */
static void skip_place(struct run *run, const struct bench_row *row, const char *why)
{
	for (size_t i = 0; i < run->options->nr_rows; i++) {
		const struct bench_row *other = run->options->rows[i];

		if (bench_same_place(other, row) && !is_skipped(run, other, NULL))
			skip(run, other, NULL, why);
	}
}

static bool is_polled(const struct bench_row *row)
{
	return !row->nnvme &&
	       (row->uring == BENCH_URING_POLLED || row->uring == BENCH_URING_PASSTHROUGH);
}

/* Rows without a controller on this machine, or that poll where there is no poll queue. */
static void skip_impossible(struct run *run)
{
	char why[300];

	for (size_t i = 0; i < run->options->nr_rows; i++) {
		const struct bench_row *row = run->options->rows[i];

		if (is_skipped(run, row, NULL))
			continue;
		if (!bench_place_of(&run->places, row, why))
			skip(run, row, NULL, why);
		else if (is_polled(row) && *run->places.no_poll)
			skip(run, row, NULL, run->places.no_poll);
	}
}

/* --- a step --- */

/* "3 min" or "40 s": the remaining time, judging by the steps so far. */
static void remaining(const struct run *run, size_t index, char text[32])
{
	double each = run->done ? (double)(bench_now() - run->began) / 1e9 / (double)run->done : 0;
	double left = 0;

	while (++index < bench_plan_steps(run->options)) {
		struct bench_step step = bench_plan_step(run->options, index);

		left += is_skipped(run, step.row, step.column) ? 0 : each;
	}
	snprintf(text, 32, left >= 90 ? "%.0f min" : "%.0f s", left >= 90 ? left / 60 : left);
}

static void keep_round(struct run *run, const struct bench_step *step,
		       const struct bench_device *device, const struct bench_round *measured)
{
	struct bench_cell *cell = bench_results_cell(&run->results, step->row, step->column,
						     device->bdf);
	struct bench_round *round = cell ? bench_cell_round(cell) : NULL;
	char left[32], text[120];

	run->done++;
	if (!round) {
		run->failed = true;
		say("no memory for a result");
		return;
	}
	*round = *measured;
	remaining(run, step->index, left);
	bench_round_text(round, text, sizeof(text));
	say("[%zu/%zu] round %u, %s, %s: %s%s%s; %s left", step->index + 1,
	    bench_plan_steps(run->options), step->round + 1, step->row->name, step->column->name,
	    text, *round->domain_read_back ? ", domain " : "", round->domain_read_back, left);
	run->failed = run->failed || round->errors;
	run->disturbed += bench_round_is_disturbed(round);
}

/*
 * Before each round of each cell: read the type back, and check that the disk is still not in use.
 */
static int check_place(const struct bench_row *row, const struct bench_device *device,
		       char type[16], struct nnvme_err *err)
{
	bench_place_read_back(device, type);
	if (row->nnvme)
		return 0;
	if (row->domain != NNVME_DOMAIN_OTHER && strcmp(type, nnvme_domain_name(row->domain)) != 0)
		return nnvme_fail(err, -EBADE, "the domain type of %s reads back as \"%s\", and "
				  "not as %s", device->bdf, type, nnvme_domain_name(row->domain));
	return nnvme_pci_in_use(device->bdf, err);
}

static void measure(struct run *run, const struct bench_step *step,
		    const struct bench_device *device)
{
	struct bench_task task = {
		.row = step->row,
		.column = step->column,
		.device = device,
		.until = { .ns = (uint64_t)(run->options->seconds * 1e9),
			   .ios = run->options->ios },
		.warmup_ns = (uint64_t)(run->options->warmup * 1e9),
		.seed = step->index + 1,
		.fio = run->options->fio,
	};
	struct bench_round round = { { 0 } };
	enum bench_outcome outcome = BENCH_FAILED;
	struct nnvme_err err = { 0 };
	char why[300];

	if (run->options->marks)
		task.mark = round.mark = ++run->mark;
	if (!check_place(step->row, device, round.domain_read_back, &err))
		outcome = bench_measure_quietly(bench_measure, &task, &run->repeats, &round, &err);
	if (outcome == BENCH_MEASURED)
		keep_round(run, step, device, &round);
	if (outcome == BENCH_LACKS)
		skip(run, step->row, step->column, err.text);
	if (outcome == BENCH_FAILED) {
		run->failed = true;
		snprintf(why, sizeof(why), "failed in round %u: %.250s", step->round + 1, err.text);
		skip(run, step->row, step->column, why);
	}
}

static int enter(struct run *run, const struct bench_row *row, const struct bench_device *device)
{
	struct nnvme_err err;
	int rc;

	if (run->at && bench_same_place(run->at, row))
		return 0;
	if (row->nnvme)
		say("%s: to vfio-pci", device->bdf);
	else if (row->domain == NNVME_DOMAIN_OTHER)
		say("%s: to the kernel's driver", device->bdf);
	else
		say("%s: to the kernel's driver, domain type %s", device->bdf,
		    nnvme_domain_name(row->domain));
	rc = bench_place_enter(&run->places, row, &err);
	run->at = rc ? NULL : row;
	if (rc)
		skip_place(run, row, err.text);
	/* The machine can't do it. */
	if (rc && rc != -EOPNOTSUPP && rc != -EINVAL && rc != -EPERM)
		run->failed = true;
	return rc;
}

static int write_results(struct run *run, struct nnvme_err *err)
{
	char path[PATH_MAX];
	int rc;

	snprintf(path, sizeof(path), "%s/results.json", run->options->out);
	rc = bench_results_write(&run->results, path, err);
	snprintf(path, sizeof(path), "%s/results.csv", run->options->out);
	return rc ? rc : bench_results_write_csv(&run->results, path, err);
}

static void step_through(struct run *run)
{
	size_t steps = bench_plan_steps(run->options);
	unsigned round = 0;

	run->began = bench_now();
	/* Repeats must not triple the time where it is always busy. Counting needs none. */
	run->repeats = run->options->marks ? 0 : (steps + 1) / 2;
	for (size_t i = 0; i < steps; i++) {
		struct bench_step step = bench_plan_step(run->options, i);
		const struct bench_device *device;
		char why[300];

		if (bench_interrupted())
			break;
		if (step.round != round)
			write_results(run, NULL);	/* in case the machine crashes */
		round = step.round;
		if (is_skipped(run, step.row, step.column))
			continue;
		device = bench_place_of(&run->places, step.row, why);
		if (device && !enter(run, step.row, device))
			measure(run, &step, device);
	}
	run->interrupted = bench_interrupted();
}

/* --- the whole --- */

static int look(struct run *run, struct nnvme_err *err)
{
	const struct bench_options *o = run->options;
	int rc;

	if (strlen(o->out) > PATH_MAX - 32)
		return nnvme_fail(err, -ENAMETOOLONG, "--out is longer than a path can be");
	if (o->marks && o->nr_rows * o->nr_columns * o->rounds > BENCH_MARK_MAX)
		return nnvme_fail(err, -EINVAL, "--marks has numbers for %d rounds of cells, and "
				  "this run has more", BENCH_MARK_MAX);
	rc = bench_places_begin(&run->places, err);
	run->places.unsafe_noiommu = o->unsafe_noiommu;
	if (!rc)
		rc = bench_places_add(&run->places, o->device, err);
	if (!rc && *o->second)
		rc = bench_places_add(&run->places, o->second, err);
	if (!rc && mkdir(o->out, 0777) && errno != EEXIST)
		rc = nnvme_fail(err, -errno, "%s cannot be made: %s", o->out, strerror(errno));
	return rc;
}

/* The state while the loads run. */
static int describe(struct run *run, int argc, char **argv)
{
	struct bench_results *r = &run->results;
	time_t seconds = time(NULL);
	struct tm utc;
	int rc;

	if (gmtime_r(&seconds, &utc))
		strftime(r->started, sizeof(r->started), "%Y-%m-%dT%H:%M:%SZ", &utc);
	strcpy(r->harness, run->options->fio ? "fio" : "bench");
	snprintf(r->backend, sizeof(r->backend), "%s", run->options->backend);
	r->emulated = bench_machine_is_emulated();
	r->rounds = run->options->rounds;
	r->seconds = run->options->seconds;
	rc = bench_machine_facts(&r->machine, argc, argv);
	if (!rc)
		rc = bench_device_facts(&r->device, "", &run->places.device[0]);
	if (rc || run->places.nr_devices < 2)
		return rc;
	rc = bench_device_facts(&r->device, "second.", &run->places.device[1]);
	if (strcmp(bench_facts_get(&r->device, "model"),
		   bench_facts_get(&r->device, "second.model")) != 0)
		say("the second device is another model: a ratio of rows on the two compares the "
		    "controllers, too");
	return rc;
}

/* Of 2 MiB, for the buffers of the largest column and for the driver. */
static unsigned long hugepages(const struct bench_options *o)
{
	unsigned long most = 0;

	for (size_t i = 0; i < o->nr_columns; i++) {
		unsigned long bytes = o->columns[i]->work.depth *
				      (unsigned long)o->columns[i]->work.bytes;

		most = bytes > most ? bytes : most;
	}
	return (most >> 21) + 8;
}

static int start(struct run *run, struct nnvme_err *err)
{
	bool polled = false;

	for (size_t i = 0; i < run->options->nr_rows; i++)
		polled = polled || (is_polled(run->options->rows[i]) &&
				    !is_skipped(run, run->options->rows[i], NULL));
	return bench_places_start(&run->places, polled, hugepages(run->options), err);
}

static void measure_all(struct run *run, int argc, char **argv)
{
	skip_impossible(run);
	if (describe(run, argc, argv)) {
		say("no memory for what this machine is");
		run->failed = true;
	}
	step_through(run);
	say(run->interrupted ? "interrupted: putting all back" : "putting all back");
}

static int end_run(struct run *run)
{
	struct nnvme_err err;

	run->results.complete = !run->interrupted;
	if (write_results(run, &err)) {
		say("%s", err.text);
		return 1;
	}
	say("%s/results.json: %zu cells, %zu skipped%s", run->options->out, run->results.nr_cells,
	    run->results.nr_skipped, run->interrupted ? ", not complete" : "");
	if (run->disturbed)
		say("%zu of %zu rounds were disturbed: their load waited for a processor for "
		    "more than %.0f %% of the time, and they are marked; let nothing else "
		    "run beside it", run->disturbed, run->done, 100 * BENCH_MOST_RUN_DELAY);
	if (!run->results.nr_cells)
		say("nothing could be run");
	else if (bench_report(run->options->out))
		say("a report can be made later: noiommu-nvme-bench report "
		    "%s/results.json", run->options->out);
	if (run->interrupted)
		return 130;
	return run->failed || !run->results.nr_cells;
}

int bench_run(const struct bench_options *options, int argc, char **argv)
{
	struct run run = { .options = options, .places = { .state = -1 } };
	struct nnvme_err err;
	int status, rc;

	bench_block_signals();
	rc = look(&run, &err);
	if (!rc) {
		skip_impossible(&run);
		rc = start(&run, &err);
	}
	if (!rc) {
		measure_all(&run, argc, argv);
		rc = bench_places_end(&run.places, &err);
		if (rc)
			say("not all is as it was: %s; the next run tries again", err.text);
		status = end_run(&run);
		status = status ? status : rc != 0;
	} else {
		say("noiommu-nvme-bench: %s", err.text);
		status = 1;
	}
	bench_places_close(&run.places);
	bench_results_free(&run.results);
	return status;
}
