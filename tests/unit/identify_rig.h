/* SPDX-License-Identifier: MIT */
#ifndef NNVME_TESTS_IDENTIFY_RIG_H
#define NNVME_TESTS_IDENTIFY_RIG_H

/* What must hold of a controller that was opened, whatever it said in Identify. */

#include <ctype.h>

#include "driver_rig.h"

/* A model that calls @identify with what it is about to send. */
static inline void up(struct rig *r, const char *settings,
		      void (*identify)(void *, uint8_t, uint32_t, void *), const void *arg)
{
	rig_model(r, settings);
	r->config.identify = identify;
	r->config.identify_arg = (void *)(uintptr_t)arg;
}

static inline void check_line(const char *text)
{
	assert_true(strlen(text) > 10);
	for (const char *p = text; *p; p++)
		assert_true(isprint((unsigned char)*p));
}

/* What must be true of every namespace offered, whatever was reported. */
static inline void check_ns(const struct nnvme_ns *ns)
{
	struct nnvme_ns_info info = rig_ns_info(ns);

	assert_true(ns->nsid && ns->nsid != 0xffffffff);
	assert_true(ns->blocks);
	assert_true(ns->block_shift >= 9 && ns->block_shift <= 16);
	assert_true(ns->blocks <= UINT64_MAX >> ns->block_shift);
	assert_true(info.max_blocks && info.max_blocks <= 65536);
	assert_true((uint64_t)info.max_blocks << ns->block_shift <= 4u << 20);
	assert_true(ns->fast_blocks <= info.max_blocks);
}

/* Open; if that works all must be valid. Returns the number of namespaces. */
static inline unsigned check(struct rig *r)
{
	struct nnvme_ctrl_info info = { .size = sizeof(info) };
	unsigned n = 0;
	int ret = rig_open(r);

	if (ret) {
		assert_int_equal(r->err.code, ret);
		check_line(r->err.text);
		r->ctrl = NULL;
		return 0;
	}
	nnvme_ctrl_info(r->ctrl, &info);
	assert_true(info.max_transfer >= 4096 && info.max_transfer <= 4u << 20);
	for (const char *p = info.model; *p; p++)
		assert_true(isprint((unsigned char)*p));
	for (const struct nnvme_ns *ns = NULL; (ns = nnvme_ns_next(r->ctrl,
								   ns ? ns->nsid : 0)); n++)
		check_ns(ns);
	assert_int_equal(n, info.namespaces);
	return n;
}

#endif
