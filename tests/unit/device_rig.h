/* SPDX-License-Identifier: MIT */
#ifndef NNVME_TESTS_DEVICE_RIG_H
#define NNVME_TESTS_DEVICE_RIG_H

/* A fake kernel (kernel_fake.h) in which vfio-pci has both devices, and their opening. */
#include "kernel/device.h"
#include "kernel_fake.h"

static inline int device_setup(void **state)
{
	if (fake_setup(state))
		return -1;
	fake_bind_vfio(FAKE_NOIOMMU);
	fake_bind_vfio(FAKE_IOMMU);
	return 0;
}

static inline struct nnvme_device *must_open(const char *name, enum nnvme_mode mode)
{
	struct nnvme_device *dev;
	struct nnvme_err err;

	if (nnvme_device_open(name, mode, &dev, &err))
		fail_msg("%s", err.text);
	return dev;
}

/*
 * Whichever single call of opening fails, nothing is left open; one that isn't needed may fail, in
 * @mode.
 */
static inline void each_call_of_opening_fails(const char *name, enum nnvme_mode mode)
{
	struct nnvme_device *dev;
	struct nnvme_err err;
	long n = 0, failed = 0;
	int rc;

	do {
		fake.calls = fake.injected = 0;
		fake.fail_at = ++n;
		fake.command = 6;
		rc = nnvme_device_open(name, NNVME_MODE_AUTO, &dev, &err);
		if (rc) {
			fake_assert_err(rc, rc, &err, NULL);
			failed++;
		} else {
			assert_int_equal(dev->mode, mode);
			dev->ops->close(dev);
		}
		fake_assert_clean();
	} while (fake.injected);
	assert_int_equal(rc, 0);
	assert_true(failed > 15);
}

#endif
