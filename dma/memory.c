// SPDX-License-Identifier: MIT
#include "dma/memory.h"

#include <errno.h>
#include <fcntl.h>
#include <hugetlbfs.h>
#include <linux/memfd.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>


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

/* Huge pages of that size which are free now, -1 where the kernel has no such pool. */
static long free_hugepages(size_t page_size)
{
	char path[96];
	long n = -1;
	FILE *f;

	snprintf(path, sizeof(path), "/sys/kernel/mm/hugepages/hugepages-%zukB/free_hugepages",
		 page_size >> 10);
	f = fopen(path, "re");
	if (!f)
		return -1;
	if (fscanf(f, "%ld", &n) != 1)
		n = -1;
	fclose(f);
	return n;
}

static int no_hugepages(size_t len, size_t page_size, struct nnvme_err *err)
{
	long have = free_hugepages(page_size);

	if (have < 0)
		return nnvme_fail(err, -ENOMEM, "this machine has no huge pages of %zu kB; "
				  "use another size, or hugepages=off", page_size >> 10);
	return nnvme_fail(err, -ENOMEM, "%zu huge pages of %zu kB are needed and %ld are free; reserve "
			  "more: n=/sys/kernel/mm/hugepages/hugepages-%zukB/nr_hugepages; "
			  "echo $(($(cat $n) + %zu)) > $n   (or use hugepages=off)",
			  len / page_size, page_size >> 10, have, page_size >> 10,
			  len / page_size - (have > 0 ? (size_t)have : 0));
}

/*
 * A child of fork() gets none of it: it could write to what is not its own (shared huge pages),
 * keep a device's memory after our end, or, on older kernels, take the very page that a device
 * has been told of, and leave us a copy.
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

/*
 * Ordinary pages, aligned to 2 MiB and with transparent huge pages asked for: pages that happen to
 * lie in one piece are what a queue deeper than one page needs.
 */
static int get_ordinary(size_t len, struct nnvme_memory *mem, struct nnvme_err *err)
{
	size_t span = len + SIZE_2M;
	char *p = mmap(NULL, span, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	size_t head;
	int ret;

	if (p == MAP_FAILED)
		return nnvme_fail(err, -errno, "no memory for %zu bytes: %s", len, strerror(errno));
	head = -(uintptr_t)p % SIZE_2M;
	if (head)
		munmap(p, head);
	if (head < SIZE_2M)
		munmap(p + head + len, SIZE_2M - head);
	p += head;
	ret = keep_from_children(p, len, err);
	if (ret)
		return ret;
	madvise(p, len, MADV_HUGEPAGE);		/* a wish: either answer will do */
	memset(p, 0, len);
	mem->va = p;
	mem->len = len;
	return 0;
}

int nnvme_memory_get(size_t len, size_t page_size, struct nnvme_memory *mem, struct nnvme_err *err)
{
	unsigned flags = MFD_CLOEXEC | MFD_HUGETLB;
	size_t unit = page_size ? page_size : SIZE_4K;
	int fd, error, ret;
	void *p;

	if (!len || len > SIZE_MAX - unit - SIZE_2M)
		return nnvme_fail(err, -EINVAL, "can't allocate %zu bytes", len);
	len = (len + unit - 1) / unit * unit;
	if (!page_size)
		return get_ordinary(len, mem, err);

	flags |= (unsigned)__builtin_ctzl(page_size) << MFD_HUGE_SHIFT;
	fd = memfd_create("noiommu-nvme", flags);
	if (fd < 0)
		return no_hugepages(len, page_size, err);
	/* Both steps are refused rather than killed with SIGBUS later when pages are short. */
	p = MAP_FAILED;
	if (!ftruncate(fd, (off_t)len) && !fallocate(fd, 0, 0, (off_t)len))
		p = mmap(NULL, len, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_POPULATE, fd, 0);
	error = errno;
	close(fd);
	if (p == MAP_FAILED) {
		if (error == ENOSPC || error == ENOMEM)
			return no_hugepages(len, page_size, err);
		return nnvme_fail(err, -error, "mapping %zu bytes of huge pages: %s", len,
				  strerror(error));
	}
	ret = keep_from_children(p, len, err);
	if (ret)
		return ret;
	mem->va = p;
	mem->len = len;
	return 0;
}

void nnvme_memory_put(struct nnvme_memory *mem)
{
	if (mem->va)
		munmap(mem->va, mem->len);
	mem->va = NULL;
}
