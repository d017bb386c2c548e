// SPDX-License-Identifier: MIT
/*
 * Two kernels have the noiommu cdev: Linux 7.3, where it was merged, and 6.12 with the series of
 * kernel/module/patches/6.12. What the tests expect holds for both, errno for errno and in the
 * same order, but for what is in this table. A line without a good reason is a fault of the series.
 *
 * Beside it, and not run here, because no guest has such hardware: a bind that the series refuses
 * and 7.3 does not, where a device would need other addresses than the CPU's (memory encryption,
 * Xen, a bus with an offset); a device that firmware puts behind an IOMMU that has no driver, which
 * is a noiommu one with the series, and on 7.3 a plain vfioX that cannot be bound (EINVAL); and
 * EINTR, which GET_PA says to nobody but a process that is being killed.
 *
 * Which kernel configurations work is the table "Kconfig Support Matrix" of 7.3's
 * Documentation/driver-api/vfio.rst; tests/unit/kernel_kconfig.sh asks the Kconfig of both:
 *   case  GROUP  container  CDEV
 *    1      y        y       n    by the group alone: no guest runs it; test_group.c on case 3
 *    3      y        y       y    by both: these tests, on every kernel but no-group
 *    5      n        -       y    by the cdev alone: these tests on --kernel=no-group
 *   2, 4                          no VFIO_NOIOMMU
 *    6      n        -       n    cannot be had: VFIO selects the cdev where there is no group
 */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <sys/utsname.h>

#include "contract.h"

static const struct {
	int64_t series, upstream;
	const char *reason;
} differences[] = {
	[NOIOMMU_TO_HW_HWPT] = { -EINVAL, 0,
		"7.3 does not look, and hands out a table that nothing translates by" },
	[HW_MOVED_TO_NOIOMMU_HWPT] = { -EINVAL, -ENODEV,
		"iommufd says EINVAL of a table that does not suit; 7.3 has ENODEV by chance" },
	[HW_MOVED_TO_NOIOMMU_IOAS] = { 0, -ENODEV,
		"after EINVAL iommufd makes another table; that ENODEV ends its search" },
	[LATE_NOIOMMU_LOOK_UP] = { 0, -EOPNOTSUPP,
		"with the series it has a table of its own, on 7.3 that of the other device" },
	[FAULT_QUEUE_OF_NOIOMMU_HWPT] = { -EOPNOTSUPP, -ENOENT,
		"6.12 has no fault queue of such a table, 7.3 finds that there is none" },
	[LAST_IOVA] = { (int64_t)(UINT64_MAX - PAGE), (int64_t)UINT64_MAX,
		"in 6.12 the end of a mapping of the last page would wrap" },
};

/* The cdev is upstream since 7.3; nobody has ported the series to a kernel between. */
bool contract_upstream(void)
{
	struct utsname name;
	unsigned major;

	assert_int_equal(uname(&name), 0);
	assert_int_equal(sscanf(name.release, "%u", &major), 1);
	return major >= 7;
}

int64_t contract_expect(enum contract_difference d)
{
	if (!contract_upstream())
		return differences[d].series;
	print_message("# %" PRId64 " here, %" PRId64 " with the series: %s\n",
		      differences[d].upstream, differences[d].series, differences[d].reason);
	return differences[d].upstream;
}
