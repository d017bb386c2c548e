// SPDX-License-Identifier: MIT
/* The default domain of an IOMMU group: showing and changing it. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <linux/capability.h>

#include "noiommu_nvme/iommu_group.h"
#include "kernel/sys.h"
#include "kernel_fake.h"

#define TYPE "/sys/kernel/iommu_groups/5/type"
#define STATE "/run/noiommu-nvme/group-5"
#define SECOND "0000:00:10.1"
#define MOUNTED(number, name) "30 22 " number " / /mnt/data rw - ext4 /dev/" name " rw\n"

/* The group's type, and that nothing is left half-way. */
static void assert_state(const char *type)
{
	char line[32];

	snprintf(line, sizeof(line), "%s\n", type);
	assert_string_equal(fake_text(TYPE), line);
	assert_string_equal(fake_driver(FAKE_IOMMU), "nvme");
	assert_string_equal(fake_text("/sys/bus/pci/devices/%s/driver_override", FAKE_IOMMU),
			    "(null)\n");
	assert_string_equal(fake_text(STATE), "");
	assert_string_equal(fake_text("/run/noiommu-nvme/%s", FAKE_IOMMU), "");
	assert_int_equal(fake.fds, 0);
}

static void refuses(enum nnvme_domain type, int code, const char *words)
{
	struct nnvme_err err;

	fake_assert_err(nnvme_iommu_group_set(FAKE_IOMMU, type, &err), code, &err, words);
	assert_state("DMA-FQ");
}

static void second_controller(void)
{
	fake_pci_device(SECOND, "0x010802\n", "nvme");
	fake_group_add(SECOND);
	fake_disk(SECOND, "nvme2n1", "259:2\n");
}

/* --- reading --- */

static void reads_the_group(void **state)
{
	struct nnvme_iommu_group g = { .size = sizeof(g), .member_size = sizeof(*g.members) };

	fake_pci_device(SECOND, "0x060400\n", "");
	fake_group_add(SECOND);
	fake.caps_missing = CAP_SYS_ADMIN;	/* anybody may */
	assert_int_equal(nnvme_iommu_group_read("00:10.0", &g, NULL), 0);
	assert_string_equal(g.bdf, FAKE_IOMMU);
	assert_string_equal(g.number, "5");
	assert_int_equal(g.type, NNVME_DOMAIN_DMA_FQ);
	assert_string_equal(g.type_text, "DMA-FQ");
	assert_int_equal(g.count, 2);
	assert_string_equal(g.members[0].name, FAKE_IOMMU);
	assert_string_equal(g.members[0].driver, "nvme");
	assert_int_equal(g.members[0].class_code, NNVME_PCI_CLASS);
	assert_string_equal(g.members[1].name, SECOND);
	assert_string_equal(g.members[1].driver, "");
	assert_false(g.unfinished);
	assert_int_equal(g.holder, 0);
	nnvme_iommu_group_free(&g);
	assert_int_equal(fake.fds, 0);
}

static void reads_every_type(void **state)
{
	static const struct {
		const char *text;
		enum nnvme_domain type;
	} is[] = {
		{ "identity\n", NNVME_DOMAIN_IDENTITY }, { "DMA\n", NNVME_DOMAIN_DMA },
		{ "DMA-FQ\n", NNVME_DOMAIN_DMA_FQ }, { "unknown\n", NNVME_DOMAIN_OTHER },
		{ "blocked\n", NNVME_DOMAIN_OTHER }, { "\n", NNVME_DOMAIN_OTHER },
	};
	struct nnvme_iommu_group g = { .size = sizeof(g), .member_size = sizeof(*g.members) };

	for (size_t i = 0; i < sizeof(is) / sizeof(is[0]); i++) {
		fake_file(is[i].text, TYPE);
		assert_int_equal(nnvme_iommu_group_read(FAKE_IOMMU, &g, NULL), 0);
		assert_int_equal(g.type, is[i].type);
		nnvme_iommu_group_free(&g);
	}
}

static void names_of_types(void **state)
{
	struct nnvme_err err;
	enum nnvme_domain type;

	for (enum nnvme_domain t = NNVME_DOMAIN_IDENTITY; t <= NNVME_DOMAIN_AUTO; t++) {
		assert_int_equal(nnvme_domain_parse(nnvme_domain_name(t), &type, &err), 0);
		assert_int_equal(type, t);
	}
	fake_assert_err(nnvme_domain_parse("dma", &type, &err), -EINVAL, &err,
			"identity, DMA, DMA-FQ");
	fake_assert_err(nnvme_domain_parse("other", &type, &err), -EINVAL, &err, "other");
	assert_string_equal(nnvme_domain_name((enum nnvme_domain)77), "other");
}

static void cannot_be_read(void **state)
{
	struct nnvme_iommu_group g = { .size = sizeof(g), .member_size = sizeof(*g.members) };
	struct nnvme_err err;

	fake_assert_err(nnvme_iommu_group_read(FAKE_NOIOMMU, &g, &err), -EOPNOTSUPP, &err,
			"no IOMMU behind it");
	fake_assert_err(nnvme_iommu_group_read("99:00.0", &g, &err), -ENODEV, &err, "0000:99:00.0");
	/* VFIO's stand-in is no IOMMU. */
	fake_link("../../../../kernel/iommu_groups/9", "/sys/bus/pci/devices/%s/iommu_group",
		  FAKE_NOIOMMU);
	fake_file("vfio-noiommu\n", "/sys/kernel/iommu_groups/9/name");
	fake_assert_err(nnvme_iommu_group_read(FAKE_NOIOMMU, &g, &err), -EOPNOTSUPP, &err,
			"no IOMMU behind it");
	fake_remove(TYPE);
	fake_assert_err(nnvme_iommu_group_read(FAKE_IOMMU, &g, &err), -EOPNOTSUPP, &err, "5.11");
}

/* --- setting --- */

static void every_switch(void **state)
{
	static const struct {
		enum nnvme_domain type;
		const char *text;
	} types[] = {
		{ NNVME_DOMAIN_IDENTITY, "identity" }, { NNVME_DOMAIN_DMA, "DMA" },
		{ NNVME_DOMAIN_DMA_FQ, "DMA-FQ" }, { NNVME_DOMAIN_AUTO, "DMA" },
	};

	fake.auto_gives = "DMA";
	for (int from = 0; from < 4; from++)
		for (int to = 0; to < 4; to++) {
			fake_rebuild();
			assert_int_equal(nnvme_iommu_group_set(FAKE_IOMMU, types[from].type, NULL),
					 0);
			assert_state(types[from].text);
			assert_int_equal(nnvme_iommu_group_set(FAKE_IOMMU, types[to].type, NULL),
					 0);
			assert_state(types[to].text);
		}
}

/* Whether mounted or not, and whoever asks. */
static void set_already(void **state)
{
	fake_file(MOUNTED("259:1", "nvme1n1"), "/proc/self/mountinfo");
	fake.caps_missing = CAP_SYS_ADMIN;
	assert_int_equal(nnvme_iommu_group_set(FAKE_IOMMU, NNVME_DOMAIN_DMA_FQ, NULL), 0);
	assert_int_equal(fake.type_writes, 0);
	assert_state("DMA-FQ");
}

/* If it has what auto gave last time, nothing needs to change. */
static void auto_set_already(void **state)
{
	assert_int_equal(nnvme_iommu_group_set(FAKE_IOMMU, NNVME_DOMAIN_AUTO, NULL), 0);
	assert_int_equal(fake.type_writes, 1);
	fake_file(MOUNTED("259:1", "nvme1n1"), "/proc/self/mountinfo");
	assert_int_equal(nnvme_iommu_group_set(FAKE_IOMMU, NNVME_DOMAIN_AUTO, NULL), 0);
	assert_int_equal(fake.type_writes, 1);
	fake_file("", "/proc/self/mountinfo");
	assert_int_equal(nnvme_iommu_group_set(FAKE_IOMMU, NNVME_DOMAIN_IDENTITY, NULL), 0);
	fake_file(MOUNTED("259:1", "nvme1n1"), "/proc/self/mountinfo");
	assert_int_equal(nnvme_iommu_group_set(FAKE_IOMMU, NNVME_DOMAIN_AUTO, NULL), -EBUSY);
}

/* The file system stays mounted, and the driver where it is. */
static void live(void **state)
{
	fake_file("DMA\n", TYPE);
	fake_file(MOUNTED("259:1", "nvme1n1"), "/proc/self/mountinfo");
	fake.refuses = "nvme";
	assert_int_equal(nnvme_iommu_group_set(FAKE_IOMMU, NNVME_DOMAIN_DMA_FQ, NULL), 0);
	assert_state("DMA-FQ");
	/* In the other direction not. */
	refuses(NNVME_DOMAIN_DMA, -EBUSY, "mounted");
}

static void live_refused(void **state)
{
	struct nnvme_err err;

	fake_file("DMA\n", TYPE);
	fake.type_errno = ENOMEM;
	fake_assert_err(nnvme_iommu_group_set(FAKE_IOMMU, NNVME_DOMAIN_DMA_FQ, &err), -ENOMEM, &err,
			"group 5 of " FAKE_IOMMU " DMA-FQ");
	assert_state("DMA");
}

/* VFIO's drivers don't use the group's default domain while nobody has the device open. */
static void bound_to_vfio(void **state)
{
	struct nnvme_err err;

	assert_int_equal(nnvme_pci_bind(FAKE_IOMMU, 0, NULL), 0);
	assert_int_equal(nnvme_iommu_group_set(FAKE_IOMMU, NNVME_DOMAIN_IDENTITY, NULL), 0);
	assert_string_equal(fake_text(TYPE), "identity\n");
	assert_string_equal(fake_driver(FAKE_IOMMU), "vfio-pci");
	fake_link("/dev/vfio/devices/vfio0", "/proc/77/fd/9");
	fake_file("fio\n", "/proc/77/comm");
	fake_assert_err(nnvme_iommu_group_set(FAKE_IOMMU, NNVME_DOMAIN_DMA, &err), -EBUSY, &err,
			"process 77 (fio)");
	assert_string_equal(fake_text(TYPE), "identity\n");
	fake_remove("/proc/77");
	/* And bind's state file is still there. */
	assert_int_equal(nnvme_pci_unbind(FAKE_IOMMU, NULL), 0);
	assert_state("identity");
}

static void keeps_the_override(void **state)
{
	fake_file("nvme\n", "/sys/bus/pci/devices/%s/driver_override", FAKE_IOMMU);
	assert_int_equal(nnvme_iommu_group_set(FAKE_IOMMU, NNVME_DOMAIN_IDENTITY, NULL), 0);
	assert_string_equal(fake_text("/sys/bus/pci/devices/%s/driver_override", FAKE_IOMMU),
			    "nvme");
}

/* The disks are back before the call returns. */
static void waits_for_disks(void **state)
{
	fake.slow_disks = 7;
	assert_int_equal(nnvme_iommu_group_set(FAKE_IOMMU, NNVME_DOMAIN_IDENTITY, NULL), 0);
	assert_int_equal(fake.pauses, 7);
	fake.slow_disks = 1000;	/* but not for ever */
	fake.pauses = 0;
	assert_int_equal(nnvme_iommu_group_set(FAKE_IOMMU, NNVME_DOMAIN_DMA, NULL), 0);
	assert_in_range(fake.pauses, 100, 999);
	assert_state("DMA");
}

/* --- refusals --- */

static void in_use(void **state)
{
	fake_file(MOUNTED("259:1", "nvme1n1"), "/proc/self/mountinfo");
	refuses(NNVME_DOMAIN_IDENTITY, -EBUSY, "mounted on /mnt/data");
	fake_file("", "/proc/self/mountinfo");
	fake_file("Filename\n/dev/nvme1n1 partition 1 0 -2\n", "/proc/swaps");
	refuses(NNVME_DOMAIN_DMA, -EBUSY, "swap space");
	fake_file("", "/proc/swaps");
	fake_disk(NULL, "dm-0", "253:0\n");
	fake_file("", "/sys/class/block/nvme1n1/holders/dm-0");
	refuses(NNVME_DOMAIN_AUTO, -EBUSY, "held by /dev/dm-0");
	fake_remove("/sys/class/block/nvme1n1/holders/dm-0");
	fake.fail_open = "/dev/nvme1n1";
	fake.open_errno = EBUSY;
	refuses(NNVME_DOMAIN_IDENTITY, -EBUSY, "/dev/nvme1n1");
	assert_int_equal(fake.type_writes, 0);
}

static void may_not(void **state)
{
	fake.caps_missing = CAP_SYS_ADMIN;
	refuses(NNVME_DOMAIN_IDENTITY, -EPERM, "has no CAP_SYS_ADMIN");
	fake.caps_missing = CAP_SYS_RAWIO;
	refuses(NNVME_DOMAIN_IDENTITY, -EPERM, "has no CAP_SYS_RAWIO");
	fake.caps_missing = -1;
	fake.fail_open = STATE;
	fake.open_errno = EACCES;
	refuses(NNVME_DOMAIN_IDENTITY, -EPERM, "run as root");
	fake.fail_open = "/driver_override";
	refuses(NNVME_DOMAIN_IDENTITY, -EPERM, "run as root");
	assert_int_equal(fake.type_writes, 0);
}

static void no_default_domain(void **state)
{
	struct nnvme_err err;

	fake_file("unknown\n", TYPE);
	fake_assert_err(nnvme_iommu_group_set(FAKE_IOMMU, NNVME_DOMAIN_DMA, &err), -EOPNOTSUPP,
			&err, "\"unknown\"");
	fake_assert_err(nnvme_iommu_group_set(FAKE_NOIOMMU, NNVME_DOMAIN_DMA, &err), -EOPNOTSUPP,
			&err, "no IOMMU behind it");
	fake_assert_err(nnvme_iommu_group_set(FAKE_IOMMU, NNVME_DOMAIN_OTHER, &err), -EINVAL, &err,
			"not a domain type");
	assert_string_equal(fake_driver(FAKE_IOMMU), "nvme");
	assert_int_equal(fake.type_writes, 0);
}

/* Each errno of the kernel, in words; afterwards all is as before. */
static void kernel_refuses(void **state)
{
	static const struct {
		enum nnvme_domain type;
		int kernel, code;
		const char *words;
	} is[] = {
		{ NNVME_DOMAIN_IDENTITY, EACCES, -EPERM, "CAP_SYS_ADMIN and CAP_SYS_RAWIO" },
		{ NNVME_DOMAIN_IDENTITY, EPERM, -EBUSY, "owns the DMA" },
		{ NNVME_DOMAIN_IDENTITY, EBUSY, -EBUSY, "owns the DMA" },
		{ NNVME_DOMAIN_IDENTITY, EINVAL, -EINVAL, "(untrusted) never gets identity" },
		{ NNVME_DOMAIN_DMA, EINVAL, -EINVAL, "only ever given identity" },
		{ NNVME_DOMAIN_AUTO, EINVAL, -EINVAL, "doesn't allow that type" },
		{ NNVME_DOMAIN_DMA, ENOENT, -EOPNOTSUPP, "5.11" },
		{ NNVME_DOMAIN_DMA, ENOMEM, -ENOMEM, "Cannot allocate memory" },
		{ NNVME_DOMAIN_DMA, ENODEV, -ENODEV, "dmesg" },
	};
	struct nnvme_err err;

	for (size_t i = 0; i < sizeof(is) / sizeof(is[0]); i++) {
		fake.type_errno = is[i].kernel;
		refuses(is[i].type, is[i].code, is[i].words);
	}
	fake_file("identity\n", TYPE);
	fake.type_errno = EINVAL;
	fake_assert_err(nnvme_iommu_group_set(FAKE_IOMMU, NNVME_DOMAIN_DMA_FQ, &err), -EINVAL, &err,
			"5.15");
	assert_state("identity");
}

/* Before 6.4: EINVAL for every group of more than one. */
static void kernel_refuses_several(void **state)
{
	second_controller();
	fake.type_errno = EINVAL;
	refuses(NNVME_DOMAIN_IDENTITY, -EINVAL, "before Linux 6.4");
	assert_string_equal(fake_driver(SECOND), "nvme");
}

static void reads_back(void **state)
{
	struct nnvme_err err;

	/* drivers/iommu/dma-iommu.c: without deferred flushes, DMA-FQ quietly becomes DMA. */
	fake_file("identity\n", TYPE);
	fake.type_gives = "DMA";
	fake_assert_err(nnvme_iommu_group_set(FAKE_IOMMU, NNVME_DOMAIN_DMA_FQ, &err), -EOPNOTSUPP,
			&err, "got the type DMA instead of DMA-FQ");
	/*
	 * The former type can't be restored either: that is reported, and restored when possible.
	 */
	assert_non_null(strstr(err.text, "noiommu-nvme domain " FAKE_IOMMU " --restore"));
	assert_string_equal(fake_driver(FAKE_IOMMU), "nvme");
	fake.type_gives = NULL;
	assert_int_equal(nnvme_iommu_group_restore(FAKE_IOMMU, &err), 1);
	assert_state("identity");
}

/* The driver fails with the new type: it gets the old one back. */
static void driver_refuses_the_type(void **state)
{
	fake.refuses_type = "identity\n";
	refuses(NNVME_DOMAIN_IDENTITY, -ENODEV,
		"cannot rebind " FAKE_IOMMU ": the driver nvme did not take it");
	assert_int_equal(fake.type_writes, 2);
}

static void driver_gone(void **state)
{
	struct nnvme_err err;

	fake.refuses = "nvme";
	fake_assert_err(nnvme_iommu_group_set(FAKE_IOMMU, NNVME_DOMAIN_IDENTITY, &err), -ENODEV,
			&err, "--restore");
	assert_string_equal(fake_text(TYPE), "DMA-FQ\n");
	assert_string_equal(fake_driver(FAKE_IOMMU), "");
	fake_assert_err(nnvme_iommu_group_restore(FAKE_IOMMU, &err), -ENODEV, &err, "dmesg");
	fake.refuses = NULL;
	assert_int_equal(nnvme_iommu_group_restore(FAKE_IOMMU, &err), 1);
	assert_state("DMA-FQ");
}

/* --- groups of several --- */

static void several_controllers(void **state)
{
	struct nnvme_err err;

	second_controller();
	assert_int_equal(nnvme_iommu_group_set(SECOND, NNVME_DOMAIN_IDENTITY, &err), 0);
	assert_state("identity");
	assert_string_equal(fake_driver(SECOND), "nvme");
	assert_int_equal(nnvme_iommu_group_set(FAKE_IOMMU, NNVME_DOMAIN_DMA_FQ, &err), 0);
	/* Whichever member's disk is in use. */
	fake_file(MOUNTED("259:2", "nvme2n1"), "/proc/self/mountinfo");
	refuses(NNVME_DOMAIN_DMA, -EBUSY, "/dev/nvme2n1 is mounted");
	/* Only one of them can be unbound: the other gets its driver back. */
	fake_file("", "/proc/self/mountinfo");
	fake.fail_open = SECOND "/driver_override";
	fake.open_errno = ENOSPC;
	refuses(NNVME_DOMAIN_DMA, -ENOSPC, SECOND);
	assert_string_equal(fake_driver(SECOND), "nvme");
}

static void others_in_the_group(void **state)
{
	fake_pci_device("0000:00:10.2", "0x020000\n", "e1000e");
	fake_group_add("0000:00:10.2");
	refuses(NNVME_DOMAIN_IDENTITY, -EBUSY, "0000:00:10.2, which is in it, is driven by e1000e");
	refuses(NNVME_DOMAIN_IDENTITY, -EBUSY, "echo 0000:00:10.2 > /sys/kernel/iommu_groups/5/");
	assert_string_equal(fake_driver("0000:00:10.2"), "e1000e");
	assert_int_equal(fake.type_writes, 0);
	fake_remove("/sys/bus/pci/devices/0000:00:10.2/driver");
	assert_int_equal(nnvme_iommu_group_set(FAKE_IOMMU, NNVME_DOMAIN_IDENTITY, NULL), 0);
	assert_string_equal(fake_driver("0000:00:10.2"), "");
}

/* Bridges, and devices of other buses. */
static void harmless_in_the_group(void **state)
{
	fake_pci_device("0000:00:10.2", "0x060400\n", "pcieport");
	fake_group_add("0000:00:10.2");
	fake_file("", "/sys/kernel/iommu_groups/5/devices/platform.0/uevent");
	assert_int_equal(nnvme_iommu_group_set(FAKE_IOMMU, NNVME_DOMAIN_IDENTITY, NULL), 0);
	assert_string_equal(fake_driver("0000:00:10.2"), "pcieport");
	assert_state("identity");
	fake_link("../../drivers/sdhci", "/sys/kernel/iommu_groups/5/devices/platform.0/driver");
	assert_int_equal(nnvme_iommu_group_set(FAKE_IOMMU, NNVME_DOMAIN_DMA, NULL), -EBUSY);
}

/* --- for a while --- */

static void hold_and_release(void **state)
{
	struct nnvme_iommu_hold *hold;
	struct nnvme_iommu_group g = { .size = sizeof(g), .member_size = sizeof(*g.members) };
	struct nnvme_err err;

	assert_int_equal(nnvme_iommu_group_hold(FAKE_IOMMU, NNVME_DOMAIN_IDENTITY, &hold, &err), 0);
	assert_string_equal(fake_text(TYPE), "identity\n");
	assert_string_equal(fake_driver(FAKE_IOMMU), "nvme");
	assert_int_equal(nnvme_iommu_group_read(FAKE_IOMMU, &g, &err), 0);
	assert_int_equal(g.holder, getpid());
	assert_false(g.unfinished);
	nnvme_iommu_group_free(&g);
	/* Meanwhile nobody else can change it, not even to the type it had. */
	fake_assert_err(nnvme_iommu_group_set(FAKE_IOMMU, NNVME_DOMAIN_IDENTITY, &err), -EBUSY,
			&err, "held by another program");
	fake_assert_err(nnvme_iommu_group_restore(FAKE_IOMMU, &err), -EBUSY, &err, "held");
	assert_int_equal(nnvme_iommu_group_release(&hold, &err), 0);
	assert_state("DMA-FQ");
	assert_int_equal(nnvme_iommu_group_release(&hold, &err), 0);	/* once is enough */
}

static void hold_what_it_is(void **state)
{
	struct nnvme_iommu_hold *hold;

	fake_file(MOUNTED("259:1", "nvme1n1"), "/proc/self/mountinfo");
	assert_int_equal(nnvme_iommu_group_hold(FAKE_IOMMU, NNVME_DOMAIN_DMA_FQ, &hold, NULL), 0);
	assert_int_equal(nnvme_iommu_group_set(FAKE_IOMMU, NNVME_DOMAIN_DMA_FQ, NULL), -EBUSY);
	assert_int_equal(nnvme_iommu_group_release(&hold, NULL), 0);
	assert_int_equal(fake.type_writes, 0);
	assert_state("DMA-FQ");
}

/* The command left the disk mounted. */
static void release_when_in_use(void **state)
{
	struct nnvme_iommu_hold *hold;
	struct nnvme_iommu_group g = { .size = sizeof(g), .member_size = sizeof(*g.members) };
	struct nnvme_err err;

	assert_int_equal(nnvme_iommu_group_hold(FAKE_IOMMU, NNVME_DOMAIN_IDENTITY, &hold, &err), 0);
	fake_file(MOUNTED("259:1", "nvme1n1"), "/proc/self/mountinfo");
	fake_assert_err(nnvme_iommu_group_release(&hold, &err), -EBUSY, &err, "mounted");
	assert_null(hold);
	assert_int_equal(fake.fds, 0);
	assert_int_equal(nnvme_iommu_group_read(FAKE_IOMMU, &g, &err), 0);
	assert_true(g.unfinished);
	nnvme_iommu_group_free(&g);
	fake_file("", "/proc/self/mountinfo");
	assert_int_equal(nnvme_iommu_group_restore(FAKE_IOMMU, &err), 1);
	assert_state("DMA-FQ");
	assert_int_equal(nnvme_iommu_group_restore(FAKE_IOMMU, &err), 0);
}

static void hold_refused(void **state)
{
	struct nnvme_iommu_hold *hold;
	struct nnvme_err err;

	fake.type_errno = EINVAL;
	fake_assert_err(nnvme_iommu_group_hold(FAKE_IOMMU, NNVME_DOMAIN_IDENTITY, &hold, &err),
			-EINVAL, &err, "identity");
	assert_state("DMA-FQ");
	assert_null(hold);
	assert_int_equal(nnvme_iommu_group_release(&hold, &err), 0);
}

/* The next change first undoes what was left. */
static void left_by_another(void **state)
{
	struct nnvme_err err;

	fake_file("DMA DMA-FQ 4711\n", STATE);
	assert_int_equal(nnvme_iommu_group_restore(FAKE_IOMMU, &err), 1);
	assert_state("DMA");
	fake_file("identity DMA 4711\n", STATE);
	assert_int_equal(nnvme_iommu_group_set(FAKE_IOMMU, NNVME_DOMAIN_DMA, &err), 0);
	assert_state("DMA");
	assert_int_equal(fake.type_writes, 3);
	fake_file("", STATE);	/* its writer had not begun */
	assert_int_equal(nnvme_iommu_group_restore(FAKE_IOMMU, &err), 0);
	fake_file("gibberish\n", STATE);
	fake_assert_err(nnvme_iommu_group_restore(FAKE_IOMMU, &err), -EBADMSG, &err, "group 5");
	fake_file("other DMA 4711\n", STATE);
	fake_assert_err(nnvme_iommu_group_set(FAKE_IOMMU, NNVME_DOMAIN_DMA, &err), -EBADMSG, &err,
			"5");
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, fake_setup, fake_teardown)

static void other_sizes(void **state)
{
	struct {
		struct nnvme_iommu_group group;
		char later[16];
	} new;
	const struct nnvme_iommu_member *second;
	struct nnvme_iommu_group g = { .size = sizeof(g) };
	struct nnvme_err err;

	fake_pci_device(SECOND, "0x060400\n", "");
	fake_group_add(SECOND);
	memset(&new, 'x', sizeof(new));
	new.group.size = sizeof(new);
	new.group.member_size = sizeof(struct nnvme_iommu_member) + 8;
	assert_int_equal(nnvme_iommu_group_read(FAKE_IOMMU, &new.group, NULL), 0);
	assert_int_equal(new.group.count, 2);
	assert_int_equal(new.group.members[0].size, new.group.member_size);
	second = (void *)((char *)new.group.members + new.group.member_size);
	assert_string_equal(second->name, SECOND);
	assert_int_equal(new.later[0], 0);
	assert_int_equal(new.later[15], 0);
	new.later[0] = 'x';
	nnvme_iommu_group_free(&new.group);
	assert_int_equal(new.later[0], 'x');
	assert_int_equal(new.group.size, sizeof(new));	/* ready for the next */
	fake_assert_err(nnvme_iommu_group_read(FAKE_IOMMU, &g, &err), -EINVAL, &err,
			"sizeof(struct nnvme_iommu_member)");
	g.size--;
	fake_assert_err(nnvme_iommu_group_read(FAKE_IOMMU, &g, &err), -EINVAL, &err,
			"sizeof(struct nnvme_iommu_group)");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(reads_the_group), TEST(reads_every_type), TEST(names_of_types),
		TEST(cannot_be_read), TEST(every_switch), TEST(set_already), TEST(auto_set_already),
		TEST(live), TEST(live_refused), TEST(bound_to_vfio), TEST(keeps_the_override),
		TEST(waits_for_disks), TEST(in_use), TEST(may_not), TEST(no_default_domain),
		TEST(kernel_refuses), TEST(kernel_refuses_several), TEST(reads_back),
		TEST(driver_refuses_the_type), TEST(driver_gone), TEST(several_controllers),
		TEST(others_in_the_group), TEST(harmless_in_the_group), TEST(hold_and_release),
		TEST(hold_what_it_is), TEST(release_when_in_use), TEST(hold_refused),
		TEST(left_by_another),
		TEST(other_sizes),
	};

	return cmocka_run_group_tests_name("kernel_group", tests, NULL, NULL);
}
