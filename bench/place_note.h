/* SPDX-License-Identifier: MIT */
#ifndef NNVME_BENCH_PLACE_NOTE_H
#define NNVME_BENCH_PLACE_NOTE_H

/*
 * The note about how all was before the run, BENCH_NOTE, and the lock on it: who has it is the one run on
 * this machine.
 */

#include "place.h"

#define BENCH_NOTES "/run/noiommu-nvme"
#define BENCH_NOTE BENCH_NOTES "/bench"
#define BENCH_NOIOMMU_SWITCH "/sys/module/vfio/parameters/enable_unsafe_noiommu_mode"
#define BENCH_POLL_QUEUES "/sys/module/nvme/parameters/poll_queues"

#define BENCH_HUGEPAGES "/sys/kernel/mm/hugepages/hugepages-2048kB"

/* Open and lock it. -EBUSY another run has it. */
int bench_note_open(int *note, struct nnvme_err *err);

/* Which boot of the machine this is. */
void bench_note_boot(char boot[40]);

/*
 * What an earlier run has left: 1, and @before has its devices and parameters; 0 nothing, or of another
 * boot; -EINVAL that is no note of ours.
 */
int bench_note_read(int note, struct bench_places *before, struct nnvme_err *err);

int bench_note_write(const struct bench_places *p, struct nnvme_err *err);
void bench_note_remove(void);

/* Without a note in it, the file goes as well. */
void bench_note_close(int *note);

/* The same from and to text, for tests. -EINVAL. */
void bench_note_format(const struct bench_places *p, char *text, size_t size);
int bench_note_parse(const char *text, struct bench_places *p);

#endif
