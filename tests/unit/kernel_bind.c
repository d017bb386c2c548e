// SPDX-License-Identifier: MIT
/* Moving a controller to vfio-pci and back. */
#include <errno.h>
#include <string.h>

#include "noiommu_nvme/pci.h"
#include "kernel_fake.h"

#define STATE "/run/noiommu-nvme/" FAKE_NOIOMMU
#define SWITCH "/sys/module/vfio/parameters/enable_unsafe_noiommu_mode"
#define OVERRIDE "/sys/bus/pci/devices/" FAKE_NOIOMMU "/driver_override"

/* As it was before anything was tried. */
static void assert_untouched(const char *bdf)
{
	assert_string_equal(fake_driver(bdf), "nvme");
	assert_string_equal(fake_text("/sys/bus/pci/devices/%s/driver_override", bdf), "(null)\n");
	assert_string_equal(fake_text("/run/noiommu-nvme/%s", bdf), "");
	assert_int_equal(fake_text(SWITCH)[0], 'N');
	assert_int_equal(fake.fds, 0);
}

static void refuses(const char *bdf, unsigned flags, int code, const char *words)
{
	struct nnvme_err err;

	fake_assert_err(nnvme_pci_bind(bdf, flags, &err), code, &err, words);
	assert_int_equal(fake.fds, 0);
}

static void bind_behind_iommu(void **state)
{
	struct nnvme_pci_info info = { .size = sizeof(info) };

	assert_int_equal(nnvme_pci_bind("00:10.0", 0, NULL), 0);
	assert_int_equal(nnvme_pci_info(FAKE_IOMMU, &info, NULL), 0);
	assert_string_equal(info.driver, "vfio-pci");
	assert_string_equal(info.vfio_dev, "vfio0");
	assert_string_equal(fake_text("/run/noiommu-nvme/%s", FAKE_IOMMU),
			    "nvme\n(null)\nvfio-pci\n");
	assert_int_equal(fake_text(SWITCH)[0], 'N');	/* has nothing to do with it */
	assert_int_equal(fake.fds, 0);
	assert_int_equal(nnvme_pci_bind(FAKE_IOMMU, 0, NULL), 0);
	assert_int_equal(nnvme_pci_unbind(FAKE_IOMMU, NULL), 0);
	assert_untouched(FAKE_IOMMU);
}

static void noiommu_needs_the_switch(void **state)
{
	refuses(FAKE_NOIOMMU, 0, -EPERM, "noiommu-nvme bind --unsafe-noiommu " FAKE_NOIOMMU);
	refuses(FAKE_NOIOMMU, 0, -EPERM, "memory");
	assert_untouched(FAKE_NOIOMMU);
}

static void noiommu_with_the_flag(void **state)
{
	assert_int_equal(nnvme_pci_bind(FAKE_NOIOMMU, NNVME_BIND_UNSAFE_NOIOMMU, NULL), 0);
	assert_string_equal(fake_driver(FAKE_NOIOMMU), "vfio-pci");
	assert_int_equal(fake_text(SWITCH)[0], 'Y');
	assert_string_equal(fake_text(STATE), "nvme\n(null)\nvfio-pci\n");
	/* Again, with and without the flag: nothing to do, nothing forgotten. */
	assert_int_equal(nnvme_pci_bind(FAKE_NOIOMMU, NNVME_BIND_UNSAFE_NOIOMMU, NULL), 0);
	assert_int_equal(nnvme_pci_bind(FAKE_NOIOMMU, 0, NULL), 0);
	assert_string_equal(fake_text(STATE), "nvme\n(null)\nvfio-pci\n");
	assert_int_equal(nnvme_pci_unbind(FAKE_NOIOMMU, NULL), 0);
	assert_string_equal(fake_driver(FAKE_NOIOMMU), "nvme");
	assert_string_equal(fake_text(OVERRIDE), "(null)\n");
	assert_string_equal(fake_text(STATE), "");
}

/* Programs could not open it then. */
static void noiommu_with_encrypted_memory(void **state)
{
	fake_file("processor\t: 0\nflags\t\t: fpu sme\n", "/proc/cpuinfo");
	refuses(FAKE_NOIOMMU, NNVME_BIND_UNSAFE_NOIOMMU, -EOPNOTSUPP, "mem_encrypt=off");
	assert_int_equal(nnvme_pci_bind(FAKE_IOMMU, 0, NULL), 0);
}

static void noiommu_on_already(void **state)
{
	fake_file("Y\n", SWITCH);
	assert_int_equal(nnvme_pci_bind(FAKE_NOIOMMU, 0, NULL), 0);
	assert_string_equal(fake_driver(FAKE_NOIOMMU), "vfio-pci");
}

static void former_driver_and_override(void **state)
{
	struct nnvme_err err;

	fake_file("special\n", OVERRIDE);
	fake_file("", "/sys/bus/pci/drivers/special/unbind");
	fake_link("../../drivers/special", "/sys/bus/pci/devices/%s/driver", FAKE_NOIOMMU);
	assert_int_equal(nnvme_pci_bind(FAKE_NOIOMMU, NNVME_BIND_UNSAFE_NOIOMMU, &err), 0);
	assert_int_equal(nnvme_pci_unbind(FAKE_NOIOMMU, &err), 0);
	assert_string_equal(fake_driver(FAKE_NOIOMMU), "special");
	assert_string_equal(fake_text(OVERRIDE), "special");
}

static void had_no_driver(void **state)
{
	fake_remove("/sys/bus/pci/devices/%s/driver", FAKE_NOIOMMU);
	assert_int_equal(nnvme_pci_bind(FAKE_NOIOMMU, NNVME_BIND_UNSAFE_NOIOMMU, NULL), 0);
	assert_string_equal(fake_text(STATE), "-\n(null)\nvfio-pci\n");
	assert_int_equal(nnvme_pci_unbind(FAKE_NOIOMMU, NULL), 0);
	assert_string_equal(fake_driver(FAKE_NOIOMMU), "");
}

static void refuses_what_it_should(void **state)
{
	refuses("0000:99:00.0", 0, -ENODEV, "0000:99:00.0");
	refuses(FAKE_OTHER, 0, -ENODEV, "class 0x020000");
	refuses("41", 0, -EINVAL, "0000.41.00.0");
	refuses(FAKE_NOIOMMU, 2, -EINVAL, "flags");
	fake_file("30 22 259:0 / /mnt/data rw - ext4 /dev/nvme0n1 rw\n", "/proc/self/mountinfo");
	refuses(FAKE_NOIOMMU, 1, -EBUSY, "/dev/nvme0n1 is mounted on /mnt/data");
	assert_untouched(FAKE_NOIOMMU);
	assert_string_equal(fake_driver(FAKE_OTHER), "e1000e");
}

/* A program that opens a disk between the check and the unbinding is found by the claim. */
static void claimed_in_between(void **state)
{
	fake.fail_open = "/dev/nvme0n1";
	fake.open_errno = EBUSY;
	refuses(FAKE_NOIOMMU, 1, -EBUSY, "/dev/nvme0n1");
	assert_untouched(FAKE_NOIOMMU);
}

static void not_root(void **state)
{
	fake.fail_open = "/driver_override";
	fake.open_errno = EACCES;
	refuses(FAKE_NOIOMMU, 1, -EPERM, "run as root");
	assert_untouched(FAKE_NOIOMMU);
	fake.fail_open = STATE;
	refuses(FAKE_NOIOMMU, 1, -EPERM, "run as root");
	assert_untouched(FAKE_NOIOMMU);
	fake.fail_open = SWITCH;
	refuses(FAKE_NOIOMMU, 1, -EPERM, "run as root");
	fake.fail_open = "";
	assert_untouched(FAKE_NOIOMMU);
}

static void vfio_refuses(void **state)
{
	fake.vfio_refuses = true;
	refuses(FAKE_NOIOMMU, 1, -EINVAL, FAKE_NOIOMMU);
	assert_untouched(FAKE_NOIOMMU);
	refuses(FAKE_IOMMU, 0, -EINVAL, FAKE_IOMMU);
	assert_untouched(FAKE_IOMMU);
}

static void kernel_without(void **state)
{
	fake.no_noiommu_cdev = true;
	refuses(FAKE_NOIOMMU, 1, -EOPNOTSUPP, "7.3");
	assert_untouched(FAKE_NOIOMMU);
	fake.no_cdev = true;
	refuses(FAKE_IOMMU, 0, -EOPNOTSUPP, "CONFIG_VFIO_DEVICE_CDEV");
	assert_untouched(FAKE_IOMMU);
	fake_remove(SWITCH);
	refuses(FAKE_NOIOMMU, 1, -EOPNOTSUPP, "CONFIG_VFIO_NOIOMMU");
	assert_string_equal(fake_driver(FAKE_NOIOMMU), "nvme");
}

/* No device nodes, but VFIO's containers: enough behind an IOMMU, and only there. */
static void kernel_with_containers(void **state)
{
	struct nnvme_pci_info info = { .size = sizeof(info) };

	fake.no_cdev = true;
	fake_groups();
	assert_int_equal(nnvme_pci_bind(FAKE_IOMMU, 0, NULL), 0);
	assert_string_equal(fake_driver(FAKE_IOMMU), "vfio-pci");
	assert_int_equal(nnvme_pci_info(FAKE_IOMMU, &info, NULL), 0);
	assert_true(info.container && !info.cdev);
	assert_int_equal(nnvme_pci_bind(FAKE_IOMMU, 0, NULL), 0);
	assert_int_equal(nnvme_pci_unbind(FAKE_IOMMU, NULL), 0);
	refuses(FAKE_NOIOMMU, 1, -EOPNOTSUPP, "7.3");
	assert_string_equal(fake_driver(FAKE_NOIOMMU), "nvme");
}

static void loads_the_module(void **state)
{
	fake_remove("/sys/bus/pci/drivers/vfio-pci");
	fake_remove("/sys/module/vfio");
	fake.run_loads = false;
	refuses(FAKE_NOIOMMU, 1, -EOPNOTSUPP, "modprobe vfio-pci");
	assert_string_equal(fake.ran, "modprobe vfio-pci");
	assert_string_equal(fake_driver(FAKE_NOIOMMU), "nvme");
	refuses(FAKE_IOMMU, 1, -EOPNOTSUPP, "CONFIG_VFIO_PCI");
	assert_string_equal(fake_driver(FAKE_IOMMU), "nvme");
	fake.run_loads = true;
	assert_int_equal(nnvme_pci_bind(FAKE_NOIOMMU, NNVME_BIND_UNSAFE_NOIOMMU, NULL), 0);
	assert_string_equal(fake_driver(FAKE_NOIOMMU), "vfio-pci");
}

/* Bound while noiommu mode was off: there is no noiommu node, and binding again creates one. */
static void rebind(void **state)
{
	struct nnvme_pci_info info = { .size = sizeof(info) };

	fake.no_noiommu_cdev = true;
	fake_bind_vfio(FAKE_NOIOMMU);
	fake.no_noiommu_cdev = false;
	fake_file("nvme\n(null)\nvfio-pci\n", STATE);
	fake_file("N\n", SWITCH);
	refuses(FAKE_NOIOMMU, 0, -EPERM, "--unsafe-noiommu");
	assert_int_equal(nnvme_pci_bind(FAKE_NOIOMMU, NNVME_BIND_UNSAFE_NOIOMMU, NULL), 0);
	assert_int_equal(nnvme_pci_info(FAKE_NOIOMMU, &info, NULL), 0);
	assert_true(info.cdev);
	assert_string_equal(fake_text(STATE), "nvme\n(null)\nvfio-pci\n");
	assert_int_equal(nnvme_pci_unbind(FAKE_NOIOMMU, NULL), 0);
	assert_string_equal(fake_driver(FAKE_NOIOMMU), "nvme");
}

static void unbind_what_is_open(void **state)
{
	struct nnvme_err err;

	fake_bind_vfio(FAKE_NOIOMMU);
	fake_link("/dev/vfio/devices/noiommu-vfio0", "/proc/77/fd/9");
	fake_file("fio\n", "/proc/77/comm");
	fake_assert_err(nnvme_pci_unbind(FAKE_NOIOMMU, &err), -EBUSY, &err, "process 77 (fio)");
	assert_string_equal(fake_driver(FAKE_NOIOMMU), "vfio-pci");
}

/* Bound by other means: the kernel chooses. */
static void unbind_without_a_state_file(void **state)
{
	fake_bind_vfio(FAKE_NOIOMMU);
	fake_file("vfio-pci\n", OVERRIDE);
	assert_int_equal(nnvme_pci_unbind(FAKE_NOIOMMU, NULL), 0);
	assert_string_equal(fake_driver(FAKE_NOIOMMU), "nvme");
	assert_string_equal(fake_text(OVERRIDE), "(null)\n");
}

static void unbind_when_not_bound(void **state)
{
	struct nnvme_err err;

	assert_int_equal(nnvme_pci_unbind(FAKE_NOIOMMU, &err), 0);
	assert_untouched(FAKE_NOIOMMU);
	/* The state file of an interrupted bind: the override is removed, too. */
	fake_file("nvme\n(null)\nvfio-pci\n", STATE);
	fake_file("vfio-pci\n", OVERRIDE);
	assert_int_equal(nnvme_pci_unbind(FAKE_NOIOMMU, &err), 0);
	assert_untouched(FAKE_NOIOMMU);
	fake_assert_err(nnvme_pci_unbind(FAKE_OTHER, &err), -ENODEV, &err, "class");
}

static void unbind_driver_gone(void **state)
{
	struct nnvme_err err;

	assert_int_equal(nnvme_pci_bind(FAKE_NOIOMMU, NNVME_BIND_UNSAFE_NOIOMMU, NULL), 0);
	fake_remove("/sys/bus/pci/drivers/nvme");
	fake.run_loads = false;
	fake_assert_err(nnvme_pci_unbind(FAKE_NOIOMMU, &err), -ENODEV, &err, "nvme");
	assert_string_equal(fake.ran, "modprobe nvme");
	fake.run_loads = true;
	assert_int_equal(nnvme_pci_unbind(FAKE_NOIOMMU, &err), 0);
	assert_string_equal(fake_driver(FAKE_NOIOMMU), "nvme");
}

static void another_driver(void **state)
{
	struct nnvme_err err;

	fake_file("", "/sys/bus/pci/drivers/own-vfio-pci/unbind");
	assert_int_equal(nnvme_pci_bind_to(FAKE_IOMMU, "own-vfio-pci", 0, &err), 0);
	assert_string_equal(fake_driver(FAKE_IOMMU), "own-vfio-pci");
	assert_int_equal(nnvme_pci_bind_to(FAKE_IOMMU, "own-vfio-pci", 0, &err), 0);
	/* From one VFIO driver to another: the state file has the driver before both. */
	assert_int_equal(nnvme_pci_bind(FAKE_IOMMU, 0, &err), 0);
	assert_string_equal(fake_driver(FAKE_IOMMU), "vfio-pci");
	assert_int_equal(nnvme_pci_unbind(FAKE_IOMMU, &err), 0);
	assert_untouched(FAKE_IOMMU);
}

static void refuses_to(const char *driver, int code, const char *words)
{
	struct nnvme_err err;

	fake_assert_err(nnvme_pci_bind_to(FAKE_IOMMU, driver, 0, &err), code, &err, words);
	assert_untouched(FAKE_IOMMU);
}

static void unfit_drivers(void **state)
{
	char name[300] = "";

	fake.run_loads = false;
	refuses_to("", -EINVAL, "not the name");
	refuses_to("../vfio-pci", -EINVAL, "not the name");
	memset(name, 'x', sizeof(name) - 1);
	refuses_to(name, -EINVAL, "not the name");
	refuses_to("none-such", -EOPNOTSUPP, "no driver none-such");
	refuses_to("nvme", -EINVAL, "nvme already");
	refuses_to("e1000e", -EINVAL, "e1000e is not a VFIO driver");
}

/* --- programs and other drivers --- */

static const char *opened_at_unbind;

static void open_it(void)
{
	fake_link(opened_at_unbind, "/proc/77/fd/9");
	fake_file("dd\n", "/proc/77/comm");
	fake.at_unbind = NULL;
}

/* A program that opens a disk without O_EXCL after the check is found after the unbinding. */
static void opened_in_between(void **state)
{
	fake.at_unbind = open_it;
	opened_at_unbind = "/dev/nvme0n1";
	refuses(FAKE_NOIOMMU, 1, -EBUSY, "process 77 (dd) has /dev/nvme0n1 open");
	assert_untouched(FAKE_NOIOMMU);
}

static void give_to_uio(const char *bdf)
{
	fake_file("", "/sys/bus/pci/drivers/uio_pci_generic/unbind");
	fake_link("../../drivers/uio_pci_generic", "/sys/bus/pci/devices/%s/driver", bdf);
	fake_file("245:3\n", "/sys/bus/pci/devices/%s/uio/uio3/dev", bdf);
	fake_remove("/sys/bus/pci/devices/%s/nvme", bdf);
	fake_node("c", "245:3", "/dev/uio3");
}

/* Another userspace driver has it: it is not taken away from its program. */
static void live_on_uio(void **state)
{
	give_to_uio(FAKE_IOMMU);
	fake_link("/dev/uio3", "/proc/77/fd/9");
	fake_file("spdk\n", "/proc/77/comm");
	refuses(FAKE_IOMMU, 0, -EBUSY, "process 77 (spdk) has /dev/uio3 open");
	fake_remove("/proc/77");
	fake_link("/sys/devices/pci0000:00/" FAKE_IOMMU "/resource0",
		  "/proc/78/map_files/7f01-7f02");
	fake_file("igb\n", "/proc/78/comm");
	refuses(FAKE_IOMMU, 0, -EBUSY, "78 (igb) has resource0 of the device in sysfs mapped");
	assert_string_equal(fake_driver(FAKE_IOMMU), "uio_pci_generic");
	fake_remove("/proc/78");
	assert_int_equal(nnvme_pci_bind(FAKE_IOMMU, 0, NULL), 0);
	assert_int_equal(nnvme_pci_unbind(FAKE_IOMMU, NULL), 0);
	assert_string_equal(fake_driver(FAKE_IOMMU), "uio_pci_generic");
}

/* A mapping keeps a VFIO device open as a descriptor does. */
static void unbind_what_is_mapped(void **state)
{
	struct nnvme_err err;

	fake_bind_vfio(FAKE_NOIOMMU);
	fake_link("/dev/vfio/devices/noiommu-vfio0", "/proc/77/map_files/7f01-7f02");
	fake_file("fio\n", "/proc/77/comm");
	fake_assert_err(nnvme_pci_unbind(FAKE_NOIOMMU, &err), -EBUSY, &err, "process 77 (fio) has "
			"/dev/vfio/devices/noiommu-vfio0 mapped");
	assert_string_equal(fake_driver(FAKE_NOIOMMU), "vfio-pci");
}

/* The user may be outside: the kernel, and with it this program, would wait for its end. */
static void unbind_in_a_container(void **state)
{
	struct nnvme_err err;

	fake_bind_vfio(FAKE_IOMMU);
	fake_link("pid:[4026532000]", "/proc/self/ns/pid");
	fake_assert_err(nnvme_pci_unbind(FAKE_IOMMU, &err), -EBUSY, &err, "--pid=host");
	assert_string_equal(fake_driver(FAKE_IOMMU), "vfio-pci");
	assert_int_equal(nnvme_pci_can_open(FAKE_IOMMU, NNVME_MODE_AUTO, &err), 0);
}

/* Opened through a group's node it has no name; the group's descriptor may be closed. */
static void unbind_nameless(void **state)
{
	struct nnvme_err err;

	fake_groups();
	fake_file("240:6\n", "/sys/class/vfio/6/dev");
	fake_node("c", "240:6", "/dev/vfio/6");
	fake_bind_vfio(FAKE_IOMMU);
	fake_link("anon_inode:[vfio-device]", "/proc/77/map_files/7f01-7f02");
	fake_file("vm\n", "/proc/77/comm");
	fake_assert_err(nnvme_pci_unbind(FAKE_IOMMU, &err), -EBUSY, &err, "process 77 (vm) has a "
			"VFIO device, which may be this one");
	fake_link("/dev/vfio/6", "/proc/77/fd/5");	/* it is another's */
	assert_int_equal(nnvme_pci_unbind(FAKE_IOMMU, &err), 0);
}

static int probes;

static void count_probe(void)
{
	probes++;
}

/* The kernel's own driver would show the disks, and lose them again while in use. */
static void not_to_the_kernels_driver(void **state)
{
	struct nnvme_err err;

	fake_remove("/sys/bus/pci/devices/%s/driver", FAKE_IOMMU);
	fake.at_probe = count_probe;
	probes = 0;
	fake_assert_err(nnvme_pci_bind_to(FAKE_IOMMU, "nvme", 0, &err), -EINVAL, &err,
			"nvme is not a VFIO driver");
	assert_int_equal(probes, 0);
	assert_string_equal(fake_driver(FAKE_IOMMU), "");
	assert_string_equal(fake_text("/run/noiommu-nvme/%s", FAKE_IOMMU), "");
}

/* Another such driver keeps it if somebody uses its disks by now. */
static void used_at_once(void **state)
{
	struct nnvme_err err;

	fake.at_probe = open_it;
	opened_at_unbind = "/dev/nvme1n1";
	fake_file("", "/sys/bus/pci/drivers/blk/unbind");
	fake_assert_err(nnvme_pci_bind_to(FAKE_IOMMU, "blk", 0, &err), -EINVAL, &err,
			"blk is not a VFIO driver");
	assert_non_null(strstr(err.text, "returning it to the driver nvme failed, too"));
	assert_non_null(strstr(err.text, "process 77 (dd) has /dev/nvme1n1"));
	assert_string_equal(fake_driver(FAKE_IOMMU), "blk");

	/* It had no driver to be returned to: the error must not mention one. */
	fake_rebuild();
	fake_remove("/sys/bus/pci/devices/" FAKE_IOMMU "/driver");
	fake.at_probe = open_it;
	fake_file("", "/sys/bus/pci/drivers/blk/unbind");
	fake_assert_err(nnvme_pci_bind_to(FAKE_IOMMU, "blk", 0, &err), -EINVAL, &err,
			"unbinding it again failed, too");
	assert_null(strstr(err.text, "returning"));
}

static void modprobe_is_missing(void **state)
{
	fake_remove("/sys/bus/pci/drivers/vfio-pci");
	fake.no_modprobe = true;
	refuses(FAKE_IOMMU, 0, -EOPNOTSUPP, "there is no modprobe in PATH or /sbin");
	assert_string_equal(fake.ran, "/sbin/modprobe vfio-pci");
}

/* Neither bound nor returned: the error has both reasons. */
static void both_reasons(void **state)
{
	struct nnvme_err err;

	fake.vfio_refuses = true;
	fake.refuses = "nvme";
	fake_assert_err(nnvme_pci_bind(FAKE_IOMMU, 0, &err), -EINVAL, &err,
			"cannot bind " FAKE_IOMMU ": Invalid argument");
	assert_non_null(strstr(err.text, "rebind " FAKE_IOMMU ": the driver nvme did not take it"));
	assert_non_null(strstr(err.text, "noiommu-nvme unbind " FAKE_IOMMU));
}

static void no_driver_takes_it(void **state)
{
	struct nnvme_err err;

	fake_bind_vfio(FAKE_NOIOMMU);
	fake.refuses = "nvme";
	fake_assert_err(nnvme_pci_unbind(FAKE_NOIOMMU, &err), -ENODEV, &err, "no driver took it");
}

/* A killed run leaves one of these; the next run completes it and knows the former driver. */
static void finishes_a_killed_bind(void **state)
{
	static const struct {
		const char *override;
		bool driver;
	} left[] = { { "(null)\n", true }, { "vfio-pci\n", true }, { "vfio-pci\n", false } };

	for (size_t i = 0; i < sizeof(left) / sizeof(left[0]); i++) {
		fake_rebuild();
		fake_file("nvme\n(null)\nvfio-pci\n", STATE);
		fake_file(left[i].override, OVERRIDE);
		if (!left[i].driver)
			fake_remove("/sys/bus/pci/devices/%s/driver", FAKE_NOIOMMU);
		assert_int_equal(nnvme_pci_bind(FAKE_NOIOMMU, 1, NULL), 0);
		assert_string_equal(fake_driver(FAKE_NOIOMMU), "vfio-pci");
		assert_string_equal(fake_text(STATE), "nvme\n(null)\nvfio-pci\n");
		assert_int_equal(nnvme_pci_unbind(FAKE_NOIOMMU, NULL), 0);
		assert_string_equal(fake_driver(FAKE_NOIOMMU), "nvme");
		assert_string_equal(fake_text(OVERRIDE), "(null)\n");
		assert_string_equal(fake_text(STATE), "");
	}
}

/* And unbind undoes it. */
static void undoes_a_killed_bind(void **state)
{
	fake_file("nvme\n(null)\nvfio-pci\n", STATE);
	fake_file("vfio-pci\n", OVERRIDE);
	fake_remove("/sys/bus/pci/devices/%s/driver", FAKE_NOIOMMU);
	assert_int_equal(nnvme_pci_unbind(FAKE_NOIOMMU, NULL), 0);
	assert_untouched(FAKE_NOIOMMU);
}

/* A state file says that the device was bound once; what sysfs shows counts more. */
static void stale_state_file(void **state)
{
	fake_file("special\n(null)\nold\n", STATE);
	assert_int_equal(nnvme_pci_bind(FAKE_NOIOMMU, 1, NULL), 0);
	assert_string_equal(fake_text(STATE), "nvme\n(null)\nvfio-pci\n");
}

/* Neither bound nor returned: the state file stays, for unbind. */
static void keeps_the_state_file_when_stuck(void **state)
{
	struct nnvme_err err;

	fake.vfio_refuses = true;
	fake.refuses = "nvme";
	fake_assert_err(nnvme_pci_bind(FAKE_IOMMU, 0, &err), -EINVAL, &err, "noiommu-nvme unbind");
	assert_non_null(strstr(fake_text("/run/noiommu-nvme/%s", FAKE_IOMMU),
			       "nvme\n(null)\nvfio-pci\n"));
	fake.refuses = NULL;
	assert_int_equal(nnvme_pci_unbind(FAKE_IOMMU, &err), 0);
	assert_untouched(FAKE_IOMMU);
}

/* Whichever single call fails, the device ends where it was or where it was wanted. */
static void bind_each_call_fails(void **state)
{
	struct nnvme_err err;
	long n = 0, failed = 0;
	int rc;

	do {
		fake_rebuild();
		fake.fail_at = ++n;
		rc = nnvme_pci_bind(FAKE_NOIOMMU, NNVME_BIND_UNSAFE_NOIOMMU, &err);
		if (rc) {
			fake_assert_err(rc, rc, &err, NULL);
			assert_untouched(FAKE_NOIOMMU);
			failed++;
		} else {
			assert_string_equal(fake_driver(FAKE_NOIOMMU), "vfio-pci");
			assert_string_equal(fake_text(STATE), "nvme\n(null)\nvfio-pci\n");
		}
		assert_int_equal(fake.fds, 0);
	} while (fake.injected);
	assert_int_equal(rc, 0);
	assert_true(failed > 30);
}

static void unbind_each_call_fails(void **state)
{
	struct nnvme_err err;
	long n = 0, failed = 0;
	int rc;

	do {
		fake_rebuild();
		assert_int_equal(nnvme_pci_bind(FAKE_NOIOMMU, 1, &err), 0);
		fake.calls = 0;
		fake.fail_at = ++n;
		rc = nnvme_pci_unbind(FAKE_NOIOMMU, &err);
		fake.fail_at = 0;
		if (rc) {
			fake_assert_err(rc, rc, &err, NULL);
			failed++;
			/* What failed can be done again. */
			assert_int_equal(nnvme_pci_unbind(FAKE_NOIOMMU, &err), 0);
		}
		assert_string_equal(fake_driver(FAKE_NOIOMMU), "nvme");
		assert_string_equal(fake_text(OVERRIDE), "(null)\n");
		assert_int_equal(fake.fds, 0);
	} while (fake.injected);
	assert_int_equal(rc, 0);
	assert_true(failed > 5);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, fake_setup, fake_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(bind_behind_iommu), TEST(noiommu_needs_the_switch),
		TEST(noiommu_with_the_flag), TEST(noiommu_with_encrypted_memory),
		TEST(noiommu_on_already), TEST(former_driver_and_override), TEST(had_no_driver),
		TEST(refuses_what_it_should), TEST(claimed_in_between), TEST(not_root),
		TEST(vfio_refuses), TEST(kernel_without), TEST(kernel_with_containers),
		TEST(loads_the_module), TEST(rebind), TEST(unbind_what_is_open),
		TEST(unbind_without_a_state_file), TEST(unbind_when_not_bound),
		TEST(unbind_driver_gone), TEST(another_driver), TEST(unfit_drivers),
		TEST(opened_in_between), TEST(live_on_uio), TEST(unbind_what_is_mapped),
		TEST(unbind_in_a_container), TEST(unbind_nameless), TEST(not_to_the_kernels_driver),
		TEST(used_at_once), TEST(modprobe_is_missing), TEST(both_reasons),
		TEST(no_driver_takes_it), TEST(finishes_a_killed_bind), TEST(undoes_a_killed_bind),
		TEST(stale_state_file), TEST(keeps_the_state_file_when_stuck),
		TEST(bind_each_call_fails), TEST(unbind_each_call_fails),
	};

	return cmocka_run_group_tests_name("kernel_bind", tests, NULL, NULL);
}
