// SPDX-License-Identifier: MIT
#include "nvme/qpair.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "nvme/doorbell.h"
#include "nvme/irq.h"
#include "nvme/prp_pool.h"
#include "nvme/slot_list.h"
#include "nvme/split.h"

#define SLOT_BYTES (NNVME_SLOTS * sizeof(struct nnvme_req))
#define MAX_ENTRIES 4096u	/* with as many spare slots, these are all that a CID can name */
#define MIN_ENTRIES 64u

static size_t round_page(size_t n)
{
	return (n + NNVME_PAGE_SIZE - 1) & -NNVME_PAGE_SIZE;
}

static size_t sq_bytes(const struct nnvme_qpair *qp)
{
	return round_page(nnvme_sq_entries(qp) * sizeof(struct nnvme_sqe));
}

/* MQES does not limit the admin queue (Base 2.x, Admin Queue Attributes). */
static uint32_t max_entries(const struct nnvme_qpair *qp)
{
	struct nnvme_qpair_private *p = nnvme_qp(qp);

	return p->id ? (uint32_t)NVME_CAP_MQES(p->ctrl->cap) + 1 : MIN_ENTRIES;
}

/* The longer an I/O completion queue, the fewer CQ doorbell writes. */
static uint32_t choose_cq_entries(const struct nnvme_qpair *qp)
{
	uint32_t n = nnvme_qp(qp)->id ? 2 * nnvme_sq_entries(qp) : nnvme_sq_entries(qp);

	return n < max_entries(qp) ? n : max_entries(qp);
}

static size_t cq_bytes(const struct nnvme_qpair *qp)
{
	return round_page(choose_cq_entries(qp) * sizeof(struct nnvme_cqe));
}

/*
 * The submission queue is longer than the depth + 1 entries that it needs, so that the slot at
 * the tail is rarely still in use and the ring wraps less often.
 */
static uint32_t choose_entries(const struct nnvme_qpair *qp)
{
	uint32_t n = 2 * qp->depth < MIN_ENTRIES ? MIN_ENTRIES : 2 * qp->depth;

	if (n > MAX_ENTRIES)
		n = MAX_ENTRIES;
	return n < max_entries(qp) ? n : max_entries(qp);
}

/*
 * How many completions are taken between CQ doorbell writes. The controller may post into the
 * rest of the queue, which must always have space for all commands in flight: a full queue
 * would stop it (Base 2.x, Full Queue). The admin queue may share its vector with an I/O queue,
 * which gets no interrupts while entries of the admin queue are unacknowledged.
 */
static uint32_t choose_step(const struct nnvme_qpair *qp)
{
	struct nnvme_qpair_private *p = nnvme_qp(qp);
	uint32_t n = choose_cq_entries(qp), left = n - qp->depth;

	if (!p->id || p->ctrl->opts.quirks & NNVME_QUIRK_CQ_DOORBELL_EACH_POLL)
		return 1;
	return left < n / 2 ? left : n / 2;
}

static int get_queues(struct nnvme_qpair *qp, uint32_t n, struct nnvme_err *err)
{
	struct nnvme_qpair_private *p = nnvme_qp(qp);
	struct nnvme_space *space = p->ctrl->space;
	uint32_t step;
	void *cq;

	qp->end = 8 * n;
	step = choose_step(qp);
	qp->sq = nnvme_space_get(space, sq_bytes(qp), &p->sq_bus, err);
	if (!qp->sq)
		return -ENOMEM;
	cq = nnvme_space_get(space, cq_bytes(qp), &p->cq_bus, err);
	if (!cq) {
		nnvme_space_put(space, qp->sq);
		qp->sq = NULL;
		return -ENOMEM;
	}
	qp->cq = qp->cqe = p->cq_doorbell_last = cq;
	qp->cq_end = qp->cq + choose_cq_entries(qp);
	p->cq_doorbell_step = step * sizeof(*qp->cq);
	qp->cq_doorbell_at = qp->cq + step;
	return 0;
}

static void put_queues(struct nnvme_qpair *qp)
{
	struct nnvme_qpair_private *p = nnvme_qp(qp);

	nnvme_space_put(p->ctrl->space, qp->sq);
	nnvme_space_put(p->ctrl->space, (void *)(uintptr_t)qp->cq);
}

/*
 * Ordinary pages may not be contiguous for so much memory; then use as little as the depth
 * allows.
 */
static int alloc_queues(struct nnvme_qpair *qp, struct nnvme_err *err)
{
	uint32_t n = choose_entries(qp), least = qp->depth + 1;
	int ret = get_queues(qp, n, least < n ? NULL : err);

	return ret && least < n ? get_queues(qp, least, err) : ret;
}

/* Slots that a CID can name but that are never used are zero pages that take no memory. */
static int alloc_slots(struct nnvme_qpair *qp, struct nnvme_err *err)
{
	struct nnvme_qpair_private *p = nnvme_qp(qp);
	void *slots = mmap(NULL, SLOT_BYTES, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS,
			   -1, 0);

	qp->req = slots == MAP_FAILED ? NULL : slots;
	p->spare = calloc(qp->depth, sizeof(*p->spare));
	p->spare_generation = calloc(qp->depth, sizeof(*p->spare_generation));
	p->slot = calloc(nnvme_sq_entries(qp) + qp->depth, sizeof(*p->slot));
	if (!qp->req || !p->spare || !p->spare_generation || !p->slot || nnvme_splits_create(qp))
		return nnvme_fail(err, -ENOMEM, "no memory for a queue "
				  "pair of depth %u", qp->depth);
	for (unsigned i = 0; i < nnvme_sq_entries(qp) + qp->depth; i++)
		((struct nnvme_req *)slots)[i].key = NNVME_KEY_FREE;
	while (p->nr_spare < qp->depth) {
		p->spare[p->nr_spare] = (uint16_t)(qp->end + 8 * p->nr_spare);
		p->nr_spare++;
	}
	return 0;
}

int nnvme_qpair_alloc(struct nnvme_ctrl *ctrl, uint16_t id, unsigned depth,
		      struct nnvme_qpair **out, struct nnvme_err *err)
{
	const size_t size = sizeof(struct nnvme_qpair_whole);
	struct nnvme_qpair *qp = aligned_alloc(128, (size + 127) & ~(size_t)127);
	volatile char *doorbells = (volatile char *)ctrl->dev->bar + 0x1000;

	if (!qp)
		return nnvme_fail(err, -ENOMEM, "no memory for a queue pair");
	memset(qp, 0, size);
	nnvme_qp(qp)->ctrl = ctrl;
	nnvme_qp(qp)->id = id;
	qp->depth = depth;
	qp->stop = 8 * depth;
	qp->phase = 0x10000;	/* memory is zero: the first entries written have phase 1 */
	qp->table = ctrl->space->table;
	/*
	 * PCIe transport: SQ y Tail Doorbell at 1000h + 2y strides, CQ y Head Doorbell one
	 * stride later
	 */
	qp->sq_doorbell = (volatile uint32_t *)(doorbells + 2 * id * ctrl->doorbell_stride);
	nnvme_qp(qp)->cq_doorbell =
		(volatile uint32_t *)(doorbells + (2 * id + 1) * ctrl->doorbell_stride);
	if (alloc_queues(qp, err))
		goto fail;
	if (alloc_slots(qp, err) || nnvme_prp_pool_create(qp, err) ||
	    nnvme_slot_lists_create(qp, id ? nnvme_sq_entries(qp) : 0, err))
		goto fail;
	nnvme_shadow_attach(qp);
	nnvme_irq_attach(qp);
	*out = qp;
	return 0;

fail:
	nnvme_qpair_free(qp);
	return -ENOMEM;
}

void nnvme_qpair_free(struct nnvme_qpair *qp)
{
	struct nnvme_qpair_private *p;

	if (!qp)
		return;
	p = nnvme_qp(qp);
	nnvme_prp_pool_destroy(qp);
	nnvme_slot_lists_destroy(qp, p->id ? nnvme_sq_entries(qp) : 0);
	if (qp->sq)
		put_queues(qp);
	nnvme_splits_destroy(qp);
	free(p->spare);
	free(p->spare_generation);
	free(p->slot);
	if (qp->req)
		munmap(qp->req, SLOT_BYTES);
	free(qp);
}

/* MQES is 0's based, and one entry of a queue always stays empty. */
uint32_t nnvme_max_depth(const struct nnvme_ctrl *ctrl)
{
	uint32_t mqes = (uint32_t)NVME_CAP_MQES(ctrl->cap);

	return mqes < MAX_ENTRIES ? mqes : MAX_ENTRIES - 1;
}
