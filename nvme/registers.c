// SPDX-License-Identifier: MIT
/*
 * Controller properties and the handshakes through CC and CSTS (NVM Express Base 2.x, Controller
 * Properties; Memory-Based Controller Initialization; Memory-Based Controller Shutdown).
 */
#include "nvme/registers.h"

#include <errno.h>

#include "nvme/clock.h"
#include "nvme/log.h"

#define GONE UINT32_MAX		/* what a removed device's registers read as */
#define DOORBELLS 0x1000u	/* PCIe transport, Submission Queue 0 Tail Doorbell */
#define TIMEOUT_UNIT_MS 500u	/* of CAP.TO and CRTO */
#define CRMS_WITH_MEDIA 1u	/* CAP.CRMS bit 0, CRWMS */
#define SHUTDOWN_MS 5000u	/* where the controller doesn't ask for more; Linux waits as long */

uint32_t nnvme_reg32(const struct nnvme_ctrl *ctrl, unsigned reg)
{
	return __atomic_load_n((volatile uint32_t *)((volatile char *)ctrl->dev->bar + reg),
			       __ATOMIC_ACQUIRE);
}

void nnvme_reg32_set(struct nnvme_ctrl *ctrl, unsigned reg, uint32_t value)
{
	__atomic_store_n((volatile uint32_t *)((volatile char *)ctrl->dev->bar + reg), value,
			 __ATOMIC_RELEASE);
}

/* Two halves: a controller need not support 8-byte accesses (PCIe transport, register access). */
uint64_t nnvme_reg64(const struct nnvme_ctrl *ctrl, unsigned reg)
{
	return nnvme_reg32(ctrl, reg) | (uint64_t)nnvme_reg32(ctrl, reg + 4) << 32;
}

void nnvme_reg64_set(struct nnvme_ctrl *ctrl, unsigned reg, uint64_t value)
{
	nnvme_reg32_set(ctrl, reg, (uint32_t)value);
	nnvme_reg32_set(ctrl, reg + 4, (uint32_t)(value >> 32));
}

static int gone(struct nnvme_ctrl *ctrl, struct nnvme_err *err)
{
	return nnvme_fail(err, -ENODEV, "%s: registers read as all ones; the controller was "
			  "removed or has lost power", ctrl->dev->name);
}

int nnvme_ctrl_check(struct nnvme_ctrl *ctrl, struct nnvme_err *err)
{
	uint32_t csts = nnvme_reg32(ctrl, NVME_REG_CSTS);

	if (csts == GONE)
		return gone(ctrl, err);
	if (NVME_CSTS_CFS(csts))
		return nnvme_fail(err, -EIO, "%s: the controller reports a fatal status (CSTS.CFS, "
				  "CSTS %#x); it needs a reset: close and open it again",
				  ctrl->dev->name, csts);
	if (ctrl->dead)
		return nnvme_fail(err, -EIO, "%s: the controller was given up after an earlier "
				  "failure; close and open it again", ctrl->dev->name);
	return 0;
}

/*
 * How long CSTS.RDY may take. CAP.TO ends at 127 s; controllers that need longer report it in
 * CRTO, where CRWMT applies when CC.CRIME is 0 (Base 2.x, CAP.CRMS and CRTO). Some report less
 * there than in CAP.TO, so take the greater one.
 */
static uint64_t ready_timeout_ms(const struct nnvme_ctrl *ctrl)
{
	uint32_t units = NVME_CAP_TO(ctrl->cap), crwmt;

	if (NVME_CAP_CRMS(ctrl->cap) & CRMS_WITH_MEDIA) {
		crwmt = NVME_CRTO_CRWMT(nnvme_reg32(ctrl, NVME_REG_CRTO));
		units = units > crwmt ? units : crwmt;
	}
	return (uint64_t)TIMEOUT_UNIT_MS * (units ? units : 1);
}

/* The limits that everything else relies on. Nothing has been written to the controller yet. */
int nnvme_read_cap(struct nnvme_ctrl *ctrl, struct nnvme_err *err)
{
	const char *name = ctrl->dev->name;
	uint64_t cap;

	if (ctrl->dev->bar_len < DOORBELLS + 8)
		return nnvme_fail(err, -EIO, "%s: BAR0 has %zu bytes, too few for "
				  "the doorbells", name, ctrl->dev->bar_len);
	if (nnvme_reg32(ctrl, NVME_REG_CSTS) == GONE)
		return gone(ctrl, err);
	cap = nnvme_reg64(ctrl, NVME_REG_CAP);
	ctrl->cap = cap;
	ctrl->doorbell_stride = 4u << NVME_CAP_DSTRD(cap);
	ctrl->ready_timeout_ms = ready_timeout_ms(ctrl);
	ctrl->shutdown_timeout_ms = SHUTDOWN_MS;

	if (!(NVME_CAP_CSS(cap) & (NVME_CAP_CSS_NVM | NVME_CAP_CSS_CSI)))
		return nnvme_fail(err, -EOPNOTSUPP, "%s: the controller has no I/O command set "
				  "(CAP.CSS %#x)", name, (unsigned)NVME_CAP_CSS(cap));
	if (NVME_CAP_MPSMIN(cap))
		return nnvme_fail(err, -EOPNOTSUPP, "%s: the controller's smallest memory page is "
				  "%u KiB (CAP.MPSMIN %u); 4 KiB are needed", name,
				  4u << NVME_CAP_MPSMIN(cap), (unsigned)NVME_CAP_MPSMIN(cap));
	if (!NVME_CAP_MQES(cap))
		return nnvme_fail(err, -EIO, "%s: CAP.MQES 0 is not allowed", name);
	if (DOORBELLS + 4 * (size_t)ctrl->doorbell_stride > ctrl->dev->bar_len)
		return nnvme_fail(err, -EIO, "%s: a doorbell stride of %u bytes does not fit "
				  "BAR0's %zu", name, ctrl->doorbell_stride, ctrl->dev->bar_len);
	return 0;
}

/* Wait until CSTS & mask == value, for at most @ms. */
static int wait_csts(struct nnvme_ctrl *ctrl, uint32_t mask, uint32_t value, bool fatal_ends,
		     uint64_t ms, const char *what, struct nnvme_err *err)
{
	uint64_t end = nnvme_now_ms() + ms;

	for (;;) {
		/* Read the clock first: a controller that was ready in time counts as ready. */
		bool late = nnvme_now_ms() > end;
		uint32_t csts = nnvme_reg32(ctrl, NVME_REG_CSTS);

		if (csts == GONE)
			return gone(ctrl, err);
		if ((csts & mask) == value)
			return 0;
		if (fatal_ends && NVME_CSTS_CFS(csts))
			return nnvme_fail(err, -EIO, "%s: fatal status (CSTS.CFS) while "
					  "waiting for %s", ctrl->dev->name, what);
		if (late)
			return nnvme_fail(err, -ETIMEDOUT, "%s: %s not seen within "
					  "%llu ms (CSTS %#x)", ctrl->dev->name, what,
					  (unsigned long long)ms, csts);
		nnvme_pause();
	}
}

static int wait_ready(struct nnvme_ctrl *ctrl, struct nnvme_err *err)
{
	return wait_csts(ctrl, NVME_CSTS_RDY_MASK, 1, true, ctrl->ready_timeout_ms, "CSTS.RDY=1",
			 err);
}

/*
 * Wait until a Controller Level Reset has ended. A controller that failed before it was ready
 * has RDY=0 all along; its falling CFS shows the end of the reset.
 */
static int wait_reset(struct nnvme_ctrl *ctrl, struct nnvme_err *err)
{
	return wait_csts(ctrl, NVME_CSTS_RDY_MASK | NVME_CSTS_CFS_MASK << NVME_CSTS_CFS_SHIFT, 0,
			 false, ctrl->ready_timeout_ms, "CSTS.RDY=0 and CFS=0", err);
}

static void clear_enable(struct nnvme_ctrl *ctrl, uint32_t cc)
{
	nnvme_reg32_set(ctrl, NVME_REG_CC,
			cc & ~(NVME_CC_EN_MASK | NVME_CC_SHN_MASK << NVME_CC_SHN_SHIFT));
}

int nnvme_disable(struct nnvme_ctrl *ctrl, struct nnvme_err *err)
{
	uint32_t cc = nnvme_reg32(ctrl, NVME_REG_CC);
	int ret;

	if (cc == GONE)
		return gone(ctrl, err);
	if (NVME_CC_EN(cc)) {
		/*
		 * EN may only be cleared once RDY has followed it up (CC.EN), or after a fatal
		 * status.
		 */
		ret = wait_ready(ctrl, err);
		if (ret && ret != -EIO)
			return ret;
		clear_enable(ctrl, cc);
	}
	return wait_reset(ctrl, err);
}

/*
 * As nnvme_disable(), for a controller that another driver may have left half-way: enabled and
 * never ready. A function-level reset helps there (Base 2.x, Controller Level Reset). Without
 * one EN is cleared all the same, as in Linux (nvme_disable_ctrl()): the specification does not
 * allow that, but nothing else is left.
 */
int nnvme_take_over(struct nnvme_ctrl *ctrl, struct nnvme_err *err)
{
	struct nnvme_err why, also;
	int ret = nnvme_disable(ctrl, &why);

	if (!ret)
		return 0;
	if (ret == -ENODEV)
		return nnvme_fail(err, ret, "%s", why.text);
	nnvme_log(ctrl, NNVME_LOG_WARNING, "%s; resetting the function", why.text);
	ret = ctrl->dev->ops->reset(ctrl->dev, &also);
	if (ret) {
		nnvme_log(ctrl, NNVME_LOG_WARNING, "%s; clearing CC.EN as it is", also.text);
		clear_enable(ctrl, nnvme_reg32(ctrl, NVME_REG_CC));
		nnvme_pause();
	}
	ret = nnvme_disable(ctrl, &also);
	if (ret)
		nnvme_fail(err, ret, "%s, and a reset did not help: %s", why.text, also.text);
	return ret;
}

int nnvme_enable(struct nnvme_ctrl *ctrl, const struct nnvme_qpair *admin, struct nnvme_err *err)
{
	uint32_t last = admin->end / 8 - 1;
	uint32_t css = NVME_CAP_CSS(ctrl->cap) & NVME_CAP_CSS_NVM ? NVME_CC_CSS_NVM :
								    NVME_CC_CSS_CSI;
	uint32_t cc = css << NVME_CC_CSS_SHIFT |
		      6u << NVME_CC_IOSQES_SHIFT |	/* 2^6 bytes an SQ entry, */
		      4u << NVME_CC_IOCQES_SHIFT |	/* 2^4 a CQ entry; 4 KiB, round robin */
		      1u << NVME_CC_EN_SHIFT;

	nnvme_reg32_set(ctrl, NVME_REG_AQA, last << 16 | last);
	nnvme_reg64_set(ctrl, NVME_REG_ASQ, nnvme_qp(admin)->sq_bus.v);
	nnvme_reg64_set(ctrl, NVME_REG_ACQ, nnvme_qp(admin)->cq_bus.v);
	nnvme_reg32_set(ctrl, NVME_REG_CC, cc);
	return wait_ready(ctrl, err);
}

void nnvme_shut_down(struct nnvme_ctrl *ctrl)
{
	uint32_t cc = nnvme_reg32(ctrl, NVME_REG_CC);
	struct nnvme_err err;

	if (cc == GONE || !NVME_CC_EN(cc))
		return;
	cc &= ~(NVME_CC_SHN_MASK << NVME_CC_SHN_SHIFT);
	nnvme_reg32_set(ctrl, NVME_REG_CC, cc | NVME_CC_SHN_NORMAL << NVME_CC_SHN_SHIFT);
	if (wait_csts(ctrl, NVME_CSTS_SHST_MASK << NVME_CSTS_SHST_SHIFT,
		      NVME_CSTS_SHST_CMPLT << NVME_CSTS_SHST_SHIFT, true, ctrl->shutdown_timeout_ms,
		      "shutdown (CSTS.SHST=2)", &err))
		nnvme_log(ctrl, NNVME_LOG_WARNING, "%s", err.text);
}
