// SPDX-License-Identifier: MIT
#include "dma/space.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "dma/table_build.h"

int nnvme_space_create(struct nnvme_device *dev, size_t page_size, struct nnvme_space **space,
		       struct nnvme_err *err)
{
	struct nnvme_space *s = calloc(1, sizeof(*s));

	if (!s)
		return nnvme_fail(err, -ENOMEM, "no memory");
	s->table = nnvme_table_create(err);
	if (!s->table) {
		free(s);
		return -ENOMEM;
	}
	s->dev = dev;
	s->pool.dev = dev;
	s->pool.page_size = page_size;
	pthread_mutex_init(&s->lock, NULL);
	*space = s;
	return 0;
}

void nnvme_space_destroy(struct nnvme_space *s)
{
	if (!s)
		return;
	for (size_t i = 0; i < s->nr_regions; i++)
		s->dev->ops->unmap(s->dev, s->regions[i].iova, s->regions[i].len);
	nnvme_pool_destroy(&s->pool);
	nnvme_table_destroy(s->table);
	pthread_mutex_destroy(&s->lock);
	free(s->regions);
	free(s);
}

/* The first region that ends after @va: where a region at @va is or would be inserted. */
static size_t region_index(const struct nnvme_space *s, uintptr_t va)
{
	size_t lo = 0, hi = s->nr_regions;

	while (lo < hi) {
		size_t mid = lo + (hi - lo) / 2;

		if (s->regions[mid].va + s->regions[mid].len <= va)
			lo = mid + 1;
		else
			hi = mid;
	}
	return lo;
}

static int check_range(uintptr_t va, size_t len, struct nnvme_err *err)
{
	if (va % NNVME_PAGE_SIZE || len % NNVME_PAGE_SIZE || !len)
		return nnvme_fail(err, -EINVAL, "%#zx bytes at %#zx can't be registered: address "
				  "and length must be multiples of 4096, and the length not 0", len,
				  (size_t)va);
	if (!va)
		return nnvme_fail(err, -EINVAL, "%#zx bytes at address 0 can't be registered", len);
	if (len > NNVME_VA_END || va > NNVME_VA_END - len)
		return nnvme_fail(err, -EINVAL,
				  "%#zx bytes at %#zx do not lie below %#zx: addresses have %u "
				  "bits here, and more only where mmap() gets a hint that asks for "
				  "them; map the memory without such a hint",
				  len, (size_t)va, (size_t)NNVME_VA_END, NNVME_VA_BITS);
	return 0;
}

static int grow_regions(struct nnvme_space *s, struct nnvme_err *err)
{
	size_t max = s->max_regions ? 2 * s->max_regions : 16;
	struct nnvme_region *r;

	if (s->nr_regions < s->max_regions)
		return 0;
	r = realloc(s->regions, max * sizeof(*r));
	if (!r)
		return nnvme_fail(err, -ENOMEM, "no memory for %zu regions", max);
	s->regions = r;
	s->max_regions = max;
	return 0;
}

/* Map, get bus addresses, enter them into the table; on failure all is undone. */
static int enter(struct nnvme_space *s, struct nnvme_region *r, struct nnvme_err *err)
{
	size_t pages = r->len / NNVME_PAGE_SIZE;
	nnvme_bus_t *bus = malloc(pages * sizeof(*bus));
	int ret;

	if (!bus)
		return nnvme_fail(err, -ENOMEM, "no memory for the addresses of %zu pages", pages);
	ret = s->dev->ops->map(s->dev, (void *)r->va, r->len, &r->iova, err);
	if (ret)
		goto out;
	ret = nnvme_resolve(s->dev, r->iova, pages, bus, &s->pool.bus_addr_calls, err);
	if (!ret)
		ret = nnvme_table_add(s->table, &s->pool, r->va, pages, bus, err);
	if (ret)
		s->dev->ops->unmap(s->dev, r->iova, r->len);
out:
	free(bus);
	return ret;
}

static int add_locked(struct nnvme_space *s, struct nnvme_region r, struct nnvme_err *err)
{
	size_t i = region_index(s, r.va);
	int ret;

	if (i < s->nr_regions && s->regions[i].va < r.va + r.len)
		return nnvme_fail(err, -EEXIST, "%#zx bytes at %#zx overlap %#zx bytes at %#zx "
				  "that are registered already",
				  r.len, (size_t)r.va, s->regions[i].len, (size_t)s->regions[i].va);
	ret = grow_regions(s, err);
	if (!ret)
		ret = enter(s, &r, err);
	if (ret)
		return ret;
	memmove(&s->regions[i + 1], &s->regions[i], (s->nr_regions - i) * sizeof(r));
	s->regions[i] = r;
	s->nr_regions++;
	s->registered += r.len;
	return 0;
}

int nnvme_space_add(struct nnvme_space *s, void *va, size_t len, struct nnvme_err *err)
{
	struct nnvme_region r = { .va = (uintptr_t)va, .len = len };
	int ret = check_range(r.va, len, err);

	if (ret)
		return ret;
	pthread_mutex_lock(&s->lock);
	ret = add_locked(s, r, err);
	pthread_mutex_unlock(&s->lock);
	return ret;
}

/* No look-up finds the region any more, so no new command uses it; but one in flight may. */
static int hide(struct nnvme_space *s, const struct nnvme_region *r, nnvme_busy_fn *busy, void *arg,
		struct nnvme_err *err)
{
	int ret;

	nnvme_table_hide(s->table, r->va, r->len / NNVME_PAGE_SIZE);
	ret = busy ? busy(arg, r->va, r->len) : 0;
	if (!ret) {
		nnvme_table_remove(s->table, r->va, r->len / NNVME_PAGE_SIZE);
		return 0;
	}
	nnvme_table_show(s->table, r->va, r->len / NNVME_PAGE_SIZE);
	return ret < 0 ? nnvme_fail(err, ret, "no memory to look at the commands in flight") :
		nnvme_fail(err, -EBUSY, "a command in flight reads or writes the %#zx bytes at "
			   "%#zx; they stay registered: poll until it has completed",
			   r->len, (size_t)r->va);
}

static int remove_locked(struct nnvme_space *s, uintptr_t va, size_t len, nnvme_busy_fn *busy,
			 void *arg, struct nnvme_err *err)
{
	size_t i = region_index(s, va);
	struct nnvme_region *r = s->regions + i;
	int ret;

	if (i == s->nr_regions || r->va != va || r->len != len)
		return nnvme_fail(err, -ENOENT, "%#zx bytes at %#zx were not "
				  "registered as such", len, (size_t)va);
	ret = r->leaving ? 0 : hide(s, r, busy, arg, err);
	if (ret)
		return ret;
	r->leaving = true;
	ret = s->dev->ops->unmap(s->dev, r->iova, len);
	if (ret)
		return nnvme_fail(err, ret, "unmapping %#zx bytes at %#zx: %s; they stay pinned "
				  "until that works, or the controller is closed", len, (size_t)va,
				  strerror(-ret));
	memmove(r, r + 1, (--s->nr_regions - i) * sizeof(*r));
	s->registered -= len;
	return 0;
}

int nnvme_space_remove(struct nnvme_space *s, void *va, size_t len, nnvme_busy_fn *busy, void *arg,
		       struct nnvme_err *err)
{
	int ret;

	pthread_mutex_lock(&s->lock);
	ret = remove_locked(s, (uintptr_t)va, len, busy, arg, err);
	pthread_mutex_unlock(&s->lock);
	return ret;
}

int nnvme_space_busy(struct nnvme_space *s, void *va, size_t len, nnvme_busy_fn *busy, void *arg)
{
	int ret;

	pthread_mutex_lock(&s->lock);
	ret = busy(arg, (uintptr_t)va, len);
	pthread_mutex_unlock(&s->lock);
	return ret;
}

bool nnvme_space_maps(const struct nnvme_space *s, uint64_t iova, size_t len)
{
	for (size_t i = 0; i < s->nr_regions; i++) {
		const struct nnvme_region *r = &s->regions[i];

		if (r->iova < iova + len && iova < r->iova + r->len)
			return true;
	}
	return nnvme_pool_maps(&s->pool, iova, len);
}

void *nnvme_space_get(struct nnvme_space *s, size_t size, nnvme_bus_t *bus, struct nnvme_err *err)
{
	void *va;

	pthread_mutex_lock(&s->lock);
	va = nnvme_pool_get(&s->pool, size, bus, err);
	pthread_mutex_unlock(&s->lock);
	return va;
}

void nnvme_space_put(struct nnvme_space *s, void *va)
{
	pthread_mutex_lock(&s->lock);
	nnvme_pool_put(&s->pool, va);
	pthread_mutex_unlock(&s->lock);
}
