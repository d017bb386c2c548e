/* SPDX-License-Identifier: MIT */
#ifndef NNVME_BENCH_PLACE_H
#define NNVME_BENCH_PLACE_H

/*
 * Where a row runs: which of the controllers, with which driver, under which domain type or in which
 * mode. How all was before the run is noted in /run/noiommu-nvme/bench before the first change, and put
 * back at the end; when the run is killed, the next one does that first. Only what the run changed is put
 * back, and only if it is still as the run left it: what another made of it since is that one's.
 *
 * Thread rule: one thread, and one run on a machine at a time.
 */

#include <stdbool.h>
#include <stddef.h>

#include "namespace.h"
#include "parameter.h"
#include "row.h"
#include "noiommu_nvme/err.h"
#include "noiommu_nvme/iommu_group.h"
#include "noiommu_nvme/pci.h"

struct bench_device {
	char bdf[NNVME_BDF_SIZE];
	bool iommu;		/* one is in front of it */
	char driver[32];	/* as found: "nvme" or "vfio-pci" */
	uint32_t nsid;		/* of the namespace that all rows are measured on; 0: not known yet */
};

struct bench_places {
	struct bench_device device[2];
	size_t nr_devices;
	bool unsafe_noiommu;	/* turn noiommu mode on if need be */
	struct bench_parameter parameter[BENCH_PARAMETERS];
	char boot[40];		/* when that was: the kernel's boot_id */
	char no_poll[200];	/* why the kernel's driver has no poll queues here; "" when it has */
	int state;		/* its file, open and locked; -1 before the beginning */
	struct nnvme_iommu_hold hold;	/* lock is -1 when nothing is held */
};

/*
 * Take the state file; where an earlier run left it, put back what that one had changed, and say so on
 * stderr.
 * -EPERM not root; -EBUSY another run is under way; or why it can't be put back, and how to go on.
 */
int bench_places_begin(struct bench_places *p, struct nnvme_err *err);

/* Look at a controller. -EBUSY in use; -ENODEV not there, or not NVMe; -EINVAL another driver has it. */
int bench_places_add(struct bench_places *p, const char *bdf, struct nnvme_err *err);

/*
 * From here on things may change: write down how they are. With @polled the nvme driver is given a poll queue
 * where it has none; and where less than @hugepages of 2 MiB are free, more are reserved.
 */
int bench_places_start(struct bench_places *p, bool polled, unsigned long hugepages, struct nnvme_err *err);

/* The controller that a row runs on, or NULL: this machine has none for it, and @why says it. */
const struct bench_device *bench_place_of(const struct bench_places *p, const struct bench_row *row,
					  char why[300]);

/*
 * Make it so, and wait for the disk. -EINVAL, -EOPNOTSUPP and -EPERM: this machine or kernel can't;
 * -EBUSY in use; or what the kernel said. On failure the former place may be lost, but nothing else is.
 */
int bench_place_enter(struct bench_places *p, const struct bench_row *row, struct nnvme_err *err);

/* What sysfs says of the domain type now; "" when there is no group. */
void bench_place_read_back(const struct bench_device *device, char type[16]);

/* That namespace, as the kernel's driver shows it; false while it does not. */
bool bench_place_namespace(const struct bench_device *device, struct bench_namespace *ns);

/* The kernel's disk of that namespace, "/dev/nvme0n1", or with @generic "/dev/ng0n1"; -ENODEV. */
int bench_place_node(const struct bench_device *device, bool generic, char node[64]);

/* Its name there, "nvme0"; -ENODEV. */
int bench_place_controller(const struct bench_device *device, char name[32]);

/*
 * Put all back and remove the state file. When that fails it stays, for the next run, and @err says what
 * is wrong.
 */
int bench_places_end(struct bench_places *p, struct nnvme_err *err);

/* Without a start there is nothing to put back: let the next run begin. After the end it does nothing. */
void bench_places_close(struct bench_places *p);

#endif
