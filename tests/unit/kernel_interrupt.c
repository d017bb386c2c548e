// SPDX-License-Identifier: MIT
/* Interrupts of a device behind VFIO: MSI-X or MSI, as many as there are, with either backend. */
#include <errno.h>
#include <linux/vfio.h>
#include <string.h>

#include "device_rig.h"

static const int fds[8] = { 70, 71, 72, 73, 74, 75, 76, 77 };	/* never used as such */

static void on_and_off(const char *name, uint32_t index, unsigned has)
{
	struct nnvme_device *dev = must_open(name, NNVME_MODE_AUTO);
	unsigned count = 5;
	struct nnvme_err err;

	assert_int_equal(dev->ops->vectors(dev), has);
	assert_int_equal(dev->ops->interrupts_on(dev, fds, &count, &err), 0);
	assert_int_equal(count, 5);
	assert_int_equal(fake.irqs, 5);
	assert_int_equal(fake.irq_index, index);
	assert_memory_equal(fake.irq_fd, fds, 5 * sizeof(int));
	dev->ops->interrupts_off(dev);
	assert_int_equal(fake.irqs, 0);
	dev->ops->interrupts_off(dev);	/* harmless, and no call */
	assert_int_equal(fake.irqs_off, 1);
	assert_int_equal(dev->ops->interrupts_on(dev, fds, &count, &err), 0);
	/* Closing does it by a call: a child may have the descriptor. */
	dev->ops->close(dev);
	assert_int_equal(fake.irqs_off, 2);
	fake_assert_clean();
}

static void msix(void **state)
{
	fake.msi = 8;
	on_and_off(FAKE_NOIOMMU, VFIO_PCI_MSIX_IRQ_INDEX, 65);
}

static void msix_behind_an_iommu(void **state)
{
	on_and_off(FAKE_IOMMU, VFIO_PCI_MSIX_IRQ_INDEX, 65);
}

static void msix_by_container(void **state)
{
	fake_remove("/dev/iommu");
	fake_remove("/dev/vfio");
	fake_remove("/sys/bus/pci/devices/%s/vfio-dev/vfio0/dev", FAKE_IOMMU);
	fake_groups();
	on_and_off(FAKE_IOMMU, VFIO_PCI_MSIX_IRQ_INDEX, 65);
}

static void msi_without_msix(void **state)
{
	fake.msix = 0;
	fake.msi = 8;
	on_and_off(FAKE_NOIOMMU, VFIO_PCI_MSI_IRQ_INDEX, 8);
}

static void fewer_than_wanted(void **state)
{
	struct nnvme_device *dev = must_open(FAKE_NOIOMMU, NNVME_MODE_AUTO);
	unsigned count = 8;
	struct nnvme_err err;

	fake.vectors_given = 3;		/* the kernel's */
	assert_int_equal(dev->ops->interrupts_on(dev, fds, &count, &err), 0);
	assert_int_equal(count, 3);
	assert_int_equal(fake.irqs, 3);
	dev->ops->interrupts_off(dev);
	fake.vectors_given = 0;
	fake.msix = 2;			/* the device's */
	count = 8;
	assert_int_equal(dev->ops->interrupts_on(dev, fds, &count, &err), 0);
	assert_int_equal(count, 2);
	dev->ops->close(dev);
}

static void none(void **state)
{
	struct nnvme_device *dev = must_open(FAKE_NOIOMMU, NNVME_MODE_AUTO);
	unsigned count = 1;
	struct nnvme_err err;

	fake.msix = UINT32_MAX;		/* more than any device has */
	assert_int_equal(dev->ops->vectors(dev), 2048);
	fake.msix = 0;
	assert_int_equal(dev->ops->vectors(dev), 0);
	fake_assert_err(dev->ops->interrupts_on(dev, fds, &count, &err), -EOPNOTSUPP, &err,
			"neither MSI-X nor MSI");
	fake.fail_ioctl = VFIO_DEVICE_GET_IRQ_INFO;
	fake.fail_errno = ENOTTY;
	fake.msix = 65;
	assert_int_equal(dev->ops->vectors(dev), 0);
	fake.fail_ioctl = VFIO_DEVICE_SET_IRQS;
	fake.fail_errno = ENOSPC;
	fake_assert_err(dev->ops->interrupts_on(dev, fds, &count, &err), -ENOSPC, &err,
			"cannot switch on 1 interrupts of " FAKE_NOIOMMU);
	dev->ops->close(dev);
	assert_int_equal(fake.irqs_off, 0);
	fake_assert_clean();
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, device_setup, fake_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(msix), TEST(msix_behind_an_iommu), TEST(msix_by_container),
		TEST(msi_without_msix),
		TEST(fewer_than_wanted), TEST(none),
	};

	return cmocka_run_group_tests_name("kernel_interrupt", tests, NULL, NULL);
}
