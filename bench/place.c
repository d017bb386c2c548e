// SPDX-License-Identifier: MIT
#include "place.h"

#include <errno.h>
#include <fcntl.h>
#include <glob.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "place_state.h"
#include "sysfs.h"

#define DEVICES "/sys/bus/pci/devices"
#define TRIES 100		/* of 100 ms: for a disk to appear, for a program to end */

/* Wait for the next try; false: there is none. */
static bool again(int *tries)
{
	usleep(100000);
	return ++*tries < TRIES;
}

/* --- before anything changes --- */

/* Restore what an earlier run recorded in the state file, and begin a new one. */
static int recover(struct bench_places *p, struct bench_places *before, struct nnvme_err *err)
{
	struct nnvme_err why;

	fprintf(stderr, "an earlier run was cut short: putting back what it changed\n");
	before->state = p->state;
	p->state = -1;
	if (bench_places_end(before, &why))
		return nnvme_fail(err, why.code, "what an earlier run changed can't be put "
				  "back: %.300s; fix that, or remove " BENCH_STATE " to leave "
				  "all as it is", why.text);
	return bench_state_open(&p->state, err);
}

int bench_places_begin(struct bench_places *p, struct nnvme_err *err)
{
	struct bench_places before;
	int rc;

	*p = (struct bench_places){ .state = -1 };
	if (geteuid())
		return nnvme_fail(err, -EPERM, "drivers and domain types can be changed by root "
				  "only: run as root");
	rc = bench_state_open(&p->state, err);
	if (rc)
		return rc;
	rc = bench_state_read(p->state, &before, err);
	if (rc > 0)
		rc = recover(p, &before, err);
	if (rc) {
		bench_state_close(&p->state);
		return rc;
	}
	bench_state_boot(p->boot);
	for (int i = 0; i < BENCH_PARAMETERS; i++)
		bench_parameter_read(&p->parameter[i], bench_parameter_paths[i]);
	return 0;
}

int bench_places_add(struct bench_places *p, const char *bdf, struct nnvme_err *err)
{
	struct bench_device *device = &p->device[p->nr_devices];
	struct nnvme_pci_info info = { .size = sizeof(info) };
	int rc = nnvme_pci_info(bdf, &info, err);
	char node[64];

	if (rc)
		return rc;
	if (info.class_code != NNVME_PCI_CLASS)
		return nnvme_fail(err, -ENODEV, "%s is not an NVMe controller "
				  "(class %06x); noiommu-nvme list shows "
				  "the controllers", info.bdf, info.class_code);
	if (strcmp(info.driver, "nvme") != 0 && strcmp(info.driver, "vfio-pci") != 0)
		return nnvme_fail(err, -EINVAL, "%s has %s%s; the benchmark begins "
				  "with the kernel's driver (nvme) or with vfio-pci: "
				  "noiommu-nvme unbind %s", info.bdf, *info.driver ? "the driver " :
				  "no driver", info.driver, info.bdf);
	rc = nnvme_pci_in_use(info.bdf, err);
	if (rc)
		return rc;
	*device = (struct bench_device){ .iommu = info.iommu };
	strcpy(device->bdf, info.bdf);
	strcpy(device->driver, info.driver);
	if (!strcmp(info.driver, "nvme") && bench_place_node(device, false, node))
		return nnvme_fail(err, -ENODEV, "%s has no namespace to read", info.bdf);
	p->nr_devices++;
	return 0;
}

void bench_places_close(struct bench_places *p)
{
	bench_state_close(&p->state);
}

/* --- which controller --- */

static bool wants_iommu(const struct bench_row *row)
{
	return row->nnvme ? row->mode == NNVME_MODE_IOMMU : row->domain != NNVME_DOMAIN_OTHER;
}

const struct bench_device *bench_place_of(const struct bench_places *p, const struct bench_row *row,
					  char why[300])
{
	char all[48];

	for (size_t i = 0; i < p->nr_devices; i++)
		if (p->device[i].iommu == wants_iommu(row))
			return &p->device[i];
	snprintf(all, sizeof(all), p->nr_devices > 1 ? "%s and %s have" : "%s has",
		 p->device[0].bdf, p->device[1].bdf);
	if (wants_iommu(row))
		snprintf(why, 300, "%s no IOMMU in front: switch it on in the firmware and, on "
			 "Intel's, with intel_iommu=on; or name a controller behind one with "
			 "--second-device", all);
	else
		snprintf(why, 300, "%s an IOMMU in front%s with --second-device", all, row->nnvme ?
			 ", and noiommu mode is for devices without one: the kernel has none of "
			 "it behind an IOMMU, not even in an identity domain; name a controller "
			 "without one" : ": this row is for one without, beside noiommu; name it");
	return NULL;
}

/* --- the kernel's disk --- */

int bench_place_controller(const struct bench_device *device, char name[32])
{
	char pattern[80];
	glob_t found;
	int rc;

	snprintf(pattern, sizeof(pattern), DEVICES "/%s/nvme/nvme[0-9]*", device->bdf);
	rc = glob(pattern, 0, NULL, &found) ? -ENODEV : 0;
	if (!rc)
		snprintf(name, 32, "%s", strrchr(found.gl_pathv[0], '/') + 1);
	globfree(&found);
	return rc;
}

bool bench_place_namespace(const struct bench_device *device, struct bench_namespace *ns)
{
	char name[32], path[120];

	if (bench_place_controller(device, name))
		return false;
	snprintf(path, sizeof(path), DEVICES "/%s/nvme/%s", device->bdf, name);
	return bench_namespace_find(path, device->nsid, ns);
}

int bench_place_node(const struct bench_device *device, bool generic, char node[64])
{
	struct bench_namespace ns;

	if (!bench_place_namespace(device, &ns))
		return -ENODEV;
	snprintf(node, 64, generic ? "/dev/ng%un%u" : "/dev/nvme%un%u", ns.disk, ns.number);
	return access(node, F_OK) ? -ENODEV : 0;
}

/* The first time the kernel's driver shows the namespaces decides which one is measured. */
static void choose_namespace(struct bench_places *p)
{
	struct bench_namespace ns;

	for (size_t i = 0; i < p->nr_devices; i++)
		if (!p->device[i].nsid && bench_place_namespace(&p->device[i], &ns))
			p->device[i].nsid = ns.nsid;
}

void bench_place_read_back(const struct bench_device *device, char type[16])
{
	struct nnvme_iommu_group group = {
		.size = sizeof(group), .member_size = sizeof(*group.members),
	};

	type[0] = '\0';
	if (nnvme_iommu_group_read(device->bdf, &group, NULL))
		return;
	snprintf(type, 16, "%s", group.type_text);
	nnvme_iommu_group_free(&group);
}

/* --- changes --- */

/*
 * A work queue closes what an io_uring had open, possibly after its process has gone
 * (io_ring_exit_work() in the kernel's io_uring/io_uring.c). A controller whose disk is open is not
 * moved; otherwise the disk would keep its name taken and come back under another. Loads open disks
 * exclusively, so opening it in the same way tells.
 */
static void wait_until_closed(const struct bench_device *device)
{
	char node[64];
	int fd, tries = 0;

	do {
		if (bench_place_node(device, false, node))
			return;		/* the kernel's driver does not have it */
		fd = open(node, O_RDONLY | O_EXCL | O_CLOEXEC);
	} while (fd < 0 && errno == EBUSY && again(&tries));
	if (fd >= 0)
		close(fd);
}

static int to_kernel(const char *bdf, struct nnvme_err *err)
{
	int rc, tries = 0;

	/* A program that was killed may still be exiting. */
	do {
		rc = nnvme_pci_unbind(bdf, err);
	} while (rc == -EBUSY && again(&tries));
	return rc;
}

static int wait_for_disk(const struct bench_device *device, struct nnvme_err *err)
{
	char node[64];
	int tries = 0;

	do {
		if (!bench_place_node(device, false, node))
			return 0;
	} while (again(&tries));
	return nnvme_fail(err, -ENODEV, "the kernel's driver shows no namespace on %s, 10 s after "
			  "it got it; the kernel's log may say why (dmesg)", device->bdf);
}

static int release(struct bench_places *p, struct nnvme_err *err)
{
	for (size_t i = 0; i < p->nr_devices; i++)
		wait_until_closed(&p->device[i]);
	return nnvme_iommu_group_release(&p->hold, err);
}

int bench_place_enter(struct bench_places *p, const struct bench_row *row, struct nnvme_err *err)
{
	char why[300];
	const struct bench_device *device = bench_place_of(p, row, why);
	bool noiommu = row->nnvme && row->mode == NNVME_MODE_NOIOMMU;
	int rc;

	if (!device)
		return nnvme_fail(err, -EOPNOTSUPP, "%s", why);
	rc = release(p, err);
	if (rc)
		return rc;
	if (noiommu && !strcmp(p->parameter[BENCH_NOIOMMU].was, "N") && !p->unsafe_noiommu)
		return nnvme_fail(err, -EPERM, "noiommu mode is off: with --unsafe-noiommu it "
				  "is turned on for the run, and the controller can then reach "
				  "all of memory");
	if (row->nnvme)
		return nnvme_pci_bind(device->bdf,
				      noiommu && p->unsafe_noiommu ? NNVME_BIND_UNSAFE_NOIOMMU : 0,
				      err);
	rc = to_kernel(device->bdf, err);
	if (!rc && row->domain != NNVME_DOMAIN_OTHER)
		rc = nnvme_iommu_group_hold(device->bdf, row->domain, &p->hold, err);
	if (!rc)
		rc = wait_for_disk(device, err);
	if (!rc)
		choose_namespace(p);
	return rc;
}

/* The nvme driver reads its parameters when it probes a controller. */
static int probe_again(const struct bench_device *device, bool unsafe_noiommu,
		       struct nnvme_err *err)
{
	int rc = nnvme_pci_bind(device->bdf,
				!device->iommu && unsafe_noiommu ? NNVME_BIND_UNSAFE_NOIOMMU : 0,
				err);

	if (!rc)
		rc = to_kernel(device->bdf, err);
	return rc ? rc : wait_for_disk(device, err);
}

static void give_poll_queues(struct bench_places *p)
{
	struct nnvme_err err;
	const char *path = bench_parameter_paths[BENCH_POLL_QUEUES];
	int rc = bench_parameter_apply(&p->parameter[BENCH_POLL_QUEUES], path);

	if (rc)
		nnvme_fail(&err, rc, "%s cannot be set: %s", path, strerror(-rc));
	for (size_t i = 0; !rc && i < p->nr_devices; i++)
		if (!strcmp(p->device[i].driver, "nvme"))
			rc = probe_again(&p->device[i], p->unsafe_noiommu, &err);
	if (rc)
		snprintf(p->no_poll, sizeof(p->no_poll), "nvme.poll_queues is 0, and could not be "
			 "changed for the run: %.120s", err.text);
}

/* What the run is about to change. */
static void intend(struct bench_places *p, bool polled, unsigned long hugepages)
{
	struct bench_parameter *poll = &p->parameter[BENCH_POLL_QUEUES],
			       *sw = &p->parameter[BENCH_NOIOMMU];
	struct bench_parameter *huge = &p->parameter[BENCH_HUGEPAGES];
	unsigned long available;
	bool noiommu = p->unsafe_noiommu;

	if (polled && !strcmp(poll->was, "0"))
		strcpy(poll->set, "1");
	for (size_t i = 0; i < p->nr_devices; i++)
		noiommu = noiommu ||
			  (!p->device[i].iommu && !strcmp(p->device[i].driver, "vfio-pci"));
	if (noiommu && !strcmp(sw->was, "N"))
		strcpy(sw->set, "Y");	/* binding does it */
	available = bench_sysfs_number(0,
				       "/sys/kernel/mm/hugepages/hugepages-2048kB/free_hugepages");
	if (*huge->was && available < hugepages)
		snprintf(huge->set, sizeof(huge->set), "%lu",
			 strtoul(huge->was, NULL, 10) + hugepages - available);
}

int bench_places_start(struct bench_places *p, bool polled, unsigned long hugepages,
		       struct nnvme_err *err)
{
	int rc;

	choose_namespace(p);
	intend(p, polled, hugepages);
	rc = bench_state_write(p, err);
	if (rc)
		return rc;
	/* The kernel may find fewer; a row that gets too few then reports it as its error. */
	bench_parameter_apply(&p->parameter[BENCH_HUGEPAGES],
			      bench_parameter_paths[BENCH_HUGEPAGES]);
	rc = bench_state_write(p, err);
	if (!rc && *p->parameter[BENCH_POLL_QUEUES].set)
		give_poll_queues(p);
	return rc;
}

/* --- and back --- */

/*
 * Is the device still where a run may have left it: with vfio-pci, the kernel's driver or, if
 * killed half-way, none?
 */
static bool is_as_left(const struct bench_device *device)
{
	struct nnvme_pci_info info = { .size = sizeof(info) };

	if (nnvme_pci_info(device->bdf, &info, NULL) || info.class_code != NNVME_PCI_CLASS) {
		fprintf(stderr, "%s is gone: nothing is put back there\n", device->bdf);
		return false;
	}
	if (!*info.driver || !strcmp(info.driver, "nvme") || !strcmp(info.driver, "vfio-pci"))
		return true;
	fprintf(stderr, "%s has the driver %s now, which no run binds: it is "
		"left alone\n", device->bdf, info.driver);
	return false;
}

static int put_device_back(const struct bench_places *p, const struct bench_device *device,
			   struct nnvme_err *err)
{
	int rc;

	if (!is_as_left(device))
		return 0;
	rc = nnvme_iommu_group_restore(device->bdf, err);
	if (rc < 0 && rc != -EOPNOTSUPP)
		return rc;
	if (!strcmp(device->driver, "vfio-pci"))
		return nnvme_pci_bind(device->bdf, device->iommu ? 0 : NNVME_BIND_UNSAFE_NOIOMMU,
				      err);
	rc = to_kernel(device->bdf, err);
	if (!rc && *p->parameter[BENCH_POLL_QUEUES].set) {
		rc = probe_again(device, *p->parameter[BENCH_NOIOMMU].set, err);
		/*
		 * Noiommu mode is off, as it was when the poll queue was to be added: there is
		 * none.
		 */
		rc = rc == -EPERM ? 0 : rc;
	}
	return rc ? rc : wait_for_disk(device, err);
}

int bench_places_end(struct bench_places *p, struct nnvme_err *err)
{
	int rc = release(p, err), next;

	for (size_t i = 0; i < BENCH_PARAMETERS; i++) {
		next = bench_parameter_restore(&p->parameter[i], bench_parameter_paths[i],
					       rc ? NULL : err);
		rc = rc ? rc : next;
		for (size_t d = 0; i == BENCH_POLL_QUEUES && d < p->nr_devices; d++) {
			next = put_device_back(p, &p->device[d], rc ? NULL : err);
			rc = rc ? rc : next;
		}
	}
	if (!rc)
		bench_state_remove();
	bench_state_close(&p->state);
	return rc;
}
