// SPDX-License-Identifier: MIT
/*
 * Controller properties and the handshakes through CC and CSTS (NVM Express Base 2.x, Controller
 * Properties; Memory-Based Controller Initialization; Memory-Based Controller Shutdown).
 */
#include <errno.h>

#include "nvme/private.h"

#define GONE UINT32_MAX		/* what a removed device's registers read as */
#define DOORBELLS 0x1000u	/* PCIe transport, Submission Queue 0 Tail Doorbell */

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
	return nnvme_fail(err, -ENODEV, "%s: registers read as all ones; the controller was removed or "
			  "has lost power", ctrl->dev->name);
}

int nnvme_ctrl_check(struct nnvme_ctrl *ctrl, struct nnvme_err *err)
{
	uint32_t csts = nnvme_reg32(ctrl, NVME_REG_CSTS);

	if (csts == GONE)
		return gone(ctrl, err);
	if (NVME_CSTS_CFS(csts))
		return nnvme_fail(err, -EIO, "%s: the controller reports a fatal status (CSTS.CFS, CSTS "
				  "%#x); it needs a reset: close and open it again", ctrl->dev->name, csts);
	if (ctrl->dead)
		return nnvme_fail(err, -EIO, "%s: the controller was given up after an earlier failure; "
				  "close and open it again", ctrl->dev->name);
	return 0;
}

/* The limits that everything else relies on. Nothing was written to the controller yet. */
int nnvme_read_cap(struct nnvme_ctrl *ctrl, struct nnvme_err *err)
{
	const char *name = ctrl->dev->name;
	uint64_t cap;

	if (ctrl->dev->bar_len < DOORBELLS + 8)
		return nnvme_fail(err, -EIO, "%s: BAR0 has %zu bytes, too few for the doorbells", name,
				  ctrl->dev->bar_len);
	if (nnvme_reg32(ctrl, NVME_REG_CSTS) == GONE)
		return gone(ctrl, err);
	cap = nnvme_reg64(ctrl, NVME_REG_CAP);
	ctrl->cap = cap;
	ctrl->doorbell_stride = 4u << NVME_CAP_DSTRD(cap);
	/* CAP.TO counts 500 ms; a controller that says 0 gets one unit. */
	ctrl->ready_timeout_ms = 500 * (NVME_CAP_TO(cap) ? NVME_CAP_TO(cap) : 1);
	ctrl->shutdown_timeout_ms = ctrl->ready_timeout_ms;

	if (!(NVME_CAP_CSS(cap) & (NVME_CAP_CSS_NVM | NVME_CAP_CSS_CSI)))
		return nnvme_fail(err, -EOPNOTSUPP, "%s: the controller has no I/O command set (CAP.CSS "
				  "%#x)", name, (unsigned)NVME_CAP_CSS(cap));
	if (NVME_CAP_MPSMIN(cap))
		return nnvme_fail(err, -EOPNOTSUPP, "%s: the controller's smallest memory page is %u KiB "
				  "(CAP.MPSMIN %u); 4 KiB are needed", name,
				  4u << NVME_CAP_MPSMIN(cap), (unsigned)NVME_CAP_MPSMIN(cap));
	if (!NVME_CAP_MQES(cap))
		return nnvme_fail(err, -EIO, "%s: CAP.MQES 0 is not allowed", name);
	if (DOORBELLS + 4 * (size_t)ctrl->doorbell_stride > ctrl->dev->bar_len)
		return nnvme_fail(err, -EIO, "%s: a doorbell stride of %u bytes does not fit BAR0's %zu",
				  name, ctrl->doorbell_stride, ctrl->dev->bar_len);
	return 0;
}

/* Wait until CSTS & mask == value, for at most @ms. */
static int wait_csts(struct nnvme_ctrl *ctrl, uint32_t mask, uint32_t value, bool fatal_ends,
		     uint64_t ms, const char *what, struct nnvme_err *err)
{
	uint64_t end = nnvme_now_ms() + ms;

	for (;;) {
		/* The clock first: a controller that was ready in time counts as ready. */
		bool late = nnvme_now_ms() > end;
		uint32_t csts = nnvme_reg32(ctrl, NVME_REG_CSTS);

		if (csts == GONE)
			return gone(ctrl, err);
		if ((csts & mask) == value)
			return 0;
		if (fatal_ends && NVME_CSTS_CFS(csts))
			return nnvme_fail(err, -EIO, "%s: fatal status (CSTS.CFS) while waiting for %s",
					  ctrl->dev->name, what);
		if (late)
			return nnvme_fail(err, -ETIMEDOUT, "%s: %s not seen within %llu ms (CSTS %#x)",
					  ctrl->dev->name, what, (unsigned long long)ms, csts);
		nnvme_pause();
	}
}

static int wait_ready(struct nnvme_ctrl *ctrl, bool ready, struct nnvme_err *err)
{
	return wait_csts(ctrl, 1, ready, ready, ctrl->ready_timeout_ms,
			 ready ? "CSTS.RDY=1" : "CSTS.RDY=0", err);
}

int nnvme_disable(struct nnvme_ctrl *ctrl, struct nnvme_err *err)
{
	uint32_t cc = nnvme_reg32(ctrl, NVME_REG_CC);
	int ret;

	if (cc == GONE)
		return gone(ctrl, err);
	if (NVME_CC_EN(cc)) {
		/* EN may only be cleared once RDY has followed it up (CC.EN); a fatal status ends that. */
		ret = wait_ready(ctrl, true, err);
		if (ret && ret != -EIO)
			return ret;
		nnvme_reg32_set(ctrl, NVME_REG_CC, cc & ~(NVME_CC_EN_MASK | NVME_CC_SHN_MASK << NVME_CC_SHN_SHIFT));
	}
	return wait_ready(ctrl, false, err);
}

int nnvme_enable(struct nnvme_ctrl *ctrl, const struct nnvme_qpair *admin, struct nnvme_err *err)
{
	uint32_t last = admin->end / 8 - 1;
	uint32_t css = NVME_CAP_CSS(ctrl->cap) & NVME_CAP_CSS_NVM ? NVME_CC_CSS_NVM : NVME_CC_CSS_CSI;
	uint32_t cc = css << NVME_CC_CSS_SHIFT |
		      6u << NVME_CC_IOSQES_SHIFT |	/* 2^6 bytes an SQ entry, */
		      4u << NVME_CC_IOCQES_SHIFT |	/* 2^4 bytes a CQ entry, 4 KiB pages, round robin */
		      1u << NVME_CC_EN_SHIFT;

	nnvme_reg32_set(ctrl, NVME_REG_AQA, last << 16 | last);
	nnvme_reg64_set(ctrl, NVME_REG_ASQ, admin->sq_bus.v);
	nnvme_reg64_set(ctrl, NVME_REG_ACQ, admin->cq_bus.v);
	nnvme_reg32_set(ctrl, NVME_REG_CC, cc);
	return wait_ready(ctrl, true, err);
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
