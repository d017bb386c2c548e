// SPDX-License-Identifier: MIT
#include "noiommu_nvme/probe.h"

#include <errno.h>
#include <linux/capability.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "kernel/iommufd.h"
#include "kernel/noiommu_origin.h"
#include "kernel/pci_private.h"
#include "kernel/phys_addr.h"
#include "kernel/sized.h"
#include "kernel/sys.h"

static enum nnvme_have have(int answer)
{
	return answer < 0 ? NNVME_HAVE_UNKNOWN : answer ? NNVME_HAVE : NNVME_HAVE_NOT;
}

static void probe_iommufd(struct nnvme_probe *p)
{
	int fd = nnvme_iommufd_open();

	if (fd >= 0) {
		p->iommufd = NNVME_HAVE;
		p->get_pa = have(nnvme_iommufd_has_get_pa(fd));
	} else if (fd == -ENOENT || fd == -ENODEV || fd == -ENXIO) {
		p->iommufd = p->get_pa = NNVME_HAVE_NOT;
	} else {	/* it exists but may not be opened */
		p->iommufd = NNVME_HAVE;
		p->get_pa = NNVME_HAVE_UNKNOWN;
	}
	nnvme_sys_close(&fd);
}

/* VFIO reserves its device numbers when it is loaded (vfio_cdev_init() in device_cdev.c). */
static void probe_vfio(struct nnvme_probe *p)
{
	char *devices, *line;
	int rc;

	p->vfio_pci = have(nnvme_sys_exists("/sys/bus/pci/drivers/vfio-pci"));
	if (!nnvme_sys_exists("/sys/class/vfio-dev")) {	/* it may be a module that is not loaded */
		p->vfio_cdev = p->noiommu_mode = p->noiommu_on = NNVME_HAVE_UNKNOWN;
		return;
	}
	p->vfio_cdev = NNVME_HAVE_UNKNOWN;
	if (!nnvme_sys_read_all(&devices, "/proc/devices")) {
		line = strstr(devices, " vfio-dev\n");
		p->vfio_cdev = have(line != NULL);
		free(devices);
	}
	rc = nnvme_noiommu_switch();
	p->noiommu_mode = have(rc >= 0 ? 1 : rc == -ENOENT ? 0 : rc);
	p->noiommu_on = have(rc == -ENOENT ? 0 : rc);
}

static void probe_iommu(struct nnvme_probe *p)
{
	struct dirent **names;
	int n = nnvme_sys_list(&names, "/sys/class/iommu");

	p->iommu = have(n == -ENOENT ? 0 : n);
	nnvme_sys_list_free(names, n);
	p->container = have(nnvme_sys_exists("/dev/vfio/vfio"));
}

/* The CPU's vendor, who has also made the IOMMU. */
static void probe_cpu(struct nnvme_probe *p)
{
	char text[512], *line;

	nnvme_sys_read(text, sizeof(text), "/proc/cpuinfo");	/* its first entry */
	line = strstr(text, "vendor_id");
	if (line)
		sscanf(line, "vendor_id : %15s", p->cpu_vendor);
}

/* VFIO taints the kernel when it binds a device in noiommu mode (TAINT_USER, bit 6). */
static void probe_taint(struct nnvme_probe *p)
{
	char text[32];
	int n = nnvme_sys_read(text, sizeof(text), "/proc/sys/kernel/tainted");

	p->tainted = have(n < 0 ? n : (int)(strtoul(text, NULL, 10) >> 6 & 1));
}

/*
 * Only a device shows it for certain. Without one: the node and GET_PA came to Linux together, and
 * neither is useful without the other.
 */
static void probe_noiommu_cdev(struct nnvme_probe *p)
{
	struct dirent **names;
	int n = nnvme_sys_list(&names, "/sys/class/vfio-dev");

	p->noiommu_cdev = p->vfio_cdev == NNVME_HAVE ? p->get_pa : p->vfio_cdev;
	for (int i = 0; i < n; i++)
		if (!strncmp(names[i]->d_name, "noiommu-", 8) &&
		    nnvme_sys_exists("/sys/class/vfio-dev/%s/dev", names[i]->d_name))
			p->noiommu_cdev = NNVME_HAVE;
	nnvme_sys_list_free(names, n);
}

int nnvme_probe(struct nnvme_probe *probe, struct nnvme_err *err)
{
	struct nnvme_probe p = { 0 };
	int rc = nnvme_sized_check("struct nnvme_probe", probe->size,
				   NNVME_SIZE_UP_TO(struct nnvme_probe, memlock), err);

	if (rc)
		return rc;
	nnvme_sys_read(p.release, sizeof(p.release), "/proc/sys/kernel/osrelease");
	probe_iommufd(&p);
	probe_iommu(&p);
	probe_cpu(&p);
	probe_vfio(&p);
	probe_taint(&p);
	probe_noiommu_cdev(&p);
	nnvme_noiommu_origin(&p);
	rc = nnvme_phys_addr_check("a device", NULL);
	p.phys_addr = have(!rc ? 1 : rc == -EOPNOTSUPP ? 0 : rc);
	p.sys_rawio = have(nnvme_sys.has_cap(CAP_SYS_RAWIO));
	p.sys_admin = have(nnvme_sys.has_cap(CAP_SYS_ADMIN));
	p.ipc_lock = have(nnvme_sys.has_cap(CAP_IPC_LOCK));
	p.memlock = nnvme_sys.memlock();
	nnvme_sized_out(probe, probe->size, &p, sizeof(p));
	return 0;
}
