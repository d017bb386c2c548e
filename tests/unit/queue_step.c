// SPDX-License-Identifier: MIT
/*
 * Unregistering memory while the owner of a queue pair goes on, stepped against each other: a
 * command in flight all the time is always found, and unused memory is never refused.
 */
#include <sys/mman.h>

#include "driver_rig.h"
#include "nvme/in_flight.h"
#include "nvme/private.h"
#include "step.h"

#define PAGE 4096u
#define PAGES 22u

struct moment {
	struct rig r;
	uint8_t *mem;
	unsigned page, pages;		/* asked about */
	int result;
	bool locked;			/* the subject holds ctrl->lock at this point */
};

/*
 * The shortest rings, so that they go round at once, and lists in sets: their commands have slow
 * keys.
 */
static void up(struct moment *m, const char *settings, unsigned depth)
{
	rig_model(&m->r, settings);
	m->r.options.quirks = NNVME_QUIRK_ALIGNED_LISTS;
	assert_int_equal(rig_open(&m->r), 0);
	m->r.ns = nnvme_ns_get(m->r.ctrl, 1, NULL);
	rig_queue(&m->r, depth);
	m->mem = mmap(NULL, PAGES * PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE |
		      MAP_ANONYMOUS, -1, 0);
	assert_true(m->mem != MAP_FAILED);
	/*
	 * The memory asked about joins nothing before it, so the search, and this test, is short.
	 */
	for (unsigned i = 0; i < PAGES; i++)
		if (i != 7 && i != 14)
			assert_int_equal(nnvme_mem_register(m->r.ctrl, m->mem + i * PAGE, PAGE,
							    NULL), 0);
	rig_step_by_hand(&m->r);
}

static void down(struct moment *m)
{
	rig_close(&m->r);
	munmap(m->mem, PAGES * PAGE);
	rig_down(&m->r);
}

static void ask(void *arg)
{
	struct moment *m = arg;

	m->result = nnvme_in_flight_to(m->r.ctrl, (uintptr_t)m->mem + m->page * PAGE,
				       m->pages * PAGE);
}

static void read_pages(struct moment *m, unsigned page, unsigned pages)
{
	assert_int_equal(nnvme_read(m->r.qp, m->r.ns, m->mem + page * PAGE, 0, pages * 8, m), 0);
}

static void read_one(void *arg)
{
	read_pages(arg, 16, 1);
}

/* One stays in flight while the ring goes round, until the next command displaces it. */
static void hold_one(struct moment *m, unsigned pages)
{
	struct model_rule hold = model_rule(MODEL_HOLD);

	hold.times = 1;
	model_inject_clear(m->r.m);
	model_inject(m->r.m, &hold);
	read_pages(m, m->page, pages);
	nnvme_ring(m->r.qp);
	model_drain(m->r.m);
	assert_int_equal(model_held(m->r.m), 1);
	for (unsigned i = 1; i < m->r.qp->end / 8; i++) {
		read_pages(m, 17, 1);
		rig_wait(&m->r);
	}
}

static void take_all(struct moment *m)
{
	struct nnvme_completion done;

	model_release(m->r.m, MODEL_FIFO);
	nnvme_ring(m->r.qp);
	while (nnvme_in_flight(m->r.qp))
		if (rig_poll(&m->r, &done, 1))
			assert_int_equal(done.status, 0);
}

/* Its entry in the submission queue is overwritten while the search looks at it. */
static void an_entry_that_is_written_over(void **state)
{
	struct moment m = { .page = 8, .pages = 1 };
	struct step s = { .subject = ask, .between = { read_one }, .arg = &m };

	up(&m, "size=64m,run=16,mqes=2", 2);
	for (unsigned pages = 1; pages <= 3; pages += 2) {	/* a plain key, a slow one */
		bool more = true;

		for (s.at[0] = 0; more; s.at[0] += pages == 1 ? 11 * STEP_STRIDE : STEP_STRIDE) {
			hold_one(&m, pages);
			more = step_run(&s);
			assert_int_equal(m.result, 1);
			take_all(&m);
		}
		assert_true(s.at[0] > 100);
	}
	down(&m);
}

static void read_scattered(struct moment *m)
{
	struct iovec iov[3];

	for (unsigned i = 0; i < 3; i++)
		iov[i] = (struct iovec){ m->mem + 2 * i * PAGE + 512, 1024 };
	assert_int_equal(nnvme_readv(m->r.qp, m->r.ns, iov, 3, 0, m), 0);
}

/* The scattered one has ended, and its list now serves another command. */
static void read_next(void *arg)
{
	struct moment *m = arg;
	struct nnvme_completion done;

	assert_int_equal(nnvme_poll(m->r.qp, &done, 1), 1);
	read_pages(m, 8, 5);
}

static void a_list_that_is_written_over(void **state)
{
	struct moment m = { .page = 15, .pages = 1 };
	struct step s = { .subject = ask, .between = { read_next }, .arg = &m };
	bool more = true;

	up(&m, "size=64m,mode=iommu,mqes=1,sgls=1", 1);
	for (s.at[0] = 0; more; s.at[0] += 13 * STEP_STRIDE) {
		read_scattered(&m);
		nnvme_ring(m.r.qp);
		model_drain(m.r.m);
		more = step_run(&s);
		assert_int_equal(m.result, 0);
		take_all(&m);
	}
	assert_true(s.at[0] > 100);
	down(&m);
}

/* Its slot goes to the next command, which is longer, while the search looks at it. */
static void read_longer_in_its_slot(void *arg)
{
	struct moment *m = arg;
	struct nnvme_completion done;

	assert_int_equal(nnvme_poll(m->r.qp, &done, 1), 1);
	for (unsigned i = 1; i < m->r.qp->end / 8; i++) {
		read_pages(m, 17, 1);
		rig_wait(&m->r);
	}
	read_pages(m, 16, 5);
}

static void a_slot_that_is_the_next_commands(void **state)
{
	struct moment m = { .page = 10, .pages = 1 };
	struct step s = { .subject = ask, .between = { read_longer_in_its_slot }, .arg = &m };
	bool more = true;

	up(&m, "size=64m,mqes=2", 2);
	for (s.at[0] = 0; more; s.at[0] += STEP_STRIDE) {
		read_pages(&m, 8, 1);
		nnvme_ring(m.r.qp);
		model_drain(m.r.m);
		more = step_run(&s);
		/* never the one's address with the other's length */
		assert_int_equal(m.result, 0);
		take_all(&m);
	}
	assert_true(s.at[0] > 100);
	down(&m);
}

static void poll_one(void *arg)
{
	struct moment *m = arg;
	struct nnvme_completion done;

	/* Not yet the last of its commands. */
	assert_int_equal(nnvme_poll(m->r.qp, &done, 1), 0);
}

/*
 * For a moment a transfer has no command in flight: one has ended, the next is not submitted yet.
 */
static void a_transfer_between_its_commands(void **state)
{
	struct moment m = { .page = 20, .pages = 1 };
	struct step s = { .subject = poll_one, .between = { ask }, .arg = &m };
	bool more = true;

	up(&m, "size=64m,mdts=1,mqes=1", 1);
	for (s.at[0] = 0; more; s.at[0] += STEP_STRIDE) {
		read_pages(&m, 18, 4);
		nnvme_ring(m.r.qp);
		model_drain(m.r.m);
		m.result = -1;
		more = step_run(&s);
		assert_int_equal(m.result, more ? 1 : -1);
		take_all(&m);
	}
	assert_true(s.at[0] > 50);
	down(&m);
}

/* Another thread's attempt to stop the controller, under the lock, ends without proof. */
static void fail_to_stop(void *arg)
{
	struct moment *m = arg;

	m->locked = pthread_mutex_trylock(&m->r.ctrl->lock);
	if (m->locked)
		return;
	m->r.ctrl->unstoppable = true;
	pthread_mutex_unlock(&m->r.ctrl->lock);
}

static void *at(struct moment *m)
{
	return m->mem + m->page * PAGE;
}

static void unregister(void *arg)
{
	struct moment *m = arg;

	m->result = nnvme_mem_unregister(m->r.ctrl, at(m), PAGE, NULL);
}

static void free_memory(void *arg)
{
	struct moment *m = arg;

	m->result = nnvme_mem_free(m->r.ctrl, m->mem);
}

static void memory_of_a_controller_that_could_not_be_stopped(void **state)
{
	struct moment m = { .page = 15 };
	struct step s = { .between = { fail_to_stop }, .arg = &m };

	up(&m, "size=64m", 1);
	s.subject = unregister;
	for (m.locked = false; !m.locked; s.at[0]++) {
		assert_true(step_run(&s));
		assert_int_equal(m.result, m.locked ? 0 : -EBUSY);
		m.r.ctrl->unstoppable = false;
	}
	assert_true(s.at[0] > 5);
	down(&m);

	rig_up(&m.r, "size=64m", 1);
	m.mem = rig_alloc(&m.r, PAGE);
	s.subject = free_memory;
	for (s.at[0] = 0, m.locked = false; !m.locked; s.at[0]++) {
		assert_true(step_run(&s));
		assert_int_equal(m.result, m.locked ? 0 : -EBUSY);
		m.r.ctrl->unstoppable = false;
	}
	assert_true(s.at[0] > 5);
	rig_down(&m.r);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(an_entry_that_is_written_over),
		cmocka_unit_test(a_transfer_between_its_commands),
		cmocka_unit_test(memory_of_a_controller_that_could_not_be_stopped),
		cmocka_unit_test(a_list_that_is_written_over),
		cmocka_unit_test(a_slot_that_is_the_next_commands),
	};

	if (STEP_MISSING) {
		print_message("1..1\nok 1 - # SKIP %s\n", STEP_MISSING);
		return 0;
	}
	return cmocka_run_group_tests(tests, NULL, NULL);
}
