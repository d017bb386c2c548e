/* SPDX-License-Identifier: MIT */
#ifndef NNVME_TESTS_DRIVER_RIG_H
#define NNVME_TESTS_DRIVER_RIG_H

/*
 * The driver on the software controller. The controller's thread runs while a controller is opened,
 * queues are created and everything is closed, because the driver waits for it there. In between a
 * test may stop it and step (rig_step_by_hand()); rig_down() starts it again.
 */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <errno.h>
#include <libnvme.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "noiommu_nvme/batch.h"
#include "noiommu_nvme/ctrl.h"
#include "tests/model/model.h"

#define RIG_NAME "0000:0a:00.0"
#define RIG_DNR(status) ((status) | NVME_SC_DNR)

struct rig {
	struct model_config config;
	struct nnvme_options options;
	struct model *m;
	struct nnvme_ctrl *ctrl;
	const struct nnvme_ns *ns;	/* NSID 1 */
	struct nnvme_qpair *qp;
	struct nnvme_err err;
	bool by_hand, close_fails;
	char log[4096];
};

static inline void rig_log(void *arg, enum nnvme_log_level level, const char *line)
{
	struct rig *r = arg;
	size_t n = strlen(r->log);

	assert_null(strchr(line, '\n'));
	if (level <= NNVME_LOG_WARNING)
		snprintf(r->log + n, sizeof(r->log) - n, "%s\n", line);
}

/* A model with these settings, not opened. */
static inline void rig_model(struct rig *r, const char *settings)
{
	memset(r, 0, sizeof(*r));
	model_defaults(&r->config);
	r->config.name = RIG_NAME;
	r->config.run = 16;
	r->config.ready = 0;
	if (settings && model_configure(&r->config, settings, &r->err))
		fail_msg("%s", r->err.text);
	r->options = (struct nnvme_options){
		.size = sizeof(r->options), .hugepages = NNVME_HUGEPAGES_OFF, .log = rig_log,
		.log_arg = r,
	};
}

static inline int rig_open(struct rig *r)
{
	if (!r->m && model_create(&r->config, &r->m, &r->err))
		fail_msg("%s", r->err.text);
	return nnvme_ctrl_open(RIG_NAME, &r->options, &r->ctrl, &r->err);
}

static inline void rig_queue(struct rig *r, unsigned depth)
{
	if (nnvme_qpair_create(r->ctrl, depth, &r->qp, &r->err))
		fail_msg("%s", r->err.text);
}

/* After rig_model(): open it, with a queue. */
static inline void rig_start(struct rig *r, unsigned depth)
{
	if (rig_open(r))
		fail_msg("%s", r->err.text);
	r->ns = nnvme_ns_get(r->ctrl, 1, &r->err);
	if (!r->ns)
		fail_msg("%s", r->err.text);
	rig_queue(r, depth);
}

static inline void rig_up(struct rig *r, const char *settings, unsigned depth)
{
	rig_model(r, settings);
	rig_start(r, depth);
}

static inline struct nnvme_ns_info rig_ns_info(const struct nnvme_ns *ns)
{
	struct nnvme_ns_info info = { .size = sizeof(info) };

	assert_int_equal(nnvme_ns_info(ns, &info), 0);
	assert_int_equal(info.size, sizeof(info));
	assert_int_equal(info.nsid, ns->nsid);
	assert_int_equal(info.blocks, ns->blocks);
	assert_int_equal(info.block_size, 1u << ns->block_shift);
	assert_int_equal(info.reserved, 0);
	return info;
}

static inline void rig_step_by_hand(struct rig *r)
{
	model_stop(r->m);
	r->by_hand = true;
}

static inline void rig_clean(struct rig *r)
{
	if (model_faults(r->m) || model_violations(r->m))
		fail_msg("%u faults '%s', %u violations '%s'", model_faults(r->m),
			 model_fault_text(r->m, 0), model_violations(r->m),
			 model_violation_text(r->m, 0));
}

/* Close the controller, whatever state it is in; the model stays. */
static inline void rig_close(struct rig *r)
{
	model_start(r->m);
	r->by_hand = false;
	assert_int_equal(nnvme_ctrl_close(r->ctrl), 0);
	r->ctrl = NULL;
	r->qp = NULL;
}

static inline uint64_t rig_mapped(struct rig *r)
{
	struct model_counts counts;

	model_counts(r->m, &counts);
	return counts.mapped;
}

/* The end of every test: closed in order, nothing left, nothing recorded. */
static inline void rig_down(struct rig *r)
{
	if (r->ctrl)
		rig_close(r);
	rig_clean(r);
	assert_int_equal(rig_mapped(r), 0);
	model_destroy(r->m);
}

/* Zeroed registered memory. */
static inline void *rig_alloc(struct rig *r, size_t size)
{
	void *va = nnvme_mem_alloc(r->ctrl, size, &r->err);

	if (!va)
		fail_msg("%s", r->err.text);
	return va;
}

/* A page to read to; from now on the controller moves only when the test says so. */
static inline void *rig_page_by_hand(struct rig *r)
{
	void *buf = rig_alloc(r, 4096);

	rig_step_by_hand(r);
	return buf;
}

static inline void *rig_up_by_hand(struct rig *r, const char *settings, unsigned depth)
{
	rig_up(r, settings, depth);
	return rig_page_by_hand(r);
}

/* What has completed by now; when stepping by hand, the model first does all it can. */
static inline unsigned rig_poll(struct rig *r, struct nnvme_completion *done, unsigned max)
{
	if (r->by_hand)
		model_drain(r->m);
	return nnvme_poll(r->qp, done, max);
}

/* Ring and wait for one completion. */
static inline struct nnvme_completion rig_wait(struct rig *r)
{
	struct nnvme_completion done;

	nnvme_ring(r->qp);
	for (unsigned i = 0; !rig_poll(r, &done, 1); i++) {
		if (r->by_hand && i > 1000)
			fail_msg("no completion");
		if (!r->by_hand)
			sched_yield();
	}
	return done;
}

static inline uint16_t rig_read(struct rig *r, void *buf, uint64_t lba, uint32_t blocks)
{
	struct nnvme_completion done;

	assert_int_equal(nnvme_read(r->qp, r->ns, buf, lba, blocks, buf), 0);
	done = rig_wait(r);
	assert_ptr_equal(done.tag, buf);
	return done.status;
}

static inline uint16_t rig_write(struct rig *r, const void *buf, uint64_t lba, uint32_t blocks)
{
	struct nnvme_completion done;

	assert_int_equal(nnvme_write(r->qp, r->ns, buf, lba, blocks, (void *)(uintptr_t)buf), 0);
	done = rig_wait(r);
	assert_ptr_equal(done.tag, buf);
	return done.status;
}

static inline uint32_t rig_random(uint32_t *seed)
{
	*seed = *seed * 1664525 + 1013904223;
	return *seed >> 8;
}

/* Random bytes, and their sum. */
static inline uint32_t rig_fill(uint8_t *to, size_t len, uint32_t seed)
{
	uint32_t sum = 0;

	for (size_t i = 0; i < len; i++) {
		to[i] = (uint8_t)rig_random(&seed);
		sum += to[i];
	}
	return sum;
}

/* I/O commands that the controller has fetched. */
static inline uint64_t rig_commands(struct rig *r)
{
	struct model_counts counts;

	model_counts(r->m, &counts);
	return counts.io_commands;
}

#endif
