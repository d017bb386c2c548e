// SPDX-License-Identifier: MIT
/*
 * A loop of one's own: read a block at each tick of a timer, and sleep in epoll_wait() otherwise.
 *
 *	cc epoll.c $(pkg-config --cflags --libs noiommu_nvme) -o epoll
 *	./epoll 0000:41:00.0 20			(ticks, of 10 ms)
 *
 * The controller must be bound to vfio-pci: see `noiommu-nvme bind`.
 */
#define _POSIX_C_SOURCE 200809L	/* CLOCK_MONOTONIC, with -std=c11 too */
#include <noiommu_nvme/noiommu_nvme.h>

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/timerfd.h>
#include <unistd.h>

#define TICK_NS 10000000
#define MAX_TICKS 1000	/* that a read may take: 10 s */

struct loop {
	const struct nnvme_ns *ns;
	struct nnvme_qpair *qp;
	uint64_t *buf, wanted, sent, finished, sum;
	uint64_t waited;	/* ticks that the read in flight has had */
	uint32_t block_size;
	int epoll, timer;
};

/* One block at a time; a tick with a read in flight only counts. */
static int tick(struct loop *l, struct nnvme_err *err)
{
	uint64_t ticks;
	int ret;

	if (read(l->timer, &ticks, sizeof(ticks)) != sizeof(ticks))
		return 0;	/* it was none after all */
	if (l->sent != l->finished) {
		l->waited += ticks;
		return l->waited < MAX_TICKS ? 0 :
		       nnvme_fail(err, -1, "block %" PRIu64 " did not complete", l->finished);
	}
	ret = nnvme_read(l->qp, l->ns, l->buf, l->sent, 1, NULL);
	l->sent++;
	l->waited = 0;		/* nnvme_arm() rings */
	return ret ? nnvme_fail(err, ret, "not submitted: error %d", ret) : 0;
}

/* Take all that has finished. After that the next completion makes the descriptor readable. */
static int take_and_arm(struct loop *l, struct nnvme_err *err)
{
	//! [arm]
	struct nnvme_completion done;
	int ret;

	do {
		while (nnvme_poll(l->qp, &done, 1)) {
			if (done.status)
				return nnvme_fail(err, -1, "block %" PRIu64 ": %s", l->finished,
						  nnvme_status_text(done.status));
			for (uint32_t i = 0; i < l->block_size / 8; i++)
				l->sum += l->buf[i];
			l->finished++;
		}
		ret = nnvme_arm(l->qp);
	} while (ret > 0);
	//! [arm]
	return ret ? nnvme_fail(err, ret, "cannot sleep on the queue pair: error %d", ret) : 0;
}

static int run(struct loop *l, struct nnvme_err *err)
{
	const struct itimerspec period = { { 0, TICK_NS }, { 0, TICK_NS } };
	struct epoll_event completion = { .events = EPOLLIN, .data.fd = nnvme_qpair_fd(l->qp) };
	struct epoll_event timer = { .events = EPOLLIN, .data.fd = l->timer }, event;

	if (epoll_ctl(l->epoll, EPOLL_CTL_ADD, completion.data.fd, &completion) ||
	    epoll_ctl(l->epoll, EPOLL_CTL_ADD, l->timer, &timer) ||
	    timerfd_settime(l->timer, 0, &period, NULL))
		return nnvme_fail(err, -1, "cannot set the loop up: %m");
	while (l->finished < l->wanted) {
		if (take_and_arm(l, err))
			return -1;
		if (l->finished < l->wanted && epoll_wait(l->epoll, &event, 1, -1) == 1 &&
		    event.data.fd == l->timer && tick(l, err))
			return -1;
	}
	return printf("%" PRIu64 " blocks, sum %016" PRIx64 "\n", l->finished, l->sum) < 0;
}

int main(int argc, char **argv)
{
	struct nnvme_options opts = { .size = sizeof(opts), .interrupts = true,
				      .hugepages = NNVME_HUGEPAGES_OFF };
	struct loop l = { .epoll = epoll_create1(0),
			  .timer = timerfd_create(CLOCK_MONOTONIC, TFD_NONBLOCK) };
	struct nnvme_ns_info info = { .size = sizeof(info) };
	struct nnvme_ctrl *ctrl = NULL;
	struct nnvme_err err = { 0 };
	int ret;

	l.wanted = argc == 3 ? strtoull(argv[2], NULL, 10) : 0;
	if (!l.wanted) {
		fprintf(stderr, "usage: %s BDF TICKS\n", argv[0]);
		return 2;
	}
	ret = nnvme_ctrl_open(argv[1], &opts, &ctrl, &err) ||
	      nnvme_qpair_create(ctrl, 1, &l.qp, &err);
	l.ns = ret ? NULL : nnvme_ns_next(ctrl, 0);
	if (!ret && (!l.ns || nnvme_ns_info(l.ns, &info) || l.wanted > info.blocks))
		ret = nnvme_fail(&err, -1, "no namespace, or not so many blocks in it");
	l.block_size = info.block_size;
	if (!ret)
		l.buf = nnvme_mem_alloc(ctrl, info.block_size, &err);
	if (ret || !l.buf || run(&l, &err)) {
		fprintf(stderr, "%s\n", err.text);
		ret = 1;
	}
	return nnvme_ctrl_close(ctrl) || ret;
}
