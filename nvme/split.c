// SPDX-License-Identifier: MIT
/*
 * Commands that need more than a submission queue entry and a tag: transfers of several commands,
 * completed as one, and everything with list pages of its own.
 *
 * A transfer that takes more commands than there are free slots starts with those it can have
 * and goes on whenever one of its commands completes, so any length fits any depth.
 */
#include <errno.h>
#include <stdlib.h>

#include "dma/table_build.h"
#include "nvme/private.h"

#define MAX_COPIES 32		/* of segments, that is, vectored requests of several commands at once */
#define MAX_ZEROES 65536	/* NLB has 16 bits, counting from 0 */

struct nnvme_split {
	void *tag;
	const struct nnvme_ns *ns;
	uintptr_t va;		/* what is left: from here (0: a command without data, or of segments) */
	struct nnvme_iov_cursor at;	/* what is left of segments */
	struct iovec *iov;	/* our copy of them, where there is one */
	uint64_t lba;
	uint64_t blocks;
	uint32_t result;
	uint64_t max;		/* blocks a command */
	uint16_t in_flight;
	uint16_t status;	/* the first that was not success */
	uint16_t next;		/* free list: number + 1 */
	uint8_t opcode;
};

/*
 * All memory of a transfer, unlike what is left of it: constant while that is in flight, for other
 * threads to look at. What was read between two looks at the same odd number belongs together.
 */
struct extent {
	unsigned number;	/* odd: in flight */
	unsigned n;
	struct iovec *iov;	/* NULL: va and len */
	uintptr_t va;
	size_t len;
};

/*
 * Numbered from 1, as nnvme_req.split is. Copies of segments are few and there from the start; each that is
 * free leads to the next.
 */
struct nnvme_splits {
	uint16_t free;
	struct extent *extent;		/* of each */
	struct iovec *free_iov, *iov;
	struct nnvme_split split[];
};

struct nnvme_splits *nnvme_splits_create(unsigned depth)
{
	unsigned copies = depth < MAX_COPIES ? depth : MAX_COPIES;
	struct nnvme_splits *s = calloc(1, sizeof(*s) + (depth + 1) * sizeof(s->split[0]));

	if (!s)
		return NULL;
	s->extent = calloc(depth + 1, sizeof(*s->extent));
	s->iov = malloc(copies * NNVME_IOV_MAX * sizeof(*s->iov));
	if (!s->extent || !s->iov) {
		nnvme_splits_destroy(s);
		return NULL;
	}
	for (unsigned i = 0; i < copies; i++) {
		s->iov[i * NNVME_IOV_MAX].iov_base = s->free_iov;
		s->free_iov = &s->iov[i * NNVME_IOV_MAX];
	}
	for (unsigned i = 0; i < depth; i++)
		s->split[i].next = (uint16_t)(i + 1);
	s->free = s->split[0].next;
	return s;
}

void nnvme_splits_destroy(struct nnvme_splits *s)
{
	if (s) {
		free(s->extent);
		free(s->iov);
	}
	free(s);
}

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

/* Other threads may still look at those of an earlier transfer there. */
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

/* 0, or why no command can be submitted now. */
static int check_space(const struct nnvme_qpair *qp)
{
	return nnvme_qp(qp)->ctrl->halted ? -EIO : nnvme_sq_space_left(qp) ? 0 : -EAGAIN;
}

/* The data pointers for one command. */
static int point_at(struct nnvme_qpair *qp, uintptr_t va, size_t len, struct nnvme_prp *prp,
		    uint16_t *list)
{
	size_t more = (va % NNVME_PAGE_SIZE + len - 1) >> NNVME_PAGE_SHIFT;
	int ret = nnvme_table_prp(qp->table, va, len, prp);

	if (ret == -E2BIG || (!ret && more > 1 && (nnvme_qp(qp)->ctrl->opts.quirks & NNVME_QUIRK_ALIGNED_LISTS)))
		ret = nnvme_prp_build(qp, (struct nnvme_iov_cursor){ &(struct iovec){ (void *)va, len }, 0, 1 },
					len, prp, list);
	return ret;
}

/* Ranges from @lba on, as many as one command may have; *blocks becomes what they name. */
static unsigned fill_ranges(const struct nnvme_ctrl *ctrl, struct nvme_dsm_range *r, uint64_t lba,
			    uint64_t *blocks)
{
	uint64_t left = *blocks < ctrl->dsm_blocks ? *blocks : ctrl->dsm_blocks, done = 0;
	unsigned n = 0;

	while (done < left && n < ctrl->dsm_ranges) {
		uint64_t len = left - done < ctrl->dsm_range_blocks ? left - done : ctrl->dsm_range_blocks;

		r[n++] = (struct nvme_dsm_range){ .nlb = (uint32_t)len, .slba = lba + done };
		done += len;
	}
	*blocks = done;
	return n;
}

/* submit_one() of a deallocation. */
static int submit_ranges(struct nnvme_qpair *qp, struct nnvme_split *s, uint16_t split)
{
	struct nnvme_sqe cmd = { .opcode = NNVME_OP_DSM, .nsid = s->ns->nsid, .cdw11 = NVME_DSMGMT_AD };
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

/* One command of @s; @split is its number, or 0 when it is the only one. */
static int submit_one(struct nnvme_qpair *qp, struct nnvme_split *s, uint16_t split)
{
	uint32_t blocks = (uint32_t)(s->blocks < s->max ? s->blocks : s->max);
	struct nnvme_sqe cmd = { .opcode = s->opcode, .nsid = s->ns->nsid, .slba = s->lba };
	struct nnvme_prp prp = { 0 };
	int ret = check_space(qp);
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
		ret = point_at(qp, s->va, len, &prp, &list);
		cmd.prp1 = prp.prp1;
		cmd.prp2 = prp.prp2;
	}
	if (ret)
		return ret;
	cmd.cdw12 = blocks - 1;
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

/* Submit what is left as far as there is space. Fails only when nothing at all is in flight. */
static int submit_some(struct nnvme_qpair *qp, struct nnvme_split *s, uint16_t split)
{
	int ret = 0;

	while (s->blocks && !ret)
		ret = submit_one(qp, s, split);
	return s->in_flight ? 0 : ret;
}

static int submit_split(struct nnvme_qpair *qp, const struct nnvme_split *whole)
{
	uint16_t n = nnvme_qp(qp)->splits->free;	/* there are as many as slots, and a slot is free */
	struct nnvme_split *s = &nnvme_qp(qp)->splits->split[n];
	uint16_t next = s->next;
	int ret;

	*s = *whole;
	begin_extent(&nnvme_qp(qp)->splits->extent[n], whole);
	ret = submit_some(qp, s, n);
	if (!ret) {
		nnvme_qp(qp)->splits->free = next;
		NNVME_COUNT(nnvme_qp(qp)->split_transfers);
		return 0;
	}
	end_extent(&nnvme_qp(qp)->splits->extent[n]);
	s->next = next;
	return ret;
}

static int submit(struct nnvme_qpair *qp, struct nnvme_split *whole)
{
	int ret = check_space(qp);

	if (ret)
		return ret;
	return whole->blocks <= whole->max ? submit_one(qp, whole, 0) : submit_split(qp, whole);
}

static int check_blocks(const struct nnvme_ns *ns, uint64_t lba, uint64_t blocks)
{
	if (!blocks)
		return -EINVAL;
	if (lba >= ns->blocks || blocks > ns->blocks - lba)
		return -ERANGE;
	return 0;
}

int nnvme_rw_slow(struct nnvme_qpair *qp, const struct nnvme_ns *ns, uint8_t opcode, void *buf,
		  uint64_t lba, uint32_t blocks, void *tag)
{
	struct nnvme_split whole = {
		.tag = tag, .ns = ns, .va = (uintptr_t)buf, .lba = lba, .blocks = blocks,
		.max = ns->max_blocks, .opcode = opcode,
	};
	int ret = check_blocks(ns, lba, blocks);

	if (ret)
		return ret;
	if (whole.va % 4)
		return -EINVAL;
	/* All of it, before the first command: a transfer is not begun that can't be ended. */
	if (nnvme_table_check(qp->table, whole.va, (size_t)blocks << ns->block_shift))
		return -EFAULT;
	return submit(qp, &whole);
}

/* The commands that it takes; 0: some block is beyond any. */
static uint64_t count_commands(struct nnvme_qpair *qp, struct nnvme_split whole)
{
	uint64_t n = 0;

	while (whole.blocks) {
		uint32_t most = (uint32_t)(whole.blocks < whole.max ? whole.blocks : whole.max);
		uint32_t blocks = nnvme_map_blocks(qp, whole.ns, whole.at, most);

		if (!blocks)
			return 0;
		whole.blocks -= blocks;
		nnvme_iov_skip(&whole.at, (size_t)blocks << whole.ns->block_shift);
		n++;
	}
	return n;
}

/* Later commands are built when earlier ones complete: the segments are kept. */
static int submit_iov(struct nnvme_qpair *qp, struct nnvme_split *whole)
{
	struct nnvme_splits *splits = nnvme_qp(qp)->splits;
	int ret;

	whole->iov = splits->free_iov;
	if (!whole->iov)
		return -EAGAIN;
	splits->free_iov = whole->iov->iov_base;
	copy_iov(whole->iov, whole->at.iov, whole->at.n);
	whole->at.iov = whole->iov;
	ret = submit_split(qp, whole);
	if (ret)
		put_iov(splits, whole->iov);
	return ret;
}

int nnvme_rwv_slow(struct nnvme_qpair *qp, const struct nnvme_ns *ns, uint8_t opcode,
		   const struct iovec *iov, int iovcnt, uint64_t lba, void *tag)
{
	struct nnvme_split whole = {
		.tag = tag, .ns = ns, .at = { iov, 0, (unsigned)iovcnt }, .lba = lba,
		.max = ns->max_blocks, .opcode = opcode,
	};
	uint64_t bytes, commands;
	int ret;

	if (iovcnt < 1 || iovcnt > NNVME_IOV_MAX)
		return -EINVAL;
	ret = nnvme_iov_sum(iov, (unsigned)iovcnt, &bytes);
	whole.blocks = bytes >> ns->block_shift;
	if (!ret && whole.blocks << ns->block_shift != bytes)
		ret = -EINVAL;
	if (!ret)
		ret = check_blocks(ns, lba, whole.blocks);
	if (!ret)
		ret = nnvme_iov_check(qp, iov, (unsigned)iovcnt);
	if (!ret)
		ret = check_space(qp);
	if (ret)
		return ret;
	/* As with plain ones: a transfer is not begun that can't be ended. */
	commands = count_commands(qp, whole);
	if (!commands)
		return -EOPNOTSUPP;
	return commands == 1 ? submit_one(qp, &whole, 0) : submit_iov(qp, &whole);
}

int nnvme_flush(struct nnvme_qpair *qp, const struct nnvme_ns *ns, void *tag)
{
	int ret = check_space(qp);

	if (!ret)
		nnvme_submit(qp, &(struct nnvme_sqe){ .opcode = NNVME_OP_FLUSH, .nsid = ns->nsid }, tag,
			     0, 0, false);
	return ret;
}

int nnvme_write_zeroes(struct nnvme_qpair *qp, const struct nnvme_ns *ns, uint64_t lba,
		       uint64_t blocks, void *tag)
{
	uint64_t most = ns->ctrl->max_zeroes >> ns->block_shift;
	struct nnvme_split whole = {
		.tag = tag, .ns = ns, .lba = lba, .blocks = blocks, .opcode = NNVME_OP_WRITE_ZEROES,
		.max = most < MAX_ZEROES ? most : MAX_ZEROES,
	};
	int ret = check_blocks(ns, lba, blocks);

	if (!ns->can_write_zeroes)
		return -EOPNOTSUPP;
	return ret ? ret : submit(qp, &whole);
}

int nnvme_deallocate(struct nnvme_qpair *qp, const struct nnvme_ns *ns, uint64_t lba,
		     uint64_t blocks, void *tag)
{
	const struct nnvme_ctrl *ctrl = ns->ctrl;
	uint64_t in_ranges = (uint64_t)ctrl->dsm_ranges * ctrl->dsm_range_blocks;
	struct nnvme_split whole = {
		.tag = tag, .ns = ns, .lba = lba, .blocks = blocks, .opcode = NNVME_OP_DSM,
		.max = in_ranges < ctrl->dsm_blocks ? in_ranges : ctrl->dsm_blocks,
	};
	int ret = check_blocks(ns, lba, blocks);

	if (!ns->can_deallocate)
		return -EOPNOTSUPP;
	return ret ? ret : submit(qp, &whole);
}

bool nnvme_split_ended(struct nnvme_qpair *qp, uint16_t n, struct nnvme_completion *out)
{
	struct nnvme_split *s = &nnvme_qp(qp)->splits->split[n];

	s->in_flight--;
	if (out->status && !s->status) {
		s->status = out->status;
		s->result = out->result;
		s->blocks = 0;		/* what wasn't sent won't be */
	}
	if (s->blocks) {
		int ret = submit_some(qp, s, n);

		/* Its own slot was just freed, and so were its list pages. */
		if (ret)
			s->status = NVME_SC_INTERNAL;
		nnvme_ring(qp);
	}
	if (s->in_flight)
		return false;
	*out = (struct nnvme_completion){ .tag = s->tag, .status = s->status, .result = s->result };
	end_extent(&nnvme_qp(qp)->splits->extent[n]);
	put_iov(nnvme_qp(qp)->splits, s->iov);
	s->next = nnvme_qp(qp)->splits->free;
	nnvme_qp(qp)->splits->free = n;
	return true;
}
