// SPDX-License-Identifier: MIT
/*
 * Commands that need more than a submission queue entry and a tag: transfers of several
 * commands, completed as one, and commands with list pages.
 *
 * A transfer of more commands than there are free slots starts with those that fit and goes on
 * whenever one of its commands completes, so any length fits any depth.
 */
#include "nvme/split.h"

#include <errno.h>
#include <stdlib.h>

#include "nvme/map.h"
#include "nvme/prp.h"
#include "nvme/prp_pool.h"
#include "nvme/sq.h"

#define MAX_COPIES 32		/* of iovecs: vectored requests in several commands */

/*
 * All memory of a transfer, constant while it is in flight, for other threads to read. What is
 * read between two reads of the same odd number belongs together.
 */
struct extent {
	unsigned number;	/* odd: in flight */
	unsigned n;
	struct iovec *iov;	/* NULL: va and len */
	uintptr_t va;
	size_t len;
};

/*
 * Numbered from 1, as nnvme_slot.split is. There are few copies of iovecs, allocated with the
 * queue pair; each free one points to the next.
 */
struct nnvme_splits {
	uint16_t free;
	struct extent *extent;		/* of each */
	struct iovec *free_iov, *iov;
	struct nnvme_split split[];
};

static void put_iov(struct nnvme_splits *s, struct iovec *iov)
{
	if (!iov)
		return;
	__atomic_store_n(&iov->iov_base, s->free_iov, __ATOMIC_RELAXED);
	s->free_iov = iov;
}

static void begin_extent(struct extent *e, const struct nnvme_split *whole)
{
	size_t len = whole->va ? whole->blocks << whole->ns->block_shift : 0;

	__atomic_store_n(&e->n, whole->at.n, __ATOMIC_RELAXED);
	__atomic_store_n(&e->iov, whole->iov, __ATOMIC_RELAXED);
	__atomic_store_n(&e->va, whole->va, __ATOMIC_RELAXED);
	__atomic_store_n(&e->len, len, __ATOMIC_RELAXED);
	__atomic_store_n(&e->number, e->number + 1, __ATOMIC_RELEASE);
}

static void end_extent(struct extent *e)
{
	__atomic_store_n(&e->number, e->number + 1, __ATOMIC_RELEASE);
	__atomic_thread_fence(__ATOMIC_RELEASE);	/* before anything of it changes */
}

/* Other threads may still be reading those of an earlier transfer there. */
static void copy_iov(struct iovec *to, const struct iovec *from, unsigned n)
{
	for (unsigned i = 0; i < n; i++) {
		__atomic_store_n(&to[i].iov_base, from[i].iov_base, __ATOMIC_RELAXED);
		__atomic_store_n(&to[i].iov_len, from[i].iov_len, __ATOMIC_RELAXED);
	}
}

static bool overlap(uintptr_t a, size_t a_len, uintptr_t b, size_t b_len)
{
	return b_len && a < b + b_len && b < a + a_len;
}

static bool extent_meets(const struct extent *e, uintptr_t va, size_t len)
{
	const struct iovec *iov = __atomic_load_n(&e->iov, __ATOMIC_RELAXED);
	unsigned n = __atomic_load_n(&e->n, __ATOMIC_RELAXED);

	if (!iov)
		return overlap(va, len, __atomic_load_n(&e->va, __ATOMIC_RELAXED),
			       __atomic_load_n(&e->len, __ATOMIC_RELAXED));
	for (; n--; iov++)
		if (overlap(va, len, (uintptr_t)__atomic_load_n(&iov->iov_base, __ATOMIC_RELAXED),
			    __atomic_load_n(&iov->iov_len, __ATOMIC_RELAXED)))
			return true;
	return false;
}

bool nnvme_splits_meet(const struct nnvme_qpair *qp, uintptr_t va, size_t len)
{
	for (unsigned i = 1; i <= qp->depth; i++) {
		const struct extent *e = &nnvme_qp(qp)->splits->extent[i];
		unsigned number = __atomic_load_n(&e->number, __ATOMIC_ACQUIRE);

		if (number % 2 == 0 || !extent_meets(e, va, len))
			continue;
		__atomic_thread_fence(__ATOMIC_ACQUIRE);
		if (__atomic_load_n(&e->number, __ATOMIC_RELAXED) == number)
			return true;
	}
	return false;
}

/* Fill ranges from @lba on, up to the limits of one command; *blocks becomes what they cover. */
static unsigned fill_ranges(const struct nnvme_ctrl *ctrl, struct nvme_dsm_range *r, uint64_t lba,
			    uint64_t *blocks)
{
	uint64_t left = *blocks < ctrl->dsm_blocks ? *blocks : ctrl->dsm_blocks, done = 0;
	unsigned n = 0;

	while (done < left && n < ctrl->dsm_ranges) {
		uint64_t len = left - done;

		if (len > ctrl->dsm_range_blocks)
			len = ctrl->dsm_range_blocks;
		r[n++] = (struct nvme_dsm_range){ .nlb = (uint32_t)len, .slba = lba + done };
		done += len;
	}
	*blocks = done;
	return n;
}

/* nnvme_split_one() for Dataset Management. */
static int submit_ranges(struct nnvme_qpair *qp, struct nnvme_split *s, uint16_t split)
{
	struct nnvme_sqe cmd = {
		.opcode = NNVME_OP_DSM, .nsid = s->ns->nsid, .cdw11 = NVME_DSMGMT_AD,
	};
	uint64_t blocks = s->blocks;
	nnvme_bus_t bus;
	uint16_t list;
	void *va;
	int ret = nnvme_prp_pool_get(qp, &list, &va, &bus);

	if (ret)
		return ret;
	cmd.prp1 = bus.v;
	cmd.cdw10 = fill_ranges(nnvme_qp(qp)->ctrl, va, s->lba, &blocks) - 1;
	nnvme_submit(qp, &cmd, s->tag, list, split, false);
	s->in_flight++;
	s->lba += blocks;
	s->blocks -= blocks;
	return 0;
}

/* Submit one command of @s; @split is its number, or 0 when it is the only one. */
int nnvme_split_one(struct nnvme_qpair *qp, struct nnvme_split *s, uint16_t split)
{
	uint32_t blocks = (uint32_t)(s->blocks < s->max ? s->blocks : s->max);
	struct nnvme_sqe cmd = { .opcode = s->opcode, .nsid = s->ns->nsid, .slba = s->lba };
	struct nnvme_prp prp = { 0 };
	int ret = nnvme_sq_check(qp);
	uint16_t list = 0;
	size_t len;

	if (ret)
		return ret;
	if (s->opcode == NNVME_OP_DSM)
		return submit_ranges(qp, s, split);
	if (s->at.n)
		blocks = nnvme_map_blocks(qp, s->ns, s->at, blocks);
	len = (size_t)blocks << s->ns->block_shift;
	if (s->at.n) {
		ret = nnvme_map_iov(qp, s->ns, s->at, blocks, &cmd, &list);
	} else if (s->va) {
		ret = nnvme_map_prp(qp, s->va, len, &prp, &list);
		cmd.prp1 = prp.prp1;
		cmd.prp2 = prp.prp2;
	}
	if (ret)
		return ret;
	cmd.cdw12 = (blocks - 1) | s->flags;
	nnvme_submit(qp, &cmd, s->tag, list, split, false);
	s->in_flight++;
	s->lba += blocks;
	s->blocks -= blocks;
	if (s->va)
		s->va += len;
	if (s->at.n)
		nnvme_iov_skip(&s->at, len);
	return 0;
}

/* Submit the rest as far as there is space. Fails only when nothing at all is in flight. */
static int submit_some(struct nnvme_qpair *qp, struct nnvme_split *s, uint16_t split)
{
	int ret = 0;

	while (s->blocks && !ret)
		ret = nnvme_split_one(qp, s, split);
	return s->in_flight ? 0 : ret;
}

int nnvme_split_submit(struct nnvme_qpair *qp, const struct nnvme_split *whole)
{
	struct nnvme_qpair_private *p = nnvme_qp(qp);
	uint16_t n = p->splits->free;	/* there are as many as slots, and a slot is free */
	struct nnvme_split *s = &p->splits->split[n];
	uint16_t next = s->next;
	int ret;

	*s = *whole;
	begin_extent(&p->splits->extent[n], whole);
	ret = submit_some(qp, s, n);
	if (!ret) {
		p->splits->free = next;
		NNVME_COUNT(p->split_transfers);
		return 0;
	}
	end_extent(&p->splits->extent[n]);
	s->next = next;
	return ret;
}

/* Later commands are built when earlier ones complete, so the iovecs are copied. */
int nnvme_split_iov(struct nnvme_qpair *qp, struct nnvme_split *whole)
{
	struct nnvme_splits *splits = nnvme_qp(qp)->splits;
	int ret;

	whole->iov = splits->free_iov;
	if (!whole->iov)
		return -EAGAIN;
	splits->free_iov = whole->iov->iov_base;
	copy_iov(whole->iov, whole->at.iov, whole->at.n);
	whole->at.iov = whole->iov;
	ret = nnvme_split_submit(qp, whole);
	if (ret)
		put_iov(splits, whole->iov);
	return ret;
}

/* See struct nnvme_qpair_private. */
static bool split_ended(struct nnvme_qpair *qp, uint16_t n, struct nnvme_completion *out)
{
	struct nnvme_qpair_private *p = nnvme_qp(qp);
	struct nnvme_split *s = &p->splits->split[n];

	s->in_flight--;
	if (out->status && !s->status) {
		s->status = out->status;
		s->result = out->result;
		s->blocks = 0;		/* the rest won't be sent */
	}
	if (s->blocks) {
		int ret = submit_some(qp, s, n);

		/* There is space: its own slot was just freed, and so were its list pages. */
		if (ret)
			s->status = NVME_SC_INTERNAL;
		nnvme_ring(qp);
	}
	if (s->in_flight)
		return false;
	*out = (struct nnvme_completion){ .tag = s->tag, .status = s->status, .result = s->result };
	end_extent(&p->splits->extent[n]);
	put_iov(p->splits, s->iov);
	s->next = p->splits->free;
	p->splits->free = n;
	return true;
}

int nnvme_splits_create(struct nnvme_qpair *qp)
{
	struct nnvme_qpair_private *p = nnvme_qp(qp);
	unsigned copies = qp->depth < MAX_COPIES ? qp->depth : MAX_COPIES;
	struct nnvme_splits *s = calloc(1, sizeof(*s) + (qp->depth + 1) * sizeof(s->split[0]));

	if (!s)
		return -ENOMEM;
	p->splits = s;
	p->split_ended = split_ended;
	s->extent = calloc(qp->depth + 1, sizeof(*s->extent));
	s->iov = malloc(copies * NNVME_IOV_MAX * sizeof(*s->iov));
	if (!s->extent || !s->iov)
		return -ENOMEM;
	for (unsigned i = 0; i < copies; i++) {
		s->iov[i * NNVME_IOV_MAX].iov_base = s->free_iov;
		s->free_iov = &s->iov[i * NNVME_IOV_MAX];
	}
	for (unsigned i = 0; i < qp->depth; i++)
		s->split[i].next = (uint16_t)(i + 1);
	s->free = s->split[0].next;
	return 0;
}

void nnvme_splits_destroy(struct nnvme_qpair *qp)
{
	struct nnvme_splits *s = nnvme_qp(qp)->splits;

	if (s) {
		free(s->extent);
		free(s->iov);
	}
	free(s);
}
