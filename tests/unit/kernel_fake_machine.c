// SPDX-License-Identifier: MIT
/* The machine that every test begins with, and what can be added to it. */
#include <stdio.h>

#include "kernel_fake.h"
#include "kernel_fake_group.h"

/* The controller, and the namespace's node without a disk. */
static void add_ctrl(const char *bdf, const char *name)
{
	char ctrl[16], number[32];

	snprintf(ctrl, sizeof(ctrl), "%.5s", name);
	fake_file("QEMU NVMe Ctrl      \n", "/sys/bus/pci/devices/%s/nvme/%s/model", bdf, ctrl);
	fake_file(bdf, "/sys/class/nvme/%s/address", ctrl);
	snprintf(number, sizeof(number), "241:%c\n", name[4]);
	fake_file(number, "/sys/bus/pci/devices/%s/nvme/%s/dev", bdf, ctrl);
	fake_node("c", number, "/dev/%s", ctrl);
	snprintf(number, sizeof(number), "242:%c%c\n", name[4], name[6]);
	fake_file(number, "/sys/bus/pci/devices/%s/nvme/%s/ng%s/dev", bdf, ctrl, name + 4);
	fake_node("c", number, "/dev/ng%s", name + 4);
}

void fake_disk(const char *bdf, const char *name, const char *number)
{
	char target[32];

	if (bdf) {
		add_ctrl(bdf, name);
		fake_file(number, "/sys/bus/pci/devices/%s/nvme/%.5s/%s/dev", bdf, name, name);
		snprintf(target, sizeof(target), "../../nvme/%.5s", name);
		fake_link(target, "/sys/class/block/%s/device", name);
	}
	fake_file(number, "/sys/class/block/%s/dev", name);
	fake_file("2097152\n", "/sys/class/block/%s/size", name);
	fake_file("", "/sys/class/block/%s/holders/.keep", name);
	fake_node("b", number, "/dev/%s", name);
}

void fake_partition(const char *disk, const char *name, const char *number)
{
	fake_disk(NULL, name, number);
	fake_file("1\n", "/sys/class/block/%s/%s/partition", disk, name);
	fake_file(number, "/sys/class/block/%s/%s/dev", disk, name);
}

void fake_pci_device(const char *bdf, const char *class, const char *driver)
{
	char target[64];

	fake_file("0x1b36\n", "/sys/bus/pci/devices/%s/vendor", bdf);
	fake_file("0x0010\n", "/sys/bus/pci/devices/%s/device", bdf);
	fake_file(class, "/sys/bus/pci/devices/%s/class", bdf);
	fake_file("(null)\n", "/sys/bus/pci/devices/%s/driver_override", bdf);
	if (!*driver)
		return;
	fake_file("", "/sys/bus/pci/drivers/%s/unbind", driver);
	snprintf(target, sizeof(target), "../../drivers/%s", driver);
	fake_link(target, "/sys/bus/pci/devices/%s/driver", bdf);
}

void fake_make_machine(void)
{
	fake_pci_device(FAKE_NOIOMMU, "0x010802\n", "nvme");
	fake_pci_device(FAKE_IOMMU, "0x010802\n", "nvme");
	fake_pci_device(FAKE_OTHER, "0x020000\n", "e1000e");
	fake_group_add(FAKE_IOMMU);
	fake_file("DMA-FQ\n", "/sys/kernel/iommu_groups/5/type");
	fake_disk(FAKE_NOIOMMU, "nvme0n1", "259:0\n");
	fake_disk(FAKE_IOMMU, "nvme1n1", "259:1\n");
	fake_file("", "/sys/bus/pci/drivers/vfio-pci/unbind");
	fake_file("", "/sys/bus/pci/drivers_probe");
	fake_file("N\n", "/sys/module/vfio/parameters/enable_unsafe_noiommu_mode");
	fake_file("", "/sys/class/vfio-dev/.keep");
	fake_file("", "/dev/iommu");
	fake_file("N\n", "/sys/module/iommufd/parameters/allow_unsafe_interrupts");
	fake_file("N\n", "/sys/module/vfio_iommu_type1/parameters/allow_unsafe_interrupts");
	fake_file("Filename\t\t\tType\n", "/proc/swaps");
	fake_file("22 1 0:2 / / rw - rootfs rootfs rw\n", "/proc/self/mountinfo");
	fake_file("Character devices:\n  1 mem\n250 vfio-dev\n", "/proc/devices");
	fake_file("6.12.117\n", "/proc/sys/kernel/osrelease");
	fake_link("pid:[4026531836]", "/proc/self/ns/pid");
	fake_file("", "/run/.keep");
}
