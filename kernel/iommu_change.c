// SPDX-License-Identifier: MIT
/*
 * Changing the default domain of an IOMMU group. The kernel does it while no driver owns the DMA of
 * a device in the group (drivers/iommu/iommu.c, iommu_group_store_type()), so the controllers are
 * unbound meanwhile. Each step is recorded before it is made.
 */
#include <errno.h>
#include <linux/capability.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "kernel/iommu_private.h"
#include "kernel/lock.h"
#include "kernel/pci_bind.h"
#include "kernel/pci_disks.h"
#include "kernel/pci_in_use.h"
#include "kernel/pci_private.h"
#include "kernel/state_file.h"
#include "kernel/sys.h"

/* A change that is being made. */
struct change {
	struct nnvme_iommu_group *group;
	int *disks;	/* for each member how many it had, or -1: it stays as it is */
	int *locks;	/* for each member that is a controller its lock, or -1 */
	bool stuck;	/* failed, and the former state is not restored */
	struct nnvme_err *err;
};

static void forget(const struct nnvme_iommu_group *group)
{
	char name[NNVME_GROUP_STATE_NAME];

	nnvme_iommu_state_name(group, name);
	nnvme_state_file_remove(name);
}

/* The types before and after: later they show whether somebody else has changed it. */
static int remember(const struct nnvme_iommu_group *group, enum nnvme_domain was, const char *to,
		    struct nnvme_err *err)
{
	char name[NNVME_GROUP_STATE_NAME], text[64];
	int rc;

	nnvme_iommu_state_name(group, name);
	snprintf(text, sizeof(text), "%s %s %d\n", nnvme_domain_name(was), to, (int)getpid());
	rc = nnvme_state_file_write(name, text);
	if (!rc)
		return 0;
	return nnvme_fail(err, rc == -EACCES ? -EPERM : rc, "cannot write to " NNVME_STATE_DIR " "
			  "for IOMMU group %s of %s: %s%s",
			  group->number, group->bdf, strerror(-rc),
			  rc == -EACCES ? "; run as root" : "");
}

/* What "auto" resolved to is known only now: record it for the next call. */
static bool has_type(const struct nnvme_iommu_group *group, enum nnvme_domain type)
{
	char name[32], text[16];

	if (type != NNVME_DOMAIN_AUTO)
		return group->type == type;
	snprintf(name, sizeof(name), "%s.auto", group->bdf);
	return nnvme_state_file_read(text, sizeof(text), name) > 0 &&
	       !strcmp(text, group->type_text);
}

static void remember_auto(const struct nnvme_iommu_group *group)
{
	char name[32];

	snprintf(name, sizeof(name), "%s.auto", group->bdf);
	/* If that fails, the next call makes a real change. */
	nnvme_state_file_write(name, group->type_text);
}

/* --- conditions --- */

/* Drivers that don't own the DMA of their devices (driver_managed_dma in the kernel). */
static bool owns_no_dma(const char *driver)
{
	return !*driver || !strcmp(driver, "pcieport") || !strcmp(driver, "pci-stub");
}

/* 0: may stay bound; 1: has to be unbound; or -errno. */
static int check_member(const struct nnvme_iommu_group *group,
			const struct nnvme_iommu_member *member, struct nnvme_err *err)
{
	struct nnvme_pci_info info;
	int rc;

	if (owns_no_dma(member->driver))
		return 0;
	if (!nnvme_bdf_parse(member->name, info.bdf, NULL)) {
		rc = nnvme_pci_read(member->name, &info, err);
		if (rc)
			return rc;
		if (!strcmp(info.driver, "vfio-pci") || *info.vfio_dev)
			return nnvme_pci_refuse_open(&info, true, err);
		if (info.class_code == NNVME_PCI_CLASS) {
			rc = nnvme_pci_in_use(info.bdf, err);
			return rc ? rc : 1;
		}
	}
	return nnvme_fail(err, -EBUSY, "IOMMU group %s of %s cannot be changed "
			  "while %s, which is in it, is driven by %.64s: all "
			  "devices of a group share its domain; unbind that "
			  "first: echo %s > " NNVME_IOMMU_GROUPS "/%s/devices/%s/driver/unbind",
			  group->number, group->bdf, member->name, member->driver, member->name,
			  group->number, member->name);
}

static int check_members(struct change *c)
{
	int rc = 0;

	for (size_t i = 0; i < c->group->count && rc >= 0; i++) {
		char (*names)[NNVME_BLOCK_NAME];

		rc = check_member(c->group, &c->group->members[i], c->err);
		if (rc <= 0)
			continue;
		c->disks[i] = nnvme_pci_disks(c->group->members[i].name, &names);
		if (c->disks[i] < 0)
			c->disks[i] = 0;
		free(names);
	}
	return rc < 0 ? rc : 0;
}

static int check_able(const struct nnvme_iommu_group *group, struct nnvme_err *err)
{
	static const struct {
		int number;
		const char *name;
	} caps[] = { { CAP_SYS_ADMIN, "CAP_SYS_ADMIN" }, { CAP_SYS_RAWIO, "CAP_SYS_RAWIO" } };

	for (int i = 0; i < 2; i++)
		if (nnvme_sys.has_cap(caps[i].number) != 1)
			return nnvme_fail(err, -EPERM, "cannot set the domain type of IOMMU group "
					  "%s of %s: that takes CAP_SYS_ADMIN and CAP_SYS_RAWIO, "
					  "and this process has no %s; run as root", group->number,
					  group->bdf, caps[i].name);
	if (group->type == NNVME_DOMAIN_OTHER)
		return nnvme_fail(err, -EOPNOTSUPP, "IOMMU group %s of %s has no default domain "
				  "that could be changed: the kernel calls its type \"%s\"",
				  group->number, group->bdf, group->type_text);
	return 0;
}

/* --- steps --- */

static int take_members(struct change *c)
{
	int rc = 0;

	for (size_t i = 0; i < c->group->count && !rc; i++)
		if (c->disks[i] >= 0)
			rc = nnvme_pci_detach(c->group->members[i].name, c->err);
	return rc;
}

/* The nvme driver scans for namespaces after it has bound the controller. */
static bool has_disks(const char *bdf, int count)
{
	char (*names)[NNVME_BLOCK_NAME];
	int n = nnvme_pci_disks(bdf, &names);
	bool there = n >= count;

	for (int i = 0; i < n; i++)
		there = there && nnvme_sys_exists("/dev/%s", names[i]);
	free(names);
	return there;
}

/* All of them, whatever fails; then wait for their disks, 5 s at most. */
static int rebind_members(struct change *c)
{
	int rc = 0, tries = 250;

	for (size_t i = 0; i < c->group->count; i++) {
		int rc2 = c->disks[i] < 0 ? 0 :
			  nnvme_pci_reattach(c->group->members[i].name, c->err);

		rc = rc ? rc : rc2;
	}
	for (size_t i = 0; i < c->group->count && !rc; i++)
		while (c->disks[i] > 0 && tries-- > 0 &&
		       !has_disks(c->group->members[i].name, c->disks[i]))
			nnvme_sys.pause(20);
	return rc;
}

static int write_type(struct nnvme_iommu_group *group, enum nnvme_domain type,
		      struct nnvme_err *err)
{
	int rc = nnvme_sys_write(nnvme_domain_name(type), NNVME_IOMMU_GROUPS "/%s/type",
				 group->number);

	if (rc)
		return nnvme_iommu_explain(group, type, rc, err);
	rc = nnvme_iommu_read_type(group);
	if (rc)
		return nnvme_fail(err, rc, "cannot read the domain type of IOMMU group "
				  "%s of %s: %s", group->number, group->bdf, strerror(-rc));
	if (type == NNVME_DOMAIN_AUTO ? group->type != NNVME_DOMAIN_OTHER : group->type == type)
		return 0;
	return nnvme_fail(err, -EOPNOTSUPP, "IOMMU group %s of %s got the type %s instead "
			  "of %s: its IOMMU driver falls back to that; the kernel's log "
			  "may say why (dmesg)", group->number, group->bdf, group->type_text,
			  nnvme_domain_name(type));
}

/* Restore what can be restored. If that fails, too, the first error's text gets that appended. */
static void undo(struct change *c, enum nnvme_domain was)
{
	struct nnvme_err *first = c->err, second = { 0 };
	int rc = nnvme_iommu_read_type(c->group), rc2;
	char text[sizeof(first->text)];

	c->err = &second;
	if (rc || c->group->type != was) {
		rc = take_members(c);
		if (!rc)
			rc = write_type(c->group, was, &second);
	}
	rc2 = rebind_members(c);
	c->err = first;
	c->stuck = rc || rc2;
	if (!c->stuck || !first)
		return;
	strcpy(text, first->text);
	nnvme_fail(first, first->code, "%.240s; and the former state could not be restored "
		   "(%.120s); try: noiommu-nvme domain %s --restore",
		   text, second.text, c->group->bdf);
}

/* Keeps other programs from binding or unbinding a member meanwhile. */
static int lock_members(struct change *c)
{
	int rc = 0;

	for (size_t i = 0; i < c->group->count; i++)
		c->locks[i] = -1;
	for (size_t i = 0; i < c->group->count && !rc; i++)
		if (c->group->members[i].class_code == NNVME_PCI_CLASS)
			rc = nnvme_pci_lock(c->group->members[i].name, &c->locks[i], c->err);
	return rc;
}

static void unlock_members(struct change *c)
{
	for (size_t i = 0; i < c->group->count; i++)
		nnvme_sys_close(&c->locks[i]);
}

/*
 * The change itself. On failure all is as before, or c->stuck is set and @err says so. A member
 * that a killed run left unbound also returns to its driver.
 */
static int make_change(struct change *c, enum nnvme_domain type)
{
	struct nnvme_iommu_group *group = c->group;
	enum nnvme_domain was = group->type;
	/* Adding a flush queue does not disturb drivers (iommu_dma_init_fq()). */
	bool live = was == NNVME_DOMAIN_DMA && type == NNVME_DOMAIN_DMA_FQ;
	int rc = 0;

	for (size_t i = 0; i < group->count; i++)
		c->disks[i] = nnvme_pci_is_halfway(group->members[i].name) ? 1 : -1;
	if (was != type && !live)
		rc = check_members(c);
	if (rc)
		return rc;
	if (was != type && !live)
		rc = take_members(c);
	if (!rc && was != type)
		rc = write_type(group, type, c->err);
	if (!rc)
		rc = rebind_members(c);
	if (rc)
		undo(c, was);
	else if (type == NNVME_DOMAIN_AUTO)
		remember_auto(group);
	return rc;
}

/* *stuck may be NULL. */
static int change_type(struct nnvme_iommu_group *group, enum nnvme_domain type, bool *stuck,
		       struct nnvme_err *err)
{
	struct change c = { .group = group, .err = err };
	int rc;

	c.disks = calloc(2 * group->count + 1, sizeof(*c.disks));
	if (!c.disks)
		return nnvme_fail(err, -ENOMEM, "out of memory");
	c.locks = c.disks + group->count;
	rc = lock_members(&c);
	if (!rc)
		rc = make_change(&c, type);
	unlock_members(&c);
	free(c.disks);
	if (stuck)
		*stuck = c.stuck;
	return rc;
}

/* --- locks and state files --- */

static int lock_group(const struct nnvme_iommu_group *group, int *fd, struct nnvme_err *err)
{
	char name[NNVME_GROUP_STATE_NAME], by[40] = "";
	int rc, pid;

	nnvme_iommu_state_name(group, name);
	/* A status reader takes the same lock briefly, so wait a little. */
	rc = nnvme_lock_file(name, 200, fd, &pid);
	if (!rc)
		return 0;
	if (rc != -EWOULDBLOCK)
		return nnvme_fail(err, rc == -EACCES ? -EPERM : rc, "cannot lock IOMMU group "
				  "%s of %s in " NNVME_LOCKS ": %s%s", group->number, group->bdf,
				  strerror(-rc), rc == -EACCES ? "; run as root" : "");
	if (pid)
		snprintf(by, sizeof(by), " (process %d)", pid);
	return nnvme_fail(err, -EBUSY, "IOMMU group %s of %s is being changed or held by another "
			  "program%s; wait until that ends", group->number, group->bdf, by);
}

/* Read, lock, read again: it may have changed before it was locked. */
static int open_group(const char *bdf, struct nnvme_iommu_group *group, int *lock,
		      struct nnvme_err *err)
{
	int rc = nnvme_iommu_group_load(bdf, group, err);

	*lock = -1;
	if (rc)
		return rc;
	rc = check_able(group, err);
	if (!rc)
		rc = lock_group(group, lock, err);
	nnvme_iommu_group_free(group);
	if (!rc)
		rc = nnvme_iommu_group_load(bdf, group, err);
	if (rc)
		nnvme_sys_close(lock);
	return rc;
}

static int state_unreadable(const struct nnvme_iommu_group *group, int rc, struct nnvme_err *err)
{
	if (rc == -EACCES)
		return nnvme_fail(err, -EPERM, "cannot read "
				  "the state file " NNVME_STATE_DIR "/group-%s of "
				  "%s; run as root", group->number, group->bdf);
	if (rc != -EBADMSG)
		return nnvme_fail(err, rc, "cannot read "
				  "the state file " NNVME_STATE_DIR "/group-%s of %s: %s",
				  group->number, group->bdf, strerror(-rc));
	return nnvme_fail(err, rc, "the state file " NNVME_STATE_DIR "/group-%s, which records the "
			  "former type of IOMMU group %s of %s, is damaged; remove it (rm "
			  NNVME_STATE_DIR "/group-%s) and set the type that you want",
			  group->number, group->number, group->bdf, group->number);
}

/* Is the type still what a change set, or was about to set? */
static bool is_still(const struct nnvme_iommu_group *group, const struct nnvme_iommu_state *state)
{
	return !strcmp(group->type_text, state->to) || !strcmp(state->to, "auto") ||
	       /* What DMA-FQ becomes if flushes can't be deferred (drivers/iommu/dma-iommu.c). */
	       (group->type == NNVME_DOMAIN_DMA && !strcmp(state->to, "DMA-FQ"));
}

/* Undo what the state file records, with the lock held: 1, or 0 when it records nothing. */
static int undo_recorded(struct nnvme_iommu_group *group, struct nnvme_err *err)
{
	struct nnvme_iommu_state state;
	int rc = nnvme_iommu_state_read(group, &state);

	if (rc)
		return rc == -ENOENT ? 0 : state_unreadable(group, rc, err);
	/*
	 * If somebody else has set another type since, keep it; return the devices to their drivers
	 * anyway.
	 */
	rc = change_type(group, is_still(group, &state) ? state.was : group->type, NULL, err);
	if (rc)
		return rc;
	forget(group);
	return 1;
}

static int begin(struct nnvme_iommu_group *group, enum nnvme_domain type, struct nnvme_err *err)
{
	enum nnvme_domain was = group->type;
	bool stuck = false;
	int rc = remember(group, was, nnvme_domain_name(type), err);

	if (rc || has_type(group, type))
		return rc;
	rc = change_type(group, type, &stuck, err);
	if (rc && !stuck)
		forget(group);
	/* Record what the kernel made of it; if that fails, the first record will do. */
	if ((stuck && !nnvme_iommu_read_type(group)) || (!rc && type == NNVME_DOMAIN_AUTO))
		remember(group, was, group->type_text, NULL);
	return rc;
}

static int check_type(enum nnvme_domain type, struct nnvme_err *err)
{
	if (type > NNVME_DOMAIN_OTHER && type <= NNVME_DOMAIN_AUTO)
		return 0;
	return nnvme_fail(err, -EINVAL, "%d is not a domain type", (int)type);
}

struct nnvme_iommu_hold {
	int lock;
	char bdf[NNVME_BDF_SIZE];
};

/* Set the type and keep the lock. */
static int take(const char *bdf, enum nnvme_domain type, struct nnvme_iommu_hold *hold,
		struct nnvme_err *err)
{
	struct nnvme_iommu_group group;
	int rc = check_type(type, err);

	if (!rc)
		rc = open_group(bdf, &group, &hold->lock, err);
	if (rc)
		return rc;
	strcpy(hold->bdf, group.bdf);
	rc = undo_recorded(&group, err);
	if (rc == 1) {	/* its devices are back with their drivers */
		nnvme_iommu_group_free(&group);
		rc = nnvme_iommu_group_load(hold->bdf, &group, err);
	}
	if (!rc)
		rc = begin(&group, type, err);
	if (rc)
		nnvme_sys_close(&hold->lock);
	nnvme_iommu_group_free(&group);
	return rc;
}

int nnvme_iommu_group_hold(const char *bdf, enum nnvme_domain type, struct nnvme_iommu_hold **hold,
			   struct nnvme_err *err)
{
	int rc;

	*hold = malloc(sizeof(**hold));
	if (!*hold)
		return nnvme_fail(err, -ENOMEM, "no memory to hold the IOMMU group of %s", bdf);
	rc = take(bdf, type, *hold, err);
	if (rc) {
		free(*hold);
		*hold = NULL;
	}
	return rc;
}

int nnvme_iommu_group_release(struct nnvme_iommu_hold **hold, struct nnvme_err *err)
{
	struct nnvme_iommu_hold *held = *hold;
	struct nnvme_iommu_group group;
	int rc;

	if (!held)
		return 0;
	rc = nnvme_iommu_group_load(held->bdf, &group, err);
	if (!rc) {
		rc = undo_recorded(&group, err);
		nnvme_iommu_group_free(&group);
	}
	nnvme_sys_close(&held->lock);
	free(held);
	*hold = NULL;
	return rc < 0 ? rc : 0;
}

int nnvme_iommu_group_set(const char *bdf, enum nnvme_domain type, struct nnvme_err *err)
{
	struct nnvme_iommu_group group;
	struct nnvme_iommu_hold hold;
	bool done;
	int rc = check_type(type, err);

	if (!rc)
		rc = nnvme_iommu_group_load(bdf, &group, err);
	if (rc)
		return rc;
	done = !group.unfinished && !group.holder && has_type(&group, type);
	if (!done) {
		rc = take(bdf, type, &hold, err);
		if (!rc) {	/* for good */
			forget(&group);
			nnvme_sys_close(&hold.lock);
		}
	}
	nnvme_iommu_group_free(&group);
	return rc;
}

int nnvme_iommu_group_restore(const char *bdf, struct nnvme_err *err)
{
	struct nnvme_iommu_group group;
	int lock, rc = nnvme_iommu_group_load(bdf, &group, err);
	bool nothing;

	if (rc)
		return rc;
	nothing = !group.unfinished && !group.holder;
	nnvme_iommu_group_free(&group);
	if (nothing)
		return 0;
	rc = open_group(bdf, &group, &lock, err);
	if (rc)
		return rc;
	rc = undo_recorded(&group, err);
	nnvme_sys_close(&lock);
	nnvme_iommu_group_free(&group);
	return rc;
}
