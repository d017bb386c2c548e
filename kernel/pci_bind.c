// SPDX-License-Identifier: MIT
/*
 * Moving a controller between the kernel's driver and vfio-pci. Writing a device's address to
 * drivers_probe binds it to the driver that its driver_override names (Linux,
 * Documentation/ABI/testing/sysfs-bus-pci). Its former state is kept in a file, so that another
 * process can restore it.
 */
#include "kernel/pci_bind.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "kernel/lock.h"
#include "kernel/state_file.h"
#include "kernel/pci_former.h"
#include "kernel/pci_disks.h"
#include "kernel/pci_in_use.h"
#include "kernel/pci_private.h"
#include "kernel/phys_addr.h"
#include "kernel/sys.h"

#define VFIO "vfio-pci"

/* The driver_override of a device that is unbound for a time: no driver has this name. */
#define NO_DRIVER "noiommu-nvme"

/* How long to wait for another program's bind or unbind of the same device. */
#define PATIENCE_MS 10000

/* The error for a sysfs file that could not be accessed. */
static int denied(struct nnvme_err *err, int rc, const char *what, const char *bdf)
{
	if (rc == -EACCES || rc == -EPERM)
		return nnvme_fail(err, -EPERM, "cannot %s %s: permission denied; run as root",
				  what, bdf);
	return nnvme_fail(err, rc, "cannot %s %s: %s", what, bdf, strerror(-rc));
}

static int set_override(const char *bdf, const char *override)
{
	/* sysfs shows an absent override as "(null)"; writing a line break removes it. */
	if (!strcmp(override, NNVME_NO_OVERRIDE))
		override = "\n";
	return nnvme_sys_write(override, NNVME_PCI_DEVICES "/%s/driver_override", bdf);
}

static void read_driver(const char *bdf, char driver[NNVME_DRIVER_SIZE])
{
	nnvme_sys_link_name(driver, NNVME_DRIVER_SIZE, NNVME_PCI_DEVICES "/%s/driver", bdf);
}

/*
 * Best effort: what matters is whether the driver is there afterwards. Returns modprobe's result.
 */
static int load_driver(const char *driver)
{
	char *argv[] = { "modprobe", (char *)driver, NULL };
	int rc;

	if (nnvme_sys_exists("/sys/bus/pci/drivers/%s", driver))
		return 0;
	rc = nnvme_sys.run(argv);
	if (rc != -ENOENT)
		return rc;
	argv[0] = "/sbin/modprobe";	/* may be missing from a user's PATH */
	return nnvme_sys.run(argv);
}

/* One change of drivers. */
struct move {
	const char *bdf, *verb;
	const char *driver;		/* to this driver; "" for none */
	const char *override;		/* and the driver_override for that */
	const struct nnvme_pci_claim *claim;	/* checked again before @driver gets it; or NULL */
};

static int did_not_take(const struct move *m, const char *now, struct nnvme_err *err)
{
	if (*now)
		return nnvme_fail(err, -ENODEV, "cannot %s %s: its driver %.64s did not release "
				  "it; the kernel's log says why (dmesg)", m->verb, m->bdf, now);
	return nnvme_fail(err, -ENODEV, "cannot %s %s: the driver %.64s did not take it; the "
			  "kernel's log says why (dmesg)",
			  m->verb, m->bdf, m->driver);
}

/* 0 only if it is bound as wanted. Whatever failed, driver_override stays m->override. */
static int move(const struct move *m, struct nnvme_err *err)
{
	char now[NNVME_DRIVER_SIZE];
	int rc = set_override(m->bdf, m->override);

	if (rc)
		return denied(err, rc, m->verb, m->bdf);
	read_driver(m->bdf, now);
	/* VFIO decides at bind time how a device can be used, so bind it anew. */
	if (!strcmp(now, m->driver) && !nnvme_sys_exists(NNVME_PCI_DEVICES "/%s/vfio-dev", m->bdf))
		return 0;
	if (*now)
		rc = nnvme_sys_write(m->bdf, NNVME_PCI_DEVICES "/%s/driver/unbind", m->bdf);
	if (!rc && m->claim) {	/* from now on nobody can open its nodes */
		rc = nnvme_pci_claim_check(m->claim, err);
		if (rc)
			return rc;
	}
	if (!rc && *m->driver)
		rc = nnvme_sys_write(m->bdf, "/sys/bus/pci/drivers_probe");
	read_driver(m->bdf, now);
	if (!strcmp(now, m->driver))
		return 0;
	return rc ? denied(err, rc, m->verb, m->bdf) : did_not_take(m, now, err);
}

/* The override to set while it is bound to a driver. */
static const char *override_for(const char *driver)
{
	return *driver ? driver : NNVME_NO_OVERRIDE;
}

/* Record it before writing it: otherwise a kill here looks like somebody else's change. */
static int rebind(const char *bdf, const struct nnvme_former *had, const char *verb,
		     struct nnvme_err *err)
{
	struct move back = {
		.bdf = bdf, .verb = verb, .driver = had->driver,
		.override = override_for(had->driver),
	};
	struct nnvme_former marked = *had;
	char now[NNVME_OVERRIDE_SIZE];
	int rc, rc2;

	if (*had->driver)
		load_driver(had->driver);
	if (*had->mark[0] && !nnvme_override_read(bdf, now, NULL)) {
		if (nnvme_former_has_mark(had, now))
			snprintf(marked.mark[0], sizeof(marked.mark[0]), "%.255s", now);
		snprintf(marked.mark[1], sizeof(marked.mark[1]), "%s", back.override);
		nnvme_former_write(bdf, &marked);
	}
	rc = move(&back, err);
	if (rc && *had->mark[0])	/* keep our mark, for the next attempt */
		return rc;
	rc2 = set_override(bdf, had->override);
	return rc ? rc : rc2 ? denied(err, rc2, verb, bdf) : 0;
}

int nnvme_pci_lock(const char *bdf, int *lock, struct nnvme_err *err)
{
	char by[40] = "";
	int holder, rc = nnvme_lock_file(bdf, PATIENCE_MS, lock, &holder);

	if (!rc)
		return 0;
	if (rc != -EWOULDBLOCK)
		return denied(err, rc, "lock (" NNVME_LOCKS ") what is done to", bdf);
	if (holder)
		snprintf(by, sizeof(by), " (process %d)", holder);
	return nnvme_fail(err, -EBUSY, "the driver of %s is being changed by another program%s; "
			  "wait until that ends", bdf, by);
}

/* Is it bound to a VFIO driver? Usually vfio-pci, but some devices have their own. */
static bool has_vfio(const struct nnvme_pci_info *info)
{
	return !strcmp(info->driver, VFIO) || *info->vfio_dev;
}

/* Bound so that the library can open it? */
static bool is_ready(const struct nnvme_pci_info *info, const char *driver)
{
	bool noiommu = !strncmp(info->vfio_dev, "noiommu-", 8);

	return !strcmp(info->driver, driver) && (info->cdev || info->container) &&
	       noiommu == !info->iommu;
}

/* May a device without an IOMMU be bound? *turn_on: noiommu mode must be turned on for it. */
static int check_noiommu(const struct nnvme_pci_info *info, unsigned flags, bool *turn_on,
			 struct nnvme_err *err)
{
	int on = info->iommu ? 1 : nnvme_noiommu_switch();
	int rc = info->iommu ? 0 : nnvme_phys_addr_check(info->bdf, err);

	*turn_on = false;
	if (rc || on == 1)
		return rc;
	if (on == -ENOENT)
		return nnvme_fail(err, -EOPNOTSUPP, "cannot bind %s: it has no IOMMU and this "
				  "kernel's VFIO has no noiommu mode (CONFIG_VFIO_NOIOMMU); "
				  "what brings it: noiommu-nvme doctor", info->bdf);
	if (on < 0)
		return denied(err, on, "read noiommu mode for", info->bdf);
	if (flags & NNVME_BIND_UNSAFE_NOIOMMU) {
		*turn_on = true;
		return 0;
	}
	return nnvme_fail(err, -EPERM, "%s has no IOMMU and noiommu mode is off: without an IOMMU "
			  "the device can access all of the machine's memory; to accept that risk "
			  "run: noiommu-nvme bind --unsafe-noiommu %s", info->bdf,
			  info->bdf);
}

/* Is the device, now bound to the driver, what the library needs? */
static int check_bound(const char *bdf, const char *driver, struct nnvme_err *err)
{
	struct nnvme_pci_info info;
	int rc = nnvme_pci_read(bdf, &info, err);

	if (rc || is_ready(&info, driver))
		return rc;
	if (!has_vfio(&info))
		return nnvme_fail(err, -EINVAL, "cannot bind %s: %s is not a VFIO driver; try "
				  "--driver " VFIO, bdf, driver);
	if (info.iommu)
		return nnvme_fail(err, -EOPNOTSUPP, "cannot bind %s: this kernel's "
				  "VFIO has neither device nodes nor containers; "
				  "it needs CONFIG_VFIO_DEVICE_CDEV (Linux 6.6) or "
				  "CONFIG_VFIO_CONTAINER", bdf);
	return nnvme_fail(err, -EOPNOTSUPP, "cannot bind %s: this kernel's VFIO has no node for a "
			  "device without an IOMMU; it needs Linux 7.3, or 6.12 with the series in "
			  "kernel/module/patches/6.12: run noiommu-nvme doctor", bdf);
}

/*
 * Give it back after a failed bind. A driver that turned out not to be a VFIO driver may have
 * created disks that are in use by now: then that driver keeps the device.
 */
static int take_back(const char *bdf, const struct nnvme_former *had, struct nnvme_err *err)
{
	struct nnvme_pci_claim claim = { .count = 0 };
	struct nnvme_pci_info info;
	int rc = nnvme_pci_read(bdf, &info, err);

	if (!rc && *info.driver && !has_vfio(&info) && strcmp(info.driver, had->driver) != 0)
		rc = nnvme_pci_claim(bdf, &claim, err);
	nnvme_pci_release(&claim);
	return rc ? rc : rebind(bdf, had, "rebind", err);
}

/* The change itself. On failure the device is as before, or *stuck is set and @err says so. */
static int bind_device(const struct nnvme_pci_info *info, const char *driver,
		       const struct nnvme_former *had, struct nnvme_pci_claim *claim, bool *stuck,
		       struct nnvme_err *err)
{
	struct move to = {
		.bdf = info->bdf, .verb = "bind", .driver = driver, .override = driver,
		.claim = has_vfio(info) ? NULL : claim,
	};
	struct nnvme_err first = { 0 }, second = { 0 };
	int rc = move(&to, &first);

	/*
	 * Before the former driver comes back: a disk that is still open would keep its name taken.
	 */
	nnvme_pci_release(claim);
	if (!rc)
		rc = check_bound(info->bdf, driver, &first);
	if (!rc)
		return 0;
	*stuck = take_back(info->bdf, had, &second) != 0;
	if (!*stuck)
		return nnvme_fail(err, rc, "%s", first.text);
	if (!*had->driver)
		return nnvme_fail(err, rc, "%.230s; unbinding it again failed, too: %.150s; try: "
				  "noiommu-nvme unbind %s", first.text, second.text, info->bdf);
	return nnvme_fail(err, rc, "%.230s; returning it to the driver %.64s failed, too: %.150s; "
			  "try: noiommu-nvme unbind %s",
			  first.text, had->driver, second.text, info->bdf);
}

static int check_driver(const struct nnvme_pci_info *info, const char *driver,
			struct nnvme_err *err)
{
	int rc;

	if (!*driver || strlen(driver) >= sizeof(info->driver) || strpbrk(driver, "/ \n") ||
	    *driver == '.')
		return nnvme_fail(err, -EINVAL, "\"%.64s\" is not the name of a driver", driver);
	if (!strcmp(info->driver, driver) && !has_vfio(info))
		return nnvme_fail(err, -EINVAL, "%s is bound to %.64s already, which is not a VFIO "
				  "driver; try --driver " VFIO, info->bdf, driver);
	if (!strcmp(driver, "nvme"))
		return nnvme_fail(err, -EINVAL, "cannot bind %s: nvme is not a VFIO driver; to "
				  "return the device to it run: noiommu-nvme unbind %s",
				  info->bdf, info->bdf);
	rc = load_driver(driver);
	if (nnvme_sys_exists("/sys/bus/pci/drivers/%s", driver))
		return 0;
	return nnvme_fail(err, -EOPNOTSUPP, "cannot bind %s: this kernel has no driver "
			  "%.64s%s%s%.64s%s", info->bdf, driver, strcmp(driver, VFIO) ? "" :
			  " (CONFIG_VFIO_PCI)", rc == -ENOENT ? ", and there is no modprobe "
			  "in PATH or /sbin to load it with; run modprobe " : ", and modprobe ",
			  driver, rc == -ENOENT ? "" : " found none");
}

/* The state before a bind or a detach. */
struct before {
	struct nnvme_former had;	/* what to restore if this fails */
	struct nnvme_former saved;	/* what the state file is to hold */
	bool valid;			/* an earlier run left one that is still valid */
	bool to_save;
};

/*
 * A killed run may have left the device without a driver or with our override: then its former
 * state is what that run recorded, not the present one. And a device that is bound to VFIO keeps
 * the record of its former driver.
 */
static int read_before(const struct nnvme_pci_info *info, const char *mark, struct before *b,
		       struct nnvme_err *err)
{
	struct nnvme_former now = { 0 };
	int rc = nnvme_override_read(info->bdf, now.override, err);
	bool vfio = has_vfio(info);

	if (rc)
		return rc;
	strcpy(now.driver, info->driver);
	*b = (struct before){ .had = now, .saved = now, .to_save = !vfio };
	rc = nnvme_former_read(info->bdf, &now, err);
	if (rc && rc != -ENOENT)
		return rc;
	b->valid = !rc && nnvme_former_has_mark(&now, b->had.override);
	if (b->valid || (!rc && vfio)) {
		b->saved = now;
		b->to_save = true;
		/* Keep an override that somebody else has set. */
		if (!b->valid)
			strcpy(b->saved.override, b->had.override);
	}
	snprintf(b->saved.mark[0], sizeof(b->saved.mark[0]), "%s", mark);
	snprintf(b->saved.mark[1], sizeof(b->saved.mark[1]), "%.255s",
		 b->valid && strcmp(b->had.override, mark) != 0 ? b->had.override : "");
	if (!vfio)
		b->had = b->saved;
	return 0;
}

static int write_before(const char *bdf, const struct before *b, struct nnvme_err *err)
{
	int rc = b->to_save ? nnvme_former_write(bdf, &b->saved) : 0;

	return rc ? denied(err, rc, "write to " NNVME_STATE_DIR " for", bdf) : 0;
}

/* After a failed bind, with the device as before: an earlier bind's record is valid again. */
static void unwrite_before(const char *bdf, struct before *b, bool vfio)
{
	if (!b->to_save)
		return;
	if (!vfio) {
		nnvme_state_file_remove(bdf);
		return;
	}
	snprintf(b->saved.mark[0], sizeof(b->saved.mark[0]), "%.255s", b->had.override);
	nnvme_former_write(bdf, &b->saved);
}

static int bind_claimed(const struct nnvme_pci_info *info, const char *driver, unsigned flags,
			struct nnvme_pci_claim *claim, struct nnvme_err *err)
{
	bool turn_on, stuck = false;
	struct before b;
	int rc = check_driver(info, driver, err);

	if (!rc)
		rc = check_noiommu(info, flags, &turn_on, err);
	if (!rc)
		rc = read_before(info, driver, &b, err);
	if (rc)
		return rc;
	rc = turn_on ? nnvme_sys_write("Y", NNVME_NOIOMMU_SWITCH) : 0;
	if (rc)
		return denied(err, rc, "turn noiommu mode on for", info->bdf);
	rc = write_before(info->bdf, &b, err);
	if (!rc) {
		rc = bind_device(info, driver, &b.had, claim, &stuck, err);
		/* If it is stuck, nnvme_pci_unbind() needs the file to know its former state. */
		if (rc && !stuck)
			unwrite_before(info->bdf, &b, has_vfio(info));
	}
	if (rc && turn_on)
		nnvme_sys_write("N", NNVME_NOIOMMU_SWITCH);
	return rc;
}

static int bind_locked(const char *bdf, const char *driver, unsigned flags, struct nnvme_err *err)
{
	struct nnvme_pci_claim claim = { .count = 0 };
	struct nnvme_pci_info info;
	int rc = nnvme_pci_nvme_info(bdf, &info, err);

	if (rc || is_ready(&info, driver))
		return rc;
	rc = has_vfio(&info) ? nnvme_pci_refuse_open(&info, true, err) :
			       nnvme_pci_claim(info.bdf, &claim, err);
	if (!rc)
		rc = bind_claimed(&info, driver, flags, &claim, err);
	nnvme_pci_release(&claim);
	return rc;
}

int nnvme_pci_bind_to(const char *bdf, const char *driver, unsigned flags, struct nnvme_err *err)
{
	struct nnvme_pci_info info;
	int lock, rc;

	if (flags & ~NNVME_BIND_UNSAFE_NOIOMMU)
		return nnvme_fail(err, -EINVAL, "unknown flags 0x%x", flags);
	rc = nnvme_pci_nvme_info(bdf, &info, err);
	if (rc || is_ready(&info, driver))
		return rc;
	rc = nnvme_pci_lock(info.bdf, &lock, err);
	if (rc)
		return rc;
	rc = bind_locked(info.bdf, driver, flags, err);
	nnvme_sys_close(&lock);
	return rc;
}

int nnvme_pci_bind(const char *bdf, unsigned flags, struct nnvme_err *err)
{
	return nnvme_pci_bind_to(bdf, VFIO, flags, err);
}

/* There is no record: let the kernel choose the driver. */
static int give_to_any(const struct nnvme_pci_info *info, const char *override,
		       struct nnvme_err *err)
{
	struct move off = {
		.bdf = info->bdf, .verb = "unbind", .driver = "",
		/* If it does not name the present driver, somebody else has set it. */
		.override = strcmp(override, info->driver) ? override : NNVME_NO_OVERRIDE,
	};
	char now[NNVME_DRIVER_SIZE];
	int rc = move(&off, err);

	if (rc)
		return rc;
	load_driver("nvme");
	rc = nnvme_sys_write(info->bdf, "/sys/bus/pci/drivers_probe");
	if (rc)
		return denied(err, rc, "unbind", info->bdf);
	read_driver(info->bdf, now);
	return *now ? 0 : nnvme_fail(err, -ENODEV, "%s is unbound, but no driver took it; the "
				     "kernel's log says why (dmesg)", info->bdf);
}

static int unbind_locked(const char *bdf, struct nnvme_err *err)
{
	char override[NNVME_OVERRIDE_SIZE];
	struct nnvme_pci_info info;
	struct nnvme_former had;
	bool known, marked;
	int rc = nnvme_pci_nvme_info(bdf, &info, err);

	if (!rc)
		rc = nnvme_override_read(info.bdf, override, err);
	if (rc)
		return rc;
	rc = nnvme_former_read(info.bdf, &had, err);
	if (rc && rc != -ENOENT)
		return rc;
	known = !rc;
	marked = known && nnvme_former_has_mark(&had, override);
	if ((*info.driver && !has_vfio(&info)) || (!*info.driver && known && !marked)) {
		/* Somebody else has bound it to another driver: only remove the record. */
		rc = marked ? set_override(info.bdf, had.override) : 0;
		if (rc)
			return denied(err, rc, "unbind", info.bdf);
		nnvme_state_file_remove(info.bdf);
		return 0;
	}
	rc = nnvme_pci_refuse_open(&info, true, err);
	if (rc)
		return rc;
	if (known && !marked)
		strcpy(had.override, override);
	rc = known ? rebind(info.bdf, &had, "unbind", err) : give_to_any(&info, override, err);
	if (!rc)
		nnvme_state_file_remove(info.bdf);
	return rc;
}

int nnvme_pci_unbind(const char *bdf, struct nnvme_err *err)
{
	struct nnvme_pci_info info;
	int lock, rc = nnvme_pci_nvme_info(bdf, &info, err);

	if (rc || (*info.driver && !has_vfio(&info) &&
		   !nnvme_sys_exists(NNVME_STATE_DIR "/%s", info.bdf)))
		return rc;
	rc = nnvme_pci_lock(info.bdf, &lock, err);
	if (rc)
		return rc;
	rc = unbind_locked(info.bdf, err);
	nnvme_sys_close(&lock);
	return rc;
}

int nnvme_pci_detach(const char *bdf, struct nnvme_err *err)
{
	struct move off = { .bdf = bdf, .verb = "unbind", .driver = "", .override = NO_DRIVER };
	struct nnvme_pci_claim claim;
	struct nnvme_pci_info info;
	struct before b;
	int rc = nnvme_pci_read(bdf, &info, err);

	if (!rc)
		rc = read_before(&info, NO_DRIVER, &b, err);
	if (!rc)
		rc = nnvme_pci_claim(bdf, &claim, err);
	if (rc)
		return rc;
	rc = write_before(bdf, &b, err);
	off.claim = &claim;
	if (!rc)
		rc = move(&off, err);
	nnvme_pci_release(&claim);
	return rc;
}

bool nnvme_pci_is_halfway(const char *bdf)
{
	char override[NNVME_OVERRIDE_SIZE];
	struct nnvme_pci_info info;
	struct nnvme_former had;
	bool back;

	if (nnvme_former_read(bdf, &had, NULL) || nnvme_pci_read(bdf, &info, NULL) ||
	    nnvme_override_read(bdf, override, NULL) || has_vfio(&info))
		return false;
	back = !strcmp(info.driver, had.driver);
	return (back && !strcmp(override, had.override)) ||
	       ((back || !*info.driver) && nnvme_former_has_mark(&had, override));
}

int nnvme_pci_reattach(const char *bdf, struct nnvme_err *err)
{
	char override[NNVME_OVERRIDE_SIZE];
	struct nnvme_former had;
	int rc = nnvme_former_read(bdf, &had, err);

	if (rc == -ENOENT)
		return 0;
	if (!rc)
		rc = nnvme_override_read(bdf, override, err);
	if (!rc && nnvme_former_has_mark(&had, override))
		rc = rebind(bdf, &had, "rebind", err);
	if (!rc)
		nnvme_state_file_remove(bdf);
	return rc;
}
