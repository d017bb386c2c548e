// SPDX-License-Identifier: MIT
#include "noiommu_nvme/isolation.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "kernel/sized.h"
#include "nvme/canary.h"
#include "nvme/log.h"

const char *nnvme_verdict_text(enum nnvme_verdict verdict)
{
	switch (verdict) {
	case NNVME_ISOLATED:
		return "isolated";
	case NNVME_ISOLATED_BUT_INTERRUPTS:
		return "isolated (interrupts not isolated)";
	case NNVME_BYPASS_POSSIBLE:
		return "bypass possible";
	case NNVME_UNPROTECTED:
		break;
	}
	return "unprotected (noiommu)";
}

static int attempt_data(struct nnvme_canaries *c, struct nnvme_attempt *a, struct nnvme_err *err)
{
	struct nnvme_canary *canary = &c->canary[a->unmapped];
	int ret = nnvme_canary_fill(canary, err);

	ret = ret ? ret : nnvme_canary_read(c, nnvme_canary_prp_data(c, a->bus), &a->status, err);
	ret = ret ? ret : nnvme_canary_check(canary, &a->passed, err);
	return ret ? ret : nnvme_canary_neighbours(c, err);
}

/*
 * The canary holds a list that leads to mapped memory: a controller that can read it goes
 * nowhere else.
 */
static int attempt_list(struct nnvme_canaries *c, struct nnvme_attempt *a, struct nnvme_err *err)
{
	struct nnvme_canary *canary = &c->canary[a->unmapped];
	bool changed;
	int ret = nnvme_canary_fill_list(c, canary, err);

	ret = ret ? ret : nnvme_canary_read(c, nnvme_canary_prp_list(c, a->bus), &a->status, err);
	ret = ret ? ret : nnvme_canary_check(canary, &changed, err);
	if (ret)
		return ret;
	a->passed = changed || !a->status || nnvme_canary_list_used(c);
	return nnvme_canary_neighbours(c, err);
}

static int make_attempts(struct nnvme_canaries *c, struct nnvme_isolation *r, struct nnvme_err *err)
{
	int ret = 0;

	for (unsigned i = 0; i < NNVME_ATTEMPTS && !ret; i++) {
		struct nnvme_attempt *a = &r->attempt[i];

		*a = (struct nnvme_attempt){ .list = i / 2, .unmapped = i % 2 };
		a->bus = a->unmapped ? c->gone : c->canary[0].phys;
		ret = a->list ? attempt_list(c, a, err) : attempt_data(c, a, err);
		r->attempts = i + 1;
	}
	return ret;
}

/* A late write would arrive before the completions of later commands, but look once more. */
static int check_again(struct nnvme_canaries *c, struct nnvme_isolation *result,
		       struct nnvme_err *err)
{
	for (int i = 0; i < 2; i++) {
		bool changed = false;
		int ret = nnvme_canary_check(&c->canary[i], &changed, err);

		if (ret)
			return ret;
		if (changed)
			result->attempt[i].passed = true;
	}
	return 0;
}

static bool is_transfer_error(uint16_t status)
{
	return (status & 0x7ff) == NVME_SC_DATA_XFER_ERROR;	/* without DNR */
}

static void describe(char text[120], const struct nnvme_attempt *a)
{
	snprintf(text, 120, "%s bus address 0x%llx, %s", a->list ? "a PRP list at" : "data sent to",
		 (unsigned long long)a->bus,
		 a->unmapped ? "unmapped before" : "the physical address of a page not "
			 "mapped there");
}

static void judge(struct nnvme_isolation *r)
{
	char text[120];

	for (unsigned i = 0; i < r->attempts; i++) {
		const struct nnvme_attempt *a = &r->attempt[i];

		describe(text, a);
		r->verdict = NNVME_BYPASS_POSSIBLE;
		if (a->passed) {
			snprintf(r->reason, sizeof(r->reason), "%s, got past the IOMMU", text);
			return;
		}
		if (a->list && !is_transfer_error(a->status)) {
			snprintf(r->reason, sizeof(r->reason), "%s, was answered with status %#x, "
				 "not Data Transfer Error: that it was stopped is not proven",
				 text, a->status);
			return;
		}
	}
	r->verdict = r->interrupts_isolated == NNVME_HAVE ? NNVME_ISOLATED :
							    NNVME_ISOLATED_BUT_INTERRUPTS;
	snprintf(r->reason, sizeof(r->reason), "the device reached none of what is not mapped%s",
		 r->verdict == NNVME_ISOLATED ? "" : "; but the administrator allows devices whose "
		 "interrupts are not isolated (allow_unsafe_interrupts), so it may raise others'");
}

static void judge_unprotected(struct nnvme_isolation *r)
{
	r->verdict = NNVME_UNPROTECTED;
	strcpy(r->reason, "no IOMMU is behind the device, so it reaches all memory; nothing "
	       "was tried, because every try would be a DMA to a bare physical address that "
	       "nothing could stop");
}

/* With the space locked, so that an address that was just unmapped stays unmapped. */
static int run(struct nnvme_ctrl *ctrl, struct nnvme_qpair *qp, const struct nnvme_ns *ns,
	       struct nnvme_isolation *result, struct nnvme_err *err)
{
	struct nnvme_canaries *c = NULL;
	int ret;

	nnvme_lock(&ctrl->space->lock);
	ret = nnvme_canaries_create(ctrl, qp, ns, &c, err);
	ret = ret ? ret : make_attempts(c, result, err);
	ret = ret ? ret : check_again(c, result, err);
	nnvme_unlock(&ctrl->space->lock);
	nnvme_canaries_destroy(c);
	return ret;
}

static int read_limits(struct nnvme_device *dev, struct nnvme_isolation *r, struct nnvme_err *err)
{
	struct nnvme_dma_limits limits;
	int ret = dev->ops->dma_limits(dev, &limits, err);

	if (ret)
		return ret;
	r->iova_ranges = limits.iova_ranges;
	r->nr_iova_ranges = limits.nr_iova_ranges;
	r->alignment = limits.alignment;
	r->coherency_enforced = limits.coherency_enforced;
	r->interrupts_isolated = limits.interrupts_isolated;
	return 0;
}

/* Not one whose blocks may have another length by now: the reads below would be too long. */
static const struct nnvme_ns *choose(struct nnvme_ctrl *ctrl)
{
	const struct nnvme_ns *ns = nnvme_ns_next(ctrl, 0);

	while (ns && nnvme_namespace(ns)->stale)
		ns = nnvme_ns_next(ctrl, ns->nsid);
	return ns;
}

static int find_out(struct nnvme_ctrl *ctrl, struct nnvme_isolation *r, struct nnvme_err *err)
{
	const struct nnvme_ns *ns = choose(ctrl);
	struct nnvme_qpair *qp;
	int ret = read_limits(ctrl->dev, r, err);

	if (ret)
		return ret;
	if (r->mode == NNVME_MODE_NOIOMMU) {
		judge_unprotected(r);
		return 0;
	}
	if (!ns)
		return nnvme_fail(err, -ENODEV, "%s has no namespace to read from; without "
				  "a read isolation can't be proven%s", ctrl->dev->name,
				  nnvme_ns_next(ctrl, 0) ? ". After Format NVM open it again" : "");
	ret = nnvme_qpair_create(ctrl, 1, &qp, err);
	if (ret)
		return ret;
	ret = run(ctrl, qp, ns, r, err);
	if (nnvme_qpair_destroy(qp) && !ret)
		ret = nnvme_fail(err, -EBUSY, "%s could not be stopped after a queue "
				 "was not deleted", ctrl->dev->name);
	if (ret)
		return ret;
	judge(r);
	return 0;
}

int nnvme_isolation(struct nnvme_ctrl *ctrl, struct nnvme_isolation *result, struct nnvme_err *err)
{
	struct nnvme_isolation r = {
		.mode = ctrl->dev->mode, .mode_reason = ctrl->dev->mode_reason,
	};
	int ret = nnvme_sized_check("struct nnvme_isolation", result->size,
				    NNVME_SIZE_UP_TO(struct nnvme_isolation, interrupts_isolated),
				    err);

	ret = ret ? ret : find_out(ctrl, &r, err);
	if (!ret)
		nnvme_sized_out(result, result->size, &r, sizeof(r));
	return ret;
}
