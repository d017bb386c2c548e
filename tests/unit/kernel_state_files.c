// SPDX-License-Identifier: MIT
/*
 * What earlier runs left in /run/noiommu-nvme: undone only where it is still so, and never lost
 * before that. And the locks between runs.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "noiommu_nvme/iommu_group.h"
#include "kernel/lock.h"
#include "kernel/sys.h"
#include "kernel_fake.h"

#define BDF_STATE "/run/noiommu-nvme/" FAKE_IOMMU
#define GROUP_STATE "/run/noiommu-nvme/group-5"
#define TYPE "/sys/kernel/iommu_groups/5/type"
#define OVERRIDE "/sys/bus/pci/devices/" FAKE_IOMMU "/driver_override"

static void by_hand(const char *driver, const char *override)
{
	char target[64];

	fake_remove("/sys/bus/pci/devices/%s/vfio-dev", FAKE_IOMMU);
	fake_remove("/sys/bus/pci/devices/%s/driver", FAKE_IOMMU);
	snprintf(target, sizeof(target), "../../drivers/%s", driver);
	fake_file("", "/sys/bus/pci/drivers/%s/unbind", driver);
	if (*driver)
		fake_link(target, "/sys/bus/pci/devices/%s/driver", FAKE_IOMMU);
	fake_file(override, OVERRIDE);
}

static void assert_is(const char *driver, const char *override)
{
	assert_string_equal(fake_driver(FAKE_IOMMU), driver);
	assert_string_equal(fake_text(OVERRIDE), override);
	assert_int_equal(fake.fds, 0);
}

/* --- a device --- */

static void given_to_another_driver(void **state)
{
	assert_int_equal(nnvme_pci_bind(FAKE_IOMMU, 0, NULL), 0);
	by_hand("uio_pci_generic", "uio_pci_generic\n");
	assert_int_equal(nnvme_pci_unbind(FAKE_IOMMU, NULL), 0);
	assert_is("uio_pci_generic", "uio_pci_generic\n");
	assert_string_equal(fake_text(BDF_STATE), "");
}

/* The same, but the driver is the one that it had. */
static void override_by_hand(void **state)
{
	assert_int_equal(nnvme_pci_bind(FAKE_IOMMU, 0, NULL), 0);
	by_hand("nvme", "nvme\n");
	assert_int_equal(nnvme_pci_unbind(FAKE_IOMMU, NULL), 0);
	assert_is("nvme", "nvme\n");
}

static void left_without_a_driver(void **state)
{
	assert_int_equal(nnvme_pci_bind(FAKE_IOMMU, 0, NULL), 0);
	by_hand("", "pci-stub\n");
	assert_int_equal(nnvme_pci_unbind(FAKE_IOMMU, NULL), 0);
	assert_is("", "pci-stub\n");
	assert_string_equal(fake_text(BDF_STATE), "");
}

/* It still has VFIO's driver: that is undone, the newer override stays. */
static void newer_override(void **state)
{
	assert_int_equal(nnvme_pci_bind(FAKE_IOMMU, 0, NULL), 0);
	fake_file("mine\n", OVERRIDE);
	assert_int_equal(nnvme_pci_unbind(FAKE_IOMMU, NULL), 0);
	assert_is("nvme", "mine");
}

static void another_bind_by_hand(void **state)
{
	assert_int_equal(nnvme_pci_bind(FAKE_IOMMU, 0, NULL), 0);
	by_hand("special", "special\n");
	assert_int_equal(nnvme_pci_bind(FAKE_IOMMU, 0, NULL), 0);
	assert_int_equal(nnvme_pci_unbind(FAKE_IOMMU, NULL), 0);
	assert_is("special", "special");
}

static void domain_leaves_it_alone(void **state)
{
	assert_int_equal(nnvme_pci_bind(FAKE_IOMMU, 0, NULL), 0);
	by_hand("", "(null)\n");
	assert_int_equal(nnvme_iommu_group_set(FAKE_IOMMU, NNVME_DOMAIN_IDENTITY, NULL), 0);
	assert_is("", "(null)\n");
	by_hand("", "mine\n");
	assert_int_equal(nnvme_iommu_group_set(FAKE_IOMMU, NNVME_DOMAIN_DMA, NULL), 0);
	assert_is("", "mine\n");
}

/* While it is without a driver during a change, no driver that is loaded takes it. */
static const char *override_meanwhile;

static void look_at_override(void)
{
	static char text[64];

	snprintf(text, sizeof(text), "%s", fake_text(OVERRIDE));
	override_meanwhile = text;
}

static void detached_stays_so(void **state)
{
	fake.at_unbind = look_at_override;
	assert_int_equal(nnvme_iommu_group_set(FAKE_IOMMU, NNVME_DOMAIN_IDENTITY, NULL), 0);
	assert_string_equal(override_meanwhile, "noiommu-nvme");
	assert_is("nvme", "(null)\n");
}

/* A refusal leaves the state file of an earlier run that was killed. */
static void refusal_keeps_the_state_file(void **state)
{
	static const char text[] = "nvme\nmine\nvfio-pci\n";
	struct nnvme_err err;

	fake_file(text, BDF_STATE);
	fake_file("vfio-pci\n", OVERRIDE);
	fake.fail_open = "/dev/nvme1n1";
	fake.open_errno = EBUSY;
	fake_assert_err(nnvme_pci_bind(FAKE_IOMMU, 0, &err), -EBUSY, &err, "/dev/nvme1n1");
	assert_string_equal(fake_text(BDF_STATE), text);
	fake.open_before = 1;	/* somebody came after the question */
	fake_assert_err(nnvme_iommu_group_set(FAKE_IOMMU, NNVME_DOMAIN_IDENTITY, &err), -EBUSY,
			&err, "/dev/nvme1n1");
	fake.fail_open = NULL;
	assert_is("nvme", "mine");
	assert_string_equal(fake_text(BDF_STATE), "");
	fake_file(text, BDF_STATE);
	fake_file("vfio-pci\n", OVERRIDE);
	assert_int_equal(nnvme_pci_unbind(FAKE_IOMMU, &err), 0);
	assert_is("nvme", "mine");
}

/* So does a noiommu mode that can't be turned on. */
static void mode_keeps_the_state_file(void **state)
{
	static const char text[] = "nvme\nmine\nvfio-pci\n";
	struct nnvme_err err;

	fake_file(text, "/run/noiommu-nvme/" FAKE_NOIOMMU);
	fake_file("vfio-pci\n", "/sys/bus/pci/devices/" FAKE_NOIOMMU "/driver_override");
	fake.fail_open = "/enable_unsafe_noiommu_mode";
	fake.open_errno = EACCES;
	fake.open_before = 1;	/* it is read before */
	fake_assert_err(nnvme_pci_bind(FAKE_NOIOMMU, NNVME_BIND_UNSAFE_NOIOMMU, &err), -EPERM, &err,
			"turn noiommu mode on");
	assert_string_equal(fake_text("/run/noiommu-nvme/" FAKE_NOIOMMU), text);
}

static void damaged(void **state)
{
	static const char *const texts[] = {
		"gibberish\n", "nvme\n(null)\n", "\n\n\n", "../../x\n(null)\nvfio-pci\n",
		"a\nb\nc\nd\ne\n",
	};
	struct nnvme_err err;

	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
		fake_rebuild();
		fake_file(texts[i], BDF_STATE);
		if (!strcmp(texts[i], "\n\n\n"))	/* that counts as none */
			continue;
		fake_assert_err(nnvme_pci_bind(FAKE_IOMMU, 0, &err), -EBADMSG, &err, "rm "
				BDF_STATE);
		fake_bind_vfio(FAKE_IOMMU);
		fake_assert_err(nnvme_pci_unbind(FAKE_IOMMU, &err), -EBADMSG, &err, "rm "
				BDF_STATE);
		assert_string_equal(fake_driver(FAKE_IOMMU), "vfio-pci");
		assert_int_equal(fake.fds, 0);
	}
}

/* driver_override takes a page. */
static void long_override(void **state)
{
	char text[2001];

	memset(text, 'x', sizeof(text) - 1);
	text[sizeof(text) - 1] = 0;
	text[70] = ' ';
	fake_file(text, OVERRIDE);
	assert_int_equal(nnvme_pci_bind(FAKE_IOMMU, 0, NULL), 0);
	assert_int_equal(nnvme_pci_unbind(FAKE_IOMMU, NULL), 0);
	assert_is("nvme", text);
}

/* --- a group --- */

static void type_by_hand(void **state)
{
	struct nnvme_err err;

	fake_file("DMA identity 4711\n", GROUP_STATE);	/* it was DMA, was made identity, */
	fake_file("DMA-FQ\n", TYPE);			/* and is something else now */
	assert_int_equal(nnvme_iommu_group_restore(FAKE_IOMMU, &err), 1);
	assert_string_equal(fake_text(TYPE), "DMA-FQ\n");
	assert_string_equal(fake_text(GROUP_STATE), "");
	assert_int_equal(fake.type_writes, 0);
	fake_file("identity auto 4711\n", GROUP_STATE);	/* not known what that gave */
	assert_int_equal(nnvme_iommu_group_restore(FAKE_IOMMU, &err), 1);
	assert_string_equal(fake_text(TYPE), "identity\n");
}

static void changed_while_held(void **state)
{
	struct nnvme_iommu_hold *hold;

	assert_int_equal(nnvme_iommu_group_hold(FAKE_IOMMU, NNVME_DOMAIN_IDENTITY, &hold, NULL), 0);
	fake_file("DMA\n", TYPE);
	assert_int_equal(nnvme_iommu_group_release(&hold, NULL), 0);
	assert_string_equal(fake_text(TYPE), "DMA\n");
	assert_string_equal(fake_text(GROUP_STATE), "");
}

static void damaged_group(void **state)
{
	struct nnvme_iommu_group g = { .size = sizeof(g), .member_size = sizeof(*g.members) };
	struct nnvme_err err;

	fake_file("gibberish\n", GROUP_STATE);
	/* What is known of the group is reported all the same. */
	assert_int_equal(nnvme_iommu_group_read(FAKE_IOMMU, &g, &err), 0);
	assert_true(g.unfinished);
	nnvme_iommu_group_free(&g);
	fake_assert_err(nnvme_iommu_group_restore(FAKE_IOMMU, &err), -EBADMSG, &err, "rm "
			GROUP_STATE);
	fake_assert_err(nnvme_iommu_group_set(FAKE_IOMMU, NNVME_DOMAIN_DMA, &err), -EBADMSG, &err,
			"rm " GROUP_STATE);
	assert_string_equal(fake_text(TYPE), "DMA-FQ\n");
}

/* --- locks --- */

/* Anybody can open sysfs's file, and so could lock it. */
static void type_locked_by_anybody(void **state)
{
	char path[200];
	int fd;

	snprintf(path, sizeof(path), "%s" TYPE, nnvme_sys.root);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	assert_int_equal(flock(fd, LOCK_EX | LOCK_NB), 0);
	assert_int_equal(nnvme_iommu_group_set(FAKE_IOMMU, NNVME_DOMAIN_IDENTITY, NULL), 0);
	assert_string_equal(fake_text(TYPE), "identity\n");
	close(fd);
}

static void locks_are_roots(void **state)
{
	char path[200];
	struct stat st;

	assert_int_equal(nnvme_iommu_group_set(FAKE_IOMMU, NNVME_DOMAIN_IDENTITY, NULL), 0);
	snprintf(path, sizeof(path), "%s" NNVME_LOCKS, nnvme_sys.root);
	assert_int_equal(stat(path, &st), 0);
	assert_int_equal(st.st_mode & 077, 0);
	snprintf(path, sizeof(path), "%s" NNVME_LOCKS "/group-5", nnvme_sys.root);
	assert_int_equal(stat(path, &st), 0);
	assert_int_equal(st.st_mode & 077, 0);
}

static void names_who_has_the_lock(void **state)
{
	int fd, holder;
	struct nnvme_err err;
	char who[40];

	assert_int_equal(nnvme_lock_file("group-5", 0, &fd, &holder), 0);
	snprintf(who, sizeof(who), "(process %d)", getpid());
	fake_assert_err(nnvme_iommu_group_set(FAKE_IOMMU, NNVME_DOMAIN_IDENTITY, &err), -EBUSY,
			&err, who);
	fake_file("", NNVME_LOCKS "/group-5");	/* it had no time to write it */
	fake_assert_err(nnvme_iommu_group_set(FAKE_IOMMU, NNVME_DOMAIN_IDENTITY, &err), -EBUSY,
			&err, "another program; wait");
	assert_null(strstr(err.text, "process"));
	nnvme_sys_close(&fd);
	assert_int_equal(nnvme_iommu_group_set(FAKE_IOMMU, NNVME_DOMAIN_IDENTITY, &err), 0);
}

/* One at a time: bind, unbind and a type change of the device's group. */
static void binds_exclude_each_other(void **state)
{
	struct nnvme_err err;
	int fd, holder;

	assert_int_equal(nnvme_lock_file(FAKE_IOMMU, 0, &fd, &holder), 0);
	fake_assert_err(nnvme_pci_bind(FAKE_IOMMU, 0, &err), -EBUSY, &err,
			"another program (process");
	assert_true(fake.pauses > 100);		/* it was waited for */
	assert_string_equal(fake_driver(FAKE_IOMMU), "nvme");
	assert_string_equal(fake_text(OVERRIDE), "(null)\n");
	fake_assert_err(nnvme_iommu_group_set(FAKE_IOMMU, NNVME_DOMAIN_IDENTITY, &err), -EBUSY,
			&err, "another program (process");
	assert_string_equal(fake_text(GROUP_STATE), "");
	nnvme_sys_close(&fd);
	assert_int_equal(nnvme_pci_bind(FAKE_IOMMU, 0, &err), 0);
	assert_int_equal(nnvme_lock_file(FAKE_IOMMU, 0, &fd, &holder), 0);
	fake_assert_err(nnvme_pci_unbind(FAKE_IOMMU, &err), -EBUSY, &err,
			"another program (process");
	/* What is so already needs no lock. */
	assert_int_equal(nnvme_pci_bind(FAKE_IOMMU, 0, &err), 0);
	nnvme_sys_close(&fd);
	assert_int_equal(nnvme_pci_unbind(FAKE_IOMMU, &err), 0);
	assert_is("nvme", "(null)\n");
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, fake_setup, fake_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(given_to_another_driver), TEST(override_by_hand), TEST(left_without_a_driver),
		TEST(newer_override), TEST(another_bind_by_hand), TEST(domain_leaves_it_alone),
		TEST(detached_stays_so), TEST(refusal_keeps_the_state_file),
		TEST(mode_keeps_the_state_file), TEST(damaged),
		TEST(long_override),
		TEST(type_by_hand), TEST(changed_while_held), TEST(damaged_group),
		TEST(type_locked_by_anybody), TEST(locks_are_roots), TEST(names_who_has_the_lock),
		TEST(binds_exclude_each_other),
	};

	return cmocka_run_group_tests_name("kernel_state_files", tests, NULL, NULL);
}
