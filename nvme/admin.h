/* SPDX-License-Identifier: MIT */
#ifndef NNVME_NVME_ADMIN_H
#define NNVME_NVME_ADMIN_H

/* Admin commands: one at a time, waited for. */

#include "nvme/private.h"

#define NNVME_ADMIN_TIMEOUT_MS 30000u	/* Identify, features, queues: no long work */

int nnvme_admin_create(struct nnvme_ctrl *ctrl, struct nnvme_err *err);
void nnvme_admin_destroy(struct nnvme_ctrl *ctrl);

/* 0, or -EIO: the controller is dead, so no admin command is sent. */
int nnvme_admin_check(struct nnvme_ctrl *ctrl, const char *what, struct nnvme_err *err);

/*
 * Run one admin command. 0 and *result (may be NULL); above 0: the status, which the caller can
 * handle; -EIO or -ETIMEDOUT, after which the controller is dead.
 */
int nnvme_admin_status(struct nnvme_ctrl *ctrl, const struct nnvme_sqe *cmd, const char *what,
		       uint32_t *result, struct nnvme_err *err);

/* The same, with a time to wait, and DW0 and DW1 in *result also where the status is not 0. */
int nnvme_admin_wait(struct nnvme_ctrl *ctrl, const struct nnvme_sqe *cmd, const char *what,
		     uint32_t timeout_ms, uint64_t *result, struct nnvme_err *err);

/* Where only success will do: -EIO with the status in words. */
int nnvme_admin(struct nnvme_ctrl *ctrl, const struct nnvme_sqe *cmd, const char *what,
		uint32_t *result, struct nnvme_err *err);

#endif
