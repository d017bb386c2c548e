/* SPDX-License-Identifier: MIT */
#ifndef NNVME_BENCH_PLACE_H
#define NNVME_BENCH_PLACE_H

/*
 * Where a row runs: on which controller, with which driver, under which domain type or in which
 * mode. The state before the run is recorded in /run/noiommu-nvme/bench before the first change,
 * and restored at the end; if the run is killed, the next one does that first. Only what the run
 * changed is restored, and only if it is still as the run left it: others' changes are kept.
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
	bool iommu;		/* an IOMMU is in front of it */
	char driver[32];	/* as found: "nvme" or "vfio-pci" */
	uint32_t nsid;		/* the namespace that all rows are measured on; 0: not known yet */
};

struct bench_places {
	struct bench_device device[2];
	size_t nr_devices;
	bool unsafe_noiommu;	/* turn noiommu mode on if necessary */
	struct bench_parameter parameter[BENCH_PARAMETERS];
	char boot[40];		/* when that was: the kernel's boot_id */
	char no_poll[200];	/* why the kernel's driver has no poll queues here; "" if it has */
	int state;		/* the state file, open and locked; -1 before the beginning */
	struct nnvme_iommu_hold *hold;	/* NULL: nothing is held */
};

/*
 * Take the state file; if an earlier run left it, restore what that run had changed, and report it
 * on stderr. -EPERM not root; -EBUSY another run is in progress; or why it can't be restored, and
 * how to go on.
 */
int bench_places_begin(struct bench_places *p, struct nnvme_err *err);

/*
 * Examine a controller. -EBUSY in use; -ENODEV not there, or not NVMe; -EINVAL another driver has
 * it.
 */
int bench_places_add(struct bench_places *p, const char *bdf, struct nnvme_err *err);

/*
 * From here on things may change: record how they are. With @polled the nvme driver gets a poll
 * queue if it has none; and if fewer than @hugepages of 2 MiB are free, more are reserved.
 */
int bench_places_start(struct bench_places *p, bool polled, unsigned long hugepages,
		       struct nnvme_err *err);

/* The controller that a row runs on, or NULL with the reason in @why. */
const struct bench_device *bench_place_of(const struct bench_places *p, const struct bench_row *row,
					  char why[300]);

/*
 * Move it there, and wait for the disk. -EINVAL, -EOPNOTSUPP and -EPERM: this machine or kernel
 * can't; -EBUSY in use; or the kernel's error. On failure the former place may be lost, but nothing
 * else.
 */
int bench_place_enter(struct bench_places *p, const struct bench_row *row, struct nnvme_err *err);

/* The domain type in sysfs now; "" without a group. */
void bench_place_read_back(const struct bench_device *device, char type[16]);

/* That namespace, as the kernel's driver shows it; false if it does not. */
bool bench_place_namespace(const struct bench_device *device, struct bench_namespace *ns);

/* The kernel's disk of that namespace, "/dev/nvme0n1", or with @generic "/dev/ng0n1"; -ENODEV. */
int bench_place_node(const struct bench_device *device, bool generic, char node[64]);

/* Its name there, "nvme0"; -ENODEV. */
int bench_place_controller(const struct bench_device *device, char name[32]);

/*
 * Restore everything and remove the state file. If that fails the file stays, for the next run, and
 * @err says what is wrong.
 */
int bench_places_end(struct bench_places *p, struct nnvme_err *err);

/*
 * For a run that did not start: nothing to restore, so let the next run begin. After the end it
 * does nothing.
 */
void bench_places_close(struct bench_places *p);

#endif
