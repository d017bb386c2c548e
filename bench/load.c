// SPDX-License-Identifier: MIT
/*
 * When the clock is read: once before a batch is submitted, and once after a reap that found
 * something. So all I/Os of a batch have one submission time, before the first of them was written,
 * and all that were found together have one reap time, after the last was found: latencies are too
 * long rather than too short, by the time that the path spends on the rest of the batch. At depth 1
 * there is no rest.
 *
 * What the load itself does between a reap and the next batch is in no latency, but it is in IOPS
 * and instructions, the same for all paths: about 75 instructions per I/O in batches of 32, 220 at
 * depth 1, clock included (callgrind, x86-64, on a path that does nothing).
 */
#include "load.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "generator.h"

#define IDLE UINT64_MAX			/* since[] of a slot that is not in flight */
#define LOOKS 4096			/* empty reaps between two looks at the clock */
#define PATIENCE_NS 60000000000		/* longer than the kernel's driver waits for a command */

struct load {
	struct bench_path *path;
	struct bench_generator *generator;
	struct bench_measured *measured;
	uint64_t now, found;		/* last reading of the clock; last that found any */
	uint64_t left;			/* I/Os still to submit */
	unsigned depth, in_flight, empty;
	struct bench_io ios[BENCH_MAX_DEPTH];
	struct bench_done done[BENCH_MAX_DEPTH];
	uint64_t since[BENCH_MAX_DEPTH];	/* by slot: when it was submitted */
};

static uint64_t look(struct load *l)
{
	return l->now = l->path->clock->now(l->path->clock);
}

/* The slots that are free are those of the first @n of ios[]. */
static int submit(struct load *l, unsigned n)
{
	if (n > l->left)
		n = (unsigned)l->left;
	if (!n)
		return 0;
	for (unsigned i = 0; i < n; i++)
		bench_generator_next(l->generator, &l->ios[i]);
	look(l);
	for (unsigned i = 0; i < n; i++)
		l->since[l->ios[i].slot] = l->now;
	l->in_flight += n;
	l->left -= n;
	return l->path->ops->submit(l->path, l->ios, n);
}

static int account(struct load *l, const struct bench_done *done, bool counts)
{
	struct bench_measured *m = l->measured;

	if (done->slot >= l->depth || l->since[done->slot] == IDLE)
		return -EPROTO;
	if (done->error) {
		m->errors++;
		if (!m->first_error)
			m->first_error = done->error;
	} else {
		m->ios += counts;
		bench_histogram_add(&m->latency, l->now - l->since[done->slot]);
	}
	l->since[done->slot] = IDLE;
	l->in_flight--;
	return 0;
}

/* Nothing was found. A path that sleeps gets here rarely. */
static int wait_on(struct load *l)
{
	if (l->path->spins && ++l->empty % LOOKS)
		return 0;
	return look(l) - l->found > PATIENCE_NS ? -ETIMEDOUT : 0;
}

/* How many were found; their slots are then those of the first of ios[]. */
static int reap(struct load *l, bool counts)
{
	int n = l->path->ops->reap(l->path, l->done, l->in_flight), ret;

	if (n < 0)
		return n;
	if ((unsigned)n > l->in_flight)
		return -EPROTO;
	if (!n)
		return wait_on(l);
	l->found = look(l);
	for (int i = 0; i < n; i++) {
		ret = account(l, &l->done[i], counts);
		if (ret)
			return ret;
		l->ios[i].slot = l->done[i].slot;
	}
	return n;
}

static void count_rings(struct load *l)
{
	if (l->path->ops->count)
		l->path->ops->count(l->path);
}

static int keep_up(struct load *l, const struct bench_until *until, const volatile int *stop)
{
	uint64_t sq_rings, cq_rings, start;
	int n = (int)l->depth, ret;

	count_rings(l);
	sq_rings = l->path->sq_rings;
	cq_rings = l->path->cq_rings;
	start = l->found = look(l);
	while ((l->left || l->in_flight) && !(stop && *stop) &&
	       !(until->ns && l->now - start >= until->ns)) {
		ret = submit(l, (unsigned)n);
		if (ret)
			return ret;
		n = reap(l, true);
		if (n < 0)
			return n;
	}
	l->measured->ns = l->now - start;
	count_rings(l);
	l->measured->sq_rings = l->path->sq_rings - sq_rings;
	l->measured->cq_rings = l->path->cq_rings - cq_rings;
	return 0;
}

static int drain(struct load *l)
{
	int n = 0;

	while (l->in_flight && n >= 0)
		n = reap(l, false);
	return n < 0 ? n : 0;
}

static bool fits(const struct bench_path *path, const struct bench_workload *work,
		 const struct bench_until *until)
{
	const struct bench_shape *shape = &path->shape;

	return work->depth && work->depth <= shape->depth && shape->depth <= BENCH_MAX_DEPTH &&
	       work->bytes && work->bytes <= shape->bytes && work->bytes % path->block == 0 &&
	       work->bytes <= path->bytes && work->percent_write <= 100 &&
	       (shape->writes || !work->percent_write) && (until->ns || until->ios);
}

int bench_load_run(struct bench_path *path, const struct bench_workload *work,
		   struct bench_generator *generator, const struct bench_until *until,
		   const volatile int *stop, struct bench_measured *measured)
{
	struct load *l;
	int ret;

	memset(measured, 0, sizeof(*measured));
	if (!fits(path, work, until))
		return -EINVAL;
	l = calloc(1, sizeof(*l));
	if (!l)
		return -ENOMEM;
	l->path = path;
	l->measured = measured;
	l->generator = generator;
	l->left = until->ios ? until->ios : UINT64_MAX;
	l->depth = work->depth;
	for (unsigned i = 0; i < l->depth; i++) {
		l->ios[i].slot = i;
		l->since[i] = IDLE;
	}
	ret = keep_up(l, until, stop);
	if (!ret)
		ret = drain(l);
	free(l);
	return ret;
}
