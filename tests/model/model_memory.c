// SPDX-License-Identifier: MIT
/*
 * Registrations and translation. Bus memory is an array of page slots; a slot of a live
 * registration points to the host's page. Without an IOMMU a registration gets scattered runs of
 * slots, so that only bus_addr() can tell where a page is; with one it gets consecutive slots, and
 * the IOVA is the bus address.
 */

#include <errno.h>
#include <stdlib.h>
#include <sys/mman.h>

#include "model_private.h"

#ifndef MADV_POPULATE_WRITE
#define MADV_POPULATE_WRITE 23
#endif

/* Above 4 GiB, so that an address cut to 32 bits is never valid. */
#define BUS_BASE 0x2340000000ull
#define BUS_SLOTS (1u << 25)	/* 128 GiB; only what is used costs memory */
/* An IOVA that resembles no bus address and no pointer. */
#define FIRST_IOVA 0x100000ull

int model_memory_init(struct model *m)
{
	m->base = BUS_BASE;
	m->slots = BUS_SLOTS;
	m->range = (struct nnvme_iova_range){ BUS_BASE,
					      BUS_BASE + BUS_SLOTS * (uint64_t)MODEL_PAGE - 1 };
	m->next_iova = FIRST_IOVA;
	m->host = mmap(NULL, m->slots * sizeof(*m->host), PROT_READ | PROT_WRITE,
		       MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	if (m->host == MAP_FAILED) {
		m->host = NULL;
		return -errno;
	}
	return 0;
}

static void free_region(struct model_region *r)
{
	free(r->slot);
	free(r);
}

void model_memory_free(struct model *m)
{
	struct model_region *r;

	while ((r = m->regions)) {
		m->regions = r->next;
		free_region(r);
	}
	if (m->host)
		munmap(m->host, m->slots * sizeof(*m->host));
}

static bool slots_free(const struct model *m, uint32_t first, uint32_t n)
{
	if (first > m->slots - n)
		return false;
	for (uint32_t i = 0; i < n; i++)
		if (m->host[first + i])
			return false;
	return true;
}

/* A run of @n free slots, anywhere; m->slots if there is none. */
static uint32_t find_slots(struct model *m, uint32_t n)
{
	if (n > m->slots)
		return m->slots;
	if (m->config.mode != NNVME_MODE_IOMMU)
		for (unsigned try = 0; try < 64; try++) {
			uint32_t first = model_random(m) % (m->slots - n + 1);

			if (slots_free(m, first, n))
				return first;
		}
	for (uint32_t seen = 0; seen < m->slots; seen++) {
		uint32_t first = m->cursor;

		m->cursor = (m->cursor + 1) % m->slots;
		if (slots_free(m, first, n)) {
			m->cursor = (first + n) % m->slots;
			return first;
		}
	}
	return m->slots;
}

static void release_slots(struct model *m, struct model_region *r, uint32_t pages)
{
	if (m->config.stale)
		return;		/* for ever: never allocated again */
	for (uint32_t i = 0; i < pages; i++)
		m->host[r->slot[i]] = NULL;
}

/* Runs end where virtual addresses are multiples of the run length, as huge pages do. */
static int take_slots(struct model *m, struct model_region *r)
{
	uint32_t pages = r->len / MODEL_PAGE, run = m->config.run ? m->config.run : 1;
	bool iommu = m->config.mode == NNVME_MODE_IOMMU;
	uint32_t n;

	for (uint32_t i = 0; i < pages; i += n) {
		uint32_t first;

		n = iommu ? pages : run - ((uintptr_t)r->va / MODEL_PAGE + i) % run;
		if (n > pages - i)
			n = pages - i;
		first = find_slots(m, n);
		if (first == m->slots) {
			release_slots(m, r, i);
			return -ENOMEM;
		}
		for (uint32_t k = 0; k < n; k++) {
			r->slot[i + k] = first + k;
			m->host[first + k] = r->va + (size_t)(i + k) * MODEL_PAGE;
		}
	}
	return 0;
}

/* What pinning requires of memory: present and writable. */
static int populate(const struct model *m, void *va, size_t len)
{
	if (!madvise(va, len, MADV_POPULATE_WRITE))
		return 0;
	/* Linux before 5.14 doesn't know this advice: it fails for our own memory, too. */
	return madvise(m->bar, MODEL_PAGE, MADV_POPULATE_WRITE) ? 0 : -EFAULT;
}

int model_map(struct model *m, void *va, size_t len, uint64_t *iova, struct nnvme_err *err)
{
	struct model_region *r;

	if (!len || ((uintptr_t)va | len) % MODEL_PAGE)
		return nnvme_fail(err, -EINVAL, "model: map of %p, %zu bytes: "
				  "not whole pages", va, len);
	if (m->config.map_limit && m->counts.mapped + len > m->config.map_limit)
		return nnvme_fail(err, -ENOMEM, "model: mapping %zu bytes exceeds RLIMIT_MEMLOCK "
				  "of %llu bytes: raise it with ulimit -l", len,
				  (unsigned long long)m->config.map_limit);
	if (populate(m, va, len))
		return nnvme_fail(err, -EFAULT, "model: %zu bytes at %p are not writable memory",
				  len, va);
	r = calloc(1, sizeof(*r));
	if (r)
		r->slot = calloc(len / MODEL_PAGE, sizeof(*r->slot));
	if (!r || !r->slot) {
		free(r);
		return nnvme_fail(err, -ENOMEM, "model: no memory for a mapping");
	}
	r->va = va;
	r->len = len;
	if (take_slots(m, r)) {
		free_region(r);
		return nnvme_fail(err, -ENOMEM, "model: its %u pages of bus memory are used up",
				  m->slots);
	}
	if (m->config.mode == NNVME_MODE_IOMMU) {
		r->iova = m->base + (uint64_t)r->slot[0] * MODEL_PAGE;
	} else {
		r->iova = m->next_iova;
		m->next_iova += len + MODEL_PAGE;
	}
	r->next = m->regions;
	m->regions = r;
	m->counts.mapped += len;
	*iova = r->iova;
	return 0;
}

static bool within(const struct model_region *r, const uint8_t *host)
{
	return host && host >= r->va && host < r->va + r->len;
}

static bool holds(const struct model *m, const struct model_region *r, const struct model_queue *q)
{
	for (uint32_t i = 0; q->exists && i < q->pages; i++)
		if (within(r, model_peek(m, q->page[i])))
			return true;
	return false;
}

/* Unmapping corrupts memory while the controller may still write there. */
static void check_unmap(struct model *m, const struct model_region *r)
{
	if (!model_live(m))
		return;
	for (unsigned i = 0; i < m->queues; i++) {
		if (holds(m, r, &m->sq[i].q))
			model_violation(m, "unmap of iova 0x%llx with SQ %u while enabled",
					(unsigned long long)r->iova, i);
		if (holds(m, r, &m->cq[i].q))
			model_violation(m, "unmap of iova 0x%llx with CQ %u while enabled",
					(unsigned long long)r->iova, i);
	}
	if (within(r, model_peek(m, m->shadow)) || within(r, model_peek(m, m->eventidx)))
		model_violation(m, "unmap of iova 0x%llx with shadow doorbells while enabled",
				(unsigned long long)r->iova);
}

int model_unmap(struct model *m, uint64_t iova, size_t len)
{
	struct model_region **p, *r;

	for (p = &m->regions; (r = *p); p = &r->next)
		if (r->iova == iova)
			break;
	if (!r || r->len != len) {
		model_violation(m, "unmap of iova 0x%llx, %zu bytes, which is not one mapping",
				(unsigned long long)iova, len);
		return -ENOENT;
	}
	check_unmap(m, r);
	release_slots(m, r, len / MODEL_PAGE);
	*p = r->next;
	m->counts.mapped -= len;
	free_region(r);
	return 0;
}

int model_bus_addr(struct model *m, uint64_t iova, size_t *len, uint64_t *bus)
{
	struct model_region *r;
	size_t offset, page, got;

	for (r = m->regions; r; r = r->next)
		if (iova >= r->iova && iova - r->iova < r->len)
			break;
	if (!r)
		return -ENOENT;
	if (!*len)
		return -EINVAL;
	offset = iova - r->iova;
	page = offset / MODEL_PAGE;
	*bus = m->base + (uint64_t)r->slot[page] * MODEL_PAGE + offset % MODEL_PAGE;
	got = MODEL_PAGE - offset % MODEL_PAGE;
	while (got < *len && page + 1 < r->len / MODEL_PAGE &&
	       r->slot[page + 1] == r->slot[page] + 1) {
		page++;
		got += MODEL_PAGE;
	}
	if (got < *len)
		*len = got;
	return 0;
}

uint8_t *model_peek(const struct model *m, uint64_t bus)
{
	uint64_t slot = (bus - m->base) / MODEL_PAGE;

	/* below the base wraps round to a slot that does not exist */
	if (bus < m->base || slot >= m->slots || !m->host[slot])
		return NULL;
	return m->host[slot] + bus % MODEL_PAGE;
}

uint8_t *model_dma_at(struct model *m, uint64_t bus, const char *what)
{
	uint8_t *host = model_peek(m, bus);

	if (!m->bus_master) {
		model_fault(m, "%s at bus address 0x%llx with bus mastering off", what,
			    (unsigned long long)bus);
		return NULL;
	}
	if (host)
		return host;
	model_fault(m, "%s at bus address 0x%llx, which is not mapped", what,
		    (unsigned long long)bus);
	host = m->config.leak ? m->config.leak(m->config.leak_arg, bus) : NULL;
	return host ? host + bus % MODEL_PAGE : NULL;
}

void *model_host(struct model *m, nnvme_bus_t bus)
{
	void *host;

	model_lock(m);
	host = model_peek(m, bus.v);
	model_unlock(m);
	return host;
}
