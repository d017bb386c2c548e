/* SPDX-License-Identifier: MIT */
#ifndef NNVME_TESTS_MODEL_HOST_H
#define NNVME_TESTS_MODEL_HOST_H

/*
 * The simplest possible host for the software controller: it stores to registers and queue memory
 * as the specification says, or as a test wants. Nothing of the driver is in it. Everything is
 * stepped: nothing happens unless the test asks for it.
 */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <libnvme.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "noiommu_nvme/wire.h"
#include "tests/model/model.h"

#define PAGE 4096u
#define HOST_PAGES 1024u
#define HOST_QUEUES 4
#define HOST_DNR(status) ((status) | NVME_SC_DNR)
#define HOST_SPECIFIC(code) (0x100 | HOST_DNR(code))
#define CC_ON (6u << NVME_CC_IOSQES_SHIFT | 4u << NVME_CC_IOCQES_SHIFT | 1u)
#define NO_COMPLETION 0xffff

struct host_queue {
	struct nnvme_sqe *sq;
	struct nnvme_cqe *cq;
	uint32_t entries, tail, head, phase;
};

struct host {
	struct model_config config;
	struct model *m;
	struct nnvme_device *dev;
	uint8_t *mem;			/* HOST_PAGES pages, mapped */
	uint64_t iova;
	unsigned used;			/* pages handed out */
	struct host_queue q[HOST_QUEUES];
	uint16_t cid;
	struct nnvme_cqe last;
};

static inline uint32_t host_get(struct host *h, unsigned reg)
{
	return *(volatile uint32_t *)((volatile char *)h->dev->bar + reg);
}

static inline void host_set(struct host *h, unsigned reg, uint32_t value)
{
	*(volatile uint32_t *)((volatile char *)h->dev->bar + reg) = value;
}

static inline void host_set64(struct host *h, unsigned reg, uint64_t value)
{
	host_set(h, reg, (uint32_t)value);
	host_set(h, reg + 4, (uint32_t)(value >> 32));
}

static inline unsigned host_doorbell(struct host *h, unsigned qid, bool cq)
{
	return 0x1000 + (2 * qid + cq) * (4u << h->config.dstrd);
}

/* Zeroed pages, adjacent in virtual memory alone. */
static inline void *host_pages(struct host *h, unsigned n)
{
	void *va = h->mem + h->used * PAGE;

	h->used += n;
	assert_true(h->used <= HOST_PAGES);
	return va;
}

static inline uint64_t host_bus(struct host *h, const void *va)
{
	size_t len = 1;
	nnvme_bus_t bus;

	assert_int_equal(h->dev->ops->bus_addr(h->dev,
					       h->iova + (size_t)((const uint8_t *)va - h->mem),
					       &len, &bus, NULL), 0);
	return bus.v;
}

/* A model with memory mapped and bus mastering on, not enabled. */
static inline void host_open(struct host *h, const char *settings)
{
	struct nnvme_err err = { 0 };

	memset(h, 0, sizeof(*h));
	model_defaults(&h->config);
	h->config.run = 1;
	if (settings && model_configure(&h->config, settings, &err))
		fail_msg("%s", err.text);
	assert_int_equal(model_create(&h->config, &h->m, &err), 0);
	h->dev = model_device(h->m);
	h->mem = aligned_alloc(PAGE, HOST_PAGES * PAGE);
	assert_non_null(h->mem);
	memset(h->mem, 0, HOST_PAGES * PAGE);
	assert_int_equal(h->dev->ops->map(h->dev, h->mem, HOST_PAGES * PAGE, &h->iova, &err), 0);
	assert_int_equal(h->dev->ops->bus_master(h->dev, true, &err), 0);
}

static inline void host_queue_memory(struct host *h, unsigned qid, uint32_t entries)
{
	struct host_queue *q = &h->q[qid];

	*q = (struct host_queue){ .entries = entries, .phase = 1 };
	q->sq = host_pages(h, (entries * 64 + PAGE - 1) / PAGE);
	q->cq = host_pages(h, (entries * 16 + PAGE - 1) / PAGE);
}

static inline void host_settle(struct host *h)
{
	for (unsigned i = 0; i < h->config.ready + 3; i++)
		model_step(h->m, 0);
}

static inline void host_enable(struct host *h)
{
	host_queue_memory(h, 0, 16);
	host_set(h, NVME_REG_AQA, 15 << 16 | 15);
	host_set64(h, NVME_REG_ASQ, host_bus(h, h->q[0].sq));
	host_set64(h, NVME_REG_ACQ, host_bus(h, h->q[0].cq));
	host_set(h, NVME_REG_CC, CC_ON);
	host_settle(h);
	assert_int_equal(host_get(h, NVME_REG_CSTS), 1);
}

static inline void host_disable(struct host *h)
{
	host_set(h, NVME_REG_CC, 0);
	host_settle(h);
	assert_int_equal(host_get(h, NVME_REG_CSTS), 0);
}

/* Write an entry without ringing; the CID is chosen unless @sqe has one. */
static inline uint16_t host_write(struct host *h, unsigned qid, const struct nnvme_sqe *sqe)
{
	struct host_queue *q = &h->q[qid];
	struct nnvme_sqe *to = &q->sq[q->tail];

	*to = *sqe;
	if (!to->cid)
		to->cid = ++h->cid;
	q->tail = (q->tail + 1) % q->entries;
	return to->cid;
}

static inline void host_ring(struct host *h, unsigned qid)
{
	host_set(h, host_doorbell(h, qid, false), h->q[qid].tail);
}

/* The next completion, without returning its entry. */
static inline bool host_reap(struct host *h, unsigned qid)
{
	struct host_queue *q = &h->q[qid];
	struct nnvme_cqe *cqe = &q->cq[q->head];

	if ((__atomic_load_n(&cqe->dw3, __ATOMIC_ACQUIRE) >> 16 & 1) != q->phase)
		return false;
	h->last = *cqe;
	if (++q->head == q->entries) {
		q->head = 0;
		q->phase ^= 1;
	}
	return true;
}

static inline void host_ack(struct host *h, unsigned qid)
{
	host_set(h, host_doorbell(h, qid, true), h->q[qid].head);
}

static inline uint16_t host_status(const struct host *h)
{
	return (uint16_t)(h->last.dw3 >> 17);
}

static inline uint16_t host_last_cid(const struct host *h)
{
	return (uint16_t)h->last.dw3;
}

/* One command from entry to completion; its status. */
static inline uint16_t host_run(struct host *h, unsigned qid, const struct nnvme_sqe *sqe)
{
	uint16_t cid = host_write(h, qid, sqe);

	host_ring(h, qid);
	model_drain(h->m);
	if (!host_reap(h, qid))
		return NO_COMPLETION;
	host_ack(h, qid);
	model_step(h->m, 0);
	assert_int_equal(host_last_cid(h), cid);
	return host_status(h);
}

static inline uint16_t host_admin(struct host *h, uint8_t opcode, uint32_t cdw10, uint32_t cdw11,
				  uint64_t prp1)
{
	return host_run(h, 0, &(struct nnvme_sqe){ .opcode = opcode, .cdw10 = cdw10, .cdw11 = cdw11,
						   .prp1 = prp1 });
}

static inline void host_create(struct host *h, unsigned qid, uint32_t entries)
{
	host_queue_memory(h, qid, entries);
	assert_int_equal(host_admin(h, nvme_admin_create_cq, (entries - 1) << 16 | qid, 1,
				    host_bus(h, h->q[qid].cq)), 0);
	assert_int_equal(host_admin(h, nvme_admin_create_sq, (entries - 1) << 16 | qid, qid << 16 |
				    1, host_bus(h, h->q[qid].sq)), 0);
}

/* Enabled, with I/O queue 1 of 16 entries. */
static inline void host_up(struct host *h, const char *settings)
{
	host_open(h, settings);
	host_enable(h);
	host_create(h, 1, 16);
}

static inline struct nnvme_sqe host_rw(uint8_t opcode, uint64_t lba, uint32_t blocks,
				       uint64_t prp1, uint64_t prp2)
{
	return (struct nnvme_sqe){
		.opcode = opcode, .nsid = 1, .prp1 = prp1, .prp2 = prp2,
		.cdw10 = (uint32_t)lba, .cdw11 = (uint32_t)(lba >> 32), .cdw12 = blocks - 1,
	};
}

/* The violations must contain @word; then they are forgotten. */
static inline void host_expect_violation(struct host *h, const char *word)
{
	if (model_violations(h->m) != 1 || !strstr(model_violation_text(h->m, 0), word))
		fail_msg("want one violation with '%s', have %u: '%s'", word,
			 model_violations(h->m), model_violation_text(h->m, 0));
	model_forgive(h->m);
}

static inline void host_expect_fault(struct host *h, const char *word)
{
	if (model_faults(h->m) != 1 || !strstr(model_fault_text(h->m, 0), word))
		fail_msg("want one fault with '%s', have %u: '%s'", word, model_faults(h->m),
			 model_fault_text(h->m, 0));
	model_forgive(h->m);
}

static inline void host_clean(struct host *h)
{
	if (model_faults(h->m) || model_violations(h->m))
		fail_msg("%u faults '%s', %u violations '%s'", model_faults(h->m),
			 model_fault_text(h->m, 0), model_violations(h->m),
			 model_violation_text(h->m, 0));
}

/* Fail if anything unexpected was recorded. */
static inline void host_close(struct host *h)
{
	host_clean(h);
	model_destroy(h->m);
	free(h->mem);
}

#endif
