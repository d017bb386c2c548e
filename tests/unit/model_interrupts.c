// SPDX-License-Identifier: MIT
/*
 * The model's interrupts, as a simple host sees them: how many, for which queues, in which order of
 * death.
 */
#include "model_host.h"

#include <errno.h>
#include <sys/eventfd.h>
#include <unistd.h>

#define VECTORS 3

struct listener {
	struct host h;
	int fd[VECTORS];
	uint8_t *buf;
};

/* Interrupts since the last look. */
static uint64_t heard(struct listener *l, unsigned vector)
{
	eventfd_t n = 0;

	return eventfd_read(l->fd[vector], &n) ? 0 : n;
}

/* Queue 1 of 16 entries with interrupts on vector 1. */
static void up(struct listener *l, const char *settings)
{
	struct host *h = &l->h;
	unsigned count = VECTORS;

	host_open(h, settings);
	host_enable(h);
	for (unsigned i = 0; i < VECTORS; i++)
		l->fd[i] = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
	assert_int_equal(h->dev->ops->interrupts_on(h->dev, l->fd, &count, NULL), 0);
	assert_int_equal(count, VECTORS);
	host_queue_memory(h, 1, 16);
	l->buf = host_pages(h, 1);
	assert_int_equal(host_admin(h, nvme_admin_create_cq, 15 << 16 | 1, 1 << 16 | 3,
				    host_bus(h, h->q[1].cq)), 0);
	assert_int_equal(host_admin(h, nvme_admin_create_sq, 15 << 16 | 1, 1 << 16 | 1,
				    host_bus(h, h->q[1].sq)), 0);
}

static void down(struct listener *l)
{
	host_disable(&l->h);
	l->h.dev->ops->interrupts_off(l->h.dev);
	for (unsigned i = 0; i < VECTORS; i++)
		close(l->fd[i]);
	host_close(&l->h);
}

/* Post @n completions without acknowledging them; @ack: acknowledge the former ones just before. */
static void complete(struct listener *l, unsigned n, bool ack)
{
	struct nnvme_sqe read = host_rw(nvme_cmd_read, 0, 1, host_bus(&l->h, l->buf), 0);

	for (unsigned i = 0; i < n; i++)
		host_write(&l->h, 1, &read);
	host_ring(&l->h, 1);
	if (ack)
		host_ack(&l->h, 1);
	model_drain(l->h.m);
}

static void each_entry_interrupts(void **state)
{
	struct listener l;

	up(&l, NULL);
	assert_true(heard(&l, 0) > 0);		/* the admin queue's */
	complete(&l, 3, false);
	assert_int_equal(heard(&l, 1), 3);
	complete(&l, 1, false);
	assert_int_equal(heard(&l, 1), 1);
	assert_int_equal(heard(&l, 0) + heard(&l, 2), 0);
	down(&l);
}

static void only_the_first_after_an_acknowledgement(void **state)
{
	struct listener l;

	up(&l, "interrupts=1");
	heard(&l, 1);
	complete(&l, 3, false);
	assert_int_equal(heard(&l, 1), 1);
	complete(&l, 1, false);
	assert_int_equal(heard(&l, 1), 0);
	while (host_reap(&l.h, 1))
		;
	host_ack(&l.h, 1);
	model_drain(l.h.m);
	assert_int_equal(heard(&l, 1), 0);	/* nothing new, nothing raised */
	complete(&l, 1, false);
	assert_int_equal(heard(&l, 1), 1);
	/* acknowledged just before the next is posted */
	assert_true(host_reap(&l.h, 1));
	complete(&l, 1, true);
	assert_int_equal(heard(&l, 1), 1);
	/* not all: none is raised, then or later */
	complete(&l, 2, false);
	assert_true(host_reap(&l.h, 1));
	complete(&l, 1, true);
	assert_int_equal(heard(&l, 1), 0);
	down(&l);
}

static void none_at_all(void **state)
{
	struct listener l;

	up(&l, "interrupts=2");
	complete(&l, 3, false);
	assert_int_equal(heard(&l, 0) + heard(&l, 1), 0);
	model_interrupt(l.h.m, 2, 5);
	assert_int_equal(heard(&l, 2), 5);
	down(&l);
}

static void vectors_that_are_not_there(void **state)
{
	struct listener l;
	struct host *h = &l.h;
	unsigned count = VECTORS;

	up(&l, NULL);
	host_queue_memory(h, 2, 16);
	assert_int_equal(host_admin(h, nvme_admin_create_cq, 15 << 16 |
				    2, VECTORS << 16 | 3, host_bus(h, h->q[2].cq)),
			 HOST_SPECIFIC(NVME_SC_INVALID_VECTOR));
	assert_int_equal(h->dev->ops->interrupts_on(h->dev, l.fd, &count, NULL), -EBUSY);
	host_expect_violation(h, "twice");
	down(&l);
	host_open(h, "vectors=0");
	assert_int_equal(h->dev->ops->vectors(h->dev), 0);
	assert_int_equal(h->dev->ops->interrupts_on(h->dev, l.fd, &count, NULL), -EOPNOTSUPP);
	host_close(h);
}

static void the_wrong_order_of_death(void **state)
{
	struct listener l;

	up(&l, NULL);
	l.h.dev->ops->interrupts_off(l.h.dev);
	host_expect_violation(&l.h, "while the controller runs");
	down(&l);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(each_entry_interrupts),
		cmocka_unit_test(only_the_first_after_an_acknowledgement),
		cmocka_unit_test(none_at_all),
		cmocka_unit_test(vectors_that_are_not_there),
		cmocka_unit_test(the_wrong_order_of_death),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
