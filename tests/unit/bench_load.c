// SPDX-License-Identifier: MIT
/*
 * The load and its generator: what is asked of a path, in which order, and what is made of its
 * answers; on the simulated device, and on a path that lies.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "bench/generator.h"
#include "bench/measure.h"
#include "load_rig.h"
#include "path_simulated.h"
#include "rows.h"

#define KIB 1024u
#define SEEN 4096

static struct bench_measured m;

/* A path that wraps another, records what passes, and answers as a test wants. */
struct watch {
	struct bench_path path;
	struct bench_path *inner;
	struct bench_io seen[SEEN];
	unsigned nr_seen, batches, reaps, in_flight, most;
	int (*lie)(struct watch *w, struct bench_done *done, int n);	/* what reap returns */
	volatile int *stop;	/* set when so many batches have passed: */
	unsigned stop_after;
	int refuse;		/* what submit returns */
};

static int watch_submit(struct bench_path *path, const struct bench_io *ios, unsigned count)
{
	struct watch *w = (struct watch *)path;

	if (w->refuse)
		return w->refuse;
	for (unsigned i = 0; i < count; i++)
		w->seen[w->nr_seen++ % SEEN] = ios[i];
	w->in_flight += count;
	if (w->in_flight > w->most)
		w->most = w->in_flight;
	if (++w->batches == w->stop_after)
		*w->stop = 1;
	/* it refuses a slot in flight: the load must have noticed a lie before */
	assert_int_equal(w->inner->ops->submit(w->inner, ios, count), 0);
	path->sq_rings = w->inner->sq_rings;
	return 0;
}

static int watch_reap(struct bench_path *path, struct bench_done *done, unsigned max)
{
	struct watch *w = (struct watch *)path;
	int n = w->inner->ops->reap(w->inner, done, max);

	assert_int_equal(max, w->in_flight);
	if (n > 0)
		w->in_flight -= (unsigned)n;
	path->cq_rings = w->inner->cq_rings;
	w->reaps++;
	return w->lie ? w->lie(w, done, n) : n;
}

static const struct bench_path_ops watch_ops = { .submit = watch_submit, .reap = watch_reap };

static struct watch *watch(const struct bench_simulated *how, unsigned depth, uint32_t bytes,
			   bool writes)
{
	struct bench_shape shape = { .depth = depth, .bytes = bytes, .writes = writes };
	struct watch *w = calloc(1, sizeof(*w));
	struct nnvme_err err;

	assert_non_null(w);
	if (bench_path_simulated(how, &shape, &w->inner, &err))
		fail_msg("%s", err.text);
	w->path = *w->inner;
	w->path.ops = &watch_ops;
	return w;
}

static void unwatch(struct watch *w)
{
	w->inner->ops->close(w->inner);
	free(w);
}

static const struct bench_simulated plain = { .service_ns = 10000, .units = 4, .noise = 0.3,
					      .seed = 5 };

/*
 * Submissions come in batches of as many as were reaped, and never more than the depth are in
 * flight.
 */
static void the_depth_is_kept_and_never_exceeded(void **state)
{
	static const unsigned depths[] = { 1, 2, 7, 32, 1024 };

	for (unsigned i = 0; i < 5; i++) {
		struct watch *w = watch(&plain, depths[i], 4 * KIB, false);
		struct bench_workload work = { .bytes = 4 * KIB, .depth = depths[i],
					       .random = true };

		assert_int_equal(load_once(&w->path, &work,
						&(struct bench_until){ .ios = 3000 }, NULL, &m), 0);
		assert_int_equal(w->nr_seen, 3000);
		assert_int_equal(w->most, depths[i]);
		assert_int_equal(w->in_flight, 0);
		assert_int_equal(m.ios, 3000);
		assert_int_equal(m.latency.count, 3000);
		assert_int_equal(m.errors, 0);
		/* a batch for each reap but the last ones, which leave nothing to submit */
		assert_true(w->batches <= w->reaps);
		assert_int_equal(m.sq_rings, w->batches);
		assert_int_equal(m.cq_rings, w->reaps);
		unwatch(w);
	}
}

static void a_count_below_the_depth_is_kept(void **state)
{
	struct watch *w = watch(&plain, 32, 4 * KIB, false);
	struct bench_workload work = { .bytes = 4 * KIB, .depth = 32 };

	assert_int_equal(load_once(&w->path, &work, &(struct bench_until){ .ios = 5 }, NULL,
					&m), 0);
	assert_int_equal(w->nr_seen, 5);
	assert_int_equal(m.ios, 5);
	unwatch(w);
}

static void sequential_goes_through_and_begins_again(void **state)
{
	struct watch *w = watch(&plain, 4, 128 * KIB, false);
	struct bench_workload work = { .bytes = 128 * KIB, .depth = 4 };

	w->path.bytes = 5 * 128 * KIB + 512;	/* and the rest is not reached */
	assert_int_equal(load_once(&w->path, &work, &(struct bench_until){ .ios = 12 }, NULL,
					&m), 0);
	for (unsigned i = 0; i < 12; i++) {
		assert_int_equal(w->seen[i].offset, i % 5 * 128 * KIB);
		assert_int_equal(w->seen[i].bytes, 128 * KIB);
		assert_false(w->seen[i].write);
	}
	unwatch(w);
}

static int by_offset(const void *a, const void *b)
{
	const struct bench_io *x = a, *y = b;

	return (x->offset > y->offset) - (x->offset < y->offset);
}

/* How many I/Os of a round go to where another one was, on a fresh path. */
static unsigned repeated(struct watch *w, const char *column, uint64_t seed, unsigned *all)
{
	/* There is none: nothing is counted. */
	struct bench_device device = { .bdf = "0000:7f:1f.7" };
	struct bench_task task = {
		.row = &bench_rows[0], .column = column_find(column), .device = &device,
		.until = { .ios = 500 }, .warmup_ns = 500000, .seed = seed,
	};
	struct bench_round round = { 0 };
	volatile int stop = 0;
	unsigned same = 0;

	assert_int_equal(bench_measure_on(&task, &w->path, &stop, &round), 0);
	assert_int_equal(round.ios, 500);
	*all = w->nr_seen;
	assert_in_range(*all, 600, SEEN / 2);	/* the warm-up, too */
	qsort(w->seen, *all, sizeof(*w->seen), by_offset);
	for (unsigned i = 1; i < *all; i++)
		same += w->seen[i].offset == w->seen[i - 1].offset;
	return same;
}

/* A device may remember what it was just asked for, so none of it is asked for again. */
static void no_pass_reads_what_was_just_read(void **state)
{
	static const char *const columns[] = { "randread-4k-qd32", "read-128k-qd32" };

	for (int i = 0; i < 2; i++) {
		uint32_t bytes = column_find(columns[i])->work.bytes;
		struct watch *one = watch(&plain, 32, bytes, false),
			     *other = watch(&plain, 32, bytes, false);
		unsigned all, more;

		assert_true(repeated(one, columns[i], 1, &all) < all / 20);
		/* nor does another task, with another seed (sequences can overlap: these do not) */
		repeated(other, columns[i], 3, &more);
		for (unsigned k = 0; k < more && one->nr_seen + k < SEEN; k++)
			one->seen[one->nr_seen + k] = other->seen[k];
		all = one->nr_seen + more;
		qsort(one->seen, all, sizeof(*one->seen), by_offset);
		more = 0;
		for (unsigned k = 1; k < all; k++)
			more += one->seen[k].offset == one->seen[k - 1].offset;
		assert_true(more < all / 20);
		unwatch(one);
		unwatch(other);
	}
}

/* Every place comes, as often as the others; the same seed gives the same places. */
static void random_reaches_every_place(void **state)
{
	struct bench_workload work = { .bytes = 12 * KIB, .depth = 1, .random = true, .seed = 9 };
	struct bench_generator g, again;
	unsigned count[100] = { 0 };
	struct bench_io io, same;

	bench_generator_init(&g, &work, 100 * 12 * KIB + 4096);
	bench_generator_init(&again, &work, 100 * 12 * KIB + 4096);
	for (unsigned i = 0; i < 100000; i++) {
		bench_generator_next(&g, &io);
		bench_generator_next(&again, &same);
		assert_int_equal(io.offset, same.offset);
		assert_int_equal(io.offset % (12 * KIB), 0);
		assert_true(io.offset < 100 * 12 * KIB);
		count[io.offset / (12 * KIB)]++;
	}
	for (unsigned i = 0; i < 100; i++)	/* 1000 expected, standard deviation 31 */
		assert_in_range(count[i], 850, 1150);
	work.seed = 10;
	bench_generator_init(&again, &work, (uint64_t)1 << 40);
	bench_generator_init(&g, &(struct bench_workload){ .bytes = 4 * KIB, .random = true,
							   .seed = 11 }, (uint64_t)1 << 40);
	bench_generator_next(&g, &io);
	bench_generator_next(&again, &same);
	assert_int_not_equal(io.offset, same.offset);
}

static unsigned writes_of(unsigned percent, unsigned *low_half)
{
	struct bench_workload work = { .bytes = 4 * KIB, .random = true, .percent_write = percent,
				       .seed = 4 };
	struct bench_generator g;
	struct bench_io io;
	unsigned writes = 0;

	*low_half = 0;
	bench_generator_init(&g, &work, 1 << 30);
	for (unsigned i = 0; i < 100000; i++) {
		bench_generator_next(&g, &io);
		writes += io.write;
		*low_half += io.write && io.offset < 1 << 29;
	}
	return writes;
}

static void as_many_writes_as_asked_anywhere(void **state)
{
	unsigned low, writes;

	assert_int_equal(writes_of(0, &low), 0);
	assert_int_equal(writes_of(100, &low), 100000);
	for (unsigned percent = 1; percent < 100; percent += 7) {
		writes = writes_of(percent, &low);
		assert_in_range(writes, percent * 1000 - 700, percent * 1000 + 700);
		assert_in_range(low, writes * 45 / 100, writes * 55 / 100);
	}
}

/* The time ends the run at the next reap; I/Os drained after it count in no rate. */
static void time_ends_it(void **state)
{
	struct bench_simulated exact = { .service_ns = 10000, .units = 4 };
	struct watch *w = watch(&exact, 4, 4 * KIB, false);
	struct bench_workload work = { .bytes = 4 * KIB, .depth = 4 };

	assert_int_equal(load_once(&w->path, &work, &(struct bench_until){ .ns = 999999 },
					NULL, &m), 0);
	assert_int_equal(m.ns, 1000000);
	assert_int_equal(m.ios, 400);
	assert_int_equal(w->in_flight, 0);
	unwatch(w);
}

/* One I/O is stuck when time is up: it counts in no rate, but its latency is not lost. */
static void the_drained_have_a_latency_and_no_rate(void **state)
{
	struct bench_simulated wide = { .service_ns = 10000, .units = 32, .noise = 1, .seed = 3 };
	struct watch *w = watch(&wide, 32, 4 * KIB, false);
	struct bench_workload work = { .bytes = 4 * KIB, .depth = 32 };

	assert_int_equal(load_once(&w->path, &work, &(struct bench_until){ .ns = 100000 },
					NULL, &m), 0);
	assert_true(m.ios < w->nr_seen);
	assert_int_equal(m.latency.count, w->nr_seen);
	assert_int_equal(w->in_flight, 0);
	unwatch(w);
}

static void stop_ends_it_early(void **state)
{
	struct watch *w = watch(&plain, 4, 4 * KIB, false);
	struct bench_workload work = { .bytes = 4 * KIB, .depth = 4 };
	struct bench_until until = { .ns = 1000000000 };
	volatile int stop = 0;

	w->stop = &stop;
	w->stop_after = 10;
	assert_int_equal(load_once(&w->path, &work, &until, &stop, &m), 0);
	assert_int_equal(w->batches, 10);
	assert_int_equal(w->in_flight, 0);
	assert_true(m.ios < w->nr_seen);

	/* set from the beginning: nothing is submitted */
	assert_int_equal(load_once(&w->path, &work, &until, &stop, &m), 0);
	assert_int_equal(w->batches, 10);
	assert_int_equal(m.ios, 0);
	unwatch(w);
}

static void errors_are_no_ios(void **state)
{
	struct bench_simulated failing = { .service_ns = 1000, .units = 4, .fail_every = 10 };
	struct watch *w = watch(&failing, 4, 4 * KIB, false);
	struct bench_workload work = { .bytes = 4 * KIB, .depth = 4 };

	assert_int_equal(load_once(&w->path, &work, &(struct bench_until){ .ios = 1000 }, NULL,
					&m), 0);
	assert_int_equal(m.errors, 100);
	assert_int_equal(m.ios, 900);
	assert_int_equal(m.latency.count, 900);
	assert_int_equal(m.first_error, EIO);
	unwatch(w);
}

/* The times are those of submission and reap: they include handing over a deep batch. */
static void latency_is_from_submission_to_reap(void **state)
{
	struct bench_simulated slow = { .service_ns = 1000, .units = 8, .submit_ns = 500 };
	struct watch *w = watch(&slow, 8, 4 * KIB, false);
	struct bench_workload work = { .bytes = 4 * KIB, .depth = 8 };

	assert_int_equal(load_once(&w->path, &work, &(struct bench_until){ .ios = 8 }, NULL,
					&m), 0);
	assert_int_equal(m.latency.max, 8 * 500 + 1000);
	assert_int_equal(load_once(&w->path,
					&(struct bench_workload){ .bytes = 4 * KIB, .depth = 1 },
					&(struct bench_until){ .ios = 100 }, NULL, &m), 0);
	assert_int_equal(m.latency.max, 1500);
	assert_int_equal(m.latency.sum, 100 * 1500);
	unwatch(w);
}

static void a_path_that_spins_is_asked_again(void **state)
{
	struct bench_simulated spinning = { .service_ns = 10000, .units = 2, .spins = true };
	struct watch *w = watch(&spinning, 2, 4 * KIB, false);
	struct bench_workload work = { .bytes = 4 * KIB, .depth = 2 };

	assert_int_equal(load_once(&w->path, &work, &(struct bench_until){ .ios = 100 }, NULL,
					&m), 0);
	assert_int_equal(m.ios, 100);
	assert_true(w->reaps > 50 * 90);
	assert_in_range(m.latency.max, 10000, 10100);
	unwatch(w);
}

/* ---- paths that lie ---- */

static int more_than_there_are(struct watch *w, struct bench_done *done, int n)
{
	return w->reaps == 3 ? 5 : n;
}

static int a_slot_out_of_range(struct watch *w, struct bench_done *done, int n)
{
	if (w->reaps == 3)
		done[0].slot = UINT32_MAX;
	return n;
}

static int a_slot_just_out_of_range(struct watch *w, struct bench_done *done, int n)
{
	if (w->reaps == 3)
		done[0].slot = 4;
	return n;
}

static int the_same_twice(struct watch *w, struct bench_done *done, int n)
{
	if (w->reaps == 3 && n) {
		done[n] = done[0];
		return n + 1;
	}
	return n;
}

static int gives_up(struct watch *w, struct bench_done *done, int n)
{
	return w->reaps == 3 ? -ENODEV : n;
}

static void lies_end_the_run(void **state)
{
	static const struct {
		int (*lie)(struct watch *w, struct bench_done *done, int n);
		int ret;
	} lies[] = {
		{ more_than_there_are, -EPROTO }, { a_slot_out_of_range, -EPROTO },
		{ a_slot_just_out_of_range, -EPROTO }, { the_same_twice, -EPROTO },
		{ gives_up, -ENODEV },
	};
	struct bench_workload work = { .bytes = 4 * KIB, .depth = 4 };

	for (unsigned i = 0; i < sizeof(lies) / sizeof(lies[0]); i++) {
		struct watch *w = watch(&plain, 4, 4 * KIB, false);

		w->lie = lies[i].lie;
		assert_int_equal(load_once(&w->path, &work,
						&(struct bench_until){ .ios = 100 }, NULL, &m),
				 lies[i].ret);
		unwatch(w);
	}
}

static void a_refused_batch_ends_the_run(void **state)
{
	struct watch *w = watch(&plain, 4, 4 * KIB, false);
	struct bench_workload work = { .bytes = 4 * KIB, .depth = 4 };

	w->refuse = -ENOSPC;
	assert_int_equal(load_once(&w->path, &work, &(struct bench_until){ .ios = 100 }, NULL,
					&m), -ENOSPC);
	assert_int_equal(m.ios, 0);
	unwatch(w);
}

static uint64_t ticks;

static uint64_t tick(struct bench_clock *clock)
{
	return ticks += 1000000000;
}

static int take(struct bench_path *path, const struct bench_io *ios, unsigned count)
{
	return 0;
}

static int never(struct bench_path *path, struct bench_done *done, unsigned max)
{
	return 0;
}

/* A device that never answers ends the run with an error, instead of hanging it. */
static void silence_ends_the_run(void **state)
{
	static const struct bench_path_ops silent = { .submit = take, .reap = never };
	struct bench_clock clock = { .now = tick };
	struct bench_path path = {
		.ops = &silent, .spins = true, .clock = &clock,
		.shape = { .depth = 4, .bytes = 4096 },
		.bytes = 1 << 30, .block = 512,
	};
	struct bench_workload work = { .bytes = 4 * KIB, .depth = 4 };

	assert_int_equal(load_once(&path, &work, &(struct bench_until){ .ios = 100 }, NULL,
					&m), -ETIMEDOUT);
	/* also while draining, with a time shorter than the patience */
	ticks = 0;
	assert_int_equal(load_once(&path, &work, &(struct bench_until){ .ns = 1 }, NULL, &m),
			 -ETIMEDOUT);
	assert_int_equal(m.ios, 0);
	/* a sleeping one may wake up for nothing, but not for ever */
	path.spins = false;
	assert_int_equal(load_once(&path, &work, &(struct bench_until){ .ios = 100 }, NULL,
					&m), -ETIMEDOUT);
}

static void what_does_not_fit_is_refused(void **state)
{
	static const struct {
		struct bench_workload work;
		struct bench_until until;
	} bad[] = {
		{ { .bytes = 4096, .depth = 0 }, { .ios = 1 } },
		{ { .bytes = 4096, .depth = 9 }, { .ios = 1 } },
		{ { .bytes = 0, .depth = 1 }, { .ios = 1 } },
		{ { .bytes = 8192, .depth = 1 }, { .ios = 1 } },
		{ { .bytes = 100, .depth = 1 }, { .ios = 1 } },
		{ { .bytes = 4096, .depth = 1 }, { 0 } },
		{ { .bytes = 4096, .depth = 1, .percent_write = 101 }, { .ios = 1 } },
		{ { .bytes = 4096, .depth = 1, .percent_write = 1 }, { .ios = 1 } }, /* a reader */
	};
	struct watch *w = watch(&plain, 8, 4 * KIB, false);

	for (unsigned i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		assert_int_equal(load_once(&w->path, &bad[i].work, &bad[i].until, NULL, &m),
				 -EINVAL);
	w->path.bytes = 2048;
	assert_int_equal(load_once(&w->path,
					&(struct bench_workload){ .bytes = 4096, .depth = 1 },
					&(struct bench_until){ .ios = 1 }, NULL, &m), -EINVAL);
	assert_int_equal(w->batches, 0);
	unwatch(w);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_depth_is_kept_and_never_exceeded),
		cmocka_unit_test(a_count_below_the_depth_is_kept),
		cmocka_unit_test(sequential_goes_through_and_begins_again),
		cmocka_unit_test(random_reaches_every_place),
		cmocka_unit_test(as_many_writes_as_asked_anywhere),
		cmocka_unit_test(time_ends_it),
		cmocka_unit_test(the_drained_have_a_latency_and_no_rate),
		cmocka_unit_test(stop_ends_it_early),
		cmocka_unit_test(errors_are_no_ios),
		cmocka_unit_test(latency_is_from_submission_to_reap),
		cmocka_unit_test(a_path_that_spins_is_asked_again),
		cmocka_unit_test(lies_end_the_run),
		cmocka_unit_test(a_refused_batch_ends_the_run),
		cmocka_unit_test(silence_ends_the_run),
		cmocka_unit_test(what_does_not_fit_is_refused),
		cmocka_unit_test(no_pass_reads_what_was_just_read),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
