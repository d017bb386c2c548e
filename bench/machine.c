// SPDX-License-Identifier: MIT
#include "machine.h"

#include <errno.h>
#include <glob.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/utsname.h>
#include <unistd.h>
#ifdef __x86_64__
#include <cpuid.h>
#endif

#include "parameter.h"
#include "sysfs.h"

/* --- the machine --- */

/* The hypervisor, from CPUID leaf 40000000h: "KVMKVMKVM", "TCGTCGTCGTCG"; "" without one. */
static void hypervisor(char name[13])
{
	memset(name, 0, 13);
#ifdef __x86_64__
	{
		unsigned eax, ebx, ecx, edx;

		/* Leaf 1, ECX bit 31: there is one. */
		if (!__get_cpuid(1, &eax, &ebx, &ecx, &edx) || !(ecx >> 31))
			return;
		__cpuid(0x40000000, eax, ebx, ecx, edx);
		memcpy(name, &ebx, 4);
		memcpy(name + 4, &ecx, 4);
		memcpy(name + 8, &edx, 4);
	}
#endif
}

bool bench_machine_is_emulated(void)
{
	char name[13];

	hypervisor(name);
	return !strcmp(name, "TCGTCGTCGTCG");
}

/* Of the first CPU; "" if the kernel does not name it. */
static void cpu_model(char *model, size_t size)
{
	char text[4096], *line;

	bench_sysfs_read(text, sizeof(text), "/proc/cpuinfo");
	line = strstr(text, "model name\t: ");
	snprintf(model, size, "%.*s", line ? (int)strcspn(line + 13, "\n") : 0,
		 line ? line + 13 : "");
}

/* A fact that is not empty; the names of a controller's begin with @prefix. */
static int add(struct bench_facts *facts, const char *prefix, const char *name, const char *value)
{
	char full[48];

	snprintf(full, sizeof(full), "%s%s", prefix, name);
	return *value ? bench_facts_add(facts, full, "%s", value) : 0;
}

/* A fact that is a file's text; none if there is no file. */
static int add_file(struct bench_facts *facts, const char *prefix, const char *name,
		    const char *folder, const char *file)
{
	char text[512];

	bench_sysfs_read(text, sizeof(text), "%s/%s", folder, file);
	return add(facts, prefix, name, text);
}

/* A directory's names, "a, b, c"; with @count the content of that file in each: "8 of 2048kB". */
static void list(const char *pattern, const char *count, char *text, size_t size)
{
	FILE *to = fmemopen(memset(text, 0, size), size - 1, "w");
	char number[24];
	glob_t found;

	if (!glob(pattern, 0, NULL, &found))
		for (size_t i = 0; to && i < found.gl_pathc; i++) {
			const char *path = found.gl_pathv[i];

			fputs(i ? ", " : "", to);
			if (count &&
			    bench_sysfs_read(number, sizeof(number), "%s/%s", path, count) > 0)
				fprintf(to, "%s of ", number);
			fputs(strrchr(path, count ? '-' : '/') + 1, to);
		}
	globfree(&found);
	if (to)
		fclose(to);
}

static void join(int argc, char **argv, char *text, size_t size)
{
	size_t length = 0;

	*text = '\0';
	for (int i = 0; i < argc && length < size; i++)
		length += (size_t)snprintf(text + length, size - length, "%s%s", i ? " " : "",
					   argv[i]);
}

int bench_machine_facts(struct bench_facts *facts, int argc, char **argv)
{
	char text[512], name[13];
	struct utsname uts;
	int rc = 0;

	if (!uname(&uts))
		rc |= bench_facts_add(facts, "kernel", "%s %s", uts.release, uts.machine);
	rc |= add_file(facts, "", "cmdline", "/proc", "cmdline");
	cpu_model(text, sizeof(text));
	rc |= add(facts, "", "cpu", text);
	rc |= bench_facts_add(facts, "cpus", "%ld", sysconf(_SC_NPROCESSORS_ONLN));
	bench_sysfs_read(text, sizeof(text),
			 "/sys/devices/system/cpu/cpu0/cpufreq/scaling_governor");
	rc |= add(facts, "", "governor", *text ? text : "none");
	hypervisor(name);
	rc |= add(facts, "", "hypervisor", *name ? name : "none");
	list("/sys/class/iommu/*", NULL, text, sizeof(text));
	rc |= add(facts, "", "iommu", *text ? text : "none");
	list("/sys/kernel/mm/hugepages/hugepages-*", "nr_hugepages", text, sizeof(text));
	rc |= add(facts, "", "hugepages", text);
	rc |= add_file(facts, "", "poll_queues", "", bench_parameter_paths[BENCH_POLL_QUEUES]);
	rc |= add_file(facts, "", "noiommu_mode", "", bench_parameter_paths[BENCH_NOIOMMU]);
	rc |= add(facts, "", "version", NNVME_VERSION);
	join(argc, argv, text, sizeof(text));
	return rc || add(facts, "", "command", text) ? -ENOMEM : 0;
}

/* --- a controller --- */

/* What the kernel's driver shows while it has the controller. */
static int kernel_facts(struct bench_facts *facts, const char *prefix,
			const struct bench_device *device)
{
	char controller[32], node[64], folder[96], text[32];
	struct bench_namespace ns;
	int rc;

	if (bench_place_controller(device, controller))
		return 0;
	snprintf(folder, sizeof(folder), "/sys/class/nvme/%s", controller);
	rc = add_file(facts, prefix, "model", folder, "model");
	rc |= add_file(facts, prefix, "firmware", folder, "firmware_rev");
	if (bench_place_node(device, false, node) || !bench_place_namespace(device, &ns))
		return rc;
	snprintf(folder, sizeof(folder), "/sys/class/block/%s", node + 5);
	rc |= add_file(facts, prefix, "lba", folder, "queue/logical_block_size");
	if (bench_sysfs_read(text, sizeof(text), "%s/size", folder) > 0)
		/* In units of 512 bytes. */
		snprintf(text, sizeof(text), "%llu", strtoull(text, NULL, 10) * 512);
	rc |= add(facts, prefix, "size", text);
	snprintf(text, sizeof(text), "%u", ns.nsid);
	rc |= add(facts, prefix, "nsid", text);
	snprintf(text, sizeof(text), "%llu blocks", (unsigned long long)ns.used);
	return rc | add(facts, prefix, "used", ns.used == UINT64_MAX ? "" : text);
}

int bench_device_facts(struct bench_facts *facts, const char *prefix,
		       const struct bench_device *device)
{
	char folder[64], type[16];
	int rc = add(facts, prefix, "bdf", device->bdf) | kernel_facts(facts, prefix, device);

	snprintf(folder, sizeof(folder), "/sys/bus/pci/devices/%s", device->bdf);
	rc |= add_file(facts, prefix, "vendor", folder, "vendor");
	rc |= add_file(facts, prefix, "device", folder, "device");
	rc |= add_file(facts, prefix, "link_speed", folder, "current_link_speed");
	rc |= add_file(facts, prefix, "link_width", folder, "current_link_width");
	rc |= add(facts, prefix, "driver", device->driver);
	bench_place_read_back(device, type);
	return rc || add(facts, prefix, "iommu", device->iommu ? type : "none") ? -ENOMEM : 0;
}
