/* SPDX-License-Identifier: MIT */
#ifndef NNVME_NVME_LOG_H
#define NNVME_NVME_LOG_H

#include "nvme/private.h"

/*
 * Locks are taken by nnvme_lock(), so that no line gets to the listener under one: what is said then
 * follows in nnvme_unlock().
 */
void nnvme_lock(pthread_mutex_t *lock);
void nnvme_unlock(pthread_mutex_t *lock);
void nnvme_log(const struct nnvme_ctrl *ctrl, enum nnvme_log_level level, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));

#endif
