// SPDX-License-Identifier: MIT
#include <stdio.h>

#include "cli.h"
#include "noiommu_nvme/noiommu_nvme.h"

static void line(const char *what, enum nnvme_have have, const char *comment)
{
	static const char *const word[] = { "no", "yes", "unknown" };

	printf("%-14s %-8s %s\n", what, word[have], comment);
}

int cli_probe(int argc, char **argv)
{
	struct nnvme_probe p = { .size = sizeof(p) };

	if (argc)
		return cli_usage_error("probe takes no argument %s", argv[0]);
	nnvme_probe(&p, NULL);
	printf("%-14s %s\n", "kernel", p.release);
	line("iommufd", p.iommufd, "/dev/iommu (CONFIG_IOMMUFD)");
	line("iommu", p.iommu, "the kernel drives one");
	line("container", p.container, "VFIO's way to it without iommufd (CONFIG_VFIO_CONTAINER)");
	line("vfio-pci", p.vfio_pci, "the driver (CONFIG_VFIO_PCI)");
	line("vfio-cdev", p.vfio_cdev, "device nodes (CONFIG_VFIO_DEVICE_CDEV)");
	line("noiommu-mode", p.noiommu_mode, "there is such a mode (CONFIG_VFIO_NOIOMMU)");
	line("noiommu-on", p.noiommu_on, "and it is on (noiommu-nvme bind --unsafe-noiommu)");
	line("noiommu-cdev", p.noiommu_cdev, "device nodes without an IOMMU (Linux 7.3, or our series)");
	line("get-pa", p.get_pa, "iommufd tells physical addresses (the same)");
	line("phys-addr", p.phys_addr, "and devices take them: no memory encryption, no Xen");
	line("CAP_SYS_RAWIO", p.sys_rawio, "needed for devices without an IOMMU");
	line("CAP_SYS_ADMIN", p.sys_admin, "not needed to drive a controller");
	line("CAP_IPC_LOCK", p.ipc_lock, "without it memlock limits what can be pinned");
	if (p.memlock == UINT64_MAX)
		printf("%-14s %s\n", "memlock", "unlimited");
	else
		printf("%-14s %llu KiB\n", "memlock", (unsigned long long)p.memlock / 1024);
	return 0;
}
