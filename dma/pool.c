// SPDX-License-Identifier: MIT
#include "dma/pool.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "dma/node.h"
#include "dma/runs.h"
#include "noiommu_nvme/table.h"

#define CHUNK_SIZE ((size_t)2 << 20)

struct nnvme_chunk {
	struct nnvme_chunk *next;
	struct nnvme_memory mem;
	uint64_t iova;
	struct nnvme_runs runs;
	nnvme_bus_t bus[]; /* of each page; the states of the runs are behind them */
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
		/* Everything here is in units of a page, so a shorter answer can't be used. */
		if (len < NNVME_PAGE_SIZE || len > want || !at.v || at.v % NNVME_PAGE_SIZE)
			return nnvme_fail(err, -EIO, "%s: bus address %#llx with %zu bytes "
					  "for IOVA %#llx is not a page; the kernel's answer "
					  "can't be used", dev->name, (unsigned long long)at.v, len,
					  (unsigned long long)iova);
		for (size_t end = done + len / NNVME_PAGE_SIZE; done < end; done++) {
			bus[done] = at;
			at.v += NNVME_PAGE_SIZE;
		}
	}
	return 0;
}

/* Queues and lists are small: use pages of 1 GiB only if there are no smaller huge pages. */
static int get_memory(const struct nnvme_pool *pool, size_t size, struct nnvme_memory *mem,
		      struct nnvme_err *err)
{
	size_t small = nnvme_hugepage_smallest();

	if (small && small < pool->page_size &&
	    !nnvme_memory_get(size, small, NNVME_NODE_ANY, mem, NULL))
		return 0;
	return nnvme_memory_get(size, pool->page_size, NNVME_NODE_ANY, mem, err);
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
	c->runs = nnvme_runs_of(pages, (uint8_t *)&c->bus[pages], c->bus);
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
 * Free the chunk made last: it could not serve what it was made for, and every further try would
 * pin as much again. If it can't be unmapped, it serves smaller allocations.
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

static void *take(struct nnvme_chunk *c, size_t size, nnvme_bus_t *bus)
{
	size_t n = (size + NNVME_PAGE_SIZE - 1) / NNVME_PAGE_SIZE;
	size_t first = nnvme_runs_take(&c->runs, n);
	void *va;

	if (first == NNVME_NO_RUN)
		return NULL;
	va = (char *)c->mem.va + first * NNVME_PAGE_SIZE;
	*bus = c->bus[first];
	return memset(va, 0, n * NNVME_PAGE_SIZE);
}

void *nnvme_pool_get(struct nnvme_pool *pool, size_t size, nnvme_bus_t *bus, struct nnvme_err *err)
{
	struct nnvme_chunk *c;
	void *va = NULL;

	for (c = pool->chunks; c && !va; c = c->next)
		va = take(c, size, bus);
	if (va)
		return va;
	c = chunk_create(pool, size, err);
	if (!c)
		return NULL;
	va = take(c, size, bus);
	if (va)
		return va;
	drop_newest(pool);
	nnvme_fail(err, -ENOMEM, "no %zu bytes in one physical piece among ordinary pages; use "
		   "huge pages, or a shallower queue", size);
	return NULL;
}

void nnvme_pool_put(struct nnvme_pool *pool, void *va)
{
	for (struct nnvme_chunk *c = pool->chunks; c; c = c->next) {
		size_t offset = (uintptr_t)va - (uintptr_t)c->mem.va;

		if (offset < c->mem.len)
			nnvme_runs_put(&c->runs, offset / NNVME_PAGE_SIZE);
	}
}

bool nnvme_pool_maps(const struct nnvme_pool *pool, uint64_t iova, size_t len)
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
