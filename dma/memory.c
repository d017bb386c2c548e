// SPDX-License-Identifier: MIT
#include "dma/memory.h"

#include <errno.h>
#include <fcntl.h>
#include <hugetlbfs.h>
#include <linux/memfd.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "dma/node.h"
#include "kernel/sys.h"

#define SIZE_4K ((size_t)4096)
#define SIZE_2M ((size_t)2 << 20)

size_t nnvme_hugepage_smallest(void)
{
	long sizes[16];
	int n = gethugepagesizes(sizes, 16);
	long best = 0;

	for (int i = 0; i < n; i++)
		if (sizes[i] >= (long)SIZE_2M && (!best || sizes[i] < best))
			best = sizes[i];
	return (size_t)best;
}

/* The sysfs directory with the counts of huge pages of that size, on that node or on all. */
static void pool_of(char *path, size_t size, size_t page_size, int node)
{
	if (node == NNVME_NODE_ANY)
		snprintf(path, size, "/sys/kernel/mm/hugepages/hugepages-%zukB", page_size >> 10);
	else
		snprintf(path, size, "/sys/devices/system/node/node%d/hugepages/hugepages-%zukB",
			 node, page_size >> 10);
}

/* Huge pages that are free there now, -1 where the kernel has no such pool. */
static long free_hugepages(const char *pool)
{
	char text[32];

	if (nnvme_sys_read(text, sizeof(text), "%s/free_hugepages", pool) < 0)
		return -1;
	return strtol(text, NULL, 10);
}

static int no_hugepages(size_t len, size_t page_size, int node, struct nnvme_err *err)
{
	size_t need = len / page_size;
	char pool[96], all[96], where[32] = "";
	long have;

	pool_of(pool, sizeof(pool), page_size, node);
	/* a node does not tell reservations */
	pool_of(all, sizeof(all), page_size, NNVME_NODE_ANY);
	have = free_hugepages(pool);
	if (have < 0)
		return nnvme_fail(err, -ENOMEM, "this machine has no huge pages of %zu kB; "
				  "use another size, or hugepages=off", page_size >> 10);
	if (node != NNVME_NODE_ANY)
		snprintf(where, sizeof(where), " on NUMA node %d", node);
	if ((size_t)have >= need)
		return nnvme_fail(
			err, -ENOMEM,
			"%zu huge pages of %zu kB are needed and %ld are free%s, but not "
			"for this process: others have reserved them (%s/resv_hugepages), or its "
			"cgroup has a limit (hugetlb.*.max), or it has no address space left "
			"(ulimit -v)",
			need, page_size >> 10, have, where, all);
	return nnvme_fail(
		err, -ENOMEM,
		"%zu huge pages of %zu kB are needed and %ld are free%s; reserve "
		"more: n=%s/nr_hugepages; echo $(($(cat $n) + %zu)) > $n   (or use hugepages=off)",
		need, page_size >> 10, have, where, pool, need - (size_t)have);
}

/*
 * Keep it from children of fork(). A child could write to pages that are not its own (shared huge
 * pages), keep a device's memory after this process ends, or, on older kernels, get the very page
 * whose address the device has, and leave us a copy.
 */
static int keep_from_children(void *p, size_t len, struct nnvme_err *err)
{
	int ret;

	if (!madvise(p, len, MADV_DONTFORK))
		return 0;
	ret = nnvme_fail(err, -errno, "cannot keep %zu bytes from child processes: %s", len,
			 strerror(errno));
	munmap(p, len);
	return ret;
}

/* @mem, if all of it is on that node; else it is unmapped. */
static int hand_over(void *p, size_t len, size_t page_size, int node, struct nnvme_memory *mem,
		     struct nnvme_err *err)
{
	int ret = nnvme_node_verify(node, p, len, page_size, err);

	if (ret) {
		munmap(p, len);
		return ret;
	}
	mem->va = p;
	mem->len = len;
	return 0;
}

/*
 * Ordinary pages, aligned to 2 MiB, with transparent huge pages asked for: a queue deeper than one
 * page needs pages that happen to be contiguous.
 */
static int get_ordinary(size_t len, int node, struct nnvme_memory *mem, struct nnvme_err *err)
{
	size_t span = len + SIZE_2M;
	char *p = mmap(NULL, span, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	size_t head;
	int ret;

	if (p == MAP_FAILED)
		return nnvme_fail(err, -errno, "no memory for %zu bytes: %s%s", len,
				  strerror(errno),
				  errno == EAGAIN ?
				  "; after mlockall() it counts as locked: see `ulimit -l`" :
				  "; see `ulimit -v`, and CommitLimit in /proc/meminfo");
	head = -(uintptr_t)p % SIZE_2M;
	if (head)
		munmap(p, head);
	if (head < SIZE_2M)
		munmap(p + head + len, SIZE_2M - head);
	p += head;
	ret = keep_from_children(p, len, err);
	if (ret)
		return ret;
	ret = nnvme_node_prefer(node, p, len, err);
	if (ret) {
		munmap(p, len);
		return ret;
	}
	madvise(p, len, MADV_HUGEPAGE);		/* only advice: either answer will do */
	memset(p, 0, len);
	return hand_over(p, len, SIZE_4K, node, mem, err);
}

/*
 * A mapping of that many huge pages, or MAP_FAILED with errno. When pages are short, the two steps
 * before it are refused; without them SIGBUS would come later.
 */
static void *map_huge(size_t len, size_t page_size)
{
	unsigned flags = MFD_CLOEXEC | MFD_HUGETLB |
			 (unsigned)__builtin_ctzl(page_size) << MFD_HUGE_SHIFT;
	int fd = memfd_create("noiommu-nvme", flags), error;
	void *p = MAP_FAILED;

	if (fd < 0) {
		errno = ENOMEM; /* there are none of that size */
		return p;
	}
	if (!ftruncate(fd, (off_t)len) && !fallocate(fd, 0, 0, (off_t)len))
		p = mmap(NULL, len, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_POPULATE, fd, 0);
	error = errno;
	close(fd);
	errno = error;
	return p;
}

static int get_huge(size_t len, size_t page_size, int node, struct nnvme_memory *mem,
		    struct nnvme_err *err)
{
	struct nnvme_node_policy before;
	int ret = nnvme_node_begin(node, &before, err);
	void *p;

	if (ret)
		return ret;
	p = map_huge(len, page_size);
	nnvme_node_end(node, &before);
	if (p == MAP_FAILED) {
		if (errno == ENOSPC || errno == ENOMEM)
			return no_hugepages(len, page_size, node, err);
		return nnvme_fail(err, -errno, "mapping %zu bytes of huge pages: %s", len,
				  strerror(errno));
	}
	ret = keep_from_children(p, len, err);
	return ret ? ret : hand_over(p, len, page_size, node, mem, err);
}

int nnvme_memory_get(size_t len, size_t page_size, int node, struct nnvme_memory *mem,
		     struct nnvme_err *err)
{
	size_t unit = page_size ? page_size : SIZE_4K;
	int ret = nnvme_node_check(node, err);

	if (ret)
		return ret;
	if (!len || len > SIZE_MAX - unit - SIZE_2M)
		return nnvme_fail(err, -EINVAL, "can't allocate %zu bytes", len);
	len = (len + unit - 1) / unit * unit;
	return page_size ? get_huge(len, page_size, node, mem, err) :
			   get_ordinary(len, node, mem, err);
}

void nnvme_memory_put(struct nnvme_memory *mem)
{
	if (mem->va)
		munmap(mem->va, mem->len);
	mem->va = NULL;
}
