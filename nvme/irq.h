/* SPDX-License-Identifier: MIT */
#ifndef NNVME_NVME_IRQ_H
#define NNVME_NVME_IRQ_H

#include "nvme/private.h"

/*
 * create() enables as many vectors as max_qpairs queue pairs can use, if the user wants
 * interrupts, and lowers max_qpairs to what there is; destroy() is for a stopped controller.
 * attach() gives a queue pair its vector.
 */
int nnvme_irq_create(struct nnvme_ctrl *ctrl, struct nnvme_err *err);
void nnvme_irq_destroy(struct nnvme_ctrl *ctrl);
void nnvme_irq_attach(struct nnvme_qpair *qp);

/*
 * An admin command was waited for. Until its entry was acknowledged, a completion of the queue
 * pair that shares its vector may have raised no interrupt (Base 2.x, Single MSI and Multiple MSI
 * Behavior): wake that.
 */
void nnvme_irq_admin_done(struct nnvme_ctrl *ctrl);

#endif
