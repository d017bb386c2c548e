// SPDX-License-Identifier: MIT
/* Registered memory for the caller's buffers: nnvme_mem_alloc() and nnvme_mem_free(). */
#include "nvme/buffer.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "dma/node.h"
#include "dma/runs.h"
#include "nvme/in_flight.h"
#include "nvme/log.h"

#define CHUNK_SIZE ((size_t)2 << 20)

/* Registered as a whole. */
struct nnvme_buffer {
	struct nnvme_buffer *next;
	struct nnvme_memory mem;
	int node;
	bool leaving;		/* no longer registered, but unmapping failed */
	struct nnvme_runs runs;
	uint8_t state[]; /* of its pages */
};

static struct nnvme_buffer *chunk_create(struct nnvme_ctrl *ctrl, size_t size, int node,
					 struct nnvme_err *err)
{
	struct nnvme_memory mem;
	struct nnvme_buffer *b;

	if (nnvme_memory_get(size > CHUNK_SIZE ? size : CHUNK_SIZE, ctrl->page_size, node, &mem,
			     err))
		return NULL;
	b = calloc(1, sizeof(*b) + mem.len / NNVME_PAGE_SIZE);
	if (!b || nnvme_space_add(ctrl->space, mem.va, mem.len, err)) {
		if (!b)
			nnvme_fail(err, -ENOMEM, "no memory to describe a buffer "
				   "of %zu bytes", size);
		nnvme_memory_put(&mem);
		free(b);
		return NULL;
	}
	b->mem = mem;
	b->node = node;
	b->runs = nnvme_runs_of(mem.len / NNVME_PAGE_SIZE, b->state, NULL);
	b->next = ctrl->buffers;
	ctrl->buffers = b;
	return b;
}

static void *take(struct nnvme_buffer *b, size_t n)
{
	size_t first = nnvme_runs_take(&b->runs, n);

	return first == NNVME_NO_RUN ? NULL : (char *)b->mem.va + first * NNVME_PAGE_SIZE;
}

/* A chunk is for one node, so that allocations for any node don't use up what another asked for. */
static void *take_locked(struct nnvme_ctrl *ctrl, size_t size, int node, struct nnvme_err *err)
{
	size_t n = size / NNVME_PAGE_SIZE + !!(size % NNVME_PAGE_SIZE);
	struct nnvme_buffer *b;
	void *va = NULL;

	for (b = ctrl->buffers; b && !va; b = b->next)
		va = b->leaving || b->node != node ? NULL : take(b, n);
	if (va)
		return va;
	b = chunk_create(ctrl, size, node, err);
	return b ? take(b, n) : NULL;
}

void *nnvme_mem_alloc_node(struct nnvme_ctrl *ctrl, size_t size, int node, struct nnvme_err *err)
{
	void *va;

	if (!size)
		size = 1;
	nnvme_lock(&ctrl->buffer_lock);
	va = take_locked(ctrl, size, node, err);
	nnvme_unlock(&ctrl->buffer_lock);
	return va ? memset(va, 0, (size + NNVME_PAGE_SIZE - 1) & -NNVME_PAGE_SIZE) : NULL;
}

void *nnvme_mem_alloc(struct nnvme_ctrl *ctrl, size_t size, struct nnvme_err *err)
{
	return nnvme_mem_alloc_node(ctrl, size, NNVME_NODE_ANY, err);
}

/*
 * An empty chunk is freed as a whole; if somebody still reads or writes what was freed, it stays
 * for the next allocations.
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
	size_t page = 0, n;
	int busy;

	for (; (b = *link); link = &b->next) {
		page = ((uintptr_t)va - (uintptr_t)b->mem.va) / NNVME_PAGE_SIZE;
		if (page < b->runs.pages)
			break;
	}
	n = b ? nnvme_runs_length(&b->runs, page) : 0;
	if (!n)
		return 0;
	busy = nnvme_space_busy(ctrl->space, va, n * NNVME_PAGE_SIZE, nnvme_in_flight_to, ctrl);
	if (busy)
		return busy < 0 ? busy : -EBUSY;
	nnvme_runs_put(&b->runs, page);
	if (nnvme_runs_empty(&b->runs))
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
