// SPDX-License-Identifier: MIT
/* The model's creation and destruction, its thread, and what it has recorded. */

#include <errno.h>
#include <sched.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "model_private.h"

#define BATCH 64	/* commands between two looks at the registers */

/* Without this the thread would take the lock again before a waiting caller wakes up. */
void model_lock(struct model *m)
{
	__atomic_add_fetch(&m->waiting, 1, __ATOMIC_SEQ_CST);
	pthread_mutex_lock(&m->lock);
	__atomic_sub_fetch(&m->waiting, 1, __ATOMIC_SEQ_CST);
}

void model_unlock(struct model *m)
{
	pthread_mutex_unlock(&m->lock);
}

/* xorshift64*: the same sequence in every run */
uint32_t model_random(struct model *m)
{
	m->random ^= m->random >> 12;
	m->random ^= m->random << 25;
	m->random ^= m->random >> 27;
	return (uint32_t)(m->random * 0x2545f4914f6cdd1dull >> 32);
}

static void append(struct model_texts *t, const char *fmt, va_list ap)
{
	if (t->count < MODEL_TEXTS)
		vsnprintf(t->text[t->count], sizeof(t->text[0]), fmt, ap);
	t->count++;
}

void model_fault(struct model *m, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	append(&m->faults, fmt, ap);
	va_end(ap);
}

void model_violation(struct model *m, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	append(&m->violations, fmt, ap);
	va_end(ap);
}

static int init(struct model *m, struct nnvme_err *err)
{
	int ret = model_queues_init(m);

	if (!ret)
		ret = model_memory_init(m);
	if (!ret)
		ret = model_registers_init(m);
	if (ret)
		return nnvme_fail(err, ret, "model: no memory");
	return model_namespaces_init(m, err);
}

int model_create(const struct model_config *config, struct model **model, struct nnvme_err *err)
{
	struct model *m = calloc(1, sizeof(*m));
	int ret;

	if (!m)
		return nnvme_fail(err, -ENOMEM, "model: no memory");
	if (config)
		m->config = *config;
	else
		model_defaults(&m->config);
	ret = model_name(m->config.name, m->name);
	if (ret) {
		nnvme_fail(err, ret, "model: %s is no PCI address", m->config.name);
		free(m);
		return ret;
	}
	pthread_mutex_init(&m->lock, NULL);
	m->random = 0x9e3779b97f4a7c15ull;
	m->page = MODEL_PAGE;
	ret = init(m, err);
	m->dev = (struct nnvme_device){ .ops = &model_ops, .bar = m->bar, .bar_len = m->bar_len,
					.mode = m->config.mode };
	memcpy(m->dev.name, m->name, sizeof(m->dev.name));
	snprintf(m->dev.mode_reason, sizeof(m->dev.mode_reason), "as the model was configured");
	model_enroll(m);
	if (ret) {
		model_destroy(m);
		return ret;
	}
	*model = m;
	return 0;
}

void model_destroy(struct model *m)
{
	if (!m)
		return;
	model_stop(m);
	model_expel(m);
	model_interrupts_off(m);
	model_queues_free(m);
	model_memory_free(m);
	model_namespaces_free(m);
	if (m->bar)
		munmap(m->bar, m->bar_len);
	pthread_mutex_destroy(&m->lock);
	free(m);
}

struct nnvme_device *model_device(struct model *m)
{
	return &m->dev;
}

static unsigned step(struct model *m, unsigned commands, bool *busy)
{
	bool changed = model_look(m), posted;
	unsigned n = model_execute(m, commands);

	posted = !m->vanished && !m->frozen && m->bus_master && !NVME_CSTS_CFS(m->csts) &&
		 model_post_due(m, !changed && !n);
	*busy = changed || n || posted;
	return n;
}

unsigned model_step(struct model *m, unsigned commands)
{
	unsigned n;
	bool busy;

	model_lock(m);
	n = step(m, commands, &busy);
	model_unlock(m);
	return n;
}

unsigned model_drain(struct model *m)
{
	unsigned n = 0;
	bool busy = true;

	while (busy) {
		model_lock(m);
		n += step(m, BATCH, &busy);
		busy |= !m->frozen && !m->vanished && model_delayed(m) && model_may_run(m);
		model_unlock(m);
	}
	return n;
}

/* The host's polling thread may need this core: yield when there is nothing to do. */
static void rest(unsigned idle)
{
	if (idle > 64)
		usleep(idle > 1024 ? 200 : 20);
	else
		sched_yield();
}

static void *run(void *arg)
{
	struct model *m = arg;
	unsigned idle = 0;
	bool busy;

	while (!__atomic_load_n(&m->stop, __ATOMIC_ACQUIRE)) {
		while (__atomic_load_n(&m->waiting, __ATOMIC_SEQ_CST))
			sched_yield();
		pthread_mutex_lock(&m->lock);
		step(m, BATCH, &busy);
		pthread_mutex_unlock(&m->lock);
		idle = busy ? 0 : idle + 1;
		if (!busy)
			rest(idle);
	}
	return NULL;
}

void model_start(struct model *m)
{
	if (m->running)
		return;
	m->stop = false;
	m->running = !pthread_create(&m->thread, NULL, run, m);
}

void model_stop(struct model *m)
{
	if (!m->running)
		return;
	__atomic_store_n(&m->stop, true, __ATOMIC_RELEASE);
	pthread_join(m->thread, NULL);
	m->running = false;
}

/* ---- what was seen ---- */

static unsigned count(struct model *m, const struct model_texts *t)
{
	unsigned n;

	model_lock(m);
	n = t->count;
	model_unlock(m);
	return n;
}

unsigned model_faults(struct model *m)
{
	return count(m, &m->faults);
}

unsigned model_violations(struct model *m)
{
	return count(m, &m->violations);
}

/* A text is written before the count includes it, and never changes. */
static const char *text(struct model *m, const struct model_texts *t, unsigned i)
{
	return i < count(m, t) && i < MODEL_TEXTS ? t->text[i] : "";
}

const char *model_fault_text(struct model *m, unsigned i)
{
	return text(m, &m->faults, i);
}

const char *model_violation_text(struct model *m, unsigned i)
{
	return text(m, &m->violations, i);
}

void model_forgive(struct model *m)
{
	model_lock(m);
	m->faults.count = m->violations.count = 0;
	model_unlock(m);
}

void model_assert_clean(struct model *m)
{
	unsigned faults = model_faults(m), violations = model_violations(m);

	for (unsigned i = 0; i < faults && i < MODEL_TEXTS; i++)
		fprintf(stderr, "model %s: fault: %s\n", m->name, model_fault_text(m, i));
	for (unsigned i = 0; i < violations && i < MODEL_TEXTS; i++)
		fprintf(stderr, "model %s: violation: %s\n", m->name, model_violation_text(m, i));
	if (faults || violations)
		abort();
}

void model_counts(struct model *m, struct model_counts *counts)
{
	model_lock(m);
	*counts = m->counts;
	model_unlock(m);
}

bool model_log(struct model *m, unsigned back, struct model_log *entry)
{
	bool kept;

	model_lock(m);
	kept = back < m->logged && back < MODEL_LOG;
	if (kept)
		*entry = m->log[(m->logged - 1 - back) % MODEL_LOG];
	model_unlock(m);
	return kept;
}

bool model_in_flight(struct model *m, uint16_t sqid, uint16_t cid)
{
	bool set;

	model_lock(m);
	set = sqid < m->queues && m->sq[sqid].in_flight[cid / 8] & 1u << cid % 8;
	model_unlock(m);
	return set;
}

bool model_bus_mastering(struct model *m)
{
	bool on;

	model_lock(m);
	on = m->bus_master;
	model_unlock(m);
	return on;
}

bool model_ready(struct model *m)
{
	bool ready;

	model_lock(m);
	ready = NVME_CSTS_RDY(m->csts);
	model_unlock(m);
	return ready;
}
