/* SPDX-License-Identifier: MIT */
#ifndef NNVME_NVME_LOG_H
#define NNVME_NVME_LOG_H

#include "nvme/private.h"

/*
 * nnvme_lock() and nnvme_unlock() hold log lines back while a lock is held, and deliver them when
 * the last one is released.
 */
void nnvme_lock(pthread_mutex_t *lock);
void nnvme_unlock(pthread_mutex_t *lock);
void nnvme_log(const struct nnvme_ctrl *ctrl, enum nnvme_log_level level, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));

#endif
