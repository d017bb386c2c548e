/* SPDX-License-Identifier: MIT */
#ifndef NNVME_TESTS_CLOCK_RIG_H
#define NNVME_TESTS_CLOCK_RIG_H

/*
 * The driver on a controller without a thread, and with a clock of its own: each pause of the
 * driver lasts PAUSE_MS, in which the controller looks once. It takes the place of nvme/clock.c:
 * link with --wrap=nnvme_now_ms and --wrap=nnvme_pause.
 */

#include "driver_rig.h"

#define PAUSE_MS 100

static struct {
	struct model *m;
	uint64_t ms;
} now;

uint64_t __wrap_nnvme_now_ms(void);
void __wrap_nnvme_pause(void);

uint64_t __wrap_nnvme_now_ms(void)
{
	return now.ms;
}

void __wrap_nnvme_pause(void)
{
	now.ms += PAUSE_MS;
	model_step(now.m, 64);
}

/* After rig_model(): the model, at time 0. */
static inline void rig_clock(struct rig *r)
{
	r->config.manual = true;
	assert_int_equal(model_create(&r->config, &r->m, NULL), 0);
	now.m = r->m;
	now.ms = 0;
}

/* rig_down(), and the milliseconds that closing takes. */
static inline uint64_t rig_clock_down(struct rig *r)
{
	uint64_t start = now.ms, end;

	nnvme_ctrl_close(r->ctrl);
	end = now.ms;
	r->ctrl = NULL;
	rig_down(r);
	return end - start;
}

#endif
