/* SPDX-License-Identifier: MIT */
#ifndef NNVME_ISOLATION_H
#define NNVME_ISOLATION_H

/**
 * @file
 * What keeps a controller from memory that it was not given, and a test of it.
 *
 * Two pages of the library are canaries. The controller is told to read from its disk to the
 * physical address of the first, and to where the second was mapped until a moment ago; neither
 * page may change. The status of such a read proves nothing, because the memory writes of a
 * device are posted: nobody tells it that one was stopped. So it is also told to fetch a PRP
 * list from these addresses: a list must be read, and that must fail. If the IOMMU lets any of
 * this pass, only the two pages and others of the library are hit; no command that writes to
 * the disk is ever sent.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "bus.h"
#include "err.h"
#include "dma_limits.h"
#include "probe.h"

#ifdef __cplusplus
extern "C" {
#endif
#pragma GCC visibility push(default)

struct nnvme_ctrl;

/** Whether an IOMMU keeps a controller from memory that it was not given. */
enum nnvme_verdict {
	NNVME_ISOLATED,
	/* ... but the device may raise others' interrupts by memory writes */
	NNVME_ISOLATED_BUT_INTERRUPTS,
	NNVME_BYPASS_POSSIBLE,	/* seen, or not disproved */
	NNVME_UNPROTECTED,	/* no IOMMU: nothing was tried */
};

/** One attempt to get past the IOMMU. */
struct nnvme_attempt {
	uint64_t bus;		/* where */
	bool list;		/* a list was to be fetched there, else data put there */
	bool unmapped;		/* that address was mapped before, else it is a physical one */
	bool passed;		/* it went through */
	uint16_t status;	/* of the command */
};

#define NNVME_ATTEMPTS 4

/** A verdict, and the facts behind it. */
struct nnvme_isolation {
	uint32_t size;		/* set by the caller: sizeof(struct nnvme_isolation) */
	enum nnvme_verdict verdict;
	char reason[240];	/* why that verdict, a sentence */
	enum nnvme_mode mode;
	const char *mode_reason;	/* lives as long as the controller */
	unsigned attempts;	/* made */
	struct nnvme_attempt attempt[NNVME_ATTEMPTS];
	/* where memory can be mapped, ascending, as long as the controller lives; none: no IOMMU */
	const struct nnvme_iova_range *iova_ranges;
	size_t nr_iova_ranges;
	uint64_t alignment;	/* of what can be mapped, in bytes */
	/* The device can't bypass the CPU's caches, even for accesses that it marks no-snoop. */
	enum nnvme_have coherency_enforced;
	/*
	 * It can't raise other devices' interrupts by writing to memory. Unknown where the
	 * administrator has switched the kernel's check off (allow_unsafe_interrupts).
	 */
	enum nnvme_have interrupts_isolated;
};

/**
 * Test whether an IOMMU keeps an open controller from memory that it was not given.
 *
 * Reads from its first namespace that may be read: not after Format NVM, see nnvme_admin_command().
 * Needs a free I/O queue pair, and CAP_SYS_ADMIN for physical addresses. Memory registrations from
 * other threads wait meanwhile, for some milliseconds.
 *
 * @param ctrl             the controller
 * @param[in,out] result   the verdict; its size is set by the caller
 * @retval 0           there is a verdict
 * @retval -EINVAL     its size is below that of the first layout
 * @retval -EPERM      a capability is missing
 * @retval -ENODEV     no such namespace
 * @retval -EIO, -ETIMEDOUT
 *                     the controller failed, or memory that is mapped does not work
 * @retval -EAGAIN     no physical address could be told from a mapped one: try again
 * @retval -EBUSY      the controller could not be stopped after a queue was not deleted
 * @retval -ENOSPC, -ENOMEM
 *                     as for nnvme_qpair_create() and nnvme_mem_register()
 * @threads any thread, while the controller is open.
 */
int nnvme_isolation(struct nnvme_ctrl *ctrl, struct nnvme_isolation *result,
		    struct nnvme_err *err);

/**
 * Describe a verdict.
 *
 * @param verdict  any value
 * @return "isolated", "isolated (interrupts not isolated)", "bypass possible" or
 *         "unprotected (noiommu)"; static storage.
 * @threads any thread, any time.
 */
const char *nnvme_verdict_text(enum nnvme_verdict verdict);

#pragma GCC visibility pop
#ifdef __cplusplus
}
#endif
#endif
