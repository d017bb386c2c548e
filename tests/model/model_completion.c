// SPDX-License-Identifier: MIT
/*
 * Completions: posted at once if nothing prevents it, otherwise kept in order until they are due
 * and their queue has space. A controller never overruns a completion queue (Base 2.x, Completion
 * Queue Full).
 */

#include <stdlib.h>

#include "model_private.h"

/* Write the entry; false if the queue is full. Entries for deleted queues are dropped. */
bool model_post_one(struct model *m, const struct model_completion *c)
{
	struct model_cq *cq = &m->cq[c->cqid];
	struct nnvme_cqe *cqe;
	uint32_t phase;
	bool first;

	if (!cq->q.exists)
		return true;
	if (!model_cq_has_space(m, cq))
		return false;
	cqe = (void *)model_entry(m, &cq->q, cq->tail, sizeof(*cqe), "completion write");
	if (!cqe) {
		model_raise_cfs(m);
		return true;
	}
	if (!c->extra)
		m->sq[c->sqid].in_flight[c->cid / 8] &= (uint8_t)~(1u << c->cid % 8);
	first = m->config.burst && c->cqid && !cq->burst && !c->old_phase;
	phase = c->old_phase || first ? !cq->phase : cq->phase;
	__atomic_store_n(&cqe->result, c->result, __ATOMIC_RELAXED);
	__atomic_store_n(&cqe->result2, c->result2, __ATOMIC_RELAXED);
	__atomic_store_n((uint32_t *)(void *)&cqe->sq_head,
			 m->sq[c->sqid < m->queues ? c->sqid : 0].head | (uint32_t)c->sqid << 16,
			 __ATOMIC_RELAXED);
	/* release: the data and the rest of the entry come before the phase that covers them */
	__atomic_store_n(&cqe->dw3, c->cid | phase << 16 | (uint32_t)c->status << 17,
			 __ATOMIC_RELEASE);
	if (first)
		cq->burst = &cqe->dw3;
	cq->used++;
	if (++cq->tail == cq->q.size) {
		cq->tail = 0;
		cq->phase ^= 1;
	}
	m->counts.completions++;
	model_interrupt_posted(m, cq);
	return true;
}

static void append(struct model *m, struct model_completion *c)
{
	if (!m->waiting_first)
		m->waiting_last = &m->waiting_first;
	c->next = NULL;
	*m->waiting_last = c;
	m->waiting_last = &c->next;
	m->nr_waiting++;
}

static void unlink_next(struct model *m, struct model_completion **p)
{
	struct model_completion *c = *p;

	*p = c->next;
	if (!c->next)
		m->waiting_last = p;
	m->nr_waiting--;
}

static void give_back(struct model *m, struct model_completion *c)
{
	c->next = m->spare;
	m->spare = c;
}

void model_complete(struct model *m, const struct model_completion *c)
{
	struct model_completion *copy;

	if (!m->nr_waiting && !c->held && !c->shuffle && c->due <= m->looks &&
	    !(m->config.burst && c->cqid) && model_post_one(m, c))
		return;
	copy = m->spare;
	if (copy)
		m->spare = copy->next;
	else
		copy = malloc(sizeof(*copy));
	if (!copy) {
		model_violation(m, "the model is out of memory");
		return;
	}
	*copy = *c;
	append(m, copy);
}

/* Move all that are to be shuffled to the end of the list, in random order. */
static void shuffle(struct model *m, unsigned n)
{
	for (; n; n--) {
		unsigned k = model_random(m) % n;
		struct model_completion **p = &m->waiting_first, *c;

		while (!(*p)->shuffle || k--)
			p = &(*p)->next;
		c = *p;
		unlink_next(m, p);
		c->shuffle = 0;
		append(m, c);
	}
}

static void shuffle_if_due(struct model *m, bool idle)
{
	unsigned n = 0, group = 0;

	for (struct model_completion *c = m->waiting_first; c; c = c->next)
		if (c->shuffle) {
			n++;
			group = c->shuffle;
		}
	if (n && (idle || n >= group))
		shuffle(m, n);
}

/* The first entry's phase comes last: until then the host finds none of them. */
static void show_bursts(struct model *m)
{
	for (unsigned i = 0; i < m->queues; i++)
		if (m->cq[i].burst) {
			__atomic_fetch_xor(m->cq[i].burst, 1u << 16, __ATOMIC_RELEASE);
			m->cq[i].burst = NULL;
		}
}

bool model_post_due(struct model *m, bool idle)
{
	struct model_completion **p, *c;
	bool posted = false;

	if (!m->nr_waiting)
		return false;
	shuffle_if_due(m, idle);
	for (p = &m->waiting_first; (c = *p);) {
		if (c->held || c->shuffle || c->due > m->looks ||
		    (m->config.burst && c->cqid && !idle) || !model_post_one(m, c)) {
			p = &c->next;
			continue;
		}
		posted = true;
		unlink_next(m, p);
		give_back(m, c);
	}
	show_bursts(m);
	return posted;
}

bool model_delayed(const struct model *m)
{
	for (struct model_completion *c = m->waiting_first; c; c = c->next)
		if (!c->held && (c->shuffle || c->due > m->looks))
			return true;
	return false;
}

unsigned model_abort_waiting(struct model *m, uint16_t sqid, int cid, uint16_t status)
{
	unsigned n = 0;

	for (struct model_completion *c = m->waiting_first; c; c = c->next)
		if (c->sqid == sqid && !c->extra && (cid < 0 || c->cid == cid)) {
			c->status = status;
			c->held = false;
			c->due = c->shuffle = 0;
			n++;
		}
	return n;
}

void model_completions_free(struct model *m)
{
	struct model_completion *c;

	if (m->nr_waiting)
		*m->waiting_last = m->spare;
	else
		m->waiting_first = m->spare;
	while ((c = m->waiting_first)) {
		m->waiting_first = c->next;
		free(c);
	}
	m->spare = NULL;
	m->nr_waiting = 0;
}

static unsigned release_in_order(struct model *m, enum model_order order)
{
	struct model_completion **held, *c;
	unsigned n = 0, i = 0, k;

	for (c = m->waiting_first; c; c = c->next)
		n += c->held;
	held = calloc(n + 1, sizeof(*held));
	if (!held)
		return 0;
	for (struct model_completion **p = &m->waiting_first; (c = *p);) {
		if (!c->held) {
			p = &c->next;
			continue;
		}
		unlink_next(m, p);
		held[i++] = c;
	}
	for (i = n; i; i--) {
		k = order == MODEL_FIFO ? n - i : order == MODEL_LIFO ? i - 1 : model_random(m) % i;
		held[k]->held = false;
		append(m, held[k]);
		if (order == MODEL_RANDOM)
			held[k] = held[i - 1];
	}
	free(held);
	return n;
}

unsigned model_release(struct model *m, enum model_order order)
{
	unsigned n;

	model_lock(m);
	n = release_in_order(m, order);
	model_unlock(m);
	return n;
}

unsigned model_held(struct model *m)
{
	unsigned n = 0;

	model_lock(m);
	for (struct model_completion *c = m->waiting_first; c; c = c->next)
		n += c->held;
	model_unlock(m);
	return n;
}
