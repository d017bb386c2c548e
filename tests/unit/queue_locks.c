// SPDX-License-Identifier: MIT
/*
 * No request waits: each kind is submitted and completed while another thread, here this one, holds
 * all locks of the library, as it does for seconds while it registers memory. And none allocates.
 */
#include <malloc.h>
#include <unistd.h>

#include "driver_rig.h"
#include "nvme/private.h"

#define MIB ((size_t)1 << 20)
#define PAGE 4096u

/* A call that waits here waits for ever: the alarm ends the program. */
static void lock_all(struct rig *r)
{
	pthread_mutex_lock(&r->ctrl->lock);
	pthread_mutex_lock(&r->ctrl->buffer_lock);
	pthread_mutex_lock(&r->ctrl->space->lock);
	alarm(60);
}

static void unlock_all(struct rig *r)
{
	alarm(0);
	pthread_mutex_unlock(&r->ctrl->space->lock);
	pthread_mutex_unlock(&r->ctrl->buffer_lock);
	pthread_mutex_unlock(&r->ctrl->lock);
}

/* @n iovecs of @len bytes, at the starts of pages far apart. */
static void spread(struct iovec *iov, uint8_t *buf, unsigned n, size_t len)
{
	for (unsigned i = 0; i < n; i++)
		iov[i] = (struct iovec){ buf + i * 2 * PAGE, len };
}

static int submit(struct rig *r, uint8_t *buf, unsigned kind)
{
	struct iovec iov[200];

	switch (kind) {
	case 0:
		return nnvme_read(r->qp, r->ns, buf, 0, 8, r);
	case 1:	/* longer than a list page */
		return nnvme_write(r->qp, r->ns, buf + 512, 0, (uint32_t)((MIB + MIB / 2) / 512),
				   r);
	case 2:	/* several commands */
		return nnvme_read(r->qp, r->ns, buf, 0, (uint32_t)(3 * MIB / 512), r);
	case 3:
		return nnvme_flush(r->qp, r->ns, r);
	case 4:
		return nnvme_write_zeroes(r->qp, r->ns, 0, 100, r);
	case 5:
		return nnvme_deallocate(r->qp, r->ns, 0, 100, r);
	case 6:
		spread(iov, buf, 3, PAGE);
		return nnvme_readv(r->qp, r->ns, iov, 3, 0, r);
	case 7:	/* longer than a slot's list */
		spread(iov, buf, 200, PAGE);
		return nnvme_writev(r->qp, r->ns, iov, 200, 0, r);
	case 8:	/* a command per iovec, or a scatter gather list */
		spread(iov, buf, 100, 512);
		return nnvme_readv(r->qp, r->ns, iov, 100, 0, r);
	}
	return 1;
}

static void each_kind_under_all_locks(const char *settings, uint32_t quirks)
{
	struct rig r;
	uint8_t *buf;

	rig_model(&r, settings);
	r.options.quirks = quirks;
	if (rig_open(&r))
		fail_msg("%s", r.err.text);
	r.ns = nnvme_ns_get(r.ctrl, 1, &r.err);
	rig_queue(&r, 8);
	buf = rig_alloc(&r, 4 * MIB);
	rig_step_by_hand(&r);
	lock_all(&r);
	for (unsigned round = 0; round < 20; round++)
		for (unsigned kind = 0; kind < 9; kind++) {
			size_t before = mallinfo2().uordblks;

			assert_int_equal(submit(&r, buf, kind), 0);
			assert_int_equal(mallinfo2().uordblks, before);
			assert_int_equal(rig_wait(&r).status, 0);
		}
	unlock_all(&r);
	rig_down(&r);
}

static void prps_take_no_lock(void **state)
{
	each_kind_under_all_locks("size=64m,mdts=9,run=1", 0);
}

static void short_commands_take_no_lock(void **state)
{
	each_kind_under_all_locks("size=64m,mdts=3,run=16", 0);
}

static void scatter_gather_lists_take_no_lock(void **state)
{
	each_kind_under_all_locks("size=64m,mdts=9,run=1,sgls=1", 0);
}

static void aligned_lists_take_no_lock(void **state)
{
	each_kind_under_all_locks("size=64m,mdts=9,run=1", NNVME_QUIRK_ALIGNED_LISTS);
}

/*
 * There is a list for each command in flight. Only copies of iovecs may run out: then the answer is
 * "poll first".
 */
static void each_command_in_flight_has_its_list(void **state)
{
	struct iovec iov[200];
	struct rig r;
	uint8_t *buf;
	unsigned n;
	int ret;

	rig_up(&r, "size=64m,mdts=9,run=16", 64);
	buf = rig_alloc(&r, 4 * MIB);
	rig_step_by_hand(&r);
	spread(iov, buf, 200, PAGE);
	for (n = 0; !(ret = nnvme_readv(r.qp, r.ns, iov, 200, 0, &r)); n++)
		;
	assert_int_equal(ret, -EAGAIN);
	assert_int_equal(n, 64);
	while (n--)
		assert_int_equal(rig_wait(&r).status, 0);
	spread(iov, buf, 2, 512);	/* a command per iovec */
	for (n = 0; !(ret = nnvme_readv(r.qp, r.ns, iov, 2, 0, &r)); n++)
		;
	assert_int_equal(ret, -EAGAIN);
	assert_in_range(n, 16, 32);
	assert_int_equal(nnvme_read(r.qp, r.ns, buf, 0, 8, &r),
			 nnvme_sq_space_left(r.qp) ? 0 : -EAGAIN);
	while (nnvme_in_flight(r.qp))
		assert_int_equal(rig_wait(&r).status, 0);
	assert_int_equal(nnvme_readv(r.qp, r.ns, iov, 2, 0, &r), 0);
	assert_int_equal(rig_wait(&r).status, 0);
	rig_down(&r);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(prps_take_no_lock),
		cmocka_unit_test(short_commands_take_no_lock),
		cmocka_unit_test(scatter_gather_lists_take_no_lock),
		cmocka_unit_test(aligned_lists_take_no_lock),
		cmocka_unit_test(each_command_in_flight_has_its_list),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
