/* SPDX-License-Identifier: MIT */
#ifndef NNVME_CTRL_H
#define NNVME_CTRL_H

/*
 * A controller: open it, give it memory, make queue pairs, close it.
 *
 * Order of death, which nnvme_ctrl_close() keeps: stop the controller, then unmap memory, then
 * free it. A controller that can't be proven to have stopped (no handshake, no reset, bus
 * mastering stays on) keeps its memory, the caller's registered memory too, because the
 * alternative is DMA into what is used for something else by then: whatever would give memory
 * back says -EBUSY, and nnvme_ctrl_close() may be tried again. The end of the process is safe:
 * the kernel resets the device before it unpins memory.
 *
 * A child of fork() has neither the registers nor the library's memory, that of nnvme_mem_alloc()
 * included: it must not call the library for a controller that its parent opened. Memory of the
 * caller's own should be kept from children, too: madvise(MADV_DONTFORK) it.
 *
 * Thread rule: opening and closing belong to one thread; registration, allocation and queue pair
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

/* What backs the memory of the library. */
enum nnvme_hugepages {
	NNVME_HUGEPAGES_AUTO,	/* 2 MiB pages (the smallest that the machine has) */
	NNVME_HUGEPAGES_OFF,	/* ordinary pages, pinned */
	NNVME_HUGEPAGES_2M,
	NNVME_HUGEPAGES_1G,
};

/*
 * Shadow doorbells (Doorbell Buffer Config): fewer doorbell writes, if the controller offers
 * them.
 */
enum nnvme_shadow_doorbells {
	NNVME_SHADOW_AUTO,	/* where the controller offers them */
	NNVME_SHADOW_OFF,
};

/* What some controllers need beyond the specification. */
enum nnvme_quirk {
	/* A PRP list per command, page-aligned: no list pointer into the middle of a page. */
	NNVME_QUIRK_ALIGNED_LISTS = 1 << 0,
	/* Ring the CQ doorbell with each nnvme_poll() that found any, not when half of the queue was taken. */
	NNVME_QUIRK_CQ_DOORBELL_EACH_POLL = 1 << 1,
};

enum nnvme_log_level {
	NNVME_LOG_ERROR, NNVME_LOG_WARNING, NNVME_LOG_INFO, NNVME_LOG_DEBUG,
};

/*
 * One line without a newline. Called in any thread that calls the library, with no lock of the
 * library held, so it may call the library itself; but not for the queue pair that its thread
 * is using, nor for a controller while nnvme_ctrl_open() or nnvme_ctrl_close() runs for it.
 */
typedef void nnvme_log_fn(void *arg, enum nnvme_log_level level, const char *line);

/* All zero but the size is the default of everything. */
struct nnvme_options {
	uint32_t size;		/* set by the caller: sizeof(struct nnvme_options) */
	enum nnvme_mode mode;
	enum nnvme_hugepages hugepages;
	uint32_t qpairs;	/* I/O queue pairs to ask the controller for; 0: 64 */
	uint32_t quirks;	/* of enum nnvme_quirk, or'ed */
	enum nnvme_shadow_doorbells shadow_doorbells;
	bool interrupts;	/* queue pairs that can be slept on: wait.h. One vector each, so there may be
				 * fewer of them: max_qpairs. -EOPNOTSUPP where the device has none */
	uint8_t reserved[7];	/* 0 */
	nnvme_log_fn *log;
	void *log_arg;
};

/*
 * Open the controller @bdf ("0000:41:00.0", "41:00.0" or "0000.41.00.0"), which must be bound to
 * vfio-pci, and bring it up: enabled, identified, namespaces known, no I/O queue yet. @opts may be
 * NULL. Takes as long as the controller takes to be ready, at most CAP.TO or, where CAP.CRMS has it,
 * CRTO.CRWMT; one that was left enabled and not ready is waited for as long before, and then reset.
 *
 * 0 or -errno with *ctrl untouched, the device as it was and the reason in @err:
 * -EINVAL @bdf, or a size of @opts below that of the first layout; -E2BIG @opts has something set that
 * this library is too old for;
 * -ENODEV no such device or not NVMe; -EBUSY another driver or program has it; -EPERM a capability is
 * missing; -EOPNOTSUPP this kernel or device can't do the mode; -ENOMEM no (huge) pages or memlock;
 * -ETIMEDOUT or -EIO the controller did not come up.
 * Base 2.x, Memory-Based Controller Initialization.
 */
struct nnvme_ctrl;
int nnvme_ctrl_open(const char *bdf, const struct nnvme_options *opts, struct nnvme_ctrl **ctrl,
		    struct nnvme_err *err);

/*
 * Destroy the remaining queue pairs, shut the controller down (CC.SHN, Base 2.x, Memory-Based
 * Controller Shutdown), free all memory and close. The shutdown may take as long as RTD3E says,
 * at least 5 s and at most 60 s. NULL is allowed. No other thread may be using the controller.
 *
 * 0, or -EBUSY: the controller could not be stopped, see the top. Then nothing was given back:
 * keep @ctrl, its queue pairs and all memory that was ever registered with it. Call again
 * later, when it may have recovered or been removed. Takes up to CAP.TO longer.
 */
int nnvme_ctrl_close(struct nnvme_ctrl *ctrl);

/* What is known about an open controller. The strings live as long as the controller. */
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

/* 0, or -EINVAL: info->size is below that of the first layout. */
int nnvme_ctrl_info(const struct nnvme_ctrl *ctrl, struct nnvme_ctrl_info *info);

/*
 * 0 while the controller is alive; -EIO it reports a fatal status (CSTS.CFS); -ENODEV its
 * registers read as all ones, so it was removed: close it, because the kernel waits for that.
 * Reads one register: not for the hot path.
 */
int nnvme_ctrl_check(struct nnvme_ctrl *ctrl, struct nnvme_err *err);

/*
 * The active namespace @nsid, or the next one after @nsid in ascending order (start with 0).
 * The result lives as long as the controller. NULL with the reason in @err: -ENODEV no such
 * namespace; -EOPNOTSUPP its format is not supported (metadata); -EIO it could not be
 * identified when the controller was opened. nnvme_ns_next() skips the latter two.
 */
const struct nnvme_ns *nnvme_ns_get(struct nnvme_ctrl *ctrl, uint32_t nsid, struct nnvme_err *err);
const struct nnvme_ns *nnvme_ns_next(struct nnvme_ctrl *ctrl, uint32_t nsid);

/*
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
	uint32_t dsm_ranges;		/* of one Dataset Management command (DMRL); 0: it has none */
	uint32_t dsm_range_blocks;	/* of one range (DMRSL) */
	uint64_t dsm_blocks;		/* of one Dataset Management command, all ranges (DMSL) */
};

/* 0, or -EINVAL: info->size is below that of the first layout. */
int nnvme_ns_info(const struct nnvme_ns *ns, struct nnvme_ns_info *info);

/*
 * Make [va, va + len), both multiples of 4096, usable as buffers of this controller. The pages are
 * pinned until unregistered. Any memory of the caller's will do; huge pages make it quick.
 * -EINVAL not aligned; -EEXIST overlaps memory registered before; -ENOMEM memlock, or no memory.
 *
 * Do not remap registered memory or call madvise(MADV_DONTNEED) on it: the device would go on using the
 * page that was there before.
 */
int nnvme_mem_register(struct nnvme_ctrl *ctrl, void *va, size_t len, struct nnvme_err *err);

/*
 * Undo one nnvme_mem_register() whole. -ENOENT: not what was registered. -EBUSY: it is registered as
 * before, because a command in flight reads or writes it (or, without an IOMMU, other memory with
 * the same pages), or because the controller could not be stopped (see the top): keep it. No other
 * thread may submit I/O there meanwhile: what is being submitted can't be seen. -ENOMEM: it is
 * registered as before, for want of memory to look for such commands. Any other error is the
 * kernel's: no I/O can use the memory any more, but it stays pinned, until this is repeated with
 * success or the controller is closed.
 */
int nnvme_mem_unregister(struct nnvme_ctrl *ctrl, void *va, size_t len, struct nnvme_err *err);

/*
 * @size bytes of registered memory, zeroed, at a multiple of 4096; nnvme_mem_free() takes NULL too.
 * NULL with the reason in @err when there is none, usually no free huge pages.
 *
 * nnvme_mem_alloc_node(): the same on NUMA node @node; -1: on any. NULL also when there is no such
 * node (-EINVAL), or not enough memory on it (-ENOMEM): another node's is never given instead. The
 * driver's own memory, its queues among it, is where the kernel puts it.
 *
 * nnvme_mem_free(): 0, or -EBUSY: nothing was done, because a command in flight reads or writes the
 * memory, or because the controller could not be stopped (see the top); or -ENOMEM: nothing was
 * done either, for want of memory to look for such commands.
 */
void *nnvme_mem_alloc(struct nnvme_ctrl *ctrl, size_t size, struct nnvme_err *err);
void *nnvme_mem_alloc_node(struct nnvme_ctrl *ctrl, size_t size, int node, struct nnvme_err *err);
int nnvme_mem_free(struct nnvme_ctrl *ctrl, void *va);

/*
 * Create an I/O queue pair for @depth commands in flight, 1 to max_depth. -EINVAL depth;
 * -ENOSPC no more queue pairs; -ENOMEM; -EIO the controller refused, with its status in @err.
 * Base 2.x, Create I/O Completion Queue and Create I/O Submission Queue commands.
 */
int nnvme_qpair_create(struct nnvme_ctrl *ctrl, unsigned depth, struct nnvme_qpair **qp,
		       struct nnvme_err *err);

/*
 * Delete the queue pair, submission queue first. Commands in flight are abandoned. NULL is
 * allowed.
 *
 * 0: the buffers of those commands may be reused. -EBUSY: the controller neither deleted the
 * queues nor could it be stopped (see the top), and may still write to those buffers; the queue
 * pair exists until nnvme_ctrl_close() succeeds, and cannot be used.
 *
 * Stopping the controller also ends all its other queue pairs. Their threads learn of it from
 * nnvme_poll(), from each submission, and from nnvme_ctrl_check(); a sleeping thread wakes up.
 */
int nnvme_qpair_destroy(struct nnvme_qpair *qp);

/* A completion's status in the specification's words. Static storage; any thread. */
const char *nnvme_status_text(uint16_t status);

/* The nearest errno for a completion's status, positive; 0 for success. */
int nnvme_status_errno(uint16_t status);

/* The library's version, "0.1.0". */
const char *nnvme_version(void);

#pragma GCC visibility pop
#ifdef __cplusplus
}
#endif
#endif
