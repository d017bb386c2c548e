// SPDX-License-Identifier: MIT
/*
 * What is not entirely in registered memory, or makes no sense, is refused before anything reaches
 * the controller: holes, the ends of regions, gaps between them, hostile iovecs. Plain and vectored
 * requests.
 */
#include <limits.h>
#include <sys/mman.h>

#include "driver_rig.h"

#define MIB ((size_t)1 << 20)
#define PAGE ((size_t)4096)

struct edges {
	struct rig r;
	uint8_t *mem;		/* 16 MiB at a multiple of 2 MiB, nothing registered */
	void *map;
};

static void up(struct edges *e, const char *settings)
{
	rig_up(&e->r, settings, 8);
	e->map = mmap(NULL, 18 * MIB, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	assert_true(e->map != MAP_FAILED);
	e->mem = (uint8_t *)e->map + -(uintptr_t)e->map % (2 * MIB);
	rig_step_by_hand(&e->r);
}

static void down(struct edges *e)
{
	rig_close(&e->r);
	munmap(e->map, 18 * MIB);
	rig_down(&e->r);
}

static void add(struct edges *e, size_t at, size_t len)
{
	if (nnvme_mem_register(e->r.ctrl, e->mem + at, len, &e->r.err))
		fail_msg("%s", e->r.err.text);
}

/* A vectored read in every slot, so that later ones find lists there and take the short path. */
static void warm_up(struct edges *e)
{
	struct iovec iov[3];

	for (unsigned i = 0; i < 3; i++)
		iov[i] = (struct iovec){ e->mem + 2 * i * PAGE, PAGE };
	for (unsigned i = 0; i < 100; i++) {
		assert_int_equal(nnvme_readv(e->r.qp, e->r.ns, iov, 3, 0, e), 0);
		assert_int_equal(rig_wait(&e->r).status, 0);
	}
}

/* Plain, as the middle of three iovecs, and as the last of two that don't join. */
static void expect(struct edges *e, size_t at, size_t len, int want)
{
	struct rig *r = &e->r;
	uint32_t blocks = (uint32_t)(len / 512);
	uint64_t before = rig_commands(r);
	struct iovec iov[3] = { { e->mem, 2 * PAGE }, { e->mem + at, len },
				{ e->mem + PAGE, PAGE } };
	struct nnvme_batch b;

	assert_int_equal(nnvme_read(r->qp, r->ns, e->mem + at, 0, blocks, r), want);
	if (!want)
		assert_int_equal(rig_wait(r).status, 0);
	b = nnvme_batch_begin(r->qp, r->ns);
	assert_int_equal(nnvme_batch_read(&b, e->mem + at, 0, blocks, r), want);
	nnvme_batch_end(&b);
	if (!want)
		assert_int_equal(rig_wait(r).status, 0);
	for (unsigned n = 2; n <= 3; n++)
		for (unsigned pages = 1; pages < 3; pages++) {
			iov[0].iov_len = pages * PAGE;
			assert_int_equal(nnvme_readv(r->qp, r->ns, iov, (int)n, 0, r), want);
			if (!want)
				assert_int_equal(rig_wait(r).status, 0);
		}
	iov[0].iov_len = 512;
	assert_int_equal(nnvme_readv(r->qp, r->ns, iov, 2, 0, r), want);
	if (!want)
		assert_int_equal(rig_wait(r).status, 0);
	assert_int_equal(nnvme_in_flight(r->qp), 0);
	if (want)
		assert_int_equal(rig_commands(r), before);
}

static const char *const modes[] = {
	"mdts=9,size=64m,run=1", "mdts=9,size=64m,mode=iommu", "mdts=9,size=64m,run=16,sgls=1",
	"mdts=5,size=64m",
};
#define EACH_MODE(m) for (unsigned m = 0; m < 4; m++)

static void a_hole_inside_a_mebibyte(void **state)
{
	EACH_MODE(m) {
		struct edges e;

		up(&e, modes[m]);
		add(&e, 0, 2 * MIB + 512 * 1024);
		add(&e, 2 * MIB + 513 * 1024 + 3 * 1024, 2 * MIB);	/* one page is left out */
		warm_up(&e);
		expect(&e, 2 * MIB, MIB, -EFAULT);
		expect(&e, 2 * MIB + 512, MIB, -EFAULT);
		expect(&e, 2 * MIB - 512 * 1024, MIB, 0);
		expect(&e, 2 * MIB - 512 * 1024, MIB + 512, -EFAULT);
		expect(&e, 2 * MIB + 516 * 1024, MIB, 0);
		expect(&e, 2 * MIB + 516 * 1024 - 512, 1024, -EFAULT);
		expect(&e, 2 * MIB + 512 * 1024, PAGE, -EFAULT);
		add(&e, 2 * MIB + 512 * 1024, PAGE);
		expect(&e, 2 * MIB, MIB, 0);
		down(&e);
	}
}

static void a_region_ends_inside_a_huge_page(void **state)
{
	EACH_MODE(m) {
		struct edges e;

		up(&e, modes[m]);
		add(&e, 0, 5 * MIB + 7 * PAGE);
		warm_up(&e);
		expect(&e, 4 * MIB, MIB + 7 * PAGE, 0);
		expect(&e, 4 * MIB, MIB + 7 * PAGE + 512, -EFAULT);
		expect(&e, 5 * MIB + 6 * PAGE, PAGE, 0);
		expect(&e, 5 * MIB + 6 * PAGE + 512, PAGE, -EFAULT);
		expect(&e, 5 * MIB + 7 * PAGE, 512, -EFAULT);
		expect(&e, 3 * MIB, 4 * MIB, -EFAULT);
		down(&e);
	}
}

static void two_regions_with_a_gap(void **state)
{
	EACH_MODE(m) {
		struct edges e;

		up(&e, modes[m]);
		add(&e, 0, MIB);
		add(&e, 3 * MIB, MIB);			/* granules apart */
		add(&e, 4 * MIB + 64 * PAGE, MIB);	/* and within one */
		warm_up(&e);
		expect(&e, MIB - PAGE, PAGE, 0);
		expect(&e, MIB - PAGE, 2 * PAGE, -EFAULT);
		expect(&e, 512 * 1024, 3 * MIB, -EFAULT);
		expect(&e, 3 * MIB + 512 * 1024, MIB, -EFAULT);
		expect(&e, 4 * MIB + 64 * PAGE, MIB, 0);
		expect(&e, 4 * MIB + 63 * PAGE, 2 * PAGE, -EFAULT);
		expect(&e, 4 * MIB, 512, -EFAULT);
		down(&e);
	}
}

static int try(struct edges *e, const struct iovec *iov, int n, uint64_t lba)
{
	uint64_t before = rig_commands(&e->r);
	int ret = nnvme_readv(e->r.qp, e->r.ns, iov, n, lba, e);

	assert_int_equal(nnvme_writev(e->r.qp, e->r.ns, iov, n, lba, e), ret);
	assert_int_equal(nnvme_in_flight(e->r.qp), 0);
	model_drain(e->r.m);
	assert_int_equal(rig_commands(&e->r), before);
	return ret;
}

static void counts_are_checked(void **state)
{
	static struct iovec iov[NNVME_IOV_MAX + 1];
	struct edges e;

	up(&e, "mdts=0,size=64m");
	add(&e, 0, 8 * MIB);
	warm_up(&e);
	for (unsigned i = 0; i <= NNVME_IOV_MAX; i++)
		iov[i] = (struct iovec){ e.mem + i * PAGE, PAGE };
	assert_int_equal(try(&e, iov, 0, 0), -EINVAL);
	assert_int_equal(try(&e, iov, -1, 0), -EINVAL);
	assert_int_equal(try(&e, NULL, INT_MAX, 0), -EINVAL);
	assert_int_equal(try(&e, NULL, INT_MIN, 0), -EINVAL);
	assert_int_equal(try(&e, NULL, 0, 0), -EINVAL);
	assert_int_equal(try(&e, iov, NNVME_IOV_MAX + 1, 0), -EINVAL);
	assert_int_equal(nnvme_readv(e.r.qp, e.r.ns, iov, NNVME_IOV_MAX, 0, &e), 0);
	assert_int_equal(rig_wait(&e.r).status, 0);
	down(&e);
}

/* As each page of a request of four pages. */
static void each_iovec_is_checked(void **state)
{
	static const struct {
		size_t at, len;
		int want;
	} bad[] = {
		{ 2, PAGE, -EINVAL }, { 2, 512, -EINVAL }, { 0, PAGE - 2, -EINVAL },
		{ 0, PAGE - 4, -EINVAL },
		{ 0, 12, -EINVAL },
		{ 0, SIZE_MAX - 3, -EINVAL }, { 0, SIZE_MAX - 511, -ERANGE },
		{ 0, SIZE_MAX / 2 + 1, -ERANGE },
		{ 512, SIZE_MAX - 511, -ERANGE },
		{ 0, (size_t)1 << 47, -ERANGE }, { 64 * MIB, PAGE, -EFAULT },
		{ (size_t)1 << 47, PAGE, -EFAULT }, { (size_t)1 << 63, PAGE, -EFAULT },
		{ 7 * MIB, 2 * MIB, -EFAULT },
	};
	struct edges e;

	EACH_MODE(m) {
		up(&e, modes[m]);
		add(&e, 0, 8 * MIB);
		warm_up(&e);
		for (unsigned k = 0; k < 4; k++)
			for (unsigned i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
				struct iovec iov[4];
				int ret;

				for (unsigned s = 0; s < 4; s++)
					iov[s] = (struct iovec){ e.mem + s * 2 * PAGE, PAGE };
				iov[k].iov_base = (void *)((uintptr_t)e.mem + bad[i].at);
				iov[k].iov_len = bad[i].len;
				ret = try(&e, iov, 4, 0);
				/* sums of lengths that wrap around */
				if (ret != bad[i].want &&
				    (bad[i].len <= SIZE_MAX / 2 || ret != -EINVAL))
					fail_msg("case %u at place %u: %d", i, k, ret);
			}
		down(&e);
	}
}

static void sums_that_wrap_are_no_lengths(void **state)
{
	struct edges e;
	struct iovec iov[3];

	up(&e, "mdts=0,size=64m,sgls=1");
	add(&e, 0, 8 * MIB);
	warm_up(&e);
	iov[0] = (struct iovec){ e.mem, PAGE };
	iov[1] = (struct iovec){ e.mem + 4 * PAGE, SIZE_MAX - PAGE + 1 };
	iov[2] = (struct iovec){ e.mem + 8 * PAGE, PAGE };
	assert_int_equal(try(&e, iov, 3, 0), -EINVAL);
	assert_int_equal(try(&e, iov, 2, 0), -EINVAL);
	iov[0].iov_len = iov[1].iov_len = (size_t)1 << 63;
	assert_int_equal(try(&e, iov, 3, 0), -EINVAL);
	iov[0] = (struct iovec){ (void *)-PAGE, PAGE };
	assert_int_equal(try(&e, iov, 1, 0), -EFAULT);
	iov[0] = (struct iovec){ NULL, PAGE };
	assert_int_equal(try(&e, iov, 1, 0), -EFAULT);
	down(&e);
}

static void the_range_is_checked(void **state)
{
	struct nnvme_completion done;
	struct edges e;
	struct iovec iov[3], pair[2];
	uint64_t end;

	up(&e, "mdts=0,size=64m");
	add(&e, 0, 8 * MIB);
	warm_up(&e);
	end = e.r.ns->blocks;
	iov[0] = (struct iovec){ e.mem, PAGE };
	iov[1] = (struct iovec){ NULL, 0 };
	iov[2] = (struct iovec){ e.mem + PAGE, PAGE };
	pair[0] = iov[0];
	pair[1] = iov[2];
	assert_int_equal(try(&e, iov, 3, end), -ERANGE);
	assert_int_equal(try(&e, iov, 3, end - 15), -ERANGE);
	assert_int_equal(try(&e, iov, 3, UINT64_MAX), -ERANGE);
	assert_int_equal(try(&e, &iov[1], 1, 0), -EINVAL);	/* nothing at all */
	/* without an empty one between them, the short way */
	assert_int_equal(try(&e, pair, 2, end), -ERANGE);
	assert_int_equal(try(&e, pair, 2, end - 15), -ERANGE);
	assert_int_equal(try(&e, pair, 2, UINT64_MAX), -ERANGE);
	for (unsigned i = 0; i < 8; i++)
		assert_int_equal(nnvme_readv(e.r.qp, e.r.ns, iov, 3, end - 16, &e), 0);
	assert_int_equal(nnvme_readv(e.r.qp, e.r.ns, iov, 3, 0, &e), -EAGAIN);
	nnvme_ring(e.r.qp);
	for (unsigned i = 0; i < 8; i++) {
		assert_int_equal(rig_poll(&e.r, &done, 1), 1);
		assert_int_equal(done.status, 0);
	}
	down(&e);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_hole_inside_a_mebibyte),
		cmocka_unit_test(a_region_ends_inside_a_huge_page),
		cmocka_unit_test(two_regions_with_a_gap),
		cmocka_unit_test(counts_are_checked),
		cmocka_unit_test(each_iovec_is_checked),
		cmocka_unit_test(sums_that_wrap_are_no_lengths),
		cmocka_unit_test(the_range_is_checked),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
