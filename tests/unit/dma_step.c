// SPDX-License-Identifier: MIT
/*
 * Look-ups in the bus-address table against registration and unregistration by another thread, at
 * every instruction of the look-up: it may succeed only if the memory was registered as a whole at
 * some time while it ran, fail only if at some time it was not, and never give a page that is
 * nobody's.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <pthread.h>
#include <sched.h>
#include <sys/mman.h>

#include "space_rig.h"
#include "step.h"

/*
 * Regions that may be registered, in pages from the start of a MiB: neighbours, a gap, the next MiB
 * too.
 */
static const struct {
	size_t at, pages;
} region[] = { { 4, 4 }, { 8, 3 }, { 20, 250 } };
#define REGIONS 3u

/* Within a region, across two, across the gap, into the next MiB; one page, two, many. */
static const struct {
	size_t at, len;
} buffer[] = {
	{ 4 * PAGE, 512 }, { 7 * PAGE + 512, PAGE }, { 7 * PAGE, 3 * PAGE }, { 5 * PAGE, 6 * PAGE },
	{ 9 * PAGE, 14 * PAGE }, { 12 * PAGE, 512 }, { 255 * PAGE, 3 * PAGE },
};
#define BUFFERS (sizeof(buffer) / sizeof(buffer[0]))

struct interleaving {
	struct nnvme_space *space;
	unsigned toggle[2];	/* the regions that another thread registers, or unregisters */
	unsigned now;		/* a bit for each region that is registered */
	unsigned seen[3], states;
	size_t at, len;		/* what is looked up, in bytes */
	int result;
	struct nnvme_prp prp;
};

static void look_up(void *arg)
{
	struct interleaving *i = arg;

	i->result = nnvme_table_prp(i->space->table, (uintptr_t)memory + i->at, i->len, &i->prp);
}

static void toggle(struct interleaving *i, unsigned r)
{
	void *va = memory + region[r].at * PAGE;
	size_t len = region[r].pages * PAGE;
	int ret = i->now & 1u << r ? nnvme_space_remove(i->space, va, len, NULL, NULL, NULL) :
		nnvme_space_add(i->space, va, len, NULL);

	assert_int_equal(ret, 0);
	i->now ^= 1u << r;
}

static void first(void *arg)
{
	struct interleaving *i = arg;

	toggle(i, i->toggle[0]);
	i->seen[i->states++] = i->now;
}

static void second(void *arg)
{
	struct interleaving *i = arg;

	toggle(i, i->toggle[1]);
	i->seen[i->states++] = i->now;
}

static bool page_registered(unsigned now, size_t page)
{
	for (unsigned r = 0; r < REGIONS; r++)
		if (now & 1u << r && page >= region[r].at && page < region[r].at + region[r].pages)
			return true;
	return false;
}

static bool all_registered(unsigned now, size_t at, size_t len)
{
	for (size_t page = at / PAGE; page * PAGE < at + len; page++)
		if (!page_registered(now, page))
			return false;
	return true;
}

/* Was it so all the time? */
static bool always(const struct interleaving *i, size_t page)
{
	for (unsigned s = 0; s < i->states; s++)
		if (!page_registered(i->seen[s], page))
			return false;
	return true;
}

static uint64_t bus_of(size_t page)
{
	return fake_bus(&fake, (uintptr_t)memory + page * PAGE);
}

/* The address that the device gets for a page, or for a removed page, that of the stand-in. */
static void check_page(const struct interleaving *i, size_t page, uint64_t told)
{
	assert_int_not_equal(told, 0);
	if (always(i, page))
		assert_int_equal(told, bus_of(page));
}

static void check(const struct interleaving *i)
{
	size_t page = i->at / PAGE, more = (i->at % PAGE + i->len - 1) / PAGE;
	bool once = false, ever = true;

	for (unsigned s = 0; s < i->states; s++) {
		bool all = all_registered(i->seen[s], i->at, i->len);

		once |= all;
		ever &= all;
	}
	if (i->result) {
		assert_int_equal(i->result, -EFAULT);
		assert_false(ever);
		return;
	}
	assert_true(once);
	assert_int_equal(i->prp.prp1, bus_of(page) + i->at % PAGE);
	if (!more)
		assert_int_equal(i->prp.prp2, 0);
	if (more == 1)
		check_page(i, page + 1, i->prp.prp2);
	if (more > 1) {
		nnvme_bus_t bus = { 0 };
		size_t granule = ((uintptr_t)memory + i->at) >> NNVME_GRANULE_SHIFT;
		const uint64_t *list = (const uint64_t *)nnvme_table_list(i->space->table, granule,
									  &bus);

		assert_int_equal(i->prp.prp2, bus.v + 8 * (page % NNVME_GRANULE_PAGES + 1));
		for (size_t n = 1; n <= more; n++)
			check_page(i, page + n, list[page % NNVME_GRANULE_PAGES + n]);
	}
}

/* Undo what was changed in between. */
static void undo(struct interleaving *i)
{
	while (--i->states)
		toggle(i, i->toggle[i->states - 1]);
}

static bool run(struct interleaving *i, struct step *s)
{
	bool all;

	i->seen[0] = i->now;
	i->states = 1;
	all = step_run(s);
	check(i);
	undo(i);
	return all;
}

/* The look-up with @start registered, and one or two changes at (pairs of) its instructions. */
static void every_point(unsigned start, size_t b, unsigned one, unsigned two)
{
	struct interleaving i = {
		.space = space, .at = buffer[b].at, .len = buffer[b].len, .toggle = { one, two },
	};
	struct step s = { .subject = look_up, .between = { first, two < REGIONS ? second : NULL },
			  .arg = &i };
	unsigned points = 0;
	bool more = true;

	for (unsigned r = 0; r < REGIONS; r++)
		if (start & 1u << r)
			toggle(&i, r);
	for (s.at[0] = 0; more; s.at[0] += STEP_STRIDE) {
		more = false;
		for (s.at[1] = s.at[0]; run(&i, &s) && s.between[1]; s.at[1] += 3 * STEP_STRIDE)
			more = true;
		more |= s.ran && !s.between[1];
		points++;
	}
	assert_true(points * STEP_STRIDE > 20);	/* it was stepped */
	for (unsigned r = 0; r < REGIONS; r++)
		if (i.now & 1u << r)
			toggle(&i, r);
}

static void one_change_at_every_instruction(void **state)
{
	for (unsigned start = 0; start < 1u << REGIONS; start++)
		for (unsigned r = 0; r < REGIONS; r++)
			for (size_t b = start % 2; b < BUFFERS; b += 2)
				every_point(start, b, r, REGIONS);
}

/*
 * A run of pages that jumps, grows at either end, shrinks, comes back: no mix of two states may be
 * seen.
 */
static void two_changes_at_every_pair_of_instructions(void **state)
{
	static const struct {
		unsigned start, one, two, buffer;
	} c[] = {
		{ 0, 0, 1, 3 }, { 1, 0, 1, 3 }, { 3, 0, 0, 3 }, { 1, 0, 2, 4 }, { 0, 1, 2, 4 },
		{ 4, 2, 1, 1 },
	};

	for (size_t i = 0; i < sizeof(c) / sizeof(c[0]); i++)
		every_point(c[i].start, c[i].buffer, c[i].one, c[i].two);
}

/* In reverse: look-ups at each instruction of a change give right answers. */
struct change {
	struct interleaving i;
	struct step s;
	bool wrong;
	unsigned yes, no;
};

static void change(void *arg)
{
	toggle(arg, ((struct interleaving *)arg)->toggle[0]);
}

/* And again at the next instruction. No assertion here: it would leave a signal handler. */
static void look_now(void *arg)
{
	struct change *c = arg;
	struct interleaving *i = &c->i;
	size_t page = i->at / PAGE, more = (i->at % PAGE + i->len - 1) / PAGE;
	size_t granule = ((uintptr_t)memory + i->at) >> NNVME_GRANULE_SHIFT;
	const uint64_t *list;
	nnvme_bus_t bus;

	c->s.at[0]++;
	c->s.ran = 0;
	look_up(i);
	c->yes += !i->result;
	c->no += !!i->result;
	if (i->result)
		return;
	c->wrong |= i->prp.prp1 != bus_of(page) + i->at % PAGE;
	if (more == 1)
		c->wrong |= i->prp.prp2 != bus_of(page + 1);
	if (more <= 1)
		return;
	list = nnvme_table_list(i->space->table, granule, &bus);
	for (size_t n = 1; n <= more; n++)
		c->wrong |= list[page % NNVME_GRANULE_PAGES + n] != bus_of(page + n);
}

static void every_point_of_a_change(unsigned start, unsigned b, unsigned changed)
{
	struct change c = { .i = { .space = space,
				   .at = buffer[b].at,
				   .len = buffer[b].len,
				   .toggle = { changed } } };
	bool before = all_registered(start, buffer[b].at, buffer[b].len);
	bool after = all_registered(start ^ 1u << changed, buffer[b].at, buffer[b].len);

	c.s = (struct step){ .subject = change, .between = { look_now }, .arg = &c };
	for (unsigned r = 0; r < REGIONS; r++) {
		toggle(&c.i, r); /* leaf and list pages are there from now on */
		if (!(start & 1u << r))
			toggle(&c.i, r);
	}
	assert_false(step_run(&c.s));
	assert_false(c.wrong);
	assert_true(c.yes + c.no > 200); /* it was stepped */
	assert_true(before || after || !c.yes);
	assert_true(!before || !after || !c.no);
	assert_true(before == after || (c.yes && c.no));
	for (unsigned r = 0; r < REGIONS; r++)
		if (c.i.now & 1u << r)
			toggle(&c.i, r);
}

static void a_look_at_every_instruction_of_a_change(void **state)
{
	static const struct {
		unsigned start, buffer, region;
	} c[] = {
		{ 0, 0, 0 }, { 1, 0, 0 }, { 0, 2, 1 }, { 1, 2, 1 }, { 1, 3, 1 }, { 2, 3, 0 },
		{ 3, 3, 0 }, { 3, 3, 1 }, { 1, 0, 1 }, { 3, 0, 1 }, { 3, 4, 1 },
	};

	for (size_t i = 0; i < sizeof(c) / sizeof(c[0]); i++)
		every_point_of_a_change(c[i].start, c[i].buffer, c[i].region);
}

/* The same with free threads: for the sanitizers, and for machines that reorder. */
struct free_run {
	bool stop;		/* atomic */
	unsigned long wrong, yes, no;
};

static void *look_up_freely(void *arg)
{
	struct free_run *f = arg;
	struct nnvme_prp p = { 0 };

	while (!__atomic_load_n(&f->stop, __ATOMIC_RELAXED)) {
		/* below the regions, in the gap, and across it: never registered */
		f->wrong += !nnvme_table_prp(space->table, (uintptr_t)memory, 512, &p);
		f->wrong += !nnvme_table_prp(space->table, (uintptr_t)memory + 12 * PAGE, 512, &p);
		f->wrong += !nnvme_table_prp(space->table, (uintptr_t)memory + 9 * PAGE, 14 * PAGE,
					     &p);
		/* comes and goes */
		if (nnvme_table_prp(space->table, (uintptr_t)memory + 6 * PAGE, 4 * PAGE, &p)) {
			f->no++;
		} else {
			f->yes++;
			f->wrong += p.prp1 != bus_of(6);
		}
	}
	return NULL;
}

static void free_threads(void **state)
{
	struct interleaving i = { .space = space };
	struct free_run f = { 0 };
	pthread_t thread;

	assert_int_equal(pthread_create(&thread, NULL, look_up_freely, &f), 0);
	for (unsigned round = 0; round < 30000; round++) {
		toggle(&i, round % REGIONS);
		if (round % 1000 == 0)
			sched_yield();
	}
	__atomic_store_n(&f.stop, true, __ATOMIC_RELAXED);
	pthread_join(thread, NULL);
	assert_int_equal(f.wrong, 0);
}

int main(void)
{
#define T(f) cmocka_unit_test_setup_teardown(f, space_setup, space_teardown)
	const struct CMUnitTest tests[] = {
		T(one_change_at_every_instruction),
		T(two_changes_at_every_pair_of_instructions),
		T(a_look_at_every_instruction_of_a_change),
		T(free_threads),
	};

	if (STEP_MISSING) {
		print_message("# %s: free threads alone\n", STEP_MISSING);
		cmocka_set_test_filter("free_threads");
	}
	return cmocka_run_group_tests(tests, NULL, NULL);
}
