// SPDX-License-Identifier: MIT
/*
 * Memory that a command in flight reads or writes can't be unregistered: for all kinds of requests,
 * wherever in the data pointer the memory is, however long the command has been in flight. Other
 * memory can.
 */
#include <pthread.h>
#include <sys/mman.h>

#include "dma/table_build.h"
#include "driver_rig.h"
#include "nvme/private.h"
#include "nvme/prp_pool.h"
#include "nvme/slot_list.h"

#define PAGE 4096u
#define PAGES 1024u
#if defined(__SANITIZE_THREAD__)
#define ROUNDS 1000u
#else
#define ROUNDS 20000u
#endif

static unsigned reallocs_left;	/* before one that fails; 0: none does */

void *__real_realloc(void *p, size_t len);
void *__wrap_realloc(void *p, size_t len);

void *__wrap_realloc(void *p, size_t len)
{
	return reallocs_left && !--reallocs_left ? NULL : __real_realloc(p, len);
}

struct unregister {
	struct rig r;
	uint8_t *mem;		/* registered a page at a time */
};

static void up(struct unregister *u, const char *settings, unsigned depth)
{
	rig_up(&u->r, settings, depth);
	u->mem = mmap(NULL, PAGES * PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE |
		      MAP_ANONYMOUS, -1, 0);
	assert_true(u->mem != MAP_FAILED);
	for (unsigned i = 0; i < PAGES; i++)
		assert_int_equal(nnvme_mem_register(u->r.ctrl, u->mem + i * PAGE, PAGE, NULL), 0);
	rig_step_by_hand(&u->r);
}

static void down(struct unregister *u)
{
	rig_close(&u->r);
	munmap(u->mem, PAGES * PAGE);
	rig_down(&u->r);
}

static int take(struct unregister *u, unsigned page)
{
	struct nnvme_err err = { 0 };
	int ret = nnvme_mem_unregister(u->r.ctrl, u->mem + page * PAGE, PAGE, &err);

	if (ret == -EBUSY)
		assert_non_null(strstr(err.text, "in flight"));
	return ret;
}

static void give(struct unregister *u, unsigned page)
{
	assert_int_equal(nnvme_mem_register(u->r.ctrl, u->mem + page * PAGE, PAGE, NULL), 0);
}

/* Of @pages exactly those are refused that a command in flight uses. */
static void expect_busy(struct unregister *u, const bool *used, unsigned pages)
{
	for (unsigned i = 0; i < pages; i++) {
		int ret = take(u, i);

		if (ret != (used[i] ? -EBUSY : 0))
			fail_msg("page %u: %d, %sused", i, ret, used[i] ? "" : "not ");
		if (!ret)
			give(u, i);
	}
}

static void mark(struct unregister *u, bool *used, const struct iovec *iov, unsigned n)
{
	memset(used, 0, PAGES);
	for (unsigned i = 0; i < n; i++) {
		size_t at = (size_t)((uint8_t *)iov[i].iov_base - u->mem),
		       end = at + iov[i].iov_len;

		for (at /= PAGE; at * PAGE < end; at++)
			used[at] = true;
	}
}

/* One request: from submission to completion its memory can't be unregistered; then it can. */
static void one(struct unregister *u, const struct iovec *iov, unsigned n, bool write)
{
	struct rig *r = &u->r;
	bool used[PAGES];
	int ret;

	mark(u, used, iov, n);
	if (n == 1)
		ret = write ? nnvme_write(r->qp, r->ns, iov->iov_base, 0,
					  (uint32_t)(iov->iov_len / 512), r) :
		      nnvme_read(r->qp, r->ns, iov->iov_base, 0, (uint32_t)(iov->iov_len / 512), r);
	else
		ret = write ? nnvme_writev(r->qp, r->ns, iov, (int)n, 0, r) :
			nnvme_readv(r->qp, r->ns, iov, (int)n, 0, r);
	assert_int_equal(ret, 0);
	expect_busy(u, used, PAGES);
	assert_int_equal(rig_wait(r).status, 0);
	memset(used, 0, sizeof(used));
	expect_busy(u, used, PAGES);
}

static void each_kind(const char *settings)
{
	struct unregister u;
	struct iovec iov[200];

	up(&u, settings, 8);
	for (unsigned round = 0; round < 2; round++) {
		one(&u, &(struct iovec){ u.mem + 5 * PAGE, 512 }, 1, round);
		one(&u, &(struct iovec){ u.mem + 5 * PAGE + 512, PAGE }, 1, round);
		one(&u, &(struct iovec){ u.mem + 5 * PAGE, 2 * PAGE }, 1, round);
		one(&u, &(struct iovec){ u.mem + 250 * PAGE + 512, 20 * PAGE }, 1, round);
		/* longer than a list page */
		one(&u, &(struct iovec){ u.mem + 200 * PAGE + 512, 400 * PAGE }, 1, round);
		for (unsigned i = 0; i < 200; i++)
			iov[i] = (struct iovec){ u.mem + (i * 7 % 1000) * PAGE, PAGE };
		one(&u, iov, 2, round);
		one(&u, iov, 30, round);
		one(&u, iov, 200, round);
		iov[0] = (struct iovec){ u.mem + 10 * PAGE, 3 * PAGE };
		one(&u, iov, 3, round);
	}
	down(&u);
}

static void scattered(const char *settings)
{
	struct unregister u;
	struct iovec iov[200];

	up(&u, settings, 8);
	for (unsigned i = 0; i < 200; i++)
		iov[i] = (struct iovec){ u.mem + (i * 7 % 1000) * PAGE + 1024, 512 };
	one(&u, iov, 2, false);
	one(&u, iov, 20, false);
	one(&u, iov, 200, true);
	iov[1].iov_base = u.mem + 1024 + 512;	/* one descriptor, in the command itself */
	one(&u, iov, 2, false);
	down(&u);
}

/* Most of the transfer has not been submitted when its first command is looked for. */
static void transfers_of_many_commands(void **state)
{
	struct unregister u;
	struct iovec iov[200];

	up(&u, "size=64m,mdts=2,run=16", 3);
	for (unsigned i = 0; i < 200; i++)
		iov[i] = (struct iovec){ u.mem + (i * 7 % 1000) * PAGE, PAGE };
	for (unsigned round = 0; round < 2; round++) {
		one(&u, &(struct iovec){ u.mem + 5 * PAGE + 512, 300 * PAGE }, 1, round);
		one(&u, iov, 200, round);
	}
	down(&u);
	up(&u, "size=64m,mdts=2,run=16,sgls=1", 3);
	for (unsigned i = 0; i < 200; i++)
		iov[i] = (struct iovec){ u.mem + (i * 7 % 1000) * PAGE + 1024, 512 };
	one(&u, iov, 200, false);
	down(&u);
}

static void each_kind_of_request_without_an_iommu(void **state)
{
	each_kind("size=64m,mdts=9,run=16");
}

static void each_kind_of_request_behind_an_iommu(void **state)
{
	each_kind("size=64m,mdts=9,mode=iommu");
}

static void scatter_gather_lists(void **state)
{
	scattered("size=64m,mdts=9,run=16,sgls=1");
}

/*
 * The command's entry belongs to another by then: the ring has gone round several times, out of
 * order.
 */
static void a_command_older_than_the_ring(void **state)
{
	struct model_rule hold = model_rule(MODEL_HOLD);
	struct nnvme_completion done;
	struct unregister u;
	struct rig *r = &u.r;
	bool used[PAGES] = { 0 }, look;
	unsigned spares = 0;

	up(&u, "size=64m,mdts=9,run=16", 8);
	hold.times = 1;
	model_inject(r->m, &hold);
	assert_int_equal(nnvme_read(r->qp, r->ns, u.mem + 3 * PAGE + 512, 0, 24, &u), 0);
	nnvme_ring(r->qp);
	model_drain(r->m);
	assert_int_equal(model_held(r->m), 1);
	for (unsigned i = 0; i < 2000; i++) {
		unsigned page = 100 + i % 50;

		assert_int_equal(nnvme_read(r->qp, r->ns, u.mem + page * PAGE, 0, 8, r), 0);
		memset(used, 0, sizeof(used));
		used[3] = used[4] = used[5] = used[6] = used[page] = true;
		/* the one that took its entry, in a spare slot, too */
		spares += nnvme_qp(r->qp)->nr_spare < 8;
		look = i % 97 == 0 || nnvme_qp(r->qp)->nr_spare < 8;
		if (look)
			expect_busy(&u, used, 200);
		assert_ptr_equal(rig_wait(r).tag, r);
		used[page] = false;
		if (look)
			expect_busy(&u, used, 200);
	}
	assert_true(spares > 1);
	model_release(r->m, MODEL_FIFO);
	done = rig_wait(r);
	assert_ptr_equal(done.tag, &u);
	memset(used, 0, sizeof(used));
	expect_busy(&u, used, 200);
	down(&u);
}

/* One that is held while the ring goes round once, so that another command displaces it. */
static void displace(struct unregister *u, unsigned page, unsigned pages)
{
	struct model_rule hold = model_rule(MODEL_HOLD);
	struct rig *r = &u->r;
	uint32_t index = r->qp->tail;

	hold.times = 1;
	model_inject_clear(r->m);
	model_inject(r->m, &hold);
	assert_int_equal(nnvme_read(r->qp, r->ns, u->mem + page * PAGE, 0, pages * 8, u), 0);
	nnvme_ring(r->qp);
	model_drain(r->m);
	assert_int_equal(model_held(r->m), 1);
	for (uint32_t i = 0; i < r->qp->end / 8; i++)
		assert_int_equal(rig_read(r, u->mem + 300 * PAGE, 0, 8), 0);
	assert_int_equal(r->qp->tail, index + 8);
	model_release(r->m, MODEL_FIFO);
	assert_ptr_equal(rig_wait(r).tag, u);
}

/* What is known of a command that was displaced, or had a list, is forgotten when it has ended. */
static void the_next_in_the_same_slot(void **state)
{
	struct unregister u;
	bool used[PAGES];

	up(&u, "size=64m,mdts=9,run=16", 8);
	for (unsigned pages = 3; pages <= 400; pages += 397) {
		displace(&u, 200, pages);
		for (uint32_t i = 0; i < u.r.qp->end / 8; i++) {
			uint8_t *at = u.mem + (i % 2 ? 20 : 40) * PAGE;

			assert_int_equal(nnvme_read(u.r.qp, u.r.ns, at, 0, 24, &u), 0);
			memset(used, 0, sizeof(used));
			memset(used + (at - u.mem) / PAGE, true, 3);
			expect_busy(&u, used, 60);
			assert_int_equal(take(&u, 200), 0);
			give(&u, 200);
			assert_int_equal(rig_wait(&u.r).status, 0);
		}
	}
	down(&u);
}

static void allocated_memory_too(void **state)
{
	struct rig r;
	uint8_t *a, *b;

	rig_up(&r, "size=64m,mdts=9,run=16", 8);
	a = rig_alloc(&r, 5 * PAGE);
	b = rig_alloc(&r, 5 * PAGE);
	rig_step_by_hand(&r);
	assert_int_equal(nnvme_read(r.qp, r.ns, a + 2 * PAGE, 0, 8, &r), 0);
	assert_int_equal(nnvme_mem_free(r.ctrl, a), -EBUSY);
	assert_int_equal(nnvme_mem_free(r.ctrl, b), 0);
	assert_int_equal(nnvme_mem_free(r.ctrl, a), -EBUSY);
	assert_int_equal(rig_wait(&r).status, 0);
	assert_int_equal(nnvme_mem_free(r.ctrl, a), 0);
	rig_down(&r);
}

/* Read into memory already freed: nobody else gets it meanwhile, not even the kernel. */
static void memory_that_is_used_after_it_was_freed(void **state)
{
	struct rig r;
	uint8_t *a, *b, *c;

	rig_up(&r, "size=64m,mdts=9,run=16", 8);
	a = rig_alloc(&r, PAGE);
	b = rig_alloc(&r, PAGE);
	rig_step_by_hand(&r);
	assert_int_equal(nnvme_mem_free(r.ctrl, a), 0);
	assert_int_equal(nnvme_read(r.qp, r.ns, a, 0, 8, &r), 0);
	assert_int_equal(nnvme_mem_free(r.ctrl, b), 0);
	assert_int_equal(rig_wait(&r).status, 0);
	c = rig_alloc(&r, PAGE);
	assert_ptr_equal(c, a);
	assert_int_equal(nnvme_mem_free(r.ctrl, c), 0);
	assert_int_equal(nnvme_read(r.qp, r.ns, a, 0, 8, &r), -EFAULT);
	rig_down(&r);
}

/* I/O in one thread, registration of other memory in another: never refused, never in the way. */
struct busy_thread {
	struct unregister *u;
	bool stop;		/* atomic */
	unsigned errors, done;
};

static void *keep_reading(void *arg)
{
	struct busy_thread *t = arg;
	struct rig *r = &t->u->r;
	struct nnvme_completion done;

	for (unsigned i = 0; !__atomic_load_n(&t->stop, __ATOMIC_RELAXED); i++) {
		uint8_t *at = t->u->mem + (i * 13 % 500) * PAGE;
		struct iovec iov[3] = { { at, PAGE }, { at + 3 * PAGE, PAGE },
					{ at + 5 * PAGE, PAGE } };

		t->errors += !!(i % 3 ? nnvme_read(r->qp, r->ns, at + 512, 0, 1 + i % 60, r) :
				nnvme_readv(r->qp, r->ns, iov, 3, 0, r));
		nnvme_ring(r->qp);
		while (!nnvme_poll(r->qp, &done, 1))
			sched_yield();
		t->errors += !!done.status;
		t->done++;
	}
	return NULL;
}

static void other_memory_comes_and_goes_under_io(void **state)
{
	struct unregister u;
	struct busy_thread t = { .u = &u };
	pthread_t thread;

	up(&u, "size=64m,mdts=9,run=16", 8);
	model_start(u.r.m);
	assert_int_equal(pthread_create(&thread, NULL, keep_reading, &t), 0);
	for (unsigned i = 0; i < ROUNDS; i++) {
		unsigned page = 600 + i % 400;

		assert_int_equal(take(&u, page), 0);
		give(&u, page);
	}
	__atomic_store_n(&t.stop, true, __ATOMIC_RELAXED);
	pthread_join(thread, NULL);
	assert_int_equal(t.errors, 0);
	assert_true(t.done > 0);
	model_stop(u.r.m);
	down(&u);
}

/*
 * A device, which can write to the entries, too, has given one more than its list holds: what
 * comes behind the list is not taken for a part of it.
 */
static void reads_beyond(const struct iovec *iov, unsigned n, bool sgl, struct unregister *u)
{
	struct nnvme_qpair *qp = u->r.qp;
	uint32_t slot = qp->tail / 8;
	struct nnvme_sqe was, *sqe = (struct nnvme_sqe *)qp->sq + slot;
	struct nnvme_prp_pool *pool = nnvme_qp(qp)->prp_pool;
	uint64_t bus, *behind;
	uint16_t list;

	assert_int_equal(nnvme_readv(qp, u->r.ns, iov, (int)n, 0, u), 0);
	list = nnvme_qp(qp)->slot[slot].list;
	/* PRPs go on in all pages of a set, descriptors have one */
	if (list)
		behind = (uint64_t *)pool->set[list - 1].va[sgl ? 0 : pool->pages - 1] +
			 NNVME_LIST_ENTRIES;
	else
		behind = nnvme_qp(qp)->slot_list[slot + 1].va;
	bus = nnvme_table_page(qp->table, (uintptr_t)u->mem + (PAGES - 1) * PAGE).v;
	behind[0] = bus;
	behind[1] = sgl ? PAGE : bus;
	was = *sqe;
	sqe->cdw12 = UINT16_MAX;
	if (sgl)
		sqe->prp2 |= UINT32_MAX;
	assert_int_equal(take(u, 0), -EBUSY);
	assert_int_equal(take(u, PAGES - 1), 0);
	give(u, PAGES - 1);
	*sqe = was;
	behind[0] = behind[1] = 0;
	assert_int_equal(rig_wait(&u->r).status, 0);
}

static void lists_end_where_they_end(void **state)
{
	struct iovec iov[200];
	struct unregister u;

	up(&u, "size=64m,sgls=1,mdts=9,run=16", 8);
	for (unsigned i = 0; i < 200; i++)
		iov[i] = (struct iovec){ u.mem + i * 2 * PAGE, PAGE };
	reads_beyond(iov, 20, false, &u);
	reads_beyond(iov, 200, false, &u);
	for (unsigned i = 0; i < 200; i++)
		iov[i] = (struct iovec){ u.mem + i * 2 * PAGE + 512, 512 };
	reads_beyond(iov, 20, true, &u);
	reads_beyond(iov, 200, true, &u);
	down(&u);
}

/*
 * Without memory to look at all pieces of what is in flight, nothing is given back: the piece that
 * has no place may be the one.
 */
static void without_memory_to_look(void **state)
{
	struct unregister u;
	struct iovec iov[2];

	up(&u, "size=64m,mdts=9,run=16", 8);
	for (unsigned i = 0; i < 2; i++)
		iov[i] = (struct iovec){ u.mem + i * 200 * PAGE, 150 * PAGE };
	assert_int_equal(nnvme_readv(u.r.qp, u.r.ns, iov, 2, 0, &u), 0);
	for (unsigned i = 0; i < 350; i++) {
		bool used = i < 150 || i >= 200;

		/* memory for the first piece, and for the 257th */
		for (unsigned fails = 1; fails <= 2; fails++) {
			reallocs_left = fails;
			assert_int_equal(take(&u, i), -ENOMEM);
			assert_int_equal(reallocs_left, 0);
		}
		assert_int_equal(take(&u, i), used ? -EBUSY : 0);
	}
	assert_int_equal(rig_wait(&u.r).status, 0);
	down(&u);
}

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(each_kind_of_request_without_an_iommu),
		cmocka_unit_test(each_kind_of_request_behind_an_iommu),
		cmocka_unit_test(scatter_gather_lists),
		cmocka_unit_test(transfers_of_many_commands),
		cmocka_unit_test(a_command_older_than_the_ring),
		cmocka_unit_test(the_next_in_the_same_slot),
		cmocka_unit_test(allocated_memory_too),
		cmocka_unit_test(memory_that_is_used_after_it_was_freed),
		cmocka_unit_test(other_memory_comes_and_goes_under_io),
		cmocka_unit_test(lists_end_where_they_end),
		cmocka_unit_test(without_memory_to_look),
	};

	if (argc > 1)
		cmocka_set_test_filter(argv[1]);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
