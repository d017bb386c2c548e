/* SPDX-License-Identifier: MIT */
#ifndef NNVME_BATCH_H
#define NNVME_BATCH_H

/**
 * @file
 * Several commands in a row to one namespace: cheaper: the queue's state stays in registers.
 *
 *	struct nnvme_batch b = nnvme_batch_begin(qp, ns);
 *
 *	for (i = 0; i < n; i++)
 *		nnvme_batch_read(&b, buf[i], lba[i], blocks, tag[i]);
 *	nnvme_batch_end(&b);		(rings)
 *
 * @threads as for qpair.h
 */

#include <stddef.h>
#include <stdint.h>

#include "io.h"

#ifdef __cplusplus
extern "C" {
#endif
#pragma GCC visibility push(default)

/*
 * Several submissions to one namespace; see the top. It lives in the caller's function, in
 * registers, so only inlined code may take its address. It keeps what changes by a constant
 * from command to command: where the entry goes, its CID, and its first eight bytes.
 */
struct nnvme_batch {
	struct nnvme_qpair *qp;		/* batch_ns: the namespace, for the slow path */
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
	/* No initialiser: g++ -Wextra misses the fields that the load sets. */
	struct nnvme_batch b;

	b.qp = qp;
	b.table = qp->table;
	b.fast_end = NNVME_LOAD(&ns->fast_end);
	b.fast_blocks = NNVME_LOAD(&ns->fast_blocks);
	b.block_shift = ns->block_shift;
	qp->batch_ns = ns;
	nnvme_batch_load(&b);
	return b;
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

#pragma GCC visibility pop
#ifdef __cplusplus
}
#endif
#endif
