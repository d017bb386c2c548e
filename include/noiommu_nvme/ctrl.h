/* SPDX-License-Identifier: MIT */
#ifndef NNVME_CTRL_H
#define NNVME_CTRL_H

/**
 * @file
 * A controller: open it, give it memory, make queue pairs, close it.
 *
 * Order of death, which nnvme_ctrl_close() keeps: stop the controller, then unmap memory, then
 * free it. A controller that can't be proven to have stopped (no handshake, no reset, bus
 * mastering stays on) keeps its memory, the caller's registered memory included, because it might
 * still write there when the memory is used for something else. Calls that would give memory back
 * return -EBUSY, and nnvme_ctrl_close() may be tried again. The end of the process is safe: the
 * kernel resets the device before it unpins memory.
 *
 * A child of fork() has neither the registers nor the library's memory, that of nnvme_mem_alloc()
 * included: it must not call the library for a controller that its parent opened. Keep the caller's
 * own registered memory from children, too: madvise(MADV_DONTFORK).
 *
 * @threads opening and closing belong to one thread; registration, allocation and queue pair
 * creation may be called from any thread at any time in between.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "bus.h"
#include "err.h"
#include "qpair.h"

#ifdef __cplusplus
extern "C" {
#endif
#pragma GCC visibility push(default)

/** The pages that the library's memory is made of. */
enum nnvme_hugepages {
	NNVME_HUGEPAGES_AUTO,	/* 2 MiB pages (the smallest that the machine has) */
	NNVME_HUGEPAGES_OFF,	/* ordinary pages, pinned */
	NNVME_HUGEPAGES_2M,
	NNVME_HUGEPAGES_1G,
};

/**
 * Shadow doorbells (Doorbell Buffer Config): fewer doorbell writes, if the controller offers
 * them.
 */
enum nnvme_shadow_doorbells {
	NNVME_SHADOW_AUTO,	/* where the controller offers them */
	NNVME_SHADOW_OFF,
};

/** What some controllers need beyond the specification. */
enum nnvme_quirk {
	/* A PRP list per command, page-aligned: no list pointer into the middle of a page. */
	NNVME_QUIRK_ALIGNED_LISTS = 1 << 0,
	/*
	 * Ring the CQ doorbell with each nnvme_poll() that found any, not when half of the queue
	 * was taken.
	 */
	NNVME_QUIRK_CQ_DOORBELL_EACH_POLL = 1 << 1,
};

/** Severity of a log line. */
enum nnvme_log_level {
	NNVME_LOG_ERROR, NNVME_LOG_WARNING, NNVME_LOG_INFO, NNVME_LOG_DEBUG,
};

/**
 * One line without a newline. Called in any thread that calls the library, with no lock of the
 * library held, so it may call the library itself; but not for the queue pair that its thread
 * is using, nor for a controller while nnvme_ctrl_open() or nnvme_ctrl_close() runs for it.
 */
typedef void nnvme_log_fn(void *arg, enum nnvme_log_level level, const char *line);

/** How to open a controller. 0 in every field but size selects the defaults. */
struct nnvme_options {
	uint32_t size;		/* set by the caller: sizeof(struct nnvme_options) */
	enum nnvme_mode mode;
	enum nnvme_hugepages hugepages;
	uint32_t qpairs;	/* I/O queue pairs to ask the controller for; 0: 64 */
	uint32_t quirks;	/* of enum nnvme_quirk, or'ed */
	enum nnvme_shadow_doorbells shadow_doorbells;
	bool interrupts;	/* queue pairs that can be slept on: wait.h. One vector each, so
				 * there may be fewer of them: max_qpairs. -EOPNOTSUPP where the
				 * device has none */
	uint8_t reserved[7];	/* 0 */
	nnvme_log_fn *log;
	void *log_arg;
};

struct nnvme_ctrl;

/**
 * Open a controller and bring it up.
 *
 * The controller must be bound to vfio-pci. It is enabled and identified, its namespaces are known,
 * and it has no I/O queue yet. That takes as long as the controller takes to be ready, at most
 * CAP.TO or, where CAP.CRMS has it, CRTO.CRWMT; one that was left enabled and not ready is waited
 * for as long before, and then reset. On failure the device is as it was.
 *
 * @param bdf        its address: "0000:41:00.0", "41:00.0" or "0000.41.00.0"
 * @param opts       its size is set by the caller; NULL: the defaults
 * @param[out] ctrl  the controller; untouched on failure
 * @retval 0            it is open
 * @retval -EINVAL      `bdf` is not an address, or the size of `opts` is below that of the first
 *                      layout
 * @retval -E2BIG       `opts` has something set that this library is too old for
 * @retval -ENODEV      no such device, or not NVMe
 * @retval -EBUSY       another driver or program has it
 * @retval -EPERM       a capability is missing
 * @retval -EOPNOTSUPP  this kernel or device can't do the mode, or has no interrupts
 * @retval -ENOMEM      no (huge) pages, or the memlock limit
 * @retval -ETIMEDOUT, -EIO
 *                      the controller did not come up
 * @threads a controller is opened and closed by one thread.
 * @spec Base 2.x, Memory-Based Controller Initialization.
 * @example
 * @snippet example.c open
 */
int nnvme_ctrl_open(const char *bdf, const struct nnvme_options *opts, struct nnvme_ctrl **ctrl,
		    struct nnvme_err *err);

/**
 * Shut a controller down and close it.
 *
 * Destroys the remaining queue pairs, shuts the controller down (CC.SHN), and frees all memory. The
 * shutdown may take as long as RTD3E says, at least 5 s and at most 60 s, and up to CAP.TO longer
 * where it fails.
 *
 * @param ctrl  the controller; NULL is allowed
 * @retval 0       it is closed
 * @retval -EBUSY  the controller could not be stopped. Nothing was given back: keep `ctrl`, its
 *                 queue pairs and all memory that was ever registered with it. Call again later,
 *                 when it may have recovered or been removed
 * @threads the thread that opened it, while no other uses the controller.
 * @spec Base 2.x, Memory-Based Controller Shutdown.
 * @example
 * @snippet example.c open
 */
int nnvme_ctrl_close(struct nnvme_ctrl *ctrl);

/** What is known about an open controller. The strings live as long as the controller. */
struct nnvme_ctrl_info {
	uint32_t size;			/* set by the caller: sizeof(struct nnvme_ctrl_info) */
	enum nnvme_mode mode;		/* never AUTO */
	const char *mode_reason;	/* why that mode, a sentence */
	const char *bdf, *model, *serial, *firmware;	/* blanks trimmed, printable */
	uint32_t max_transfer;		/* bytes that one command may carry */
	uint32_t max_depth;		/* of a queue pair: CAP.MQES, but 4095 at most */
	uint32_t max_qpairs;		/* I/O queue pairs granted (Number of Queues) */
	uint32_t namespaces;		/* active ones that can be used */
	bool shadow_doorbells;		/* in use */
	uint8_t reserved[7];		/* 0 */
	uint64_t registered;		/* bytes registered now, the library's own included */
	uint64_t bus_addr_calls;	/* GET_PA calls made so far */
};

/**
 * Describe an open controller.
 *
 * @param ctrl           the controller
 * @param[in,out] info   its size is set by the caller
 * @retval 0        filled in
 * @retval -EINVAL  its size is below that of the first layout
 */
int nnvme_ctrl_info(const struct nnvme_ctrl *ctrl, struct nnvme_ctrl_info *info);

/**
 * Check whether a controller is alive.
 *
 * Reads one register: not for the hot path.
 *
 * @param ctrl  the controller
 * @retval 0        it is alive
 * @retval -EIO     it reports a fatal status (CSTS.CFS)
 * @retval -ENODEV  its registers read as all ones, so it was removed: close it, because the kernel
 *                  waits for that
 */
int nnvme_ctrl_check(struct nnvme_ctrl *ctrl, struct nnvme_err *err);

/**
 * Get an active namespace by its number.
 *
 * @param ctrl  the controller
 * @param nsid  the namespace identifier, from 1
 * @return The namespace, which lives as long as the controller; NULL on failure.
 * @retval -ENODEV      no such namespace
 * @retval -EOPNOTSUPP  its format is not supported (metadata)
 * @retval -EIO         it could not be identified when the controller was opened
 */
const struct nnvme_ns *nnvme_ns_get(struct nnvme_ctrl *ctrl, uint32_t nsid, struct nnvme_err *err);

/**
 * Get the first usable namespace after a number, in ascending order.
 *
 * Those that nnvme_ns_get() has an error for are skipped.
 *
 * @param ctrl  the controller
 * @param nsid  the namespace identifier to start after; 0 for the first
 * @return The namespace, which lives as long as the controller; NULL: there is none.
 */
const struct nnvme_ns *nnvme_ns_next(struct nnvme_ctrl *ctrl, uint32_t nsid);

/**
 * What is known about a namespace, and the limits of one command to it. Longer requests are
 * split into several commands, completed as one.
 */
struct nnvme_ns_info {
	uint32_t size;			/* set by the caller: sizeof(struct nnvme_ns_info) */
	uint32_t nsid;
	uint64_t blocks;		/* its size in logical blocks (NSZE) */
	uint32_t block_size;		/* of a logical block, in bytes */
	uint32_t max_blocks;		/* of one read or write command (MDTS) */
	bool can_deallocate;		/* Dataset Management (ONCS bit 2) */
	bool can_write_zeroes;		/* Write Zeroes (ONCS bit 3), of a block at least (WZSL) */
	bool volatile_cache;		/* VWC present: nnvme_flush() does something */
	uint8_t reserved;		/* 0 */
	uint32_t max_zeroes_blocks;	/* of one Write Zeroes command (WZSL); 0: it has none */
	uint32_t dsm_ranges;		/* of a Dataset Management command (DMRL); 0: none */
	uint32_t dsm_range_blocks;	/* of one range (DMRSL) */
	uint64_t dsm_blocks;		/* of one Dataset Management command, all ranges (DMSL) */
};

/**
 * Describe a namespace.
 *
 * @param ns             the namespace
 * @param[in,out] info   its size is set by the caller
 * @retval 0        filled in
 * @retval -EINVAL  its size is below that of the first layout
 */
int nnvme_ns_info(const struct nnvme_ns *ns, struct nnvme_ns_info *info);

/**
 * Make memory of the caller's usable as buffers of a controller.
 *
 * The pages are pinned until they are unregistered. Any memory will do; huge pages make it quick.
 * Do not remap registered memory or call madvise(MADV_DONTNEED) on it: the device would go on using
 * the page that was there before.
 *
 * @param ctrl  the controller
 * @param va    its start, a multiple of 4096
 * @param len   its bytes, a multiple of 4096
 * @retval 0        registered
 * @retval -EINVAL  not aligned, or above the addresses that come without a hint
 * @retval -EEXIST  overlaps memory registered before
 * @retval -EOPNOTSUPP
 *                  the device would have to use addresses above 52 bits
 * @retval -ENOMEM  the memlock limit, or no memory
 * @retval -EFAULT  or another errno of the kernel's: not all of it can be pinned
 * @example
 * @snippet example.c open
 */
int nnvme_mem_register(struct nnvme_ctrl *ctrl, void *va, size_t len, struct nnvme_err *err);

/**
 * Undo one nnvme_mem_register().
 *
 * No other thread may submit I/O there meanwhile: what is being submitted can't be seen.
 *
 * @param ctrl  the controller
 * @param va    as it was registered
 * @param len   as it was registered
 * @retval 0        the controller no longer uses it
 * @retval -ENOENT  not what was registered
 * @retval -EBUSY   it is registered as before, because a command in flight reads or writes it (or,
 *                  without an IOMMU, other memory with the same pages), or because the controller
 *                  could not be stopped: keep it
 * @retval -ENOMEM  no memory to look for such commands; it is registered as before
 * @retval -EIO     or another errno of the kernel's: no I/O can use the memory any more, but it
 *                  stays pinned, until this is repeated with success or the controller is closed
 */
int nnvme_mem_unregister(struct nnvme_ctrl *ctrl, void *va, size_t len, struct nnvme_err *err);

/**
 * Allocate memory that is registered with a controller.
 *
 * It is zeroed, starts at a multiple of 4096, and is made of what nnvme_options.hugepages says.
 *
 * @param ctrl  the controller
 * @param size  bytes
 * @return The memory, for nnvme_mem_free(); NULL on failure.
 * @retval -ENOMEM  there is none, usually no free huge pages
 * @retval -EINVAL  no bytes, or too many
 * @example
 * @code
 *	char *buf = nnvme_mem_alloc(ctrl, 32 * 4096, &err);
 *
 *	if (!buf)
 *		fprintf(stderr, "%s\n", err.text);
 * @endcode
 */
void *nnvme_mem_alloc(struct nnvme_ctrl *ctrl, size_t size, struct nnvme_err *err);

/**
 * Allocate memory that is registered with a controller, on a NUMA node.
 *
 * As nnvme_mem_alloc(); another node's memory is never given instead. The driver's own memory, its
 * queues among it, is where the kernel puts it.
 *
 * @param ctrl  the controller
 * @param size  bytes
 * @param node  the node; -1: any
 * @return The memory, for nnvme_mem_free(); NULL on failure.
 * @retval -EINVAL  there is no such node, or no bytes, or too many
 * @retval -ENOMEM  not enough memory on it
 */
void *nnvme_mem_alloc_node(struct nnvme_ctrl *ctrl, size_t size, int node, struct nnvme_err *err);

/**
 * Free what nnvme_mem_alloc() or nnvme_mem_alloc_node() gave.
 *
 * On failure nothing was done.
 *
 * @param ctrl  the controller
 * @param va    the memory; NULL is allowed
 * @retval 0        freed
 * @retval -EBUSY   a command in flight reads or writes it, or the controller could not be stopped
 * @retval -ENOMEM  no memory to look for such commands
 */
int nnvme_mem_free(struct nnvme_ctrl *ctrl, void *va);

/**
 * Create an I/O queue pair.
 *
 * @param ctrl     the controller
 * @param depth    commands that may be in flight, 1 to nnvme_ctrl_info.max_depth
 * @param[out] qp  the queue pair
 * @retval 0        created
 * @retval -EINVAL  `depth`
 * @retval -ENOSPC  the controller grants no more queue pairs
 * @retval -ENOMEM  no memory
 * @retval -EIO     the controller refused, with its status in `err`
 * @spec Base 2.x, Create I/O Completion Queue command and Create I/O Submission Queue command.
 * @see nnvme_qpair_destroy()
 */
int nnvme_qpair_create(struct nnvme_ctrl *ctrl, unsigned depth, struct nnvme_qpair **qp,
		       struct nnvme_err *err);

/**
 * Delete a queue pair.
 *
 * Its submission queue goes first. Commands in flight are abandoned. A controller that does not
 * delete it is stopped.
 *
 * Stopping the controller also ends all its other queue pairs. Their threads learn of it from
 * nnvme_poll(), from each submission, and from nnvme_ctrl_check(); a sleeping thread wakes up.
 *
 * @param qp  the queue pair; NULL is allowed
 * @retval 0       the buffers of those commands may be reused
 * @retval -EBUSY  the controller neither deleted the queues nor could it be stopped, and may still
 *                 write to those buffers; the queue pair exists until nnvme_ctrl_close() succeeds,
 *                 and cannot be used
 * @threads the thread that the queue pair belongs to.
 * @spec Base 2.x, Delete I/O Submission Queue command and Delete I/O Completion Queue command.
 */
int nnvme_qpair_destroy(struct nnvme_qpair *qp);

/**
 * Describe a completion's status in the specification's words.
 *
 * @param status  of a completion
 * @return The words, in static storage.
 * @threads any thread, any time.
 */
const char *nnvme_status_text(uint16_t status);

/**
 * Find the nearest errno for a completion's status.
 *
 * @param status  of a completion
 * @return The errno, positive; 0 for success.
 * @threads any thread, any time.
 */
int nnvme_status_errno(uint16_t status);

/**
 * Get the library's version.
 *
 * @return The version, "0.1.0", in static storage.
 * @threads any thread, any time.
 */
const char *nnvme_version(void);

#pragma GCC visibility pop
#ifdef __cplusplus
}
#endif
#endif
