/* SPDX-License-Identifier: MIT */
#ifndef NNVME_BENCH_PLACE_STATE_H
#define NNVME_BENCH_PLACE_STATE_H

/*
 * The state before the run, in the file BENCH_STATE, whose lock allows one run at a time on this
 * machine.
 */

#include "place.h"

#define BENCH_STATE_DIR "/run/noiommu-nvme"
#define BENCH_STATE BENCH_STATE_DIR "/bench"
#define BENCH_NOIOMMU_SWITCH "/sys/module/vfio/parameters/enable_unsafe_noiommu_mode"
#define BENCH_POLL_QUEUES "/sys/module/nvme/parameters/poll_queues"

#define BENCH_HUGEPAGES "/sys/kernel/mm/hugepages/hugepages-2048kB"

/* Open and lock it. -EBUSY another run has it. */
int bench_state_open(int *fd, struct nnvme_err *err);

/* Identifies this boot of the machine. */
void bench_state_boot(char boot[40]);

/*
 * What an earlier run has left: 1, and @before has its devices and parameters; 0: nothing, or of
 * another boot; -EINVAL: not such a file.
 */
int bench_state_read(int fd, struct bench_places *before, struct nnvme_err *err);

int bench_state_write(const struct bench_places *p, struct nnvme_err *err);
void bench_state_remove(void);

/* An empty file is removed as well. */
void bench_state_close(int *fd);

/* The same from and to text, for tests. -EINVAL. */
void bench_state_format(const struct bench_places *p, char *text, size_t size);
int bench_state_parse(const char *text, struct bench_places *p);

#endif
