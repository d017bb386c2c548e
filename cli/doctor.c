// SPDX-License-Identifier: MIT
/*
 * noiommu-nvme doctor: everything that matters. Why a device can't be opened is the library's text.
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "arguments.h"
#include "cli.h"
#include "finding.h"

/* A finding with the three states of enum nnvme_have. */
static void have(struct findings *f, const char *name, enum nnvme_have have, const char *message,
		 const char *fix)
{
	static const enum finding_state state[] = {
		[NNVME_HAVE_NOT] = FINDING_MISSING, [NNVME_HAVE] = FINDING_OK,
		[NNVME_HAVE_UNKNOWN] = FINDING_UNKNOWN,
	};
	struct finding *one = finding_add(f, name, state[have], "%s", message);

	if (have != NNVME_HAVE)
		finding_fix(one, "%s", fix);
}

/* The finding that has this fix already; NULL: none. */
static const char *said_before(const struct findings *f, const char *fix)
{
	for (size_t i = 0; i < f->count; i++)
		if (*fix && !strncmp(f->list[i].fix, fix, strlen(fix)))
			return f->list[i].name;
	return NULL;
}

/* A part of the kernel that the same command brings as device nodes without an IOMMU. */
static void of_noiommu(struct findings *f, const struct nnvme_probe *p, const char *name,
		       enum nnvme_have state, const char *message, const char *fix,
		       const char *behind_iommu)
{
	const char *before = said_before(f, p->noiommu_fix);
	char text[400];

	snprintf(text, sizeof(text), "%s%s%s", before ? "as for " : "",
		 before ? before : *p->noiommu_fix ? p->noiommu_fix : fix,
		 p->container == NNVME_HAVE ? behind_iommu : "");
	have(f, name, state, message, text);
}

static void look_at_nodes(struct findings *f, const struct nnvme_probe *p)
{
	static const char *const by[] = {
		[NNVME_NOIOMMU_UNKNOWN] = "", [NNVME_NOIOMMU_ABSENT] = "",
		[NNVME_NOIOMMU_MERGED] = ", as merged in Linux 7.3",
		[NNVME_NOIOMMU_SERIES] = ", by the series that this kernel was built with",
		[NNVME_NOIOMMU_MODULES] = ", by the modules of noiommu-vfio-dkms",
	};
	char message[128];

	of_noiommu(f, p, "iommufd", p->iommufd, "/dev/iommu", "modprobe iommufd",
		   "; devices behind an IOMMU do without, by the VFIO container");
	of_noiommu(f, p, "vfio-cdev", p->vfio_cdev, "VFIO's device nodes", "modprobe vfio-pci",
		   "; behind an IOMMU the VFIO container will do");
	finding_add(f, "container", p->container == NNVME_HAVE ? FINDING_OK : FINDING_NOTE, "%s",
		    p->container == NNVME_HAVE ? "VFIO containers, for devices behind an IOMMU" :
		    "no VFIO containers; only kernels without iommufd need them");
	snprintf(message, sizeof(message), "device nodes for devices without an IOMMU%s",
		 by[p->noiommu_origin]);
	of_noiommu(f, p, "noiommu-cdev", p->noiommu_cdev, message, "modprobe vfio-pci", "");
	of_noiommu(f, p, "get-pa", p->get_pa, "iommufd gives physical addresses", "run as root",
		   "");
}

static void look_at_kernel(struct findings *f, const struct nnvme_probe *p)
{
	finding_add(f, "kernel", FINDING_OK, "Linux %s", p->release);
	have(f, "vfio-pci", p->vfio_pci, "the driver to bind to", "modprobe vfio-pci");
	look_at_nodes(f, p);
	have(f, "phys-addr", p->phys_addr, "devices can use physical addresses", "a device behind "
	     "an IOMMU: memory encryption (but for mem_encrypt=off) and Xen leave no other choice");
}

/* How to turn this machine's IOMMU on. */
static const char *iommu_fix(const char *cpu_vendor)
{
	if (!strcmp(cpu_vendor, "GenuineIntel"))
		return "VT-d on in the firmware, and intel_iommu=on on the kernel's command line";
	if (!strcmp(cpu_vendor, "AuthenticAMD") || !strcmp(cpu_vendor, "HygonGenuine"))
		return "AMD-Vi (IOMMU) on in the firmware, and no amd_iommu=off or iommu=off on "
		       "the kernel's command line";
	return "its IOMMU (SMMU) on in the firmware, and the driver for it in the kernel";
}

static void look_at_noiommu(struct findings *f, const struct nnvme_probe *p)
{
	struct finding *one;

	if (p->noiommu_mode != NNVME_HAVE) {
		of_noiommu(f, p, "noiommu", p->noiommu_mode, "VFIO's noiommu mode",
			   "a kernel with CONFIG_VFIO_NOIOMMU", "");
	} else {
		one = finding_add(f, "noiommu", FINDING_NOTE, "the switch is %s",
				  p->noiommu_on == NNVME_HAVE ? "on: vfio-pci takes devices that "
				  "can access all of memory" :
				  p->noiommu_on == NNVME_HAVE_NOT ? "off, which is safe" :
				  "unreadable");
		if (p->noiommu_on == NNVME_HAVE_NOT)
			finding_fix(one, "only if a device has no IOMMU: noiommu-nvme bind "
				     "--unsafe-noiommu BDF");
	}
	finding_add(f, "taint", FINDING_NOTE, p->tainted == NNVME_HAVE ?
		    "the kernel is tainted (TAINT_USER): a device was bound in noiommu mode since "
		    "boot" :
		    p->tainted == NNVME_HAVE_NOT ? "the kernel is not tainted by noiommu mode" :
		    "unreadable");
	one = finding_add(f, "iommu", p->iommu == NNVME_HAVE ? FINDING_OK : FINDING_NOTE, "%s",
			  p->iommu == NNVME_HAVE ? "the kernel uses one" : "the kernel uses none");
	if (p->iommu != NNVME_HAVE)
		finding_fix(one, "%s", iommu_fix(p->cpu_vendor));
}

static void look_at_user(struct findings *f, const struct nnvme_probe *p)
{
	struct finding *one;

	have(f, "CAP_SYS_RAWIO", p->sys_rawio, "for devices without an IOMMU", "run as root");
	have(f, "CAP_SYS_ADMIN", p->sys_admin,
	     "to bind, and to prove isolation; not to drive a device", "run as root");
	have(f, "CAP_IPC_LOCK", p->ipc_lock, "lifts the limit on pinned memory",
	     "run as root, or raise memlock");
	if (p->memlock == UINT64_MAX) {
		finding_add(f, "memlock", FINDING_OK, "no limit");
		return;
	}
	one = finding_add(f, "memlock", p->ipc_lock == NNVME_HAVE ? FINDING_OK : FINDING_NOTE,
			  "%" PRIu64 " KiB%s", p->memlock / 1024,
			  p->ipc_lock == NNVME_HAVE ? ", without effect with CAP_IPC_LOCK" :
			  " that this user may pin");
	if (p->ipc_lock != NNVME_HAVE)
		finding_fix(one, "ulimit -l unlimited");
}

static void look_at_pool(struct findings *f, const struct nnvme_hugepage_pool *pool, bool advise)
{
	uint64_t kib = pool->page_size / 1024;
	char dir[64] = "/sys/kernel/mm", where[32] = "";
	struct finding *one;

	if (pool->node >= 0) {
		snprintf(dir, sizeof(dir), "/sys/devices/system/node/node%d", pool->node);
		snprintf(where, sizeof(where), " on node %d", pool->node);
	}
	one = finding_add(f, "hugepages", pool->free ? FINDING_OK : FINDING_NOTE,
			  "%" PRIu64 " of %" PRIu64 " pages of %" PRIu64 " kB free%s", pool->free,
			  pool->total, kib, where);
	if (advise)
		finding_fix(one, "echo %" PRIu64 " > %s/hugepages/hugepages-%" PRIu64
			     "kB/nr_hugepages; or hugepages=off",
			     pool->total + (kib > 2048 ? 1 : 128), dir, kib);
}

/* Advise more pages if a node has none free of any size: the smallest size from 2 MiB up. */
static bool needs_pages(const struct nnvme_hugepage_pool *pools, size_t count, size_t i)
{
	if (pools[i].page_size < 2 << 20)
		return false;
	for (size_t k = 0; k < count; k++)
		if (pools[k].node == pools[i].node && pools[k].page_size >= 2 << 20 &&
		    (pools[k].free || pools[k].page_size < pools[i].page_size))
			return false;
	return true;
}

static void look_at_hugepages(struct findings *f)
{
	struct nnvme_hugepage_pool *pools;
	struct nnvme_err err;
	size_t count;

	if (nnvme_hugepage_pools(&pools, &count, sizeof(*pools), &err)) {
		finding_add(f, "hugepages", FINDING_UNKNOWN, "%s", err.text);
		return;
	}
	if (!count)
		finding_fix(finding_add(f, "hugepages", FINDING_NOTE, "this kernel has none"),
			     "a kernel with CONFIG_HUGETLBFS; or hugepages=off");
	for (size_t i = 0; i < count; i++)
		look_at_pool(f, &pools[i], needs_pages(pools, count, i));
	free(pools);
}

static void look_at_use(struct findings *f, const struct nnvme_pci_info *info)
{
	struct nnvme_err err;

	if (!nnvme_pci_in_use(info->bdf, &err))
		finding_add(f, "in-use", FINDING_OK, "not in use");
	else
		finding_add(f, "in-use", FINDING_NOTE, "%s", err.text);
}

static void look_at_group(struct findings *f, const struct nnvme_pci_info *info)
{
	struct nnvme_iommu_group group = {
		.size = sizeof(group), .member_size = sizeof(*group.members),
	};
	struct finding *one;
	struct nnvme_err err;

	if (!info->iommu) {
		finding_add(f, "group", FINDING_NOTE, "none: no IOMMU is behind it");
		return;
	}
	if (nnvme_iommu_group_read(info->bdf, &group, &err)) {
		finding_add(f, "group", FINDING_UNKNOWN, "%s", err.text);
		return;
	}
	one = finding_add(f, "group", group.unfinished && !group.holder ? FINDING_NOTE : FINDING_OK,
			  "IOMMU group %s of %zu device%s, type %s%s", group.number, group.count,
			  group.count == 1 ? "" : "s", group.type_text,
			  group.holder > 0 ? ", held by a process" : group.holder ?
			  ", being changed or held, or left in the middle of a change" :
			  group.unfinished ?
			  ", in the middle of a change that was interrupted" : "");
	if (group.unfinished && !group.holder)
		finding_fix(one, "noiommu-nvme domain %s --restore", info->bdf);
	nnvme_iommu_group_free(&group);
}

static void look_at_device(struct findings *f, const struct nnvme_pci_info *info)
{
	struct nnvme_err err;
	char size[64];

	f->subject = info->bdf;
	cli_size(info->capacity, size);
	finding_add(f, "device", FINDING_OK, "%04x:%04x %s, %s", info->vendor, info->device,
		    *info->model ? info->model : "(model not known without the nvme driver)", size);
	finding_add(f, "driver", *info->driver ? FINDING_OK : FINDING_NOTE, "%.64s, mode %s",
		    *info->driver ? info->driver : "none", cli_mode(info));
	look_at_group(f, info);
	if (!*info->vfio_dev && strcmp(info->driver, "vfio-pci") != 0)
		look_at_use(f, info);
	/* The library decides. */
	if (!nnvme_pci_can_open(info->bdf, NNVME_MODE_AUTO, &err))
		finding_add(f, "open", FINDING_OK, "programs can open it");
	else
		finding_add(f, "open", FINDING_MISSING, "%s", err.text);
}

static int look_at_devices(struct findings *f, const char *bdf, struct nnvme_err *err)
{
	struct nnvme_pci_info *list, one = { .size = sizeof(one) };
	size_t count;
	int rc;

	if (bdf) {
		rc = nnvme_pci_info(bdf, &one, err);
		if (!rc)
			look_at_device(f, &one);
		return rc;
	}
	rc = nnvme_pci_list(&list, &count, sizeof(*list), err);
	if (rc)
		return rc;
	if (!count)
		finding_add(f, "devices", FINDING_NOTE, "no NVMe controllers");
	for (size_t i = 0; i < count; i++)
		look_at_device(f, &list[i]);
	free(list);
	return 0;
}

static int examine(const char *bdf, bool json)
{
	struct findings f = { .count = 0 };
	struct nnvme_probe p = { .size = sizeof(p) };
	struct nnvme_err err;
	int rc;

	nnvme_probe(&p, NULL);	/* only the size could be wrong */
	look_at_kernel(&f, &p);
	look_at_noiommu(&f, &p);
	look_at_user(&f, &p);
	look_at_hugepages(&f);
	rc = look_at_devices(&f, bdf, &err);
	if (rc)
		cli_error("%s", err.text);
	else if (!json)
		findings_print(&f);
	if (!rc && (f.lost || (json && findings_print_json(&f)))) {
		cli_error("out of memory");
		rc = -1;
	}
	findings_free(&f);
	return rc ? 1 : 0;
}

int cli_doctor(int argc, char **argv)
{
	int json = 0;
	const struct option options[] = { { "json", no_argument, &json, 1 }, { 0 } };
	const struct cli_syntax syntax = { options, 1, "takes one address", false };
	struct cli_arguments arguments;
	int status = cli_arguments_read(argc, argv, &syntax, &arguments);

	return status ? status : examine(arguments.operand[0], json);
}
