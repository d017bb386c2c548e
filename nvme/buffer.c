// SPDX-License-Identifier: MIT
/* Registered memory for the caller's buffers: nnvme_mem_alloc() and nnvme_mem_free(). */
#include "nvme/buffer.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "nvme/in_flight.h"
#include "nvme/log.h"

#define CHUNK_SIZE ((size_t)2 << 20)

enum { FREE, START, MORE };	/* what a page is to an allocation */

struct nnvme_buffer {
	struct nnvme_buffer *next;
	struct nnvme_memory mem;
	size_t pages;
	bool leaving;		/* not registered any more, but unmapping failed */
	uint8_t state[];
};

static struct nnvme_buffer *chunk_create(struct nnvme_ctrl *ctrl, size_t size,
					 struct nnvme_err *err)
{
	struct nnvme_memory mem;
	struct nnvme_buffer *b;

	if (nnvme_memory_get(size > CHUNK_SIZE ? size : CHUNK_SIZE, ctrl->page_size, &mem, err))
		return NULL;
	b = calloc(1, sizeof(*b) + mem.len / NNVME_PAGE_SIZE);
	if (!b || nnvme_space_add(ctrl->space, mem.va, mem.len, err)) {
		if (!b)
			nnvme_fail(err, -ENOMEM, "no memory to describe a buffer of %zu bytes", size);
		nnvme_memory_put(&mem);
		free(b);
		return NULL;
	}
	b->mem = mem;
	b->pages = mem.len / NNVME_PAGE_SIZE;
	b->next = ctrl->buffers;
	ctrl->buffers = b;
	return b;
}

static void *take(struct nnvme_buffer *b, size_t n)
{
	size_t run = 0;

	for (size_t i = 0; i < b->pages; i++) {
		run = b->state[i] == FREE ? run + 1 : 0;
		if (run < n)
			continue;
		i = i + 1 - n;
		b->state[i] = START;
		memset(&b->state[i + 1], MORE, n - 1);
		return (char *)b->mem.va + i * NNVME_PAGE_SIZE;
	}
	return NULL;
}

void *nnvme_mem_alloc(struct nnvme_ctrl *ctrl, size_t size, struct nnvme_err *err)
{
	size_t n = size / NNVME_PAGE_SIZE + !!(size % NNVME_PAGE_SIZE);
	struct nnvme_buffer *b;
	void *va = NULL;

	if (!n)
		n = 1;
	nnvme_lock(&ctrl->buffer_lock);
	for (b = ctrl->buffers; b && !va; b = b->next)
		va = b->leaving ? NULL : take(b, n);
	if (!va) {
		b = chunk_create(ctrl, size, err);
		va = b ? take(b, n) : NULL;
	}
	nnvme_unlock(&ctrl->buffer_lock);
	if (va)
		memset(va, 0, n * NNVME_PAGE_SIZE);
	return va;
}

/* Pages of the allocation that begins with @first. */
static size_t pages_of(const struct nnvme_buffer *b, size_t first)
{
	size_t n = 1;

	while (first + n < b->pages && b->state[first + n] == MORE)
		n++;
	return n;
}

static bool release(struct nnvme_buffer *b, size_t first)
{
	memset(&b->state[first], FREE, pages_of(b, first));
	return !memchr(b->state, START, b->pages);
}

/*
 * A chunk without allocations goes back whole; or it stays for the next ones, if somebody reads or
 * writes what was freed.
 */
static void give_back(struct nnvme_ctrl *ctrl, struct nnvme_buffer **link)
{
	struct nnvme_buffer *b = *link;
	struct nnvme_err err;

	if (nnvme_space_busy(ctrl->space, b->mem.va, b->mem.len, nnvme_in_flight_to, ctrl))
		return;
	b->leaving = nnvme_space_remove(ctrl->space, b->mem.va, b->mem.len, NULL, NULL, &err);
	if (b->leaving) {
		nnvme_log(ctrl, NNVME_LOG_WARNING, "%s", err.text);
		return;
	}
	*link = b->next;
	nnvme_memory_put(&b->mem);
	free(b);
}

static int free_locked(struct nnvme_ctrl *ctrl, void *va)
{
	struct nnvme_buffer **link = &ctrl->buffers, *b;
	size_t page = 0;
	int busy;

	for (; (b = *link); link = &b->next) {
		page = ((uintptr_t)va - (uintptr_t)b->mem.va) / NNVME_PAGE_SIZE;
		if (page < b->pages)
			break;
	}
	if (!b || b->state[page] != START)
		return 0;
	busy = nnvme_space_busy(ctrl->space, va, pages_of(b, page) * NNVME_PAGE_SIZE, nnvme_in_flight_to, ctrl);
	if (busy)
		return busy < 0 ? busy : -EBUSY;
	if (release(b, page))
		give_back(ctrl, link);
	return 0;
}

int nnvme_mem_free(struct nnvme_ctrl *ctrl, void *va)
{
	int ret;

	if (!va)
		return 0;
	nnvme_lock(&ctrl->lock);
	nnvme_lock(&ctrl->buffer_lock);
	ret = ctrl->unstoppable ? -EBUSY : free_locked(ctrl, va);
	nnvme_unlock(&ctrl->buffer_lock);
	nnvme_unlock(&ctrl->lock);
	return ret;
}

void nnvme_buffers_destroy(struct nnvme_ctrl *ctrl)
{
	struct nnvme_buffer *b;

	while ((b = ctrl->buffers)) {
		ctrl->buffers = b->next;
		nnvme_space_remove(ctrl->space, b->mem.va, b->mem.len, NULL, NULL, NULL);
		nnvme_memory_put(&b->mem);
		free(b);
	}
}
