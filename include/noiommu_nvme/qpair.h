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
 * Several commands at once are cheaper as a batch, which keeps the queue's state in registers:
 *
 *	struct nnvme_batch b = nnvme_batch_begin(qp, ns);
 *
 *	for (i = 0; i < n; i++)
 *		nnvme_batch_read(&b, buf[i], lba[i], blocks, tag[i]);
 *	nnvme_batch_end(&b);		(rings)
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
#include <sys/uio.h>

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
			uint16_t status;	/* 0, or the status field's 15 bits: nnvme_status_text() */
			uint16_t reserved;	/* 0 */
			uint32_t result;	/* DW0 of a command that failed or was raw, else 0 */
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

/** @internal What the inline path does not handle, errors included; results as nnvme_read(). */
int nnvme_rw_slow(struct nnvme_qpair *qp, const struct nnvme_ns *ns, uint8_t opcode,
		  void *buf, uint64_t lba, uint32_t blocks, void *tag);

/*
 * Several submissions to one namespace; see the top. It lives in the caller's function, in
 * registers, so only inlined code may take its address. It keeps what changes by a constant
 * from command to command: where the entry goes, its CID, and its first eight bytes.
 */
struct nnvme_batch {
	struct nnvme_qpair *qp;		/* its batch_ns is the namespace: only the slow path needs it */
	const struct nnvme_table *table;
	struct nnvme_sqe *sqe;
	struct nnvme_req *req;
	uint64_t read, write;
	uint64_t fast_end;
	uint32_t cid, stop, fast_blocks;
	uint8_t block_shift;
};

/** @internal */
static inline void nnvme_batch_load(struct nnvme_batch *b)
{
	const struct nnvme_qpair *qp = b->qp;
	uint64_t head;

	b->sqe = (struct nnvme_sqe *)(qp->sq + 8 * (size_t)qp->tail);
	b->req = (struct nnvme_req *)(qp->req + 2 * (size_t)qp->tail);
	b->cid = qp->tail + qp->generation;
	b->stop = qp->stop + qp->generation;
	head = qp->batch_ns->head | b->cid << 16;
	b->read = head | NNVME_OP_READ;
	b->write = head | NNVME_OP_WRITE;
}

/** @internal */
static inline void nnvme_batch_store(const struct nnvme_batch *b)
{
	b->qp->tail = b->cid & ~NNVME_CID_GENERATION;
}

/**
 * Begin a batch: submissions in a row to one namespace.
 *
 * It keeps the queue's state in registers, so that many commands are cheaper than one by one. Until
 * nnvme_batch_end() nothing else may be done with `qp`, but for further calls of the batch. It
 * lives in the caller's function: nothing that isn't inlined may take its address.
 *
 * @param qp  the queue pair
 * @param ns  the namespace
 * @return The batch.
 * @example
 * @snippet batch.c batch
 */
static inline struct nnvme_batch nnvme_batch_begin(struct nnvme_qpair *qp,
						   const struct nnvme_ns *ns)
{
	struct nnvme_batch b;	/* no initialiser: g++ -Wextra misses the fields that the load sets */

	b.qp = qp;
	b.table = qp->table;
	b.fast_end = NNVME_LOAD(&ns->fast_end);
	b.fast_blocks = NNVME_LOAD(&ns->fast_blocks);
	b.block_shift = ns->block_shift;
	qp->batch_ns = ns;
	nnvme_batch_load(&b);
	return b;
}

/**
 * @internal
 * Write an ordinary entry. Its other fields are zero in every entry of an I/O queue whose slot
 * is NNVME_KEY_FREE, and stay zero. The key is stored after it: in_flight.c reads both.
 */
static inline void nnvme_write_entry(struct nnvme_sqe *sqe, uint64_t cdw0_nsid,
				     uint64_t lba, uint32_t blocks)
{
	NNVME_STORE(&sqe->cdw0_nsid, cdw0_nsid);
	sqe->slba = lba;
	NNVME_STORE(&sqe->cdw12, blocks - 1);
}

/** @internal */
static inline int nnvme_batch_rw(struct nnvme_batch *b, uint8_t opcode, void *buf, uint64_t lba,
				 uint32_t blocks, void *tag)
{
	/*
	 * 0 blocks wrap around to many. In this form the compiler moves the test out of a loop
	 * of equal commands.
	 */
	uint64_t end = blocks - 1 < b->fast_blocks ? b->fast_end : 0;
	size_t len = (size_t)blocks << b->block_shift;
	struct nnvme_req *req = b->req;
	int ret;

	__asm__("" : "+rm"(end));	/* one value, not two branches */
	/*
	 * At the stop there may be no slot, so test that first. Entries beyond the tail are not
	 * read.
	 */
	if (__builtin_expect(lba >= end || b->cid == b->stop || req->key != NNVME_KEY_FREE, 0) ||
	    !nnvme_table_fill(b->table, (uintptr_t)buf, len, &b->sqe->prp1, &b->sqe->prp2)) {
		nnvme_batch_store(b);
		ret = nnvme_rw_slow(b->qp, b->qp->batch_ns, opcode, buf, lba, blocks, tag);
		nnvme_batch_load(b);
		return ret;
	}
	req->tag = tag;
	nnvme_write_entry(b->sqe, opcode == NNVME_OP_READ ? b->read : b->write, lba, blocks);
	__atomic_store_n(&req->key, (int32_t)b->cid, __ATOMIC_RELEASE);
	b->sqe++;
	b->req++;
	b->cid += 8;
	b->read += 8 << 16;
	b->write += 8 << 16;
	return 0;
}

/**
 * Submit a read or write in a batch.
 *
 * As nnvme_read() and nnvme_write().
 *
 * @param b       the batch, from nnvme_batch_begin()
 * @param buf     as for nnvme_read()
 * @param lba     as for nnvme_read()
 * @param blocks  as for nnvme_read()
 * @param tag     as for nnvme_read()
 * @retval 0        submitted; nnvme_poll() will return `tag` once
 * @retval -EAGAIN  the queue is full, poll first
 * @retval -EFAULT  not all of the buffer is registered
 * @retval -EINVAL  no blocks, or `buf` is not dword-aligned
 * @retval -ERANGE  beyond the end of the namespace
 * @retval -EIO     the controller was stopped: poll what is in flight, then close it
 * @retval -ESTALE  the namespace may have another format by now: open the controller again, see
 *                  nnvme_admin_command()
 * @see nnvme_batch_end()
 * @example
 * @snippet batch.c batch
 */
static inline int nnvme_batch_read(struct nnvme_batch *b, void *buf, uint64_t lba,
				   uint32_t blocks, void *tag)
{
	return nnvme_batch_rw(b, NNVME_OP_READ, buf, lba, blocks, tag);
}

/**
 * Submit a write in a batch.
 *
 * @with nnvme_batch_read
 */
static inline int nnvme_batch_write(struct nnvme_batch *b, const void *buf, uint64_t lba,
				    uint32_t blocks, void *tag)
{
	return nnvme_batch_rw(b, NNVME_OP_WRITE, (void *)(uintptr_t)buf, lba, blocks, tag);
}

/** @internal The same for a single command; false: nothing was done, call nnvme_rw_slow(). */
static inline bool nnvme_rw_fast(struct nnvme_qpair *qp, const struct nnvme_ns *ns, uint8_t opcode,
				 void *buf, uint64_t lba, uint32_t blocks, void *tag)
{
	size_t len = (size_t)blocks << ns->block_shift, tail = qp->tail;
	struct nnvme_req *req = (struct nnvme_req *)(qp->req + 2 * tail);
	struct nnvme_sqe *sqe = (struct nnvme_sqe *)(qp->sq + 8 * tail);
	uint32_t cid;

	/*
	 * Another thread may set fast_blocks to 0 (abort.c): a command that is submitted all
	 * the same comes back aborted.
	 */
	if (__builtin_expect(blocks - 1 >= NNVME_LOAD(&ns->fast_blocks) ||
			     lba >= NNVME_LOAD(&ns->fast_end), 0) ||
	    __builtin_expect(tail == qp->stop || req->key != NNVME_KEY_FREE, 0) ||
	    !nnvme_table_fill(qp->table, (uintptr_t)buf, len, &sqe->prp1, &sqe->prp2))
		return false;
	cid = (uint32_t)tail + qp->generation;
	req->tag = tag;
	nnvme_write_entry(sqe, ns->head | cid << 16 | opcode, lba, blocks);
	__atomic_store_n(&req->key, (int32_t)cid, __ATOMIC_RELEASE);
	qp->tail = (uint32_t)tail + 8;
	return true;
}

/** @internal */
static inline int nnvme_rw(struct nnvme_qpair *qp, const struct nnvme_ns *ns, uint8_t opcode,
			   void *buf, uint64_t lba, uint32_t blocks, void *tag)
{
	if (__builtin_expect(nnvme_rw_fast(qp, ns, opcode, buf, lba, blocks, tag), 1))
		return 0;
	return nnvme_rw_slow(qp, ns, opcode, buf, lba, blocks, tag);
}

/**
 * Submit a read or write.
 *
 * Reads `blocks` logical blocks at `lba` into `buf`, or writes them from it. Longer transfers than
 * one command allows (MDTS) are split, and complete as one. Nothing reaches the controller before
 * nnvme_ring().
 *
 * @param qp      the queue pair
 * @param ns      the namespace
 * @param buf     any dword-aligned address in memory that is registered with the queue pair's
 *                controller
 * @param lba     the first logical block
 * @param blocks  how many
 * @param tag     what nnvme_poll() returns with the completion
 * @retval 0        submitted; nnvme_poll() will return `tag` once
 * @retval -EAGAIN  the queue is full, poll first
 * @retval -EFAULT  not all of the buffer is registered
 * @retval -EINVAL  no blocks, or `buf` is not dword-aligned
 * @retval -ERANGE  beyond the end of the namespace
 * @retval -EIO     the controller was stopped: poll what is in flight, then close it
 * @retval -ESTALE  the namespace may have another format by now: open the controller again, see
 *                  nnvme_admin_command()
 * @spec NVM Command Set specification, Read command and Write command.
 * @see nnvme_batch_read(), nnvme_readv(), nnvme_read_flags()
 * @example
 * @snippet example.c read
 */
static inline int nnvme_read(struct nnvme_qpair *qp, const struct nnvme_ns *ns, void *buf,
			     uint64_t lba, uint32_t blocks, void *tag)
{
	return nnvme_rw(qp, ns, NNVME_OP_READ, buf, lba, blocks, tag);
}

/**
 * Submit a write.
 *
 * @with nnvme_read
 */
static inline int nnvme_write(struct nnvme_qpair *qp, const struct nnvme_ns *ns, const void *buf,
			      uint64_t lba, uint32_t blocks, void *tag)
{
	return nnvme_rw(qp, ns, NNVME_OP_WRITE, (void *)(uintptr_t)buf, lba, blocks, tag);
}

/** @internal The work of nnvme_readv() and nnvme_writev(). */
int nnvme_rwv(struct nnvme_qpair *qp, const struct nnvme_ns *ns, uint8_t opcode,
	      const struct iovec *iov, int iovcnt, uint64_t lba, void *tag);

/** Buffers of one request, at most. */
#define NNVME_IOV_MAX 1024

/**
 * Submit a read or write of several buffers.
 *
 * They lie anywhere in registered memory, also in different regions: dword-aligned, and a multiple
 * of 4 bytes long, which may be 0. The sum of the lengths is the length of the transfer, a multiple
 * of the block size.
 *
 * Buffers that join at page borders (all but the first begin on a page, all but the last end on
 * one) are cheapest. Others go out as a scatter gather list if the controller has them; otherwise
 * as several commands, completed as one, and then no block may lie across buffers that do not join
 * so.
 *
 * @param qp      the queue pair
 * @param ns      the namespace
 * @param iov     the buffers; the array may be reused when this returns
 * @param iovcnt  how many, 1 to NNVME_IOV_MAX
 * @param lba     the first logical block
 * @param tag     what nnvme_poll() returns with the completion
 * @retval 0            submitted; nnvme_poll() will return `tag` once
 * @retval -EAGAIN      the queue is full, or 32 requests of several commands with buffers like this
 *                      are in flight: poll first
 * @retval -EFAULT      not all of the memory is registered
 * @retval -EINVAL      `iovcnt`, an address, a length or the sum
 * @retval -EOPNOTSUPP  the controller would need scatter gather lists for a block
 * @retval -ERANGE      beyond the end of the namespace
 * @retval -EIO         the controller was stopped
 * @retval -ESTALE      as for nnvme_read()
 * @spec Base 2.x, PRP Entry Layout and Scatter Gather List.
 * @example
 * @code
 *	const struct iovec iov[] = { { header, 4096 }, { body, 8192 } };
 *
 *	ret = nnvme_readv(qp, ns, iov, 2, lba, tag);
 *	if (!ret)
 *		nnvme_ring(qp);
 * @endcode
 */
static inline int nnvme_readv(struct nnvme_qpair *qp, const struct nnvme_ns *ns,
			      const struct iovec *iov, int iovcnt, uint64_t lba, void *tag)
{
	return nnvme_rwv(qp, ns, NNVME_OP_READ, iov, iovcnt, lba, tag);
}

/**
 * Submit a write of several buffers.
 *
 * @with nnvme_readv
 */
static inline int nnvme_writev(struct nnvme_qpair *qp, const struct nnvme_ns *ns,
			       const struct iovec *iov, int iovcnt, uint64_t lba, void *tag)
{
	return nnvme_rwv(qp, ns, NNVME_OP_WRITE, iov, iovcnt, lba, tag);
}

/** Force Unit Access: a write completes when it is durable. Where the flag stands in CDW12. */
#define NNVME_FUA (1u << 30)
/** Limited Retry: rather fail than try for long. Where the flag stands in CDW12. */
#define NNVME_LIMITED_RETRY (1u << 31)

/** @internal The work of the four that follow. */
int nnvme_rw_flags(struct nnvme_qpair *qp, const struct nnvme_ns *ns, uint8_t opcode, void *buf,
		   uint64_t lba, uint32_t blocks, uint32_t flags, void *tag);

/** @internal */
int nnvme_rwv_flags(struct nnvme_qpair *qp, const struct nnvme_ns *ns, uint8_t opcode,
		    const struct iovec *iov, int iovcnt, uint64_t lba, uint32_t flags, void *tag);

/**
 * Submit a read or write with command flags.
 *
 * As nnvme_read(), nnvme_write(), nnvme_readv() and nnvme_writev(). All commands that the request
 * takes get the flags.
 *
 * @param qp      the queue pair
 * @param ns      the namespace
 * @param buf     as for nnvme_read()
 * @param lba     the first logical block
 * @param blocks  how many
 * @param flags   NNVME_FUA: a write completes when it is durable, harmless where there is no
 *                volatile write cache; NNVME_LIMITED_RETRY: rather fail than try for long; or'ed
 * @param tag     what nnvme_poll() returns with the completion
 * @retval 0        submitted; nnvme_poll() will return `tag` once
 * @retval -EINVAL  a flag that is none of these, or as for nnvme_read() and nnvme_readv()
 * @retval -EAGAIN, -EFAULT, -ERANGE, -EOPNOTSUPP, -EIO, -ESTALE
 *                  as for nnvme_read() and nnvme_readv()
 * @spec NVM Command Set specification, Read command and Write command.
 */
static inline int nnvme_read_flags(struct nnvme_qpair *qp, const struct nnvme_ns *ns, void *buf,
				   uint64_t lba, uint32_t blocks, uint32_t flags, void *tag)
{
	return nnvme_rw_flags(qp, ns, NNVME_OP_READ, buf, lba, blocks, flags, tag);
}

/**
 * Submit a write with command flags.
 *
 * @with nnvme_read_flags
 */
static inline int nnvme_write_flags(struct nnvme_qpair *qp, const struct nnvme_ns *ns,
				    const void *buf, uint64_t lba, uint32_t blocks, uint32_t flags,
				    void *tag)
{
	return nnvme_rw_flags(qp, ns, NNVME_OP_WRITE, (void *)(uintptr_t)buf, lba, blocks, flags, tag);
}

/**
 * Submit a read of several buffers with command flags.
 *
 * @param iov     as for nnvme_readv()
 * @param iovcnt  as for nnvme_readv()
 * @with nnvme_read_flags
 */
static inline int nnvme_readv_flags(struct nnvme_qpair *qp, const struct nnvme_ns *ns,
				    const struct iovec *iov, int iovcnt, uint64_t lba,
				    uint32_t flags, void *tag)
{
	return nnvme_rwv_flags(qp, ns, NNVME_OP_READ, iov, iovcnt, lba, flags, tag);
}

/**
 * Submit a write of several buffers with command flags.
 *
 * @with nnvme_read_flags
 */
static inline int nnvme_writev_flags(struct nnvme_qpair *qp, const struct nnvme_ns *ns,
				     const struct iovec *iov, int iovcnt, uint64_t lba,
				     uint32_t flags, void *tag)
{
	return nnvme_rwv_flags(qp, ns, NNVME_OP_WRITE, iov, iovcnt, lba, flags, tag);
}

/**
 * Submit a flush: make all completed writes to a namespace durable.
 *
 * Harmless if the controller has no volatile write cache.
 *
 * @param qp   the queue pair
 * @param ns   the namespace
 * @param tag  what nnvme_poll() returns with the completion
 * @retval 0        submitted; nnvme_poll() will return `tag` once
 * @retval -EAGAIN  the queue is full, poll first
 * @retval -EIO     the controller was stopped
 * @spec Base 2.x, Flush command.
 */
int nnvme_flush(struct nnvme_qpair *qp, const struct nnvme_ns *ns, void *tag);

/**
 * Zero logical blocks without sending any data.
 *
 * Any number of blocks within the namespace: it takes as many commands as the controller's limit
 * requires (WZSL), and completes as one.
 *
 * @param qp      the queue pair
 * @param ns      the namespace
 * @param lba     the first logical block
 * @param blocks  how many
 * @param tag     what nnvme_poll() returns with the completion
 * @retval 0            submitted; nnvme_poll() will return `tag` once
 * @retval -EAGAIN      the queue is full, poll first
 * @retval -EINVAL      no blocks
 * @retval -ERANGE      beyond the end of the namespace
 * @retval -EOPNOTSUPP  the controller has no such command
 * @retval -EIO         the controller was stopped
 * @retval -ESTALE      as for nnvme_read()
 * @spec NVM Command Set specification, Write Zeroes command; I/O Command Set Specific Identify
 * Controller data structure.
 */
int nnvme_write_zeroes(struct nnvme_qpair *qp, const struct nnvme_ns *ns, uint64_t lba,
		       uint64_t blocks, void *tag);

/**
 * Tell the controller that logical blocks are no longer used.
 *
 * What they read as then is the controller's choice. Any number of blocks within the namespace: it
 * takes as many commands as the controller's limits require (DMRL, DMRSL, DMSL), and completes as
 * one.
 *
 * @param qp      the queue pair
 * @param ns      the namespace
 * @param lba     the first logical block
 * @param blocks  how many
 * @param tag     what nnvme_poll() returns with the completion
 * @retval 0            submitted; nnvme_poll() will return `tag` once
 * @retval -EAGAIN      the queue is full, poll first
 * @retval -EINVAL      no blocks
 * @retval -ERANGE      beyond the end of the namespace
 * @retval -EOPNOTSUPP  the controller has no such command
 * @retval -EIO         the controller was stopped
 * @retval -ESTALE      as for nnvme_read()
 * @spec NVM Command Set specification, Dataset Management command; I/O Command Set Specific
 * Identify Controller data structure.
 */
int nnvme_deallocate(struct nnvme_qpair *qp, const struct nnvme_ns *ns, uint64_t lba,
		     uint64_t blocks, void *tag);

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
 * End a batch, and ring.
 *
 * @param b  the batch, from nnvme_batch_begin()
 * @example
 * @snippet batch.c batch
 */
static inline void nnvme_batch_end(struct nnvme_batch *b)
{
	nnvme_batch_store(b);
	nnvme_ring(b->qp);
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
	if (max != 1 || (uint32_t)req->key != cid || cqe + 1 == qp->cq_doorbell_at || qp->stop == qp->end)
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
