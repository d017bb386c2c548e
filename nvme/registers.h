/* SPDX-License-Identifier: MIT */
#ifndef NNVME_NVME_REGISTERS_H
#define NNVME_NVME_REGISTERS_H

#include "nvme/private.h"

/* CC, CSTS and the handshakes between them. */
uint32_t nnvme_reg32(const struct nnvme_ctrl *ctrl, unsigned reg);
uint64_t nnvme_reg64(const struct nnvme_ctrl *ctrl, unsigned reg);
void nnvme_reg32_set(struct nnvme_ctrl *ctrl, unsigned reg, uint32_t value);
void nnvme_reg64_set(struct nnvme_ctrl *ctrl, unsigned reg, uint64_t value);
int nnvme_read_cap(struct nnvme_ctrl *ctrl, struct nnvme_err *err);
int nnvme_disable(struct nnvme_ctrl *ctrl, struct nnvme_err *err);
int nnvme_take_over(struct nnvme_ctrl *ctrl, struct nnvme_err *err);
int nnvme_enable(struct nnvme_ctrl *ctrl, const struct nnvme_qpair *admin, struct nnvme_err *err);
void nnvme_shut_down(struct nnvme_ctrl *ctrl);

#endif
