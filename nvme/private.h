/* SPDX-License-Identifier: MIT */
#ifndef NNVME_NVME_PRIVATE_H
#define NNVME_NVME_PRIVATE_H

/*
 * What the files of nvme/ share. NVMe structures and register layouts come from libnvme
 * (<nvme/types.h>); only what stands on the hot path is our own (wire.h).
 */

#include <nvme/types.h>
#include <pthread.h>
#include <stdbool.h>

#include "dma/space.h"
#include "kernel/device.h"
#include "noiommu_nvme/ctrl.h"
#include "noiommu_nvme/qpair.h"

/* Of one Dataset Management command: its Number of Ranges has 8 bits, counting from 0. */
#define NNVME_DSM_RANGES 256

/* Active namespaces beyond these are not looked at (each costs a command at open). */
#define NNVME_MAX_NAMESPACES 1024

struct nnvme_namespace {
	struct nnvme_ns ns;
	char refusal[320];	/* why it can't be used, or empty */
	int code;		/* and the errno of that */
};

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
	/* Read in any thread; all but dead are set with the lock held. */
	_Atomic bool dead;		/* stopped, or not to be trusted: no further commands */
	_Atomic bool stopped;		/* proven: it can't touch memory any more */
	_Atomic bool unstoppable;	/* that was tried and not proven: all memory is kept */
	_Atomic bool halted;		/* either was at least tried: no I/O commands either */
	volatile uint32_t nowhere;	/* what is left of the doorbells then */

	uint32_t max_transfer;		/* bytes */
	uint64_t max_zeroes;		/* bytes that one Write Zeroes may zero */
	uint64_t dsm_blocks;		/* blocks that one Dataset Management command may name, */
	uint32_t dsm_range_blocks;	/* in one range of it, */
	uint32_t dsm_ranges;		/* and ranges */
	uint16_t oncs;
	bool volatile_cache;
	bool can_shadow;
	bool can_sgl;
	char *shadow, *event;		/* the two pages of shadow doorbells, or NULL */
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

/* What a command needs besides its tag, by slot. A slow key leads here; all zero while the slot is free. */
struct nnvme_slot {
	/*
	 * The data pointer of a command whose entry is another's now, or that has a spare slot; head 0:
	 * none.
	 */
	uint64_t head, prp1, prp2;
	uint32_t cdw12;
	uint16_t list;			/* its list pages: set number + 1, or 0 */
	uint16_t split;			/* the transfer this is a piece of: its number + 1, or 0 */
	uint64_t *result;		/* where DW0 and DW1 of its completion go, or NULL */
};

/* Of a queue pair, what is not on the hot path. It lies right behind the public part. */
struct nnvme_qpair_private {
	/* the CQ doorbell's last value; NULL: only the shadow was written since */
	const struct nnvme_cqe *cq_told;
	volatile uint32_t *cq_doorbell;
	uint32_t cq_step;		/* bytes from one telling to the next */
	uint32_t nr_spare;
	uint16_t *spare;		/* stack of spare slots, by index */
	uint8_t *spare_generation;		/* of each spare slot, from the ring's end on */
	struct nnvme_slot *slot;	/* of each slot */
	struct nnvme_ctrl *ctrl;
	uint16_t id;
	uint16_t vector;
	int event;			/* what its interrupt raises, or -1 */
	/* stats.h */
	uint64_t cq_rings, bad_completions, missed_interrupts, sq_wraps, spare_slots, split_transfers;
	nnvme_bus_t sq_bus, cq_bus;
	struct nnvme_prp_pool *prp_pool;	/* for transfers that the table's list pages can't describe */
	struct nnvme_slot_list *slot_list;	/* of each slot: for the segments of vectored commands */
	struct nnvme_splits *splits;	/* transfers that take several commands */
	struct nnvme_shadow {		/* shadow doorbells; NULL where there are none */
		volatile uint32_t *sq, *cq;
		volatile uint32_t *sq_event, *cq_event;
		uint32_t cq_head;		/* posted last */
	} shadow;
};

static inline struct nnvme_qpair_private *nnvme_qp(const struct nnvme_qpair *qp)
{
	return (struct nnvme_qpair_private *)((uintptr_t)qp + sizeof(*qp));
}

/*
 * log.c. Locks are taken by nnvme_lock(), so that no line gets to the listener under one: what is said then
 * follows in nnvme_unlock().
 */
void nnvme_lock(pthread_mutex_t *lock);
void nnvme_unlock(pthread_mutex_t *lock);
void nnvme_log(const struct nnvme_ctrl *ctrl, enum nnvme_log_level level, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));

/* clock.c: monotonic time; a short sleep while a register settles. */
uint64_t nnvme_now_ns(void);
uint64_t nnvme_now_ms(void);
void nnvme_pause(void);

/* registers.c: CC, CSTS and the handshakes between them. */
uint32_t nnvme_reg32(const struct nnvme_ctrl *ctrl, unsigned reg);
uint64_t nnvme_reg64(const struct nnvme_ctrl *ctrl, unsigned reg);
void nnvme_reg32_set(struct nnvme_ctrl *ctrl, unsigned reg, uint32_t value);
void nnvme_reg64_set(struct nnvme_ctrl *ctrl, unsigned reg, uint64_t value);
int nnvme_read_cap(struct nnvme_ctrl *ctrl, struct nnvme_err *err);
int nnvme_disable(struct nnvme_ctrl *ctrl, struct nnvme_err *err);
int nnvme_take_over(struct nnvme_ctrl *ctrl, struct nnvme_err *err);
int nnvme_enable(struct nnvme_ctrl *ctrl, const struct nnvme_qpair *admin, struct nnvme_err *err);
void nnvme_shut_down(struct nnvme_ctrl *ctrl);

/*
 * stop.c: make sure that the controller touches no memory, with ctrl->lock held; false when that
 * can't be proven. It is tried once, because it takes its time: until unstoppable is taken back.
 */
bool nnvme_stop(struct nnvme_ctrl *ctrl);

/*
 * abort.c: what the owners of other queue pairs see of a stop, with ctrl->lock held: before it,
 * and after it. In a queue pair's own thread: end all its commands, by completions from @cqe on.
 */
void nnvme_halt(struct nnvme_ctrl *ctrl);
void nnvme_announce_halt(struct nnvme_ctrl *ctrl);
void nnvme_abort_in_flight(struct nnvme_qpair *qp, const struct nnvme_cqe *cqe);

/* admin.c: one command at a time, waited for. */
int nnvme_admin_create(struct nnvme_ctrl *ctrl, struct nnvme_err *err);
void nnvme_admin_destroy(struct nnvme_ctrl *ctrl);

/*
 * Run one admin command. 0 and *result (may be NULL); above 0: the status that it ended with, which the
 * caller can do with; -EIO or -ETIMEDOUT, after which the controller is dead.
 */
int nnvme_admin_status(struct nnvme_ctrl *ctrl, const struct nnvme_sqe *cmd, const char *what,
		       uint32_t *result, struct nnvme_err *err);

/* The same where only success will do: -EIO with the status in words. */
int nnvme_admin(struct nnvme_ctrl *ctrl, const struct nnvme_sqe *cmd, const char *what,
		uint32_t *result, struct nnvme_err *err);

/* identify.c */
int nnvme_identify_all(struct nnvme_ctrl *ctrl, struct nnvme_err *err);

/*
 * qpair.c: the memory of a queue pair of @depth, unknown to the controller so far. @id 0 is the admin
 * queue. Freed by nnvme_qpair_free() when the controller doesn't know it any more.
 */
int nnvme_qpair_alloc(struct nnvme_ctrl *ctrl, uint16_t id, unsigned depth,
		      struct nnvme_qpair **qp, struct nnvme_err *err);
void nnvme_qpair_free(struct nnvme_qpair *qp);

/* What nnvme_ctrl_info() says. */
uint32_t nnvme_max_depth(const struct nnvme_ctrl *ctrl);

/* Destroy with ctrl->lock held. */
int nnvme_qpair_destroy_locked(struct nnvme_qpair *qp);

/* segments.c: how far a walk through segments has come; as a value, it costs nothing to look ahead. */
struct nnvme_iov_cursor {
	const struct iovec *iov;	/* the current one */
	size_t skip;			/* bytes of it that are behind */
	unsigned n;			/* with the current one; 0: at the end */
};

/* 0 and the lengths' sum; -EINVAL not aligned or too much. */
int nnvme_iov_sum(const struct iovec *iov, unsigned n, uint64_t *sum);

/* 0 when all of them are registered, else -EFAULT. */
int nnvme_iov_check(const struct nnvme_qpair *qp, const struct iovec *iov, unsigned n);

/* How many blocks from @c one command can carry, @most or fewer; 0: not even one. */
uint32_t nnvme_map_blocks(const struct nnvme_qpair *qp, const struct nnvme_ns *ns,
			      struct nnvme_iov_cursor c, uint32_t most);

/* Set the data pointer of @cmd to @blocks blocks, no more than reach() said. As nnvme_prp_pool_get(). */
int nnvme_map_iov(struct nnvme_qpair *qp, const struct nnvme_ns *ns, struct nnvme_iov_cursor c,
			 uint32_t blocks, struct nnvme_sqe *cmd, uint16_t *set);

void nnvme_iov_skip(struct nnvme_iov_cursor *c, size_t len);

/* Where it stands; not at the end. */
static inline uintptr_t nnvme_iov_va(const struct nnvme_iov_cursor *c)
{
	return (uintptr_t)c->iov->iov_base + c->skip;
}

/*
 * lists.c: PRP and scatter gather lists of a command's own. get() takes a set of list pages, *set is its
 * number + 1; there are as many as commands in flight. build() takes a set and writes the PRPs of
 * @len bytes from @c, which join at page borders; -EFAULT when they are not registered (any more).
 * va(): a set's page, or NULL. create()
 * may leave something for destroy() also when it fails.
 */
#define NNVME_LIST_PAGES 3	/* one set: 1024 entries and their chain pointers */
int nnvme_prp_pool_create(struct nnvme_qpair *qp, struct nnvme_err *err);
void nnvme_prp_pool_destroy(struct nnvme_qpair *qp);
const void *nnvme_prp_pool_va(const struct nnvme_qpair *qp, uint16_t set, unsigned page);
int nnvme_prp_pool_get(struct nnvme_qpair *qp, uint16_t *set, void **va, nnvme_bus_t *bus);
void nnvme_prp_pool_put(struct nnvme_qpair *qp, uint16_t set);
int nnvme_prp_build(struct nnvme_qpair *qp, struct nnvme_iov_cursor c, size_t len,
		      struct nnvme_prp *prp, uint16_t *set);

/*
 * own_list.c: a short list that belongs to a slot, free whenever the slot is: nothing is to be given back
 * when its command completes. Aligned to its size, 512 bytes.
 */
#define NNVME_SLOT_LIST_BYTES 512
#define NNVME_SLOT_LIST_PRPS (NNVME_SLOT_LIST_BYTES / sizeof(uint64_t))
#define NNVME_SLOT_LIST_SGLS (NNVME_SLOT_LIST_BYTES / sizeof(struct nnvme_sgl))
struct nnvme_slot_list {
	void *va;		/* NULL: none */
	uint64_t bus;
};
int nnvme_slot_lists_create(struct nnvme_qpair *qp, unsigned slots, struct nnvme_err *err);
void nnvme_slot_lists_destroy(struct nnvme_qpair *qp, unsigned slots);

/* The list of the slot that nnvme_submit() will take next; NULL when there is none. */
struct nnvme_slot_list *nnvme_slot_list(struct nnvme_qpair *qp);

/* split.c: transfers of several commands, one array entry per slot of the queue pair. */
struct nnvme_splits *nnvme_splits_create(unsigned depth);
void nnvme_splits_destroy(struct nnvme_splits *splits);

/* Whatever nnvme_rwv() finds unusual; results as nnvme_readv(). */
int nnvme_rwv_slow(struct nnvme_qpair *qp, const struct nnvme_ns *ns, uint8_t opcode,
		   const struct iovec *iov, int iovcnt, uint64_t lba, void *tag);

/*
 * shadow.c: create() offers the controller shadow doorbells where it and the user want them,
 * attach() sets up a queue pair's. Posting is inline: it comes twice a batch.
 */
int nnvme_shadow_create(struct nnvme_ctrl *ctrl, struct nnvme_err *err);
void nnvme_shadow_attach(struct nnvme_qpair *qp);

/* Whether going from @old to @new passes the value that the controller wants to be told of. */
static inline bool nnvme_shadow_passes(uint32_t event, uint32_t new, uint32_t old)
{
	/* Rings are shorter than 2^16 and wrap before it; then this errs on the side of ringing. */
	return (uint16_t)(new - event - 1) < (uint16_t)(new - old);
}

/*
 * Post a position; true when the controller wants the doorbell as well. @old is what was posted
 * last, by our own book: the page is the device's to write as well.
 */
static inline bool nnvme_shadow_post(volatile uint32_t *shadow, const volatile uint32_t *event, uint32_t old,
				     uint32_t new)
{
	/* release: the queue entries are seen before the tail that announces them */
	__atomic_store_n(shadow, new, __ATOMIC_RELEASE);
	/*
	 * A full fence: if the controller's last look at the shadow came before this store, its wish must be
	 * seen here. Loads pass earlier stores on x86-64 as well, so it is an mfence there and a dmb on arm64.
	 */
	__atomic_thread_fence(__ATOMIC_SEQ_CST);
	return nnvme_shadow_passes(*event, new, old);
}

/* reap.c: before a sleep: tell the controller how far the completion queue was read, by the doorbell. */
void nnvme_tell_head_now(struct nnvme_qpair *qp);

/*
 * interrupt.c: create() switches on as many vectors as max_qpairs queue pairs can use, where the user wants
 * that, and lowers max_qpairs to what there are; destroy() is for when the controller has stopped. attach()
 * gives a queue pair its vector.
 */
int nnvme_interrupts_create(struct nnvme_ctrl *ctrl, struct nnvme_err *err);
void nnvme_interrupts_destroy(struct nnvme_ctrl *ctrl);
void nnvme_interrupts_attach(struct nnvme_qpair *qp);

/* buffer.c: what is left of nnvme_mem_alloc() at close, once the controller has stopped. */
void nnvme_buffers_destroy(struct nnvme_ctrl *ctrl);

/* ctrl.c: nnvme_ctrl_open() on a device that is open. Takes the device, also on failure. */
int nnvme_ctrl_open_device(struct nnvme_device *dev, const struct nnvme_options *opts,
			   struct nnvme_ctrl **ctrl, struct nnvme_err *err);

/*
 * slot.c: submit one command that is not on the inline path, all of @cmd but its CID; the caller has seen
 * that there is space. Its completion gives @list back and goes on with transfer @split (0: none);
 * @slow: or hands back a result. Returns the index of its slot.
 */
uint32_t nnvme_submit(struct nnvme_qpair *qp, const struct nnvme_sqe *cmd, void *tag, uint16_t list,
		  uint16_t split, bool slow);

/* Its command has ended. */
void nnvme_slot_free(struct nnvme_qpair *qp, uint32_t place);

/*
 * in_flight.c: 1 when a command in flight, or one that its transfer still needs, may read or write
 * [va, va + len), registered or hidden; else 0, or -ENOMEM. With ctrl->lock (and the space's, which
 * is why @ctrl has no type here); any thread.
 */
int nnvme_in_flight_to(void *ctrl, uintptr_t va, size_t len);

/* Whether transfers of several commands have any of [va, va + len), sent or not; any thread. */
bool nnvme_splits_meet(const struct nnvme_qpair *qp, uintptr_t va, size_t len);

/* A command of transfer @n has ended as @out says; true when it was the last, with the outcome in @out. */
bool nnvme_split_ended(struct nnvme_qpair *qp, uint16_t n, struct nnvme_completion *out);

#endif
