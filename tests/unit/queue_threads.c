// SPDX-License-Identifier: MIT
/*
 * All that may be called from any thread at any time, called from several at once during I/O:
 * registration next to the buffers in use, allocation, creation and destruction of queue pairs.
 */
#include <pthread.h>

#include "driver_rig.h"

#define PAGE 4096
#if defined(__SANITIZE_THREAD__)
#define ROUNDS 80
#else
#define ROUNDS 800
#endif

struct shared {
	struct rig r;
	uint8_t *memory;	/* 4 MiB; its pages belong to the threads as below */
	bool stop;		/* atomic */
};

struct worker {
	struct shared *s;
	unsigned number, errors, rounds;
};

static uint64_t lba_of(unsigned number)
{
	return number * 4096;
}

/* Write, wipe, read, compare; over granule borders, in memory that others register around. */
static void *do_io(void *arg)
{
	struct worker *w = arg;
	struct rig *r = &w->s->r;
	uint8_t *buf = w->s->memory + (1 << 20) * w->number - 24 * PAGE + 512;
	size_t len = 40 * PAGE;
	struct nnvme_completion done;
	struct nnvme_qpair *qp;
	uint32_t seed = w->number;

	if (nnvme_qpair_create(r->ctrl, 4, &qp, NULL))
		return (void *)(uintptr_t)++w->errors;
	for (; w->rounds < ROUNDS; w->rounds++) {
		uint32_t blocks = 1 + rig_random(&seed) % (len / 512);
		uint8_t value = (uint8_t)rig_random(&seed);

		for (int write = 1; write >= 0; write--) {
			memset(buf, write ? value : 0, blocks * 512);
			w->errors += !!(write ?
					nnvme_write(qp, r->ns, buf, lba_of(w->number), blocks, w) :
					nnvme_read(qp, r->ns, buf, lba_of(w->number), blocks, w));
			nnvme_ring(qp);
			while (!nnvme_poll(qp, &done, 1))
				sched_yield();
			w->errors += done.status || done.tag != w;
		}
		for (size_t i = 0; i < blocks * 512; i++)
			w->errors += buf[i] != value;
	}
	nnvme_qpair_destroy(qp);
	return NULL;
}

/* Register and unregister memory right beside the buffers. */
static void *churn(void *arg)
{
	struct worker *w = arg;
	struct rig *r = &w->s->r;

	while (!__atomic_load_n(&w->s->stop, __ATOMIC_RELAXED)) {
		for (unsigned i = 1; i <= 2; i++) {
			uint8_t *before = w->s->memory + (1 << 20) * i - 40 * PAGE;
			uint8_t *after = w->s->memory + (1 << 20) * i + 20 * PAGE;

			w->errors += !!nnvme_mem_register(r->ctrl, before, 16 * PAGE, NULL);
			w->errors += !!nnvme_mem_register(r->ctrl, after, 100 * PAGE, NULL);
			w->errors += nnvme_mem_register(r->ctrl, after, PAGE, NULL) != -EEXIST;
			w->errors += !!nnvme_mem_unregister(r->ctrl, before, 16 * PAGE, NULL);
			w->errors += !!nnvme_mem_unregister(r->ctrl, after, 100 * PAGE, NULL);
		}
		w->rounds++;
		sched_yield();
	}
	return NULL;
}

static void *allocate(void *arg)
{
	struct worker *w = arg;
	struct rig *r = &w->s->r;
	struct nnvme_ctrl_info info = { .size = sizeof(info) };
	struct nnvme_qpair *qp;
	uint32_t seed = 3;

	while (!__atomic_load_n(&w->s->stop, __ATOMIC_RELAXED)) {
		uint8_t *a = nnvme_mem_alloc(r->ctrl, 1 + rig_random(&seed) % 100000, NULL);
		uint8_t *b = nnvme_mem_alloc(r->ctrl, 3 << 20, NULL);

		w->errors += !a || !b || a[0] || b[0];
		if (a && b)
			a[0] = b[0] = 1;
		if (!nnvme_qpair_create(r->ctrl, 1 + rig_random(&seed) % 30, &qp, NULL))
			nnvme_qpair_destroy(qp);
		nnvme_mem_free(r->ctrl, a);
		nnvme_mem_free(r->ctrl, b);
		w->errors += !!nnvme_ctrl_check(r->ctrl, NULL);
		nnvme_ctrl_info(r->ctrl, &info);
		w->rounds++;
	}
	return NULL;
}

static void all_at_once(const char *settings)
{
	static struct shared s;
	struct worker w[4] = { { &s, 1, 0, 0 }, { &s, 2, 0, 0 }, { &s, 0, 0, 0 }, { &s, 0, 0, 0 } };
	pthread_t thread[4];

	memset(&s, 0, sizeof(s));
	rig_up(&s.r, settings, 2);
	s.memory = aligned_alloc(1 << 20, 4 << 20);
	assert_non_null(s.memory);
	memset(s.memory, 0, 4 << 20);
	for (unsigned i = 1; i <= 2; i++)
		assert_int_equal(nnvme_mem_register(s.r.ctrl, s.memory + (1 << 20) * i - 24 * PAGE,
						    44 * PAGE, &s.r.err), 0);
	assert_int_equal(pthread_create(&thread[0], NULL, do_io, &w[0]), 0);
	assert_int_equal(pthread_create(&thread[1], NULL, do_io, &w[1]), 0);
	assert_int_equal(pthread_create(&thread[2], NULL, churn, &w[2]), 0);
	assert_int_equal(pthread_create(&thread[3], NULL, allocate, &w[3]), 0);
	pthread_join(thread[0], NULL);
	pthread_join(thread[1], NULL);
	__atomic_store_n(&s.stop, true, __ATOMIC_RELAXED);
	pthread_join(thread[2], NULL);
	pthread_join(thread[3], NULL);
	for (unsigned i = 0; i < 4; i++) {
		assert_int_equal(w[i].errors, 0);
		assert_true(w[i].rounds > 0);
	}
	rig_close(&s.r);
	free(s.memory);
	rig_down(&s.r);
}

static void everything_at_once(void **state)
{
	all_at_once("queues=4,size=32m,mdts=4");
}

static void everything_at_once_with_shadow_doorbells(void **state)
{
	all_at_once("queues=4,size=32m,mdts=4,dbbuf=1");
}

/* Several controllers in one process, each with its own addresses for the same memory. */
static void controllers_share_memory(void **state)
{
	struct model_config config;
	struct nnvme_completion done;
	struct nnvme_ctrl *ctrl[3];
	struct nnvme_qpair *qp[3];
	struct model *m[3];
	struct nnvme_options options = { .size = sizeof(options),
					 .hugepages = NNVME_HUGEPAGES_OFF };
	uint8_t *buf = aligned_alloc(4096, 65536);
	char name[16];

	assert_non_null(buf);
	for (unsigned i = 0; i < 3; i++) {
		model_defaults(&config);
		config.run = 16;
		snprintf(name, sizeof(name), "0000:0b:00.%u", i);
		config.name = name;
		config.mode = i == 2 ? NNVME_MODE_IOMMU : NNVME_MODE_NOIOMMU;
		assert_int_equal(model_create(&config, &m[i], NULL), 0);
		assert_int_equal(nnvme_ctrl_open(name, &options, &ctrl[i], NULL), 0);
		assert_int_equal(nnvme_mem_register(ctrl[i], buf, 65536, NULL), 0);
		assert_int_equal(nnvme_qpair_create(ctrl[i], 4, &qp[i], NULL), 0);
	}
	memset(buf, 0x3c, 65536);
	for (unsigned i = 0; i < 6; i++) {
		const struct nnvme_ns *ns = nnvme_ns_get(ctrl[i % 3], 1, NULL);

		if (i >= 3)
			memset(buf, 0, 65536);
		assert_int_equal(i < 3 ? nnvme_write(qp[i], ns, buf, i, 100, buf) :
				 nnvme_read(qp[i % 3], ns, buf, i % 3, 100, buf), 0);
		nnvme_ring(qp[i % 3]);
		while (!nnvme_poll(qp[i % 3], &done, 1))
			sched_yield();
		assert_int_equal(done.status, 0);
		assert_int_equal(buf[51199], 0x3c);
	}
	for (unsigned i = 0; i < 3; i++) {
		nnvme_ctrl_close(ctrl[i]);
		model_assert_clean(m[i]);
		model_destroy(m[i]);
	}
	free(buf);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(everything_at_once),
		cmocka_unit_test(everything_at_once_with_shadow_doorbells),
		cmocka_unit_test(controllers_share_memory),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
