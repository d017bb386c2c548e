// SPDX-License-Identifier: MIT
#include "namespace.h"

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>

#include "sysfs.h"

/*
 * "nvme0n1", or with several paths "nvme0c1n1", whose disk is the subsystem's. The character device
 * has the same numbers.
 */
static bool parse_name(const char *entry, struct bench_namespace *ns)
{
	unsigned path;
	int n = 0;

	if (sscanf(entry, "nvme%un%u%n", &ns->disk, &ns->number, &n) == 2 && !entry[n])
		return true;
	n = 0;
	return sscanf(entry, "nvme%uc%un%u%n", &ns->disk, &path, &ns->number, &n) == 3 && !entry[n];
}

/* A number from sysfs, or @otherwise. */
static uint64_t attribute(const char *folder, const char *entry, const char *name, uint64_t otherwise)
{
	char text[32];

	if (bench_sysfs_read(text, sizeof(text), "%s/%s/%s", folder, entry, name) <= 0)
		return otherwise;
	return strtoull(text, NULL, 10);
}

bool bench_namespace_find(const char *folder, uint32_t nsid, struct bench_namespace *found)
{
	DIR *dir = opendir(folder);
	bool any = false, best_has_metadata = false;
	struct dirent *entry;

	while (dir && (entry = readdir(dir))) {
		struct bench_namespace ns;
		bool has_metadata;

		if (!parse_name(entry->d_name, &ns))
			continue;
		ns.nsid = (uint32_t)attribute(folder, entry->d_name, "nsid", ns.number);
		ns.used = attribute(folder, entry->d_name, "nuse", UINT64_MAX);
		has_metadata = attribute(folder, entry->d_name, "metadata_bytes", 0);
		if (nsid ? ns.nsid != nsid : any && (has_metadata != best_has_metadata ? has_metadata :
						     ns.nsid >= found->nsid))
			continue;
		*found = ns;
		best_has_metadata = has_metadata;
		any = true;
	}
	if (dir)
		closedir(dir);
	return any;
}
