/* SPDX-License-Identifier: MIT */
#ifndef NNVME_NVME_CLOCK_H
#define NNVME_NVME_CLOCK_H

#include <stdint.h>

/* Monotonic time; a short sleep while a register settles. */
uint64_t nnvme_now_ns(void);
uint64_t nnvme_now_ms(void);
void nnvme_pause(void);

#endif
