// SPDX-License-Identifier: MIT
#include "path_simulated.h"

#include <errno.h>
#include <stdlib.h>

#include "bench/path_private.h"
#include "random_normal.h"

#define IDLE UINT64_MAX
#define POLL_NS 100	/* what an empty reap takes where it spins */
#define BYTES ((uint64_t)1 << 30)
#define BLOCK 512

struct simulated_path {
	struct bench_path path;
	struct bench_clock clock;
	struct bench_simulated how;
	uint64_t now, state, submitted;
	uint64_t unit_free[BENCH_MAX_DEPTH];	/* when that unit has served all it was given */
	uint64_t ends[BENCH_MAX_DEPTH];		/* by slot */
	int error[BENCH_MAX_DEPTH];
};

static struct simulated_path *simulated(struct bench_path *path)
{
	return (struct simulated_path *)path;
}

static uint64_t now(struct bench_clock *clock)
{
	return ((struct simulated_path *)((char *)clock - offsetof(struct simulated_path,
								   clock)))->now;
}

static bool allowed(const struct simulated_path *p, const struct bench_io *io)
{
	return io->slot < p->path.shape.depth && p->ends[io->slot] == IDLE &&
	       io->bytes && io->bytes <= p->path.shape.bytes && io->bytes % BLOCK == 0 &&
	       io->offset % BLOCK == 0 && io->offset <= p->path.bytes &&
	       io->bytes <= p->path.bytes - io->offset && (p->path.shape.writes || !io->write);
}

static uint64_t service(struct simulated_path *p)
{
	double sigma = p->how.noise;

	/* a lognormal distribution with that mean */
	if (sigma > 0)
		return (uint64_t)((double)p->how.service_ns *
				  exp(sigma * random_normal(&p->state) - sigma * sigma / 2));
	return p->how.service_ns;
}

static void serve(struct simulated_path *p, uint32_t slot)
{
	uint64_t *unit = &p->unit_free[0];

	for (unsigned i = 1; i < p->how.units; i++)
		if (p->unit_free[i] < *unit)
			unit = &p->unit_free[i];
	*unit = (*unit > p->now ? *unit : p->now) + service(p);
	p->ends[slot] = *unit;
	p->submitted++;
	p->error[slot] = p->how.fail_every && p->submitted % p->how.fail_every == 0 ? EIO : 0;
}

static int simulated_submit(struct bench_path *path, const struct bench_io *ios, unsigned count)
{
	struct simulated_path *p = simulated(path);

	for (unsigned i = 0; i < count; i++) {
		if (!allowed(p, &ios[i]))
			return -EPROTO;
		p->now += p->how.submit_ns;
		serve(p, ios[i].slot);
	}
	path->sq_rings++;
	return 0;
}

static int simulated_reap(struct bench_path *path, struct bench_done *done, unsigned max)
{
	struct simulated_path *p = simulated(path);
	uint64_t first = IDLE;
	int n = 0;

	for (unsigned slot = 0; slot < path->shape.depth; slot++)
		if (p->ends[slot] < first)
			first = p->ends[slot];
	if (first == IDLE)
		return -EPROTO;		/* it would sleep for ever */
	if (first > p->now) {
		p->now = path->spins ? p->now + POLL_NS : first;
		if (path->spins)
			return 0;
	}
	for (uint32_t slot = 0; slot < path->shape.depth && (unsigned)n < max; slot++)
		if (p->ends[slot] <= p->now) {
			done[n++] = (struct bench_done){ .slot = slot, .error = p->error[slot] };
			p->ends[slot] = IDLE;
		}
	path->cq_rings++;
	return n;
}

static void simulated_close(struct bench_path *path)
{
	free(simulated(path));
}

static const struct bench_path_ops simulated_ops = {
	.submit = simulated_submit, .reap = simulated_reap, .close = simulated_close,
};

int bench_path_simulated(const struct bench_simulated *how, const struct bench_shape *shape,
			 struct bench_path **path, struct nnvme_err *err)
{
	struct nnvme_err why;
	struct simulated_path *p;

	if (how->units > BENCH_MAX_DEPTH)
		return nnvme_fail(err, -EINVAL, "simulated device: %u "
				  "units: at most %d", how->units, BENCH_MAX_DEPTH);
	p = bench_path_new(sizeof(*p), "simulated device", &simulated_ops, shape, &why);
	if (!p)
		return nnvme_fail(err, why.code, "%s", why.text);
	p->path.clock = &p->clock;
	p->path.bytes = BYTES;
	p->path.block = BLOCK;
	p->path.spins = how->spins;
	p->path.counts_doorbells = true;
	p->clock.now = now;
	p->how = *how;
	p->state = how->seed;
	for (unsigned i = 0; i < BENCH_MAX_DEPTH; i++)
		p->ends[i] = IDLE;
	*path = &p->path;
	return 0;
}
