// SPDX-License-Identifier: MIT
#include "namespace.h"

#include <dirent.h>
#include <stdio.h>

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
		ns.nsid = (uint32_t)bench_sysfs_number(ns.number, "%s/%s/nsid", folder,
						       entry->d_name);
		ns.used = bench_sysfs_number(UINT64_MAX, "%s/%s/nuse", folder, entry->d_name);
		has_metadata = bench_sysfs_number(0, "%s/%s/metadata_bytes", folder, entry->d_name);
		if (nsid ? ns.nsid != nsid : any &&
		    (has_metadata != best_has_metadata ? has_metadata : ns.nsid >= found->nsid))
			continue;
		*found = ns;
		best_has_metadata = has_metadata;
		any = true;
	}
	if (dir)
		closedir(dir);
	return any;
}
