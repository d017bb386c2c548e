// SPDX-License-Identifier: MIT
/* A device's IOMMU group, and whether a process is changing it. */
#include "noiommu_nvme/iommu_group.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "kernel/iommu_private.h"
#include "kernel/lock.h"
#include "kernel/pci_private.h"
#include "kernel/sized.h"
#include "kernel/state_file.h"
#include "kernel/sys.h"

/* As sysfs spells them (drivers/iommu/iommu.c, iommu_group_show_type()). */
static const char *const names[] = {
	[NNVME_DOMAIN_OTHER] = "other",
	[NNVME_DOMAIN_IDENTITY] = "identity",
	[NNVME_DOMAIN_DMA] = "DMA",
	[NNVME_DOMAIN_DMA_FQ] = "DMA-FQ",
	[NNVME_DOMAIN_AUTO] = "auto",
};

const char *nnvme_domain_name(enum nnvme_domain type)
{
	return names[type <= NNVME_DOMAIN_AUTO ? type : NNVME_DOMAIN_OTHER];
}

enum nnvme_domain nnvme_domain_of(const char *text)
{
	for (enum nnvme_domain t = NNVME_DOMAIN_IDENTITY; t <= NNVME_DOMAIN_AUTO; t++)
		if (!strcmp(text, names[t]))
			return t;
	return NNVME_DOMAIN_OTHER;
}

int nnvme_domain_parse(const char *text, enum nnvme_domain *type, struct nnvme_err *err)
{
	*type = nnvme_domain_of(text);
	if (*type != NNVME_DOMAIN_OTHER)
		return 0;
	return nnvme_fail(err, -EINVAL, "\"%.64s\" is not a domain type; use identity, DMA, "
			  "DMA-FQ or auto", text);
}

int nnvme_iommu_read_type(struct nnvme_iommu_group *group)
{
	int rc = nnvme_sys_read(group->type_text, sizeof(group->type_text),
				NNVME_IOMMU_GROUPS "/%s/type", group->number);

	group->type = nnvme_domain_of(group->type_text);
	return rc < 0 ? rc : 0;
}

void nnvme_iommu_state_name(const struct nnvme_iommu_group *group,
			    char name[NNVME_GROUP_STATE_NAME])
{
	snprintf(name, NNVME_GROUP_STATE_NAME, "group-%s", group->number);
}

int nnvme_iommu_state_read(const struct nnvme_iommu_group *group, struct nnvme_iommu_state *state)
{
	char name[NNVME_GROUP_STATE_NAME], text[64], was[16];
	int rc;

	nnvme_iommu_state_name(group, name);
	rc = nnvme_state_file_read(text, sizeof(text), name);
	if (rc <= 0)
		return rc ? rc : -ENOENT;
	if (sscanf(text, "%15s %15s %d", was, state->to, &state->pid) != 3)
		return -EBADMSG;
	state->was = nnvme_domain_of(was);
	return state->was == NNVME_DOMAIN_OTHER ? -EBADMSG : 0;
}

/* While the lock is held, the process that wrote the state file is alive. */
static int read_state(struct nnvme_iommu_group *group)
{
	struct nnvme_iommu_state state = { .pid = -1 };
	int rc = nnvme_iommu_state_read(group, &state), pid;
	char name[NNVME_GROUP_STATE_NAME];

	if (rc == -EACCES)	/* only root may read it, but anybody may know that it is there */
		group->holder = -1;
	if (rc && rc != -EBADMSG)
		return rc == -ENOENT || rc == -EACCES ? 0 : rc;
	nnvme_iommu_state_name(group, name);
	rc = nnvme_lock_file_held(name, &pid);
	if (rc < 0)
		return rc;
	group->unfinished = !rc;
	if (rc)
		group->holder = state.pid;
	return 0;
}

static int read_member(const struct nnvme_iommu_group *group, const char *name,
		       struct nnvme_iommu_member *member)
{
	char class_code[16];
	int rc;

	if (strlen(name) >= sizeof(member->name))
		return -ENAMETOOLONG;
	strcpy(member->name, name);
	rc = nnvme_sys_link_name(member->driver, sizeof(member->driver),
				 NNVME_IOMMU_GROUPS "/%s/devices/%s/driver", group->number, name);
	if (rc && rc != -ENOENT)
		return rc;
	/* Devices of other buses have none. */
	rc = nnvme_sys_read(class_code, sizeof(class_code), NNVME_IOMMU_GROUPS
			    "/%s/devices/%s/class", group->number, name);
	member->class_code = (uint32_t)strtoul(class_code, NULL, 0);
	return rc < 0 && rc != -ENOENT ? rc : 0;
}

static int read_members(struct nnvme_iommu_group *group)
{
	struct dirent **entries;
	int rc = 0, n = nnvme_sys_list(&entries, NNVME_IOMMU_GROUPS "/%s/devices", group->number);

	if (n > 0) {
		group->members = calloc((size_t)n, sizeof(*group->members));
		if (!group->members)
			rc = -ENOMEM;
	}
	for (int i = 0; i < n && !rc; i++) {
		rc = read_member(group, entries[i]->d_name, &group->members[i]);
		group->count++;
	}
	nnvme_sys_list_free(entries, n);
	return n < 0 ? n : rc;
}

int nnvme_iommu_group_load(const char *bdf, struct nnvme_iommu_group *group, struct nnvme_err *err)
{
	struct nnvme_pci_info info;
	int rc;

	memset(group, 0, sizeof(*group));
	rc = nnvme_pci_read(bdf, &info, err);
	if (rc)
		return rc;
	strcpy(group->bdf, info.bdf);
	strcpy(group->number, info.group);
	if (!info.iommu)
		return nnvme_fail(err, -EOPNOTSUPP, "%s has no IOMMU behind it, so it has no "
				  "domain type: it can access all of memory, whatever drives it",
				  info.bdf);
	rc = nnvme_iommu_read_type(group);
	if (rc == -ENOENT)
		return nnvme_fail(err, -EOPNOTSUPP, "this kernel doesn't show domain types; that "
				  "needs Linux 5.11");
	if (!rc)
		rc = read_members(group);
	if (!rc)
		rc = read_state(group);
	if (!rc)
		return 0;
	nnvme_iommu_group_free(group);
	return nnvme_fail(err, rc, "cannot read the state of IOMMU group %s of %s in sysfs and "
			  NNVME_STATE_DIR ": %s", info.group, info.bdf, strerror(-rc));
}

static int check_sizes(const struct nnvme_iommu_group *group, struct nnvme_err *err)
{
	int rc = nnvme_sized_check("struct nnvme_iommu_group", group->size,
				   NNVME_SIZE_UP_TO(struct nnvme_iommu_group, members), err);

	return rc ? rc : nnvme_sized_check("struct nnvme_iommu_member", group->member_size,
					   NNVME_SIZE_UP_TO(struct nnvme_iommu_member, driver),
					   err);
}

int nnvme_iommu_group_read(const char *bdf, struct nnvme_iommu_group *group, struct nnvme_err *err)
{
	struct nnvme_iommu_group own;
	int rc = check_sizes(group, err);

	if (rc)
		return rc;
	group->members = NULL;
	group->count = 0;
	rc = nnvme_iommu_group_load(bdf, &own, err);
	if (rc)
		return rc;
	own.member_size = group->member_size;
	if (own.count) {
		own.members = nnvme_sized_list(own.members, own.count, sizeof(*own.members),
					       own.member_size);
		if (!own.members)
			return nnvme_fail(err, -ENOMEM, "out of memory");
	}
	nnvme_sized_out(group, group->size, &own, sizeof(own));
	return 0;
}

/* Only what layout 1 has: the caller's structure may be smaller than ours. */
void nnvme_iommu_group_free(struct nnvme_iommu_group *group)
{
	free(group->members);
	group->members = NULL;
	group->count = 0;
}
