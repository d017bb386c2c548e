// SPDX-License-Identifier: MIT
/* Why the kernel refused a type. The reasons are those of iommu_group_store_type(). */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "kernel/iommu_private.h"
#include "kernel/sys.h"

/* The members that are bound to a driver, as "0000:00:10.0: nvme, ..." */
static void list_driven(const struct nnvme_iommu_group *group, char *text, size_t size)
{
	size_t used = 0;

	text[0] = 0;
	for (size_t i = 0; i < group->count && used < size; i++) {
		char driver[NNVME_DRIVER_SIZE];

		if (nnvme_sys_link_name(driver, sizeof(driver), NNVME_IOMMU_GROUPS
					"/%s/devices/%s/driver", group->number,
					group->members[i].name))
			continue;
		used += (size_t)snprintf(text + used, size - used, "%s%s: %.64s", used ? ", " : "",
					 group->members[i].name, driver);
	}
	if (!*text)
		snprintf(text, size, "none that can be seen");
}

static int explain_owned(const struct nnvme_iommu_group *group, const char *what,
			 struct nnvme_err *err)
{
	char driven[160];

	list_driven(group, driven, sizeof(driven));
	return nnvme_fail(err, -EBUSY, "%s: a driver, or a program through VFIO, owns the DMA "
			  "of a device in the group (bound now: %s); unbind it or end that "
			  "program first", what, driven);
}

/* The kernel has one errno for all of these: name those that are possible here. */
static int explain_invalid(const struct nnvme_iommu_group *group, enum nnvme_domain type,
			   const char *what, struct nnvme_err *err)
{
	static const char *const reason[] = {
		[NNVME_DOMAIN_IDENTITY] = "; a device that the firmware calls external (untrusted) "
					  "never gets identity",
		[NNVME_DOMAIN_DMA] = "; some devices are only ever given identity",
		[NNVME_DOMAIN_DMA_FQ] = "; DMA-FQ needs Linux 5.15, and a device that is trusted",
		[NNVME_DOMAIN_AUTO] = "",
	};
	char several[120] = "";

	if (group->count > 1)
		snprintf(several, sizeof(several), "; and before Linux 6.4 it doesn't change "
			 "groups of several devices, and this one has %zu", group->count);
	return nnvme_fail(err, -EINVAL, "%s: the IOMMU's driver doesn't allow that type for a "
			  "device of the group%s%s", what, reason[type], several);
}

int nnvme_iommu_explain(const struct nnvme_iommu_group *group, enum nnvme_domain type, int rc,
			struct nnvme_err *err)
{
	char what[120];

	snprintf(what, sizeof(what), "the kernel refuses to make IOMMU group %s of %s %s",
		 group->number, group->bdf, nnvme_domain_name(type));
	switch (rc) {
	case -EACCES:
		return nnvme_fail(err, -EPERM, "%s: permission denied; that takes root with "
				  "CAP_SYS_ADMIN and CAP_SYS_RAWIO", what);
	case -EPERM:	/* before and after 6.4 */
	case -EBUSY:
		return explain_owned(group, what, err);
	case -EINVAL:
		return explain_invalid(group, type, what, err);
	case -ENOENT:
		return nnvme_fail(err, -EOPNOTSUPP, "%s: it can't; that needs Linux 5.11", what);
	default:
		return nnvme_fail(err, rc, "%s: %s; the kernel's log may say more (dmesg)", what,
				  strerror(-rc));
	}
}
