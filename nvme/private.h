/* SPDX-License-Identifier: MIT */
#ifndef NNVME_NVME_PRIVATE_H
#define NNVME_NVME_PRIVATE_H

/*
 * The structures that the files of nvme/ share. The functions are declared in a header of each
 * file. NVMe structures and register layouts come from libnvme (<nvme/types.h>); only what the
 * hot path uses is our own (wire.h).
 */

#include <nvme/types.h>
#include <pthread.h>
#include <stdbool.h>

#include "dma/space.h"
#include "kernel/device.h"
#include "noiommu_nvme/ctrl.h"
#include "noiommu_nvme/io.h"

/* Ranges of one Dataset Management command: Number of Ranges has 8 bits and is 0's based. */
#define NNVME_DSM_RANGES 256

/* Further active namespaces are ignored: each costs a command at open. */
#define NNVME_MAX_NAMESPACES 1024

struct nnvme_namespace {
	struct nnvme_ns ns;	/* first: see nnvme_namespace() */
	struct nnvme_ctrl *ctrl;
	uint32_t max_blocks;	/* that one read or write command may carry */
	uint16_t metadata;	/* bytes a block (raw commands alone can have it), */
	bool extended;		/* behind the block's data, not by MPTR */
	bool protection;	/* protection information is enabled (DPS) */
	_Atomic bool stale;	/* may have another format by now: check_blocks() */
	bool can_deallocate;	/* Dataset Management (ONCS bit 2) */
	bool can_write_zeroes;	/* Write Zeroes (ONCS bit 3), of a block at least (WZSL) */
	char refusal[320];	/* why it can't be used, or empty */
	int code;		/* and the errno of that */
};

static inline const struct nnvme_namespace *nnvme_namespace(const struct nnvme_ns *ns)
{
	return (const struct nnvme_namespace *)ns;
}

struct nnvme_ctrl {
	struct nnvme_device *dev;
	struct nnvme_space *space;
	struct nnvme_options opts;
	size_t page_size;		/* of memory to allocate, 0: ordinary */

	uint64_t cap;
	uint32_t doorbell_stride;	/* bytes */
	uint64_t ready_timeout_ms;	/* CAP.TO, CRTO */
	uint64_t shutdown_timeout_ms;	/* RTD3E */

	pthread_mutex_t lock;		/* admin queue and qpairs */
	pthread_mutex_t buffer_lock;
	struct nnvme_qpair *admin;
	/* Any thread may read these; all but dead are written with the lock held. */
	_Atomic bool dead;		/* stopped, or not to be trusted: no further commands */
	_Atomic bool stopped;		/* proven: it can't touch memory any more */
	_Atomic bool unstoppable;	/* tried and not proven: all memory is kept */
	_Atomic bool halted;		/* one of them was at least tried: no I/O commands either */
	volatile uint32_t nowhere;	/* doorbells go here then */

	uint32_t max_transfer;		/* bytes */
	uint64_t max_zeroes;		/* bytes that one Write Zeroes may zero */
	uint64_t dsm_blocks;		/* blocks that one Dataset Management command may name, */
	uint32_t dsm_range_blocks;	/* in one range of it, */
	uint32_t dsm_ranges;		/* and ranges */
	uint16_t oncs;
	bool volatile_cache;
	bool can_shadow;
	bool can_sgl;
	char *shadow, *eventidx;		/* the two pages of shadow doorbells, or NULL */
	uint32_t nn;
	char model[41], serial[21], firmware[9];

	struct nnvme_namespace *ns;	/* ascending */
	size_t nr_ns;

	int *eventfd;			/* of each interrupt vector; NULL: all is polled */
	unsigned vectors;

	struct nnvme_qpair **qpairs;	/* [0] is for queue 1 */
	uint32_t max_qpairs;
	struct nnvme_buffer *buffers;	/* nnvme_mem_alloc() */
	struct nnvme_ctrl *next;	/* of those that ctrl.c keeps */
};

/* The active namespace @nsid, usable or not; NULL: there is none. */
static inline const struct nnvme_namespace *nnvme_namespace_find(const struct nnvme_ctrl *ctrl,
								 uint32_t nsid)
{
	for (size_t i = 0; i < ctrl->nr_ns; i++)
		if (ctrl->ns[i].ns.nsid == nsid)
			return &ctrl->ns[i];
	return NULL;
}

/*
 * What a command needs besides its tag, by slot index. A slow key leads here; all zero while
 * the slot is free, but for others.
 */
struct nnvme_slot {
	/*
	 * The data pointer of a command whose entry was overwritten, or that has a spare slot;
	 * head 0: not set. Its CID is not that of the command.
	 */
	uint64_t head, prp1, prp2;
	uint32_t cdw12;
	uint16_t list;			/* its list pages: set number + 1, or 0 */
	uint16_t split;			/* the transfer this is a piece of: its number + 1, or 0 */
	uint64_t *result;		/* where DW0 and DW1 of its completion go, or NULL */
	/* Of a raw command, whose opcode and CDW12 say nothing of its memory. */
	uint64_t metadata;		/* MPTR */
	uint32_t data_len, metadata_len;
	bool raw;
	/*
	 * Of the entry with this index, whichever command it belongs to: it may have more than
	 * the fields that the inline path writes. Never set for a spare slot.
	 */
	bool others;
};

/*
 * The part of a queue pair that the inline functions do not use. It lies right behind the
 * public part.
 */
struct nnvme_qpair_private {
	/* the value last written to the CQ doorbell; NULL: only the shadow was written since */
	const struct nnvme_cqe *cq_doorbell_last;
	volatile uint32_t *cq_doorbell;
	uint32_t cq_doorbell_step;		/* bytes from one write to the next */
	uint32_t nr_spare;
	uint16_t *spare;		/* stack of spare slots, by index */
	uint8_t *spare_generation;		/* of each spare slot, from the ring's end on */
	struct nnvme_slot *slot;	/* of each slot */
	struct nnvme_ctrl *ctrl;
	uint16_t id;
	uint16_t vector;
	int eventfd;			/* what its interrupt raises, or -1 */
	/* stats.h */
	uint64_t cq_rings, bad_completions, missed_interrupts;
	uint64_t sq_wraps, spare_slots, split_transfers;
	nnvme_bus_t sq_bus, cq_bus;
	struct nnvme_prp_pool *prp_pool;	/* list pages, in sets */
	struct nnvme_slot_list *slot_list;	/* of each slot */
	struct nnvme_splits *splits;	/* transfers that take several commands */
	/*
	 * Called when a command of transfer @n has ended: true when it was the last, with the
	 * outcome in @out. A pointer, because cq.c is below split.c.
	 */
	bool (*split_ended)(struct nnvme_qpair *qp, uint16_t n, struct nnvme_completion *out);
	struct nnvme_shadow {		/* shadow doorbells; NULL where there are none */
		volatile uint32_t *sq, *cq;
		volatile uint32_t *sq_eventidx, *cq_eventidx;
		uint32_t cq_head;		/* posted last */
	} shadow;
};

/* One allocation holds both. */
struct nnvme_qpair_whole {
	struct nnvme_qpair qp;
	struct nnvme_qpair_private private;
};

/*
 * Not qp + 1: gcc 12 would keep that address in a register, three more instructions in nnvme_rwv().
 */
static inline struct nnvme_qpair_private *nnvme_qp(const struct nnvme_qpair *qp)
{
	return &((struct nnvme_qpair_whole *)(uintptr_t)qp)->private;
}

#endif
