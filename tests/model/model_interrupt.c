// SPDX-License-Identifier: MIT
/*
 * Interrupts: eventfds, one a vector, raised when completions are posted (PCIe transport,
 * Interrupts).
 */

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "model_private.h"

int model_interrupts_on(struct model *m, const int *fds, unsigned *count)
{
	unsigned most = m->config.vectors_given ? m->config.vectors_given : m->config.vectors;

	if (!m->config.vectors || !*count)
		return -EOPNOTSUPP;
	if (*count > most)
		*count = most;
	if (m->vectors) {
		model_violation(m, "interrupts switched on twice");
		return -EBUSY;
	}
	m->eventfd = calloc(*count, sizeof(*m->eventfd));
	if (!m->eventfd)
		return -ENOMEM;
	for (; m->vectors < *count; m->vectors++) {
		m->eventfd[m->vectors] = fcntl(fds[m->vectors], F_DUPFD_CLOEXEC, 0);
		if (m->eventfd[m->vectors] < 0) {
			model_violation(m, "vector %u was given no eventfd", m->vectors);
			model_interrupts_off(m);
			return -EBADF;
		}
	}
	return 0;
}

void model_interrupts_off(struct model *m)
{
	while (m->vectors)
		close(m->eventfd[--m->vectors]);
	free(m->eventfd);
	m->eventfd = NULL;
}

static void raise_vector(struct model *m, unsigned vector)
{
	if (vector >= m->vectors)
		return;
	m->counts.interrupts++;
	(void)eventfd_write(m->eventfd[vector], 1);
}

/* Entries of all queues of that vector that the host has not acknowledged. */
static uint32_t unacknowledged(struct model *m, unsigned vector)
{
	uint32_t n = 0;

	for (unsigned i = 0; i < m->queues; i++)
		if (m->cq[i].q.exists && m->cq[i].interrupts && m->cq[i].vector == vector) {
			model_cq_look(m, &m->cq[i]);
			n += m->cq[i].used;
		}
	return n;
}

/*
 * A vector's status is set while any entry of its queues is unacknowledged, and a message is sent
 * when it becomes set (Base 2.x, Single MSI and Multiple MSI Behavior). Most controllers send more.
 */
void model_interrupt_posted(struct model *m, const struct model_cq *cq)
{
	if (!cq->interrupts || !m->vectors || m->config.interrupts == MODEL_NEVER)
		return;
	if (m->config.interrupts == MODEL_EDGE) {
		/*
		 * The host rings, fences, and looks for this entry: one of the two sees the other's
		 * store.
		 */
		__atomic_thread_fence(__ATOMIC_SEQ_CST);
		if (unacknowledged(m, cq->vector) > 1)
			return;
	}
	raise_vector(m, cq->vector);
}

void model_interrupt(struct model *m, unsigned vector, unsigned times)
{
	model_lock(m);
	while (times--)
		raise_vector(m, vector);
	model_unlock(m);
}
