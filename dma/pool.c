// SPDX-License-Identifier: MIT
#include "dma/pool.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "noiommu_nvme/table.h"

#define CHUNK_SIZE ((size_t)2 << 20)

struct nnvme_chunk {
	struct nnvme_chunk *next;
	struct nnvme_memory mem;
	uint64_t iova;
	size_t pages;
	size_t hint;		/* no free page below this one */
	uint8_t *used;		/* a byte per page */
	nnvme_bus_t bus[];	/* per page */
};

int nnvme_resolve(struct nnvme_device *dev, uint64_t iova, size_t pages, nnvme_bus_t *bus,
		  uint64_t *calls, struct nnvme_err *err)
{
	for (size_t done = 0; done < pages;) {
		size_t len = (pages - done) * NNVME_PAGE_SIZE;
		size_t want = len;
		nnvme_bus_t at;
		int ret = dev->ops->bus_addr(dev, iova + done * NNVME_PAGE_SIZE, &len, &at, err);

		if (ret)
			return ret;
		(*calls)++;
		/* A page is the unit of everything here; an answer of less can't be used. */
		if (len < NNVME_PAGE_SIZE || len > want || !at.v || at.v % NNVME_PAGE_SIZE)
			return nnvme_fail(err, -EIO, "%s: bus address %#llx with %zu bytes for IOVA %#llx "
					  "is not a page; the kernel's answer can't be used", dev->name,
					  (unsigned long long)at.v, len, (unsigned long long)iova);
		for (size_t end = done + len / NNVME_PAGE_SIZE; done < end; done++) {
			bus[done] = at;
			at.v += NNVME_PAGE_SIZE;
		}
	}
	return 0;
}

/* Queues and lists are small: a page of 1 GiB is for them only when there is no smaller one. */
static int get_memory(const struct nnvme_pool *pool, size_t size, struct nnvme_memory *mem,
		      struct nnvme_err *err)
{
	size_t small = nnvme_hugepage_smallest();

	if (small && small < pool->page_size && !nnvme_memory_get(size, small, mem, NULL))
		return 0;
	return nnvme_memory_get(size, pool->page_size, mem, err);
}

static struct nnvme_chunk *chunk_create(struct nnvme_pool *pool, size_t size, struct nnvme_err *err)
{
	struct nnvme_memory mem;
	struct nnvme_chunk *c;
	size_t pages;

	if (get_memory(pool, size > CHUNK_SIZE ? size : CHUNK_SIZE, &mem, err))
		return NULL;
	pages = mem.len / NNVME_PAGE_SIZE;
	c = calloc(1, sizeof(*c) + pages * (sizeof(c->bus[0]) + 1));
	if (!c) {
		nnvme_fail(err, -ENOMEM, "no memory to describe %zu pages", pages);
		goto free_memory;
	}
	c->mem = mem;
	c->pages = pages;
	c->used = (uint8_t *)&c->bus[pages];
	if (pool->dev->ops->map(pool->dev, mem.va, mem.len, &c->iova, err))
		goto free_chunk;
	if (nnvme_resolve(pool->dev, c->iova, pages, c->bus, &pool->bus_addr_calls, err))
		goto unmap;
	pool->bytes += mem.len;
	c->next = pool->chunks;
	pool->chunks = c;
	return c;

unmap:
	pool->dev->ops->unmap(pool->dev, c->iova, mem.len);
free_chunk:
	free(c);
free_memory:
	nnvme_memory_put(&mem);
	return NULL;
}

/*
 * Give the chunk back that was made last: what it was made for is not in it, and every further
 * try would pin as much again. Where it can't be unmapped it serves smaller pieces.
 */
static void drop_newest(struct nnvme_pool *pool)
{
	struct nnvme_chunk *c = pool->chunks;

	if (pool->dev->ops->unmap(pool->dev, c->iova, c->mem.len))
		return;
	pool->chunks = c->next;
	pool->bytes -= c->mem.len;
	nnvme_memory_put(&c->mem);
	free(c);
}

/* The first run of @n free pages in one piece on the bus, or c->pages. */
static size_t find_run(const struct nnvme_chunk *c, size_t n)
{
	size_t run = 0;

	for (size_t i = c->hint; i < c->pages; i++) {
		if (c->used[i]) {
			run = 0;
			continue;
		}
		if (run && c->bus[i].v != c->bus[i - 1].v + NNVME_PAGE_SIZE)
			run = 0;
		if (++run == n)
			return i + 1 - n;
	}
	return c->pages;
}

static void *take_run(struct nnvme_chunk *c, size_t first, size_t n, nnvme_bus_t *bus)
{
	void *va = (char *)c->mem.va + first * NNVME_PAGE_SIZE;

	memset(&c->used[first], 1, n);
	while (c->hint < c->pages && c->used[c->hint])
		c->hint++;
	*bus = c->bus[first];
	memset(va, 0, n * NNVME_PAGE_SIZE);
	return va;
}

void *nnvme_pool_get(struct nnvme_pool *pool, size_t size, nnvme_bus_t *bus, struct nnvme_err *err)
{
	size_t n = (size + NNVME_PAGE_SIZE - 1) / NNVME_PAGE_SIZE;
	struct nnvme_chunk *c;
	size_t first;

	for (c = pool->chunks; c; c = c->next) {
		first = find_run(c, n);
		if (first < c->pages)
			return take_run(c, first, n, bus);
	}
	c = chunk_create(pool, size, err);
	if (!c)
		return NULL;
	first = find_run(c, n);
	if (first < c->pages)
		return take_run(c, first, n, bus);
	drop_newest(pool);
	nnvme_fail(err, -ENOMEM, "no %zu bytes in one physical piece among ordinary pages; use huge "
		   "pages, or a shallower queue", size);
	return NULL;
}

void nnvme_pool_put(struct nnvme_pool *pool, void *va, size_t size)
{
	size_t n = (size + NNVME_PAGE_SIZE - 1) / NNVME_PAGE_SIZE;
	struct nnvme_chunk *c;

	for (c = pool->chunks; c; c = c->next) {
		size_t offset = (uintptr_t)va - (uintptr_t)c->mem.va;
		size_t first = offset / NNVME_PAGE_SIZE;

		if (offset >= c->mem.len)
			continue;
		memset(&c->used[first], 0, n);
		if (first < c->hint)
			c->hint = first;
		return;
	}
}

bool nnvme_pool_reaches(const struct nnvme_pool *pool, uint64_t iova, size_t len)
{
	for (const struct nnvme_chunk *c = pool->chunks; c; c = c->next)
		if (c->iova < iova + len && iova < c->iova + c->mem.len)
			return true;
	return false;
}

void nnvme_pool_destroy(struct nnvme_pool *pool)
{
	struct nnvme_chunk *c, *next;

	for (c = pool->chunks; c; c = next) {
		next = c->next;
		pool->dev->ops->unmap(pool->dev, c->iova, c->mem.len);
		nnvme_memory_put(&c->mem);
		free(c);
	}
	pool->chunks = NULL;
}
