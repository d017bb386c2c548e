// SPDX-License-Identifier: MIT
/*
 * Requests for unregistered memory, while another thread registers and unregisters beside it at
 * every instruction of nnvme_read() and the like: refused, and the controller gets nothing.
 */
#include <sys/mman.h>

#include "driver_rig.h"
#include "nvme/prp_pool.h"
#include "step.h"

#define PAGE 4096u
#define REGISTERED 40u	/* page of the MiB that comes and goes: behind the buffers, in their MiB */

struct stepped {
	struct rig r;
	uint8_t *mem;
	unsigned kind;
	bool there;
	int result;
};

/* A queue pair, and a MiB of memory from its beginning on. */
static void up(struct stepped *s, const char *settings, unsigned depth)
{
	rig_up(&s->r, settings, depth);
	s->mem = mmap(NULL, 512 * PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	assert_true(s->mem != MAP_FAILED);
	s->mem += -(uintptr_t)s->mem % (256 * PAGE);
	rig_step_by_hand(&s->r);
}

static void change(void *arg)
{
	struct stepped *s = arg;
	uint8_t *va = s->mem + REGISTERED * PAGE;
	int ret = s->there ? nnvme_mem_unregister(s->r.ctrl, va, 100 * PAGE, NULL) :
		nnvme_mem_register(s->r.ctrl, va, 100 * PAGE, NULL);

	assert_int_equal(ret, 0);
	s->there = !s->there;
}

static void request(void *arg)
{
	struct stepped *s = arg;
	struct rig *r = &s->r;
	/* before what is registered; from before into it */
	struct iovec iov[3] = { { s->mem, PAGE }, { s->mem + 2 * PAGE, PAGE },
				{ s->mem + 5 * PAGE, PAGE } };

	switch (s->kind) {
	case 0:
		s->result = nnvme_read(r->qp, r->ns, s->mem, 0, 8, s);
		break;
	case 1:
		s->result = nnvme_write(r->qp, r->ns, s->mem + (REGISTERED - 1) * PAGE, 0, 16, s);
		break;
	case 2:
		s->result = nnvme_read(r->qp, r->ns, s->mem + 20 * PAGE + 512, 0, 40 * 8, s);
		break;
	case 3:
		s->result = nnvme_readv(r->qp, r->ns, iov, 3, 0, s);
		break;
	default:
		s->result = nnvme_readv(r->qp, r->ns,
					(struct iovec[]){ { s->mem + 4 * PAGE, 40 * PAGE },
							  { s->mem + 60 * PAGE, PAGE } }, 2, 0, s);
	}
}

static void unregistered_memory_is_refused_at_every_instruction(void **state)
{
	struct stepped s = { 0 };
	struct rig *r = &s.r;

	up(&s, "size=64m,mdts=9,run=16", 8);
	for (unsigned i = 0; i < 10; i++) {
		struct step step = { .subject = request, .between = { change }, .arg = &s };
		uint64_t before = rig_commands(r);
		unsigned points = 0;

		s.kind = i / 2;
		for (bool more = true; more; step.at[0] += STEP_STRIDE, points++) {
			if (s.there != (i % 2))
				change(&s);
			more = step_run(&step);
			assert_int_equal(s.result, -EFAULT);
			assert_int_equal(nnvme_in_flight(r->qp), 0);
		}
		assert_true(points * STEP_STRIDE > 40);
		nnvme_ring(r->qp);
		model_drain(r->m);
		assert_int_equal(rig_commands(r), before);
	}
	rig_down(r);
}

static unsigned free_sets(const struct rig *r)
{
	const struct nnvme_prp_pool *pool = nnvme_qp(r->qp)->prp_pool;
	unsigned n = 0;

	for (uint16_t set = pool->free; set; set = pool->set[set - 1].next)
		n++;
	return n;
}

/* Against the rules: from under a request. What becomes of those submitted is their own fault. */
static void pull(void *arg)
{
	struct stepped *s = arg;

	if (!nnvme_mem_unregister(s->r.ctrl, s->mem + REGISTERED * PAGE, 100 * PAGE, NULL))
		s->there = false;
}

/* An empty iovec keeps it from the short way; whole pages are PRPs, parts of pages SGLs. */
static void long_request(void *arg)
{
	struct stepped *s = arg;
	struct iovec iov[91];

	for (unsigned i = 0; i < 90; i++)
		iov[i] = (struct iovec){ s->mem + (REGISTERED + (i * 7) % 90) * PAGE,
					 s->kind ? 512 : PAGE };
	iov[90] = (struct iovec){ NULL, 0 };
	s->result = nnvme_readv(s->r.qp, s->r.ns, iov, 91, 0, s);
}

static void a_request_that_fails_midway_keeps_no_list(void **state)
{
	struct stepped s = { 0 };
	struct rig *r = &s.r;

	up(&s, "size=64m,mdts=9,run=1,sgls=1", 2);
	for (s.kind = 0; s.kind < 2; s.kind++) {
		struct step step = { .subject = long_request, .between = { pull }, .arg = &s };
		unsigned refused = 0;

		for (bool more = true; more; step.at[0] += 997) {
			if (!s.there)
				change(&s);
			more = step_run(&step);
			if (!s.result)
				rig_wait(r);
			else	/* gone while the blocks were counted: no list has it */
				assert_true(s.result == -EFAULT || s.result == -EOPNOTSUPP);
			refused += s.result == -EFAULT;
			assert_int_equal(nnvme_in_flight(r->qp), 0);
			assert_int_equal(free_sets(r), 2);
		}
		assert_true(refused);
	}
	model_forgive(r->m);
	rig_down(r);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(unregistered_memory_is_refused_at_every_instruction),
		cmocka_unit_test(a_request_that_fails_midway_keeps_no_list),
	};

	if (STEP_MISSING) {
		print_message("1..1\nok 1 - # SKIP %s\n", STEP_MISSING);
		return 0;
	}
	return cmocka_run_group_tests(tests, NULL, NULL);
}
