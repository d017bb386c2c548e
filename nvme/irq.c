// SPDX-License-Identifier: MIT
/*
 * Each interrupt vector has an eventfd and belongs to one queue pair: vector i to queue pair i.
 * Vector 0 is the admin queue's (Base 2.x, Completion Queue: Interrupt Vector), which is
 * polled, so its interrupts wake nobody. A device with a single vector gets one queue pair,
 * which shares the vector with the admin queue: nnvme_irq_admin_done() makes up for the
 * interrupts that don't come because of that.
 *
 * Two queue pairs never share a vector: they would share its eventfd, and clearing it for one
 * would lose the wake-up of the other.
 */
#include "nvme/irq.h"

#include <errno.h>
#include <stdlib.h>

#include "kernel/eventfd.h"
#include "kernel/sys.h"
#include "nvme/log.h"
#include "nvme/registers.h"

static void close_events(struct nnvme_ctrl *ctrl, unsigned from)
{
	for (unsigned i = from; i < ctrl->vectors; i++)
		nnvme_sys_close(&ctrl->eventfd[i]);
	ctrl->vectors = from;
}

static int open_events(struct nnvme_ctrl *ctrl, unsigned count, struct nnvme_err *err)
{
	ctrl->eventfd = calloc(count, sizeof(*ctrl->eventfd));
	if (!ctrl->eventfd)
		return nnvme_fail(err, -ENOMEM, "no memory for %u interrupts", count);
	for (; ctrl->vectors < count; ctrl->vectors++) {
		int fd = nnvme_eventfd_open(err);

		if (fd < 0)
			return fd;
		ctrl->eventfd[ctrl->vectors] = fd;
	}
	return 0;
}

/*
 * Called after the number of queues is known (Base 2.x, Memory-Based Controller
 * Initialization). Closing the controller undoes what a failure leaves behind.
 */
int nnvme_irq_create(struct nnvme_ctrl *ctrl, struct nnvme_err *err)
{
	const struct nnvme_device_ops *ops = ctrl->dev->ops;
	unsigned has, count, fit;
	int ret;

	if (!ctrl->opts.interrupts)
		return 0;
	has = ops->vectors(ctrl->dev);
	count = has < ctrl->max_qpairs + 1 ? has : ctrl->max_qpairs + 1;
	if (!count)
		return nnvme_fail(err, -EOPNOTSUPP, "%s has no interrupts (MSI-X or MSI) to wait "
				  "for; it can only be polled", ctrl->dev->name);
	ret = open_events(ctrl, count, err);
	ret = ret ? ret : ops->interrupts_on(ctrl->dev, ctrl->eventfd, &count, err);
	if (ret)
		return ret;
	close_events(ctrl, count);
	fit = count > 1 ? count - 1 : 1;
	if (fit < ctrl->max_qpairs) {
		nnvme_log(ctrl, NNVME_LOG_INFO, "%s: %u interrupt vectors, so %u queue pairs "
			  "instead of %u", ctrl->dev->name, count, fit, ctrl->max_qpairs);
		ctrl->max_qpairs = fit;
	}
	return 0;
}

void nnvme_irq_admin_done(struct nnvme_ctrl *ctrl)
{
	if (ctrl->vectors != 1 || ctrl->dead)
		return;
	/* The read pushes the admin queue's doorbell ahead: what comes later interrupts again. */
	__atomic_thread_fence(__ATOMIC_SEQ_CST);
	(void)nnvme_reg32(ctrl, NVME_REG_CSTS);
	nnvme_eventfd_raise(ctrl->eventfd[0]);
}

void nnvme_irq_destroy(struct nnvme_ctrl *ctrl)
{
	if (!ctrl->eventfd)
		return;
	ctrl->dev->ops->interrupts_off(ctrl->dev);
	close_events(ctrl, 0);
	free(ctrl->eventfd);
	ctrl->eventfd = NULL;
}

void nnvme_irq_attach(struct nnvme_qpair *qp)
{
	struct nnvme_qpair_private *p = nnvme_qp(qp);
	const struct nnvme_ctrl *ctrl = p->ctrl;

	p->eventfd = -1;
	if (!ctrl->eventfd || !p->id)
		return;
	p->vector = ctrl->vectors > 1 ? p->id : 0;
	p->eventfd = ctrl->eventfd[p->vector];
}
