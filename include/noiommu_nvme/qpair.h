/* SPDX-License-Identifier: MIT */
#ifndef NNVME_QPAIR_H
#define NNVME_QPAIR_H

/**
 * @file
 * A queue pair: one submission and one completion queue, and the commands between
 * them. This is the hot path, inline and public.
 *
 * Life of a command: nnvme_read() and its like write a submission queue entry and remember
 * the caller's tag; nnvme_ring() announces all entries written since the last ring;
 * nnvme_poll() returns completed commands.
 *
 *	nnvme_read(qp, ns, buf, lba, blocks, tag);
 *	nnvme_ring(qp);
 *	while (!(n = nnvme_poll(qp, done, 32)))
 *		;
 *
 * The commands are in io.h; several at once are cheaper as a batch: batch.h.
 *
 * Per command there is no lock, no division, no allocation, no system call and no
 * clock.
 *
 * How a command is found again: a command's slot has the same index as its submission queue
 * entry. Its CID is that index and a generation, which counts rounds of the ring, so a late
 * completion of an earlier command does not pass for one of a newer. The ring is twice as long
 * as the depth, so a slot is usually free again when the ring comes round to it; where not,
 * the command takes a spare slot, out of line.
 *
 * @threads a queue pair belongs to one thread at a time. Different queue pairs of
 * one controller are independent.
 *
 * The inline functions are compiled into the application, so the layout of the structures
 * here is part of the ABI. Their fields are not part of the API.
 */

#include <errno.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "layout.h"
#include "table.h"
#include "err.h"
#include "wire.h"

#ifdef __cplusplus
extern "C" {
#endif
#pragma GCC visibility push(default)

struct nnvme_ctrl;

/*
 * A namespace: what the inline path needs of it; nnvme_ns_info() returns the rest. Made by the
 * library, which may change fast_blocks and fast_end at any time; the others are constant.
 */
struct nnvme_ns {
	/*
	 * the largest transfer of the inline path (0 once the controller was stopped), and the
	 * LBA that it must be below
	 */
	uint32_t fast_blocks;
	uint8_t block_shift;	/* log2 of the logical block size in bytes, 9 to 16 */
	uint8_t reserved[3];
	uint64_t fast_end;
	uint64_t head;		/* NSID, where it stands in the first eight bytes of an entry */
	uint64_t blocks;	/* its size in logical blocks (NSZE) */
	uint32_t nsid;
	uint32_t reserved2;
};

/* C11 has structures without a name in unions without one; C++ has them as an extension. */
#ifdef __clang__
#pragma clang diagnostic push
#pragma clang diagnostic ignored "-Wnested-anon-types"
#endif
/** A completed command. nnvme_poll() writes all of it. */
struct nnvme_completion {
	void *tag;		/* what the caller gave at submission */
	union {
		__extension__ struct {
			uint16_t status;	/* 0, or the status field's 15 bits */
			uint16_t reserved;	/* 0 */
			uint32_t result;	/* DW0 if it failed or was raw, else 0 */
		};
		uint64_t status_result;		/* all three, in one store */
	};
};
#ifdef __clang__
#pragma clang diagnostic pop
#endif

/*
 * A command slot. While a command is in flight that needs only its tag returned, the key is its
 * CID, so that only a successful completion of this very command compares equal. Otherwise the
 * key is one that no completion of this slot equals: nnvme_key_slow(), NNVME_KEY_FREE or
 * NNVME_KEY_DIRTY.
 */
struct nnvme_req {
	void *tag;
	int32_t key;
	uint32_t reserved;
};

#define NNVME_KEY_FREE (-1)
/*
 * Free, but the entry has fields set that the inline path relies on being zero: take the slow
 * path.
 */
#define NNVME_KEY_DIRTY (-2)

/*
 * A CID is 13 bits of slot index and 3 bits of generation. All 8192 slots that a CID can name
 * exist as memory, so that no CID from a controller leads outside; unused slots have a key that
 * none of their CIDs equals.
 */
#define NNVME_CID_GENERATION 7u
#define NNVME_CID_SLOT 0xfff8u
#define NNVME_SLOTS 8192

/**
 * @internal
 * The key of a command that needs more than its tag: another slot's bits, and above 16 bits,
 * yet not negative.
 */
static inline int32_t nnvme_key_slow(uint32_t cid)
{
	return (int32_t)(0x10000 | (cid ^ NNVME_CID_SLOT));
}

/*
 * Slot indices are counted in steps of 8: so they stand in a CID, and the processor's scaled
 * addressing leads from them to the entry (times 8 is 64 bytes) and to the slot (times 2 is 16).
 *
 * Lines touched per command: these two, one SQ entry, the namespace's, the bus-address entry's, and
 * a quarter of a slot's line and of a CQ line. What happens once in many commands is private to the
 * library, behind them. No line is shared with another queue pair, nor is a pair of lines, because
 * CPUs also fetch a line's neighbour.
 */
struct nnvme_qpair {
	/* submission */
	char *sq;			/* struct nnvme_sqe */
	char *req;			/* struct nnvme_req */
	const struct nnvme_table *table;
	volatile uint32_t *sq_doorbell;
	uint32_t tail;			/* index of the next entry */
	uint32_t stop;			/* the tail goes no further without nnvme_sq_wrap() */
	uint32_t generation;		/* low bits of CIDs now */
	uint32_t end;			/* of the ring */
	uint32_t rung;			/* the tail that the controller knows */
	uint32_t ring_slow;		/* from this tail on nnvme_ring() is out of line */
	uint32_t beyond;		/* commands that fit after the wrap */
	uint32_t reserved;

	/* completion */
	const struct nnvme_cqe *cqe __attribute__((aligned(64)));	/* the next to look at */
	const struct nnvme_cqe *cq_doorbell_at;	/* when that gets here, the CQ doorbell is due */
	const struct nnvme_cqe *cq, *cq_end;
	uint32_t phase;			/* of a new entry, at its bit in dw3 */
	uint32_t depth;			/* commands that may be in flight */
	const struct nnvme_ns *batch_ns;
	uint64_t sq_rings;		/* SQ doorbell writes */
	uint64_t reserved2;
};

/**
 * Count the commands that can be submitted now.
 *
 * @param qp  the queue pair
 * @return How many.
 */
static inline unsigned nnvme_sq_space_left(const struct nnvme_qpair *qp)
{
	return (qp->stop - qp->tail) / 8 + qp->beyond;
}

/**
 * Count the commands that were submitted and not yet returned.
 *
 * @param qp  the queue pair
 * @return How many.
 */
static inline unsigned nnvme_in_flight(const struct nnvme_qpair *qp)
{
	return qp->depth - nnvme_sq_space_left(qp);
}

/**
 * @internal
 * When the tail is at qp->stop: continue at the start of the ring, if the tail is at its end.
 * False: the queue is full.
 */
bool nnvme_sq_wrap(struct nnvme_qpair *qp);

/** @internal The doorbell itself. */
static inline void nnvme_sq_doorbell(struct nnvme_qpair *qp, uint32_t tail)
{
	/*
	 * The entries must be visible before the doorbell write. x86-64 keeps stores in order,
	 * to uncached memory too, so only the compiler must not reorder; arm64 needs the
	 * barrier.
	 */
#if defined(__x86_64__)
	__asm__ volatile("" ::: "memory");
#elif defined(__aarch64__)
	__asm__ volatile("dmb oshst" ::: "memory");
#else
#error "which barrier orders normal stores before a device store here?"
#endif
	*__atomic_load_n(&qp->sq_doorbell, __ATOMIC_RELAXED) = tail;
	NNVME_COUNT(qp->sq_rings);
}

/** @internal At the end of the ring, and always with shadow doorbells. */
void nnvme_ring_slow(struct nnvme_qpair *qp);

/**
 * Announce all commands submitted since the last ring.
 *
 * One doorbell write, none when there is nothing new.
 *
 * @param qp  the queue pair
 * @see nnvme_read(), nnvme_poll()
 * @example
 * @snippet example.c read
 */
static inline void nnvme_ring(struct nnvme_qpair *qp)
{
	uint32_t tail = qp->tail;

	if (tail == qp->rung)
		return;
	if (__builtin_expect(tail >= qp->ring_slow, 0)) {
		nnvme_ring_slow(qp);
		return;
	}
	qp->rung = tail;
	nnvme_sq_doorbell(qp, tail / 8);
}

/**
 * @internal
 * Between the store that frees a slot and those that give it to the next command: other threads see
 * them in this order (nvme/in_flight.c, which has the other half). x86-64 keeps stores in order,
 * and the compiler has the branches of a submission between them.
 */
static inline void nnvme_slot_freed(void)
{
#if defined(__aarch64__)
	__asm__ volatile("dmb ishst" ::: "memory");
#endif
}

/** @internal The work of nnvme_poll() in general. */
unsigned nnvme_reap(struct nnvme_qpair *qp, struct nnvme_completion *out, unsigned max);

/**
 * Check whether nnvme_poll() would find anything.
 *
 * Two loads, nothing is changed.
 *
 * @param qp  the queue pair
 * @return Whether it would.
 */
static inline bool nnvme_ready(const struct nnvme_qpair *qp)
{
	return !((__atomic_load_n(&qp->cqe->dw3, __ATOMIC_RELAXED) ^ qp->phase) & 0x10000);
}

/**
 * Take completed commands.
 *
 * Never waits. Rings the CQ doorbell when half of that queue has been taken, or in each call that
 * found any with NNVME_QUIRK_CQ_DOORBELL_EACH_POLL.
 *
 * When the controller was stopped (for example because it did not delete another queue pair), all
 * commands in flight come back with status 8h, Command Aborted due to SQ Deletion, after those that
 * it had completed. When it could not be stopped they do not come back, because it may still
 * execute them.
 *
 * Completions are untrusted: a CID counts only if its slot is in flight under that very CID, its
 * generation included. All others are dropped and counted, see nnvme_qpair_stats().
 *
 * @param qp        the queue pair
 * @param[out] out  the completions; a status that is not 0 has its words in nnvme_status_text()
 * @param max       how many at most
 * @return How many; 0 when there are none now.
 * @spec Base 2.x, Common Completion Queue Entry Layout.
 * @see nnvme_wait(), nnvme_ready(), nnvme_status_errno()
 * @example
 * @snippet example.c read
 */
static inline unsigned nnvme_poll(struct nnvme_qpair *qp, struct nnvme_completion *out,
				  unsigned max)
{
	const struct nnvme_cqe *cqe = qp->cqe;
	/* acquire: DW0..DW2 and the data are read after the phase bit that covers them */
	uint32_t cid = qp->phase ^ __atomic_load_n(&cqe->dw3, __ATOMIC_ACQUIRE);
	struct nnvme_req *req;

	if (cid & 0x10000)
		return 0;
	/*
	 * One completion at a time has a path of its own, unless the end of a ring or a
	 * doorbell write is near.
	 */
	req = (struct nnvme_req *)(qp->req + 2 * (size_t)(cid & NNVME_CID_SLOT));
	if (max != 1 || (uint32_t)req->key != cid || cqe + 1 == qp->cq_doorbell_at ||
	    qp->stop == qp->end)
		return nnvme_reap(qp, out, max);
	out->tag = req->tag;
	out->status_result = 0;
	__atomic_store_n(&req->key, NNVME_KEY_FREE, __ATOMIC_RELAXED);
	nnvme_slot_freed();
	qp->stop += 8;
	qp->cqe = cqe + 1;
	return 1;
}

#pragma GCC visibility pop
#ifdef __cplusplus
}
#endif
#endif
