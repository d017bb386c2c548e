// SPDX-License-Identifier: MIT
/*
 * Queues and their memory, physically contiguous or given as a PRP list (Base 2.x, Create I/O
 * Completion Queue, Physically Contiguous).
 */

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "model_private.h"

#define CIDS 65536

int model_queues_init(struct model *m)
{
	m->queues = m->config.queues + 1u;
	m->sq = calloc(m->queues, sizeof(*m->sq));
	m->cq = calloc(m->queues, sizeof(*m->cq));
	if (!m->sq || !m->cq)
		return -ENOMEM;
	for (unsigned i = 0; i < m->queues; i++) {
		m->sq[i].in_flight = calloc(1, CIDS / 8);
		if (!m->sq[i].in_flight)
			return -ENOMEM;
	}
	return 0;
}

void model_queue_delete(struct model_queue *q)
{
	free(q->page);
	*q = (struct model_queue){ 0 };
}

void model_queues_reset(struct model *m)
{
	for (unsigned i = 0; i < m->queues; i++) {
		uint8_t *in_flight = m->sq[i].in_flight;

		model_queue_delete(&m->sq[i].q);
		model_queue_delete(&m->cq[i].q);
		memset(in_flight, 0, CIDS / 8);
		m->sq[i] = (struct model_sq){ .in_flight = in_flight };
		m->cq[i] = (struct model_cq){ .phase = 1 };
	}
	m->aers = 0;
	m->io_queues = 0;
	model_completions_free(m);
}

void model_queues_free(struct model *m)
{
	if (m->sq && m->cq)
		model_queues_reset(m);
	for (unsigned i = 0; m->sq && i < m->queues; i++)
		free(m->sq[i].in_flight);
	free(m->sq);
	free(m->cq);
}

/* The @n-th page of a queue that is described by a PRP list; 0 and a fault if unreadable. */
static uint64_t listed_page(struct model *m, uint64_t *list, uint32_t n, uint32_t pages)
{
	uint64_t entry;
	uint8_t *host;

	host = model_dma_at(m, *list, "queue PRP list read");
	if (!host)
		return 0;
	entry = __atomic_load_n((uint64_t *)(void *)host, __ATOMIC_RELAXED);
	if (*list % m->page == m->page - 8 && n + 1 < pages && entry % m->page == 0) {
		*list = entry;
		return listed_page(m, list, n, pages);
	}
	*list += 8;
	return entry;
}

uint16_t model_queue_create(struct model *m, struct model_queue *q, uint16_t id, uint32_t size,
			    uint32_t entry, uint64_t prp1, bool contiguous)
{
	uint32_t pages = (size * entry + m->page - 1) / m->page;

	if (prp1 % m->page)
		return MODEL_DNR(NVME_SC_PRP_INVALID_OFFSET);
	*q = (struct model_queue){ .id = id, .size = size, .pages = pages };
	q->page = calloc(pages, sizeof(*q->page));
	if (!q->page)
		return NVME_SC_INTERNAL;
	for (uint32_t i = 0; i < pages; i++) {
		q->page[i] = contiguous ? prp1 + (uint64_t)i * m->page :
			     listed_page(m, &prp1, i, pages);
		if (q->page[i] % m->page || !model_dma_at(m, q->page[i], "queue memory")) {
			model_queue_delete(q);
			return NVME_SC_DATA_XFER_ERROR;
		}
	}
	q->exists = true;
	return 0;
}

uint8_t *model_entry(struct model *m, const struct model_queue *q, uint32_t i, uint32_t entry,
		     const char *what)
{
	uint64_t at = (uint64_t)i * entry;

	return model_dma_at(m, q->page[at / m->page] + at % m->page, what);
}
