// SPDX-License-Identifier: MIT
/*
 * Registration and look-up against a map of the pages that are registered: a look-up says yes to
 * what is registered as a whole and to nothing else, and what it gives, walked as a controller
 * walks a PRP list, is every page's bus address.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <string.h>

#include "input.h"
#include "tests/unit/space_rig.h"

#define PAGES 1024u	/* 4 MiB: several granules */

static uint8_t registered[PAGES];	/* 0, or the region that each page belongs to */
static uint8_t next_region;

static bool all_registered(size_t at, size_t len)
{
	for (size_t page = at / PAGE; page <= (at + len - 1) / PAGE; page++)
		if (page >= PAGES || !registered[page])
			return false;
	return true;
}

static bool any_registered(unsigned first, unsigned n)
{
	for (unsigned i = first; i < first + n; i++)
		if (registered[i])
			return true;
	return false;
}

static void add(unsigned first, unsigned n)
{
	int rc = nnvme_space_add(space, memory + first * PAGE, n * PAGE, NULL);

	if (any_registered(first, n)) {
		assert_int_equal(rc, -EEXIST);
		return;
	}
	assert_int_equal(rc, 0);
	memset(registered + first, next_region, n);
	next_region = next_region == 255 ? 1 : (uint8_t)(next_region + 1);
}

/* A region goes as it came. */
static void remove_pages(unsigned first, unsigned n)
{
	int rc = nnvme_space_remove(space, memory + first * PAGE, n * PAGE, NULL, NULL, NULL);
	uint8_t region = registered[first];
	bool whole = region && (!first || registered[first - 1] != region) &&
		     (first + n == PAGES || registered[first + n] != region);

	for (unsigned i = first; i < first + n; i++)
		whole = whole && registered[i] == region;
	if (!whole) {
		assert_true(rc < 0);
		return;
	}
	assert_int_equal(rc, 0);
	memset(registered + first, 0, n);
}

/* What a controller makes of it (Base 2.x, Physical Region Page Entry and List). */
static void walk(size_t at, size_t len, const struct nnvme_prp *prp)
{
	size_t more = (at % PAGE + len - 1) / PAGE;
	uintptr_t page = (uintptr_t)memory + at / PAGE * PAGE;
	nnvme_bus_t bus = { 0 };
	const uint64_t *list = nnvme_table_list(space->table, page >> NNVME_GRANULE_SHIFT, &bus);

	assert_int_equal(prp->prp1, fake_bus(&fake, (uintptr_t)memory + at));
	if (more < 2) {
		assert_int_equal(prp->prp2, more ? fake_bus(&fake, page + PAGE) : 0);
		return;
	}
	assert_non_null(list);
	assert_true(prp->prp2 >= bus.v && prp->prp2 % 8 == 0);
	assert_true(prp->prp2 - bus.v + 8 * more <= PAGE);
	list += (prp->prp2 - bus.v) / 8;
	for (size_t i = 0; i < more; i++)
		assert_int_equal(list[i], fake_bus(&fake, page + (i + 1) * PAGE));
}

static void look_up(size_t at, size_t len)
{
	struct nnvme_prp prp;
	int rc = nnvme_table_prp(space->table, (uintptr_t)memory + at, len, &prp);

	if (at % 4) {
		assert_int_equal(rc, -EINVAL);
	} else if (!all_registered(at, len)) {
		assert_int_equal(rc, -EFAULT);
	} else if (rc) {
		/* longer than what is left of the list page of its granule */
		size_t more = (at % PAGE + len - 1) / PAGE;

		assert_int_equal(rc, -E2BIG);
		assert_true(at / PAGE % NNVME_GRANULE_PAGES + more >= NNVME_LIST_ENTRIES);
	} else {
		walk(at, len, &prp);
	}
}

/* Beside random ones: up to each place where something begins or ends, and a page beyond it. */
static void look_everywhere(void)
{
	for (unsigned page = 1; page <= PAGES; page++) {
		bool border = page == PAGES || !registered[page] != !registered[page - 1];

		for (unsigned before = 1; border && before <= 8 && before <= page; before++) {
			size_t at = (page - before) * PAGE;

			look_up(at, before * PAGE);
			look_up(at, before * PAGE + 4);
			look_up(at + 512, (before + 1) * PAGE);
		}
	}
}

static void operate(struct input *in)
{
	unsigned what = input_below(in, 4);
	unsigned first = input_below(in, PAGES);
	unsigned n = 1 + input_below(in, 512);
	size_t at, len;

	if (n > PAGES - first)
		n = PAGES - first;
	switch (what) {
	case 0: add(first, n); break;
	case 1: remove_pages(first, n); break;
	default:
		at = first * PAGE + input_below(in, PAGE);
		len = 1 + n * (size_t)input_below(in, 2 * PAGE);
		look_up(at, len);
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct input in = { data, size };

	assert_int_equal(space_setup(NULL), 0);
	memset(registered, 0, sizeof(registered));
	next_region = 1;
	while (in.left)
		operate(&in);
	look_everywhere();
	space_teardown(NULL);
	return 0;
}
