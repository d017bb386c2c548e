// SPDX-License-Identifier: MIT
/*
 * The loops whose instructions `./run perf` counts: measured_ does the driver's work, control_ is the same
 * loop with the calls left out. Under
 *
 *	valgrind --tool=callgrind --toggle-collect=measured_loop --toggle-collect=wait_for_last \
 *		perf_loop BDF ...
 *
 * only the loop is counted: waiting for the controller is toggled off, and looks at the last completion
 * queue entry of the round, so that no empty poll is in the figure.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "nvme/ctrl.h"

#define NOINLINE __attribute__((noinline, noclone))
#define MAX_DEPTH 1024

struct loop {
	struct nnvme_ctrl *ctrl;
	const struct nnvme_ns *ns;
	struct nnvme_qpair *qp;
	char *buf[MAX_DEPTH];
	uint64_t lba[MAX_DEPTH];
	struct nnvme_completion done[MAX_DEPTH];
	unsigned depth;
	uint32_t blocks;
	uint64_t sum;		/* what the loops compute, so that none is optimised away */
};

NOINLINE void measured_loop(struct loop *l, unsigned rounds);
NOINLINE void measured_single(struct loop *l, unsigned rounds);
NOINLINE void control_loop(struct loop *l, unsigned rounds);
NOINLINE void control_single(struct loop *l, unsigned rounds);
NOINLINE void measured_empty(struct loop *l);
NOINLINE void wait_for_last(const struct nnvme_qpair *qp, unsigned n);
NOINLINE void no_wait(const struct nnvme_qpair *qp, unsigned n);

/* What any user does with what comes back. */
static inline void use(struct loop *l, unsigned n)
{
	for (unsigned i = 0; i < n; i++) {
		if (l->done[i].status)
			abort();
		l->sum += (uintptr_t)l->done[i].tag;
	}
}

void measured_loop(struct loop *l, unsigned rounds)
{
	const struct nnvme_ns *ns = l->ns;
	struct nnvme_qpair *qp = l->qp;
	uint32_t blocks = l->blocks;
	unsigned n = l->depth;

	while (rounds--) {
		struct nnvme_batch b = nnvme_batch_begin(qp, ns);

		for (unsigned i = 0; i < n; i++)
			if (nnvme_batch_read(&b, l->buf[i], l->lba[i], blocks, l->buf[i]))
				abort();
		nnvme_batch_end(&b);
		wait_for_last(qp, n);
		use(l, nnvme_poll(qp, l->done, n));
	}
}

void control_loop(struct loop *l, unsigned rounds)
{
	struct nnvme_qpair *qp = l->qp;
	uint32_t blocks = l->blocks;
	unsigned n = l->depth;

	while (rounds--) {
		for (unsigned i = 0; i < n; i++)
			__asm__ volatile("" :: "r"(l->buf[i]), "r"(l->lba[i]), "r"(blocks));
		no_wait(qp, n);
		use(l, n);
	}
}

void measured_single(struct loop *l, unsigned rounds)
{
	const struct nnvme_ns *ns = l->ns;
	struct nnvme_qpair *qp = l->qp;

	while (rounds--) {
		if (nnvme_read(qp, ns, l->buf[0], l->lba[0], l->blocks, l->buf[0]))
			abort();
		nnvme_ring(qp);
		wait_for_last(qp, 1);
		if (nnvme_poll(qp, l->done, 1))
			use(l, 1);
	}
}

void control_single(struct loop *l, unsigned rounds)
{
	struct nnvme_qpair *qp = l->qp;

	while (rounds--) {
		__asm__ volatile("" :: "r"(l->buf[0]), "r"(l->lba[0]), "r"(l->blocks));
		no_wait(qp, 1);
		use(l, 1);
	}
}

void measured_empty(struct loop *l)
{
	if (nnvme_poll(l->qp, l->done, l->depth))
		abort();
}

void no_wait(const struct nnvme_qpair *qp, unsigned n)
{
	__asm__ volatile("" :: "r"(qp), "r"(n));
}

void wait_for_last(const struct nnvme_qpair *qp, unsigned n)
{
	const struct nnvme_cqe *last = qp->cqe + n - 1;
	uint32_t phase = qp->phase;

	if (last >= qp->cq_end) {
		last -= qp->cq_end - qp->cq;
		phase ^= 0x10000;
	}
	while ((__atomic_load_n(&last->dw3, __ATOMIC_ACQUIRE) ^ phase) & 0x10000)
		nanosleep(&(struct timespec){ .tv_nsec = 20000 }, NULL);
}

static int prepare(struct loop *l, const char *bdf, size_t bytes, size_t offset)
{
	struct nnvme_err err = { 0 };
	size_t each = (bytes + offset + 4095) & ~(size_t)4095;

	if (nnvme_ctrl_open(bdf, NULL, &l->ctrl, &err) ||
	    nnvme_qpair_create(l->ctrl, l->depth, &l->qp, &err)) {
		fprintf(stderr, "%s\n", err.text);
		return -1;
	}
	l->ns = nnvme_ns_next(l->ctrl, 0);
	if (!l->ns)
		return -1;
	l->blocks = (uint32_t)(bytes >> l->ns->block_shift);
	srand(1);
	for (unsigned i = 0; i < l->depth; i++) {
		char *p = nnvme_alloc(l->ctrl, each, &err);

		if (!p) {
			fprintf(stderr, "%s\n", err.text);
			return -1;
		}
		l->buf[i] = p + offset;
		l->lba[i] = (uint64_t)rand() % (l->ns->blocks - l->blocks);
	}
	return 0;
}

int main(int argc, char **argv)
{
	static struct loop l;
	unsigned rounds;

	if (argc != 6) {
		fprintf(stderr, "usage: perf_loop BDF DEPTH BYTES OFFSET ROUNDS\n");
		return 2;
	}
	l.depth = (unsigned)atoi(argv[2]);
	rounds = (unsigned)atoi(argv[5]);
	if (l.depth < 1 || l.depth > MAX_DEPTH ||
	    prepare(&l, argv[1], (size_t)atol(argv[3]), (size_t)atol(argv[4])))
		return 1;
	if (l.depth == 1) {
		measured_single(&l, rounds);
		control_single(&l, rounds);
	} else {
		measured_loop(&l, rounds);
		control_loop(&l, rounds);
	}
	for (unsigned i = 0; i < rounds; i++)
		measured_empty(&l);
	printf("commands %u sq_rings %llu cq_rings %llu sum %llx\n", rounds * l.depth,
	       (unsigned long long)l.qp->sq_rings, (unsigned long long)l.qp->cq_rings,
	       (unsigned long long)l.sum);
	nnvme_ctrl_close(l.ctrl);
	return 0;
}
