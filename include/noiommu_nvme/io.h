/* SPDX-License-Identifier: MIT */
#ifndef NNVME_IO_H
#define NNVME_IO_H

/**
 * @file
 * I/O commands of a queue pair: read, write, vectored and with flags, flush, write zeroes,
 * deallocate. Life of a command: qpair.h.
 *
 * @threads as for qpair.h
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/uio.h>

#include "qpair.h"

#ifdef __cplusplus
extern "C" {
#endif
#pragma GCC visibility push(default)

/** @internal What the inline path does not handle, errors included; results as nnvme_read(). */
int nnvme_rw_slow(struct nnvme_qpair *qp, const struct nnvme_ns *ns, uint8_t opcode,
		  void *buf, uint64_t lba, uint32_t blocks, void *tag);

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
	return nnvme_rw_flags(qp, ns, NNVME_OP_WRITE, (void *)(uintptr_t)buf, lba, blocks, flags,
			      tag);
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

#pragma GCC visibility pop
#ifdef __cplusplus
}
#endif
#endif
