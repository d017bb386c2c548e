/* SPDX-License-Identifier: MIT */
#ifndef NNVME_NVME_QPAIR_H
#define NNVME_NVME_QPAIR_H

/*
 * A queue pair: one submission and one completion queue, and the commands between
 * them. This is the hot path, inline and public.
 *
 * Life of a command: nnvme_read() and its like write one submission queue entry and
 * remember the caller's tag; nnvme_ring() tells the controller about all that were
 * written since the last ring; nnvme_poll() hands back finished ones.
 *
 *	nnvme_read(qp, ns, buf, lba, blocks, tag);
 *	nnvme_ring(qp);
 *	while (!(n = nnvme_poll(qp, done, 32)))
 *		;
 *
 * Per command there is no lock, no division, no allocation, no system call and no
 * clock.
 *
 * Thread rule: a queue pair belongs to one thread at a time. Different queue pairs of
 * one controller are independent.
 *
 * The structures are laid out for the inline functions; their fields are not part of
 * the interface.
 */

#include <errno.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "../dma/table.h"
#include "../kernel/err.h"
#include "wire.h"

#ifdef __cplusplus
extern "C" {
#endif
#pragma GCC visibility push(default)

struct nnvme_ctrl;
struct nnvme_split;
struct nnvme_lists;

/*
 * A namespace, as Identify described it. Filled by nnvme_ctrl_open(), constant then.
 */
struct nnvme_ns {
	uint64_t blocks;	/* its size in logical blocks (NSZE) */
	uint32_t nsid;
	uint32_t max_blocks;	/* that one read or write command may carry */
	uint32_t fast_blocks;	/* up to here the inline path can do it, see nnvme_rw() */
	uint8_t block_shift;	/* log2 of the logical block size in bytes, 9 to 16 */
	bool can_deallocate;	/* Dataset Management (ONCS bit 2) */
	bool can_write_zeroes;	/* Write Zeroes (ONCS bit 3) */
	bool volatile_cache;	/* VWC present: nnvme_flush() does something */
	struct nnvme_ctrl *ctrl;
};

/* A finished command. */
struct nnvme_completion {
	void *tag;		/* what the caller gave at submission */
	uint64_t result;	/* DW0 and DW1 of the completion queue entry */
	uint16_t status;	/* 0, or the status field 15 bits: see nnvme_status_text() */
};

/*
 * One command slot. cid is what a completion must say to mean this slot. While the slot is
 * free, or needs more than its tag handed back, a bit above the 16 makes the two differ.
 */
struct nnvme_req {
	void *tag;
	uint32_t cid;
	uint16_t list;		/* the slot's own list pages: set number + 1, or 0 */
	uint16_t split;		/* the transfer this is a piece of: its number + 1, or 0 */
};

#define NNVME_CID_FREE 0x10000u
#define NNVME_CID_SLOW 0x20000u

/*
 * Submission and completion are done by one thread, so their fields may share lines.
 * Lines touched per command: these two, one SQ entry, one quarter of a CQ line, one
 * request, one granule, one list entry.
 */
struct nnvme_qpair {
	/* submission */
	struct nnvme_sqe *sq;
	volatile uint32_t *sq_doorbell;
	const struct nnvme_granule *table;
	struct nnvme_req *req;		/* a power of two of them */
	uint16_t *free;			/* stack of free slots */
	uint32_t nr_free;
	uint32_t sq_tail;
	uint32_t sq_rung;		/* the tail that the controller knows */
	uint32_t entries;		/* in either queue: depth + 1 */
	uint32_t cid_mask;		/* slot number within a CID; the rest is its generation */
	uint32_t cid_step;		/* adds one to the generation */

	/* completion */
	struct nnvme_cqe *cq __attribute__((aligned(64)));
	volatile uint32_t *cq_doorbell;
	uint32_t cq_head;
	uint32_t phase;			/* of a new entry, at its place in dw3 */

	/* cold */
	uint32_t depth;			/* commands that may be in flight */
	uint16_t id;
	uint64_t bad_completions;	/* entries that named no command in flight */
	uint64_t sq_rings, cq_rings;	/* doorbell writes */
	nnvme_bus_t bus;		/* of the SQ; the CQ follows it */
	struct nnvme_lists *lists;	/* for transfers that the table's list pages can't describe */
	struct nnvme_split *splits;	/* transfers that take several commands */
	struct nnvme_ctrl *ctrl;
};

/* Commands that can be submitted now. */
static inline unsigned nnvme_room(const struct nnvme_qpair *qp)
{
	return qp->nr_free;
}

/* Commands submitted and not yet handed back. */
static inline unsigned nnvme_in_flight(const struct nnvme_qpair *qp)
{
	return qp->depth - qp->nr_free;
}

/* Whatever nnvme_rw() finds unusual, errors included. */
int nnvme_rw_slow(struct nnvme_qpair *qp, const struct nnvme_ns *ns, uint8_t opcode,
		  void *buf, uint64_t lba, uint32_t blocks, void *tag);

/*
 * Take a slot and the next submission queue entry. The caller has seen that
 * nr_free is not 0; the slot is the last on the stack.
 *
 * No look at the SQ head is needed: the queue has one entry more than there are
 * slots, and an entry that was not fetched belongs to a command that is in flight.
 */
static inline struct nnvme_sqe *nnvme_take(struct nnvme_qpair *qp, void *tag, uint16_t *cid)
{
	struct nnvme_sqe *sqe = &qp->sq[qp->sq_tail];
	struct nnvme_req *req = &qp->req[qp->free[--qp->nr_free]];

	req->cid &= 0xffff;
	req->tag = tag;
	*cid = (uint16_t)req->cid;
	if (++qp->sq_tail == qp->entries)
		qp->sq_tail = 0;
	return sqe;
}

static inline int nnvme_rw(struct nnvme_qpair *qp, const struct nnvme_ns *ns, uint8_t opcode,
			   void *buf, uint64_t lba, uint32_t blocks, void *tag)
{
	struct nnvme_prp prp;
	struct nnvme_sqe *sqe;
	uint16_t cid;

	/* blocks of 0 wraps round; the difference can't once lba is within the namespace */
	if (__builtin_expect(blocks - 1 >= ns->fast_blocks || lba >= ns->blocks ||
			     blocks > ns->blocks - lba || !qp->nr_free, 0))
		return nnvme_rw_slow(qp, ns, opcode, buf, lba, blocks, tag);
	if (__builtin_expect(nnvme_table_prp(qp->table, (uintptr_t)buf,
					     (size_t)blocks << ns->block_shift, &prp), 0))
		return nnvme_rw_slow(qp, ns, opcode, buf, lba, blocks, tag);
	sqe = nnvme_take(qp, tag, &cid);
	*sqe = (struct nnvme_sqe){
		.opcode = opcode, .cid = cid, .nsid = ns->nsid,
		.prp1 = prp.prp1, .prp2 = prp.prp2,
		.cdw10 = (uint32_t)lba, .cdw11 = (uint32_t)(lba >> 32), .cdw12 = blocks - 1,
	};
	return 0;
}

/*
 * Read @blocks logical blocks at @lba into @buf, or write them from it. @buf is any
 * dword-aligned address in memory registered with the queue pair's controller. More
 * than one command can carry (MDTS) is split and completed as one.
 *
 * 0: submitted, will come back from nnvme_poll() once with @tag. Not submitted:
 * -EAGAIN the queue is full, poll first; -EFAULT not all of the buffer is registered;
 * -EINVAL no blocks, or @buf not dword-aligned; -ERANGE past the namespace's end.
 * NVM Command Set specification, Read command and Write command.
 */
static inline int nnvme_read(struct nnvme_qpair *qp, const struct nnvme_ns *ns, void *buf,
			     uint64_t lba, uint32_t blocks, void *tag)
{
	return nnvme_rw(qp, ns, NNVME_OP_READ, buf, lba, blocks, tag);
}

static inline int nnvme_write(struct nnvme_qpair *qp, const struct nnvme_ns *ns, const void *buf,
			      uint64_t lba, uint32_t blocks, void *tag)
{
	return nnvme_rw(qp, ns, NNVME_OP_WRITE, (void *)(uintptr_t)buf, lba, blocks, tag);
}

/*
 * Make what was written to this namespace before, and completed, durable. Harmless where
 * the controller has no volatile write cache.
 * 0 or -EAGAIN. Base 2.x, Flush command.
 */
int nnvme_flush(struct nnvme_qpair *qp, const struct nnvme_ns *ns, void *tag);

/*
 * Zero @blocks logical blocks at @lba without sending them, or tell the controller that
 * they are no longer used (what they read as then is the controller's choice). Any
 * number of blocks within the namespace.
 * 0, -EAGAIN, -EINVAL, -ERANGE as nnvme_read(); -EOPNOTSUPP the controller has no such command.
 * NVM Command Set specification, Write Zeroes and Dataset Management commands.
 */
int nnvme_write_zeroes(struct nnvme_qpair *qp, const struct nnvme_ns *ns, uint64_t lba,
		       uint64_t blocks, void *tag);
int nnvme_deallocate(struct nnvme_qpair *qp, const struct nnvme_ns *ns, uint64_t lba,
		     uint64_t blocks, void *tag);

/*
 * Tell the controller about all commands submitted since the last ring: one doorbell
 * write, none when there is nothing new.
 */
static inline void nnvme_ring(struct nnvme_qpair *qp)
{
	if (qp->sq_tail == qp->sq_rung)
		return;
	/*
	 * The entries must be visible before the doorbell that announces them. x86-64
	 * keeps stores in order, to uncached memory too, and only the compiler has to be
	 * told; arm64 needs the barrier.
	 */
#if defined(__x86_64__)
	__asm__ volatile("" ::: "memory");
#elif defined(__aarch64__)
	__asm__ volatile("dmb oshst" ::: "memory");
#else
#error "which barrier orders normal stores before a device store here?"
#endif
	*qp->sq_doorbell = qp->sq_rung = qp->sq_tail;
	qp->sq_rings++;
}

/*
 * Completions that aren't a plain command's: pieces of a split transfer, commands with list pages of
 * their own, CIDs that mean nothing. True when @out was filled.
 */
bool nnvme_complete_slow(struct nnvme_qpair *qp, const struct nnvme_cqe *cqe, uint32_t dw3,
			 struct nnvme_completion *out);

/*
 * Hand back up to @max finished commands in @out; returns how many, 0 when there are none
 * now. Never waits. Rings the CQ doorbell once per call that found any.
 *
 * The controller's word is not taken for anything: a CID selects a slot only by its masked
 * bits, and the slot counts only if it is in flight under that very CID, generation
 * included. Everything else is counted in bad_completions and dropped.
 */
static inline unsigned nnvme_poll(struct nnvme_qpair *qp, struct nnvme_completion *out,
				  unsigned max)
{
	uint32_t head = qp->cq_head;
	unsigned n = 0;

	while (n < max) {
		const struct nnvme_cqe *cqe = &qp->cq[head];
		/* acquire: DW0..DW2 and the data are read after the phase bit that covers them */
		uint32_t dw3 = __atomic_load_n(&cqe->dw3, __ATOMIC_ACQUIRE);
		struct nnvme_req *req;

		if ((dw3 & 0x10000) != qp->phase)
			break;
		if (++head == qp->entries) {
			head = 0;
			qp->phase ^= 0x10000;
		}
		req = &qp->req[dw3 & qp->cid_mask];
		if (__builtin_expect(req->cid != (dw3 & 0xffff), 0)) {
			n += nnvme_complete_slow(qp, cqe, dw3, &out[n]);
			continue;
		}
		out[n].tag = req->tag;
		out[n].result = cqe->result;
		out[n].status = (uint16_t)(dw3 >> 17);
		n++;
		req->cid = ((req->cid + qp->cid_step) & 0xffff) | NNVME_CID_FREE;
		qp->free[qp->nr_free++] = (uint16_t)(dw3 & qp->cid_mask);
	}
	if (head != qp->cq_head) {
		/*
		 * The controller may reuse the entries after this store. Loads are not moved
		 * behind a later store on x86-64; arm64 orders them with the barrier.
		 */
#if defined(__aarch64__)
		__asm__ volatile("dmb osh" ::: "memory");
#else
		__asm__ volatile("" ::: "memory");
#endif
		*qp->cq_doorbell = qp->cq_head = head;
		qp->cq_rings++;
	}
	return n;
}

#pragma GCC visibility pop
#ifdef __cplusplus
}
#endif
#endif
