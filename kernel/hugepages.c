// SPDX-License-Identifier: MIT
#include "noiommu_nvme/hugepages.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "kernel/sized.h"
#include "kernel/sys.h"

#define NODES "/sys/devices/system/node"
#define POOLS "hugepages/hugepages-%llukB"

struct list {
	struct nnvme_hugepage_pool *pools;
	size_t count;
};

static uint64_t read_pages(const char *dir, unsigned long long kib, const char *what)
{
	char text[32];

	if (nnvme_sys_read(text, sizeof(text), "%s/" POOLS "/%s", dir, kib, what) < 0)
		return 0;
	return strtoull(text, NULL, 10);
}

/* The pools in one directory, smallest pages first. */
static int add_pools(struct list *l, const char *dir, int node)
{
	struct nnvme_hugepage_pool *more;
	struct dirent **names;
	int n = nnvme_sys_list(&names, "%s/hugepages", dir), rc = 0;

	for (int i = 0; i < n && !rc; i++) {
		unsigned long long kib;

		if (sscanf(names[i]->d_name, "hugepages-%llukB", &kib) != 1)
			continue;
		more = realloc(l->pools, (l->count + 1) * sizeof(*more));
		if (!more) {
			rc = -ENOMEM;
			break;
		}
		l->pools = more;
		more[l->count++] = (struct nnvme_hugepage_pool){
			.page_size = kib * 1024, .node = node,
			.total = read_pages(dir, kib, "nr_hugepages"),
			.free = read_pages(dir, kib, "free_hugepages"),
		};
	}
	nnvme_sys_list_free(names, n);
	return n < 0 && n != -ENOENT ? n : rc;
}

static int add_nodes(struct list *l)
{
	struct dirent **names;
	int n = nnvme_sys_list(&names, NODES), rc = 0;
	char dir[64];

	for (int i = 0; i < n && !rc; i++) {
		int node;

		if (sscanf(names[i]->d_name, "node%d", &node) != 1)
			continue;
		snprintf(dir, sizeof(dir), NODES "/node%d", node);
		rc = add_pools(l, dir, node);
	}
	nnvme_sys_list_free(names, n);
	return n < 0 && n != -ENOENT ? n : rc;
}

int nnvme_hugepage_pools(struct nnvme_hugepage_pool **pools, size_t *count, uint32_t size,
			 struct nnvme_err *err)
{
	struct list l = { NULL, 0 };
	int rc = nnvme_sized_check("struct nnvme_hugepage_pool", size,
				   NNVME_SIZE_UP_TO(struct nnvme_hugepage_pool, free), err);

	if (rc)
		return rc;
	rc = add_nodes(&l);
	if (!rc && !l.count)	/* a kernel without NUMA */
		rc = add_pools(&l, "/sys/kernel/mm", -1);
	if (rc) {
		free(l.pools);
		return nnvme_fail(err, rc, "cannot read the pools of huge pages: %s",
				  strerror(-rc));
	}
	*pools = l.count ? nnvme_sized_list(l.pools, l.count, sizeof(*l.pools), size) : NULL;
	if (l.count && !*pools)
		return nnvme_fail(err, -ENOMEM, "out of memory");
	*count = l.count;
	return 0;
}
