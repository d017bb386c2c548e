// SPDX-License-Identifier: MIT
/* Memory, where it really is, and the kernel's counters. See contract.h. */

#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "contract.h"

static void *get(size_t length, int flags)
{
	void *va = mmap(NULL, length, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | flags,
			-1, 0);

	assert_true(va != MAP_FAILED);
	return va;
}

void *memory_get(size_t length)
{
	void *va = get(length, 0);

	madvise(va, length, MADV_NOHUGEPAGE);
	memset(va, 0x5a, length);
	return va;
}

static void write_file(const char *path, const char *text)
{
	int fd = open(path, O_WRONLY | O_CLOEXEC);

	assert_true(fd >= 0);
	assert_int_equal(write(fd, text, strlen(text)), strlen(text));
	close(fd);
}

void *memory_get_huge(size_t length)
{
	uint64_t used = memory_info("HugePages_Total") - memory_info("HugePages_Free");
	char pages[32];
	void *va;

	/* As many free ones as are wanted, beside those in use */
	snprintf(pages, sizeof(pages), "%zu", (size_t)(used + length / HUGE));
	write_file("/proc/sys/vm/nr_hugepages", pages);
	va = get(length, MAP_HUGETLB | MAP_POPULATE);
	memset(va, 0x5a, length);
	return va;
}

void memory_put(void *va, size_t length)
{
	munmap(va, length);
}

uint64_t memory_phys(const void *va)
{
	int fd = open("/proc/self/pagemap", O_RDONLY | O_CLOEXEC);
	uint64_t entry;

	assert_true(fd >= 0);
	assert_int_equal(pread(fd, &entry, 8, (uintptr_t)va / PAGE * 8), 8);
	close(fd);
	assert_true(entry >> 63); /* present */
	return (entry & ((1ull << 55) - 1)) * PAGE + (uintptr_t)va % PAGE;
}

uint64_t memory_contiguous(const void *va, uint64_t length)
{
	uint64_t first = memory_phys(va);
	uint64_t done = PAGE - (uintptr_t)va % PAGE;

	while (done < length && memory_phys((const char *)va + done) == first + done)
		done += PAGE;
	return done < length ? done : length;
}

/* The number after @key in a file of lines `key number`. */
static uint64_t number_in(const char *path, const char *key)
{
	char line[256];
	size_t n = strlen(key);
	uint64_t value = 0;
	bool found = false;
	FILE *f = fopen(path, "re");

	assert_non_null(f);
	while (!found && fgets(line, sizeof(line), f)) {
		if (strncmp(line, key, n) || (line[n] != ' ' && line[n] != ':'))
			continue;
		value = strtoull(line + n + 1, NULL, 10);
		found = true;
	}
	fclose(f);
	assert_true(found);
	return value;
}

int64_t memory_pinned(void)
{
	/* The counters are per CPU and summed up from time to time, or now */
	write_file("/proc/sys/vm/stat_refresh", "1");
	return number_in("/proc/vmstat", "nr_foll_pin_acquired") -
	       number_in("/proc/vmstat", "nr_foll_pin_released");
}

uint64_t memory_free(void)
{
	uint64_t pages = 0, n;
	char line[256];
	FILE *f;

	write_file("/proc/sys/vm/drop_caches", "3");
	write_file("/proc/sys/vm/stat_refresh", "1");
	/*
	 * A free page is in its zone's lists or cached on a CPU (up to an eighth of all); MemFree
	 * does not include the latter. Once a second up to 8 MiB move from each CPU to the zone
	 * (decay_pcp_high() in mm/page_alloc.c), and would count twice if the two were read at
	 * different times. zoneinfo shows both for a zone under its lock, which that move takes.
	 */
	f = fopen("/proc/zoneinfo", "re");
	assert_non_null(f);
	while (fgets(line, sizeof(line), f)) {
		if (sscanf(line, " pages free %" SCNu64, &n) == 1 ||
		    sscanf(line, " count: %" SCNu64, &n) == 1)
			pages += n;
	}
	fclose(f);
	return pages * (PAGE >> 10) + memory_info("HugePages_Total") * (HUGE >> 10);
}

uint64_t memory_slab(void)
{
	write_file("/proc/sys/vm/stat_refresh", "1");
	return memory_info("SReclaimable") + memory_info("SUnreclaim");
}

/* Documentation/fault-injection/fault-injection.rst */
#define FAILSLAB "/sys/kernel/debug/failslab/"

bool memory_can_fail(void)
{
	return !access(FAILSLAB, F_OK);
}

/* Open it before they fail: opening takes memory. */
static int make_it_fail = -1;

void memory_fails_after(uint64_t bytes)
{
	char text[32];

	snprintf(text, sizeof(text), "%" PRIu64, bytes);
	write_file(FAILSLAB "verbose", "0");		/* it would look like a bug */
	write_file(FAILSLAB "ignore-gfp-wait", "N");	/* those that may wait fail too */
	write_file(FAILSLAB "task-filter", "Y");
	write_file(FAILSLAB "interval", "1");
	write_file(FAILSLAB "times", "-1");
	write_file(FAILSLAB "space", text);
	write_file(FAILSLAB "probability", "100");
	make_it_fail = open("/proc/self/make-it-fail", O_WRONLY | O_CLOEXEC);
	assert_true(make_it_fail >= 0);
	assert_int_equal(pwrite(make_it_fail, "1", 1, 0), 1);
}

void memory_fails_never(void)
{
	assert_int_equal(pwrite(make_it_fail, "0", 1, 0), 1);
	close(make_it_fail);
	write_file(FAILSLAB "probability", "0");
}

uint64_t memory_info(const char *key)
{
	return number_in("/proc/meminfo", key);
}
