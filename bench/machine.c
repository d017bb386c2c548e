// SPDX-License-Identifier: MIT
#include "machine.h"

#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/utsname.h>
#include <unistd.h>
#ifdef __x86_64__
#include <cpuid.h>
#endif

#include "place_state.h"
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

/* The value of the first line of /proc/cpuinfo that begins with @key; "" when there is none. */
static void cpuinfo(const char *key, char *value, size_t size)
{
	FILE *file = fopen("/proc/cpuinfo", "re");
	char line[300];

	*value = '\0';
	while (file && !*value && fgets(line, sizeof(line), file)) {
		char *colon = strchr(line, ':');

		if (strncmp(line, key, strlen(key)) != 0 || !colon)
			continue;
		line[strcspn(line, "\n")] = '\0';
		snprintf(value, size, "%s", colon + 1 + (colon[1] == ' '));
	}
	if (file)
		fclose(file);
}

/* A fact that is a file's text; none if there is no file. */
static int file_fact(struct bench_facts *facts, const char *name, const char *path)
{
	char text[512];

	if (bench_sysfs_read(text, sizeof(text), "%s", path) <= 0)
		return 0;
	return bench_facts_add(facts, name, "%s", text);
}

static bool is_name(const struct dirent *entry)
{
	return entry->d_name[0] != '.';
}

/* "a, b, c": the names in a directory. */
static void list_directory(const char *path, char *text, size_t size)
{
	struct dirent **entries;
	int n = scandir(path, &entries, NULL, alphasort);
	size_t length = 0;

	*text = '\0';
	for (int i = 0; i < n; i++) {
		if (is_name(entries[i]) && length < size)
			length += (size_t)snprintf(text + length, size - length, "%s%s", length ? ", " : "",
						   entries[i]->d_name);
		free(entries[i]);
	}
	if (n >= 0)
		free(entries);
}

static int huge_pages(struct bench_facts *facts)
{
	static const char sizes[] = "/sys/kernel/mm/hugepages";
	char names[400], text[24], all[300] = "", *rest = names, *name;
	size_t length = 0;

	list_directory(sizes, names, sizeof(names));
	while ((name = strsep(&rest, ", "))) {
		if (!*name || bench_sysfs_read(text, sizeof(text), "%s/%s/nr_hugepages", sizes, name) <= 0)
			continue;
		if (length < sizeof(all))
			length += (size_t)snprintf(all + length, sizeof(all) - length, "%s%s of %s",
						   length ? ", " : "", text, name + strlen("hugepages-"));
	}
	return *all ? bench_facts_add(facts, "hugepages", "%s", all) : 0;
}

static int command(struct bench_facts *facts, int argc, char **argv)
{
	char text[512] = "";
	size_t length = 0;

	for (int i = 0; i < argc && length < sizeof(text); i++)
		length += (size_t)snprintf(text + length, sizeof(text) - length, "%s%s", i ? " " : "", argv[i]);
	return bench_facts_add(facts, "command", "%s", text);
}

int bench_machine_facts(struct bench_facts *facts, int argc, char **argv)
{
	char text[300], name[13];
	struct utsname uts;
	int rc = 0;

	if (!uname(&uts))
		rc |= bench_facts_add(facts, "kernel", "%s %s", uts.release, uts.machine);
	rc |= file_fact(facts, "cmdline", "/proc/cmdline");
	cpuinfo("model name", text, sizeof(text));
	if (*text)
		rc |= bench_facts_add(facts, "cpu", "%s", text);
	rc |= bench_facts_add(facts, "cpus", "%ld", sysconf(_SC_NPROCESSORS_ONLN));
	if (bench_sysfs_read(text, sizeof(text), "/sys/devices/system/cpu/cpu0/cpufreq/scaling_governor") <= 0)
		strcpy(text, "none");
	rc |= bench_facts_add(facts, "governor", "%s", text);
	hypervisor(name);
	rc |= bench_facts_add(facts, "hypervisor", "%s", *name ? name : "none");
	list_directory("/sys/class/iommu", text, sizeof(text));
	rc |= bench_facts_add(facts, "iommu", "%s", *text ? text : "none");
	rc |= huge_pages(facts);
	rc |= file_fact(facts, "poll_queues", BENCH_POLL_QUEUES);
	rc |= file_fact(facts, "noiommu_mode", BENCH_NOIOMMU_SWITCH);
	rc |= bench_facts_add(facts, "version", "%s", NNVME_VERSION);
	rc |= command(facts, argc, argv);
	return rc ? -ENOMEM : 0;
}

/* --- a controller --- */

static int device_fact(struct bench_facts *facts, const char *prefix, const char *name, const char *value)
{
	char full[48];

	snprintf(full, sizeof(full), "%s%s", prefix, name);
	return *value ? bench_facts_add(facts, full, "%s", value) : 0;
}

/* What the kernel's driver shows while it has the controller. */
static int kernel_facts(struct bench_facts *facts, const char *prefix, const struct bench_device *device)
{
	char controller[32], node[64], text[300];
	struct bench_namespace ns;
	int rc = 0;

	if (bench_place_controller(device, controller))
		return 0;
	bench_sysfs_read(text, sizeof(text), "/sys/class/nvme/%s/model", controller);
	rc |= device_fact(facts, prefix, "model", text);
	bench_sysfs_read(text, sizeof(text), "/sys/class/nvme/%s/firmware_rev", controller);
	rc |= device_fact(facts, prefix, "firmware", text);
	if (bench_place_node(device, false, node))
		return rc;
	bench_sysfs_read(text, sizeof(text), "/sys/class/block/%s/queue/logical_block_size", node + 5);
	rc |= device_fact(facts, prefix, "lba", text);
	if (bench_sysfs_read(text, sizeof(text), "/sys/class/block/%s/size", node + 5) > 0)
		snprintf(text, sizeof(text), "%llu", strtoull(text, NULL, 10) * 512);	/* in sysfs's units */
	rc |= device_fact(facts, prefix, "size", text);
	if (!bench_place_namespace(device, &ns))
		return rc;
	snprintf(text, sizeof(text), "%u", ns.nsid);
	rc |= device_fact(facts, prefix, "nsid", text);
	snprintf(text, sizeof(text), "%llu blocks", (unsigned long long)ns.used);
	return rc | device_fact(facts, prefix, "used", ns.used == UINT64_MAX ? "" : text);
}

int bench_device_facts(struct bench_facts *facts, const char *prefix, const struct bench_device *device)
{
	static const char path[] = "/sys/bus/pci/devices";
	char text[300], type[16];
	int rc = device_fact(facts, prefix, "bdf", device->bdf);

	rc |= kernel_facts(facts, prefix, device);
	bench_sysfs_read(text, sizeof(text), "%s/%s/vendor", path, device->bdf);
	rc |= device_fact(facts, prefix, "vendor", text);
	bench_sysfs_read(text, sizeof(text), "%s/%s/device", path, device->bdf);
	rc |= device_fact(facts, prefix, "device", text);
	bench_sysfs_read(text, sizeof(text), "%s/%s/current_link_speed", path, device->bdf);
	rc |= device_fact(facts, prefix, "link_speed", text);
	bench_sysfs_read(text, sizeof(text), "%s/%s/current_link_width", path, device->bdf);
	rc |= device_fact(facts, prefix, "link_width", text);
	rc |= device_fact(facts, prefix, "driver", device->driver);
	bench_place_read_back(device, type);
	rc |= device_fact(facts, prefix, "iommu", device->iommu ? type : "none");
	return rc ? -ENOMEM : 0;
}
