// SPDX-License-Identifier: MIT
/*
 * Moving a controller between the kernel's driver and vfio-pci. A device belongs to the driver that
 * its driver_override names, once that is written and drivers_probe is asked (Linux,
 * Documentation/ABI/testing/sysfs-bus-pci). What it had before is kept in a file, so that another
 * process can bring it back.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "kernel/note.h"
#include "kernel/pci_private.h"
#include "kernel/sys.h"

#define VFIO "vfio-pci"

/* What a device had: the name of its driver, "" for none, and its driver_override. */
struct former {
	char driver[32];
	char override[64];
};

/* Turn the errno of a refused system file into one line. */
static int denied(struct nnvme_err *err, int rc, const char *what, const char *bdf)
{
	if (rc == -EACCES || rc == -EPERM)
		return nnvme_fail(err, -EPERM, "cannot %s %s: permission denied; run as root",
				  what, bdf);
	return nnvme_fail(err, rc, "cannot %s %s: %s", what, bdf, strerror(-rc));
}

static int set_override(const char *bdf, const char *override)
{
	/* sysfs shows an absent override as "(null)" and takes a line break to remove it. */
	if (!*override || !strcmp(override, "(null)"))
		override = "\n";
	return nnvme_sys_write(override, NNVME_PCI_DEVICES "/%s/driver_override", bdf);
}

static void read_driver(const char *bdf, char driver[32])
{
	nnvme_sys_link_name(driver, 32, NNVME_PCI_DEVICES "/%s/driver", bdf);
}

static void load_driver(const char *driver)
{
	char *argv[] = { "modprobe", (char *)driver, NULL };

	/* Best effort: what matters is whether the driver then takes the device. */
	if (!nnvme_sys_exists("/sys/bus/pci/drivers/%s", driver))
		nnvme_sys.run(argv);
}

/*
 * Move the device to @driver, or with "" to none. 0 only when it is really there. Whatever failed,
 * driver_override is left at @driver. @claim is asked again once nobody can open it any more: 1 when
 * it says in @err that it is in use after all; or NULL.
 */
static int move(const char *bdf, const char *driver, const struct nnvme_pci_claim *claim,
		struct nnvme_err *err)
{
	char now[32];
	int rc = set_override(bdf, driver);

	if (rc)
		return rc;
	read_driver(bdf, now);
	/* VFIO decides when it takes a device what that needs: let it do so again. */
	if (!strcmp(now, driver) && !nnvme_sys_exists(NNVME_PCI_DEVICES "/%s/vfio-dev", bdf))
		return 0;
	if (*now)
		rc = nnvme_sys_write(bdf, NNVME_PCI_DEVICES "/%s/driver/unbind", bdf);
	if (!rc && claim && nnvme_pci_claim_check(claim, err))
		return 1;
	if (!rc && *driver)
		rc = nnvme_sys_write(bdf, "/sys/bus/pci/drivers_probe");
	read_driver(bdf, now);
	if (!strcmp(now, driver))
		return 0;
	return rc ? rc : -ENODEV;
}

static int give_back(const char *bdf, const struct former *had)
{
	int rc, rc2;

	if (*had->driver)
		load_driver(had->driver);
	rc = move(bdf, had->driver, NULL, NULL);
	rc2 = set_override(bdf, had->override);
	return rc ? rc : rc2;
}

static int remember(const char *bdf, const struct former *had)
{
	char text[128];

	snprintf(text, sizeof(text), "%s\n%s\n", *had->driver ? had->driver : "-",
		 *had->override ? had->override : "(null)");
	return nnvme_note_write(bdf, text);
}

/* 0, -ENOENT when there is no note, or that there may be one that can't be read. */
static int recall(const char *bdf, struct former *had)
{
	char text[128];
	int rc = nnvme_note_read(text, sizeof(text), bdf);

	if (rc < 0)
		return rc;
	if (sscanf(text, "%31s %63s", had->driver, had->override) != 2)
		return -ENOENT;
	if (!strcmp(had->driver, "-"))
		had->driver[0] = 0;
	return 0;
}

/* Has VFIO got it? By vfio-pci as a rule, but some devices have a driver of VFIO's of their own. */
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

/* May a device without an IOMMU be bound? *turn_on: noiommu mode has to be turned on for it. */
static int check_noiommu(const struct nnvme_pci_info *info, unsigned flags, bool *turn_on,
			 struct nnvme_err *err)
{
	int on = info->iommu ? 1 : nnvme_noiommu_switch();

	*turn_on = false;
	if (on == 1)
		return 0;
	if (on == -ENOENT)
		return nnvme_fail(err, -EOPNOTSUPP, "cannot bind %s: it has no IOMMU and this "
				  "kernel's VFIO has no noiommu mode; build it with "
				  "CONFIG_VFIO_NOIOMMU", info->bdf);
	if (on < 0)
		return denied(err, on, "read noiommu mode for", info->bdf);
	if (flags & NNVME_BIND_UNSAFE_NOIOMMU) {
		*turn_on = true;
		return 0;
	}
	return nnvme_fail(err, -EPERM, "%s has no IOMMU and noiommu mode is off: without an IOMMU "
			  "nothing keeps the device from any of the machine's memory; to accept "
			  "that risk run: noiommu-nvme bind --unsafe-noiommu %s", info->bdf,
			  info->bdf);
}

/* After the driver took it: is it what the library needs? */
static int check_bound(const char *bdf, const char *driver, struct nnvme_err *err)
{
	struct nnvme_pci_info info;
	int rc = nnvme_pci_info(bdf, &info, err);

	if (rc || is_ready(&info, driver))
		return rc;
	if (!has_vfio(&info))
		return nnvme_fail(err, -EINVAL, "cannot bind %s: %s is not a driver of VFIO's; try "
				  "--driver " VFIO, bdf, driver);
	if (info.iommu)
		return nnvme_fail(err, -EOPNOTSUPP, "cannot bind %s: this kernel's VFIO has neither "
				  "device nodes nor containers; it needs CONFIG_VFIO_DEVICE_CDEV "
				  "(Linux 6.6) or CONFIG_VFIO_CONTAINER", bdf);
	return nnvme_fail(err, -EOPNOTSUPP, "cannot bind %s: this kernel's VFIO has no node for a "
			  "device without an IOMMU; it needs Linux 7.3, or 6.12 with the series in "
			  "kernel/patches/6.12", bdf);
}

/* The moving itself. On failure the device is where it was, or @err says that it isn't. */
static int bind_device(const char *bdf, const char *driver, const struct former *had,
		       struct nnvme_err *err)
{
	struct nnvme_pci_claim claim;
	int rc = nnvme_pci_claim(bdf, &claim, err);

	if (rc)
		return rc;
	rc = move(bdf, driver, &claim, err);
	/* Before the former driver comes back: an open disk would keep its name taken. */
	nnvme_pci_release(&claim);
	if (rc == 1)
		rc = err ? err->code : -EBUSY;
	else if (rc == -ENODEV)
		nnvme_fail(err, rc, "cannot bind %s: %s did not take it; the kernel's log says "
			   "why (dmesg)", bdf, driver);
	else if (rc)
		denied(err, rc, "bind", bdf);
	else
		rc = check_bound(bdf, driver, err);
	if (!rc)
		return 0;
	if (give_back(bdf, had))
		return nnvme_fail(err, rc, "cannot bind %s to %s (%s), nor give it back to "
				  "%s; try: noiommu-nvme unbind %s", bdf, driver, strerror(-rc),
				  *had->driver ? had->driver : "no driver", bdf);
	return rc == -EACCES ? -EPERM : rc;
}

/* With noiommu mode on for it, if need be. */
static int bind_in_mode(const char *bdf, const char *driver, const struct former *had,
			bool turn_on, struct nnvme_err *err)
{
	int rc = turn_on ? nnvme_sys_write("Y", NNVME_NOIOMMU_SWITCH) : 0;

	if (rc)
		return denied(err, rc, "turn noiommu mode on for", bdf);
	rc = bind_device(bdf, driver, had, err);
	if (rc && turn_on)
		nnvme_sys_write("N", NNVME_NOIOMMU_SWITCH);
	return rc;
}

static int check_driver(const struct nnvme_pci_info *info, const char *driver, struct nnvme_err *err)
{
	if (!*driver || strlen(driver) >= sizeof(info->driver) || strpbrk(driver, "/ \n") ||
	    *driver == '.')
		return nnvme_fail(err, -EINVAL, "\"%.64s\" is not the name of a driver", driver);
	if (!strcmp(info->driver, driver) && !has_vfio(info))
		return nnvme_fail(err, -EINVAL, "%s is bound to %s already, which is not a driver of "
				  "VFIO's; try --driver " VFIO, info->bdf, driver);
	load_driver(driver);
	if (!nnvme_sys_exists("/sys/bus/pci/drivers/%s", driver))
		return nnvme_fail(err, -EOPNOTSUPP, "cannot bind %s: this kernel has no driver %s%s, "
				  "and modprobe %s found none", info->bdf, driver,
				  strcmp(driver, VFIO) ? "" : " (CONFIG_VFIO_PCI)", driver);
	return 0;
}

/*
 * What to give the device back to, and *noted: the note about it is there already. An earlier run
 * that was cut short may have left the device with no driver or our override: then what it had is
 * what that run noted, not what it has.
 */
static int read_former(const struct nnvme_pci_info *info, struct former *had, bool *noted,
		       struct nnvme_err *err)
{
	struct former note;
	int rc = nnvme_sys_read(had->override, sizeof(had->override),
				NNVME_PCI_DEVICES "/%s/driver_override", info->bdf);

	if (rc < 0)
		return denied(err, rc, "read the driver_override of", info->bdf);
	strcpy(had->driver, info->driver);
	/* A device that VFIO has already keeps the note about the driver before. */
	*noted = has_vfio(info);
	if (!*noted && !recall(info->bdf, &note) &&
	    (!*info->driver || strcmp(note.override, had->override) != 0)) {
		*noted = true;
		*had = note;
	}
	return 0;
}

int nnvme_pci_bind_to(const char *bdf, const char *driver, unsigned flags, struct nnvme_err *err)
{
	struct nnvme_pci_info info;
	bool turn_on, noted, rebind;
	struct former had;
	int rc;

	if (flags & ~NNVME_BIND_UNSAFE_NOIOMMU)
		return nnvme_fail(err, -EINVAL, "unknown flags 0x%x", flags);
	rc = nnvme_pci_nvme_info(bdf, &info, err);
	if (rc || is_ready(&info, driver))
		return rc;
	rebind = has_vfio(&info);
	rc = rebind ? nnvme_pci_refuse_open(&info, true, err) : nnvme_pci_in_use(info.bdf, err);
	if (!rc)
		rc = check_driver(&info, driver, err);
	if (!rc)
		rc = check_noiommu(&info, flags, &turn_on, err);
	if (!rc)
		rc = read_former(&info, &had, &noted, err);
	if (rc)
		return rc;
	rc = noted ? 0 : remember(info.bdf, &had);
	if (rc)
		return denied(err, rc, "write to " NNVME_NOTES " about", info.bdf);
	rc = bind_in_mode(info.bdf, driver, &had, turn_on, err);
	read_driver(info.bdf, info.driver);
	/* Where it couldn't be given back, the note says to nnvme_pci_unbind() what it had. */
	if (rc && !rebind && !strcmp(info.driver, had.driver))
		nnvme_note_remove(info.bdf);
	return rc;
}

int nnvme_pci_bind(const char *bdf, unsigned flags, struct nnvme_err *err)
{
	return nnvme_pci_bind_to(bdf, VFIO, flags, err);
}

/* Nothing is known about the time before: let the kernel choose. */
static int give_to_any(const char *bdf)
{
	char now[32];
	int rc = move(bdf, "", NULL, NULL);

	load_driver("nvme");
	if (!rc)
		rc = nnvme_sys_write(bdf, "/sys/bus/pci/drivers_probe");
	read_driver(bdf, now);
	return rc ? rc : *now ? 0 : -ENODEV;
}

int nnvme_pci_unbind(const char *bdf, struct nnvme_err *err)
{
	struct nnvme_pci_info info;
	struct former had;
	bool known;
	int rc;

	rc = nnvme_pci_nvme_info(bdf, &info, err);
	if (rc)
		return rc;
	known = !recall(info.bdf, &had);
	if (*info.driver && !has_vfio(&info)) {
		/* Some driver has it again: nothing to do but to forget. */
		if (known)
			set_override(info.bdf, had.override);
		nnvme_note_remove(info.bdf);
		return 0;
	}
	rc = nnvme_pci_refuse_open(&info, true, err);
	if (rc)
		return rc;
	rc = known ? give_back(info.bdf, &had) : give_to_any(info.bdf);
	if (rc == -ENODEV)
		return nnvme_fail(err, rc, "cannot unbind %s: %s did not take it back; the kernel's "
				  "log says why (dmesg)", info.bdf, known ? had.driver : "no driver");
	if (rc)
		return denied(err, rc, "unbind", info.bdf);
	nnvme_note_remove(info.bdf);
	return 0;
}

int nnvme_pci_detach(const char *bdf, struct nnvme_err *err)
{
	struct nnvme_pci_info info;
	struct nnvme_pci_claim claim;
	struct former had;
	bool noted;
	int rc;

	rc = nnvme_pci_info(bdf, &info, err);
	if (!rc)
		rc = read_former(&info, &had, &noted, err);
	if (rc)
		return rc;
	rc = noted ? 0 : remember(bdf, &had);
	if (rc)
		return denied(err, rc, "write to " NNVME_NOTES " about", bdf);
	rc = nnvme_pci_claim(bdf, &claim, err);
	if (rc) {
		nnvme_note_remove(bdf);
		return rc;
	}
	rc = move(bdf, "", &claim, err);
	nnvme_pci_release(&claim);
	if (rc == 1)
		return err ? err->code : -EBUSY;
	return rc ? denied(err, rc, "unbind", bdf) : 0;
}

bool nnvme_pci_is_halfway(const char *bdf)
{
	struct nnvme_pci_info info;
	struct former had;

	return !recall(bdf, &had) && !nnvme_pci_info(bdf, &info, NULL) && !has_vfio(&info) &&
	       (!*info.driver || !strcmp(info.driver, had.driver));
}

int nnvme_pci_reattach(const char *bdf, struct nnvme_err *err)
{
	struct former had;
	int rc = recall(bdf, &had);

	if (rc == -ENOENT)
		return 0;
	if (!rc)
		rc = give_back(bdf, &had);
	if (rc == -ENODEV)
		return nnvme_fail(err, rc, "%s did not take %s back; the kernel's log says why "
				  "(dmesg)", had.driver, bdf);
	if (rc)
		return denied(err, rc, "bind", bdf);
	nnvme_note_remove(bdf);
	return 0;
}
