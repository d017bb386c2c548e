// SPDX-License-Identifier: MIT
#include "place.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "place_state.h"
#include "sysfs.h"

#define DEVICES "/sys/bus/pci/devices"
#define TRIES 100		/* of 100 ms: for a disk to appear, for a program to end */

static void pause_a_little(void)
{
	usleep(100000);
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
		return nnvme_fail(err, why.code, "what an earlier run changed can't be put back: %.300s; fix that, "
				  "or remove " BENCH_STATE " to leave all as it is", why.text);
	return bench_state_open(&p->state, err);
}

int bench_places_begin(struct bench_places *p, struct nnvme_err *err)
{
	struct bench_places before;
	int rc;

	*p = (struct bench_places){ .state = -1 };
	if (geteuid())
		return nnvme_fail(err, -EPERM, "drivers and domain types can be changed by root only: run as root");
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
	bench_parameter_read(&p->noiommu, BENCH_NOIOMMU_SWITCH);
	bench_parameter_read(&p->poll_queues, BENCH_POLL_QUEUES);
	bench_parameter_read(&p->hugepages, BENCH_HUGEPAGES "/nr_hugepages");
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
		return nnvme_fail(err, -ENODEV, "%s is not an NVMe controller (class %06x); noiommu-nvme list "
				  "shows the controllers", info.bdf, info.class_code);
	if (strcmp(info.driver, "nvme") != 0 && strcmp(info.driver, "vfio-pci") != 0)
		return nnvme_fail(err, -EINVAL, "%s has %s%s; the benchmark begins with the kernel's driver "
				  "(nvme) or with vfio-pci: noiommu-nvme unbind %s", info.bdf,
				  *info.driver ? "the driver " : "no driver", info.driver, info.bdf);
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
	const char *all = p->nr_devices > 1 ? " and " : "", *second = p->nr_devices > 1 ? p->device[1].bdf : "";
	const char *have = p->nr_devices > 1 ? "have" : "has";

	for (size_t i = 0; i < p->nr_devices; i++)
		if (p->device[i].iommu == wants_iommu(row))
			return &p->device[i];
	if (wants_iommu(row))
		snprintf(why, 300, "%s%s%s %s no IOMMU in front: switch it on in the firmware and, on Intel's, "
			 "with intel_iommu=on; or name a controller behind one with --second-device",
			 p->device[0].bdf, all, second, have);
	else if (row->nnvme)
		snprintf(why, 300, "%s%s%s %s an IOMMU in front, and noiommu mode is for devices without one: "
			 "the kernel has none of it behind an IOMMU, not even in an identity domain; name a "
			 "controller without one with --second-device", p->device[0].bdf, all, second, have);
	else
		snprintf(why, 300, "%s%s%s %s an IOMMU in front: this row is for one without, beside noiommu; "
			 "name it with --second-device", p->device[0].bdf, all, second, have);
	return NULL;
}

/* --- the kernel's disk --- */

int bench_place_controller(const struct bench_device *device, char name[32])
{
	char path[80];
	struct dirent *entry;
	DIR *dir;
	int rc = -ENODEV;

	snprintf(path, sizeof(path), DEVICES "/%s/nvme", device->bdf);
	dir = opendir(path);
	if (!dir)
		return -ENODEV;
	while (rc && (entry = readdir(dir))) {
		unsigned number;
		int n = 0;

		if (sscanf(entry->d_name, "nvme%u%n", &number, &n) != 1 || entry->d_name[n])
			continue;
		snprintf(name, 32, "nvme%u", number);
		rc = 0;
	}
	closedir(dir);
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
	int fd = -1;

	for (int tries = 0; fd < 0 && tries < TRIES; tries++) {
		if (tries)
			pause_a_little();
		if (bench_place_node(device, false, node))
			return;		/* the kernel's driver does not have it */
		fd = open(node, O_RDONLY | O_EXCL | O_CLOEXEC);
		if (fd < 0 && errno != EBUSY)
			return;
	}
	if (fd >= 0)
		close(fd);
}

static int to_kernel(const char *bdf, struct nnvme_err *err)
{
	int rc = -EBUSY;

	/* A program that was killed may still be exiting. */
	for (int tries = 0; rc == -EBUSY && tries < TRIES; tries++) {
		if (tries)
			pause_a_little();
		rc = nnvme_pci_unbind(bdf, err);
	}
	return rc;
}

static int wait_for_disk(const struct bench_device *device, struct nnvme_err *err)
{
	char node[64];

	for (int tries = 0; tries < TRIES; tries++) {
		if (!bench_place_node(device, false, node))
			return 0;
		pause_a_little();
	}
	return nnvme_fail(err, -ENODEV, "the kernel's driver shows no namespace on %s, 10 s after it got it; "
			  "the kernel's log may say why (dmesg)", device->bdf);
}

static int release(struct bench_places *p, struct nnvme_err *err)
{
	for (size_t i = 0; i < p->nr_devices; i++)
		wait_until_closed(&p->device[i]);
	return nnvme_iommu_group_release(&p->hold, err);
}

static const struct bench_device *device_of(const struct bench_places *p, const struct bench_row *row,
					    struct nnvme_err *err)
{
	char why[300];
	const struct bench_device *device = bench_place_of(p, row, why);

	if (!device)
		nnvme_fail(err, -EOPNOTSUPP, "%s", why);
	return device;
}

int bench_place_enter(struct bench_places *p, const struct bench_row *row, struct nnvme_err *err)
{
	const struct bench_device *device = device_of(p, row, err);
	bool noiommu = row->nnvme && row->mode == NNVME_MODE_NOIOMMU;
	int rc;

	if (!device)
		return -EOPNOTSUPP;
	rc = release(p, err);
	if (rc)
		return rc;
	if (noiommu && !strcmp(p->noiommu.was, "N") && !p->unsafe_noiommu)
		return nnvme_fail(err, -EPERM, "noiommu mode is off: with --unsafe-noiommu it is turned on for "
				  "the run, and the controller can then reach all of memory");
	if (row->nnvme)
		return nnvme_pci_bind(device->bdf, noiommu && p->unsafe_noiommu ? NNVME_BIND_UNSAFE_NOIOMMU : 0,
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
static int probe_again(const struct bench_device *device, bool unsafe_noiommu, struct nnvme_err *err)
{
	int rc = nnvme_pci_bind(device->bdf, !device->iommu && unsafe_noiommu ? NNVME_BIND_UNSAFE_NOIOMMU : 0,
				err);

	if (!rc)
		rc = to_kernel(device->bdf, err);
	return rc ? rc : wait_for_disk(device, err);
}

static void give_poll_queues(struct bench_places *p)
{
	struct nnvme_err err;
	int rc = bench_parameter_apply(&p->poll_queues, BENCH_POLL_QUEUES);

	if (rc)
		nnvme_fail(&err, rc, "%s cannot be set: %s", BENCH_POLL_QUEUES, strerror(-rc));
	for (size_t i = 0; !rc && i < p->nr_devices; i++)
		if (!strcmp(p->device[i].driver, "nvme"))
			rc = probe_again(&p->device[i], p->unsafe_noiommu, &err);
	if (rc)
		snprintf(p->no_poll, sizeof(p->no_poll), "nvme.poll_queues is 0, and could not be changed for "
			 "the run: %.120s", err.text);
}

/* What the run is about to change. */
static void intend(struct bench_places *p, bool polled, unsigned long hugepages)
{
	unsigned long have = strtoul(p->hugepages.was, NULL, 10), available;
	bool noiommu = p->unsafe_noiommu;
	char text[24];

	if (polled && !strcmp(p->poll_queues.was, "0"))
		strcpy(p->poll_queues.set, "1");
	for (size_t i = 0; i < p->nr_devices; i++)
		noiommu = noiommu || (!p->device[i].iommu && !strcmp(p->device[i].driver, "vfio-pci"));
	if (noiommu && !strcmp(p->noiommu.was, "N"))
		strcpy(p->noiommu.set, "Y");	/* binding does it */
	bench_sysfs_read(text, sizeof(text), BENCH_HUGEPAGES "/free_hugepages");
	available = strtoul(text, NULL, 10);
	if (*p->hugepages.was && available < hugepages)
		snprintf(p->hugepages.set, sizeof(p->hugepages.set), "%lu", have + hugepages - available);
}

int bench_places_start(struct bench_places *p, bool polled, unsigned long hugepages, struct nnvme_err *err)
{
	int rc;

	choose_namespace(p);
	intend(p, polled, hugepages);
	rc = bench_state_write(p, err);
	if (rc)
		return rc;
	/* The kernel may find fewer; a row that gets too few then reports it as its error. */
	bench_parameter_apply(&p->hugepages, BENCH_HUGEPAGES "/nr_hugepages");
	rc = bench_state_write(p, err);
	if (!rc && *p->poll_queues.set)
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
	fprintf(stderr, "%s has the driver %s now, which no run binds: it is left alone\n", device->bdf,
		info.driver);
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
		return nnvme_pci_bind(device->bdf, device->iommu ? 0 : NNVME_BIND_UNSAFE_NOIOMMU, err);
	rc = to_kernel(device->bdf, err);
	if (!rc && *p->poll_queues.set) {
		rc = probe_again(device, *p->noiommu.set, err);
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
	int rc = release(p, err), rc2;

	rc2 = bench_parameter_restore(&p->poll_queues, BENCH_POLL_QUEUES, rc ? NULL : err);
	rc = rc ? rc : rc2;
	for (size_t i = 0; i < p->nr_devices; i++) {
		rc2 = put_device_back(p, &p->device[i], rc ? NULL : err);
		rc = rc ? rc : rc2;
	}
	rc2 = bench_parameter_restore(&p->noiommu, BENCH_NOIOMMU_SWITCH, rc ? NULL : err);
	rc = rc ? rc : rc2;
	rc2 = bench_parameter_restore(&p->hugepages, BENCH_HUGEPAGES "/nr_hugepages", rc ? NULL : err);
	rc = rc ? rc : rc2;
	if (!rc)
		bench_state_remove();
	bench_state_close(&p->state);
	return rc;
}
