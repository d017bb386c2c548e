// SPDX-License-Identifier: MIT
/* What the kernel does to the device for its user: resets, and bus mastering. */

#include <errno.h>
#include <linux/vfio.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "contract.h"

/* Since 6.6: a device bound by its cdev is reported by ID, with whether it is the caller's. */
#define FLAG_DEV_ID (1u << 0)
#define FLAG_DEV_ID_OWNED (1u << 1)

static struct session s;
static uint64_t command_offset;

static uint16_t command(void)
{
	uint16_t value;

	assert_int_equal(pread(s.cdev, &value, 2, command_offset), 2);
	return value;
}

static void open_device(const char *bdf)
{
	struct vfio_region_info config = { .argsz = sizeof(config),
					   .index = VFIO_PCI_CONFIG_REGION_INDEX };

	session_open(&s, bdf);
	assert_int_equal(ioctl(s.cdev, VFIO_DEVICE_GET_REGION_INFO, &config), 0);
	command_offset = config.offset + 4;
}

static void bus_mastering_is_the_users_choice(void **state)
{
	uint16_t value;

	open_device(contract_noiommu[0]);
	value = command();
	assert_false(value & 4);
	value |= 4;
	assert_int_equal(pwrite(s.cdev, &value, 2, command_offset), 2);
	assert_true(command() & 4);
	assert_int_equal(ioctl(s.cdev, VFIO_DEVICE_RESET), 0);
	assert_true(command() & 4);
	session_close(&s);
	open_device(contract_noiommu[0]);
	assert_false(command() & 4);
}

/* All of the slot is the user's, known by the ID from the bind, so it may reset it. */
static void hot_reset_knows_the_device(void **state)
{
	struct {
		struct vfio_pci_hot_reset_info info;
		struct vfio_pci_dependent_device device[8];
	} a = { .info = { .argsz = sizeof(a) } };
	struct vfio_pci_hot_reset reset = { .argsz = sizeof(reset) };

	open_device(contract_noiommu[0]);
	assert_int_equal(ioctl(s.cdev, VFIO_DEVICE_GET_PCI_HOT_RESET_INFO, &a), 0);
	assert_int_equal(a.info.flags, FLAG_DEV_ID | FLAG_DEV_ID_OWNED);
	assert_int_equal(a.info.count, 1);
	assert_int_equal(a.device[0].group_id, s.devid);	/* a union with devid since then */
	assert_int_equal(ioctl(s.cdev, VFIO_DEVICE_PCI_HOT_RESET, &reset), 0);
}

int contract_test_reset(void)
{
	const struct CMUnitTest tests[] = {
		CONTRACT_TEST(bus_mastering_is_the_users_choice),
		CONTRACT_TEST(hot_reset_knows_the_device),
	};

	return cmocka_run_group_tests_name("reset", tests, NULL, NULL);
}
