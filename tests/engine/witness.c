// SPDX-License-Identifier: MIT
/*
 * Loaded into fio with the engine and the software controller. At the end of the process it checks
 * what the controllers recorded: a DMA outside registered memory, a violation of the specification,
 * memory left mapped or a controller left running kill fio, and so fail the test. Before that it
 * can make the first controller fail: with NNVME_WITNESS=fatal or vanish once 1000 commands have
 * been fetched; with lose it executes one more that it never completes; with both the second
 * controller does that before the first vanishes.
 */

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "tests/model/model.h"

static const char *const controllers[] = { "0000:41:00.0", "0000:42:00.0" };
static bool vanished;

static void die(const char *name, const char *what)
{
	fprintf(stderr, "witness: %s: %s\n", name, what);
	abort();
}

/* Returns when the command has been executed: nobody ever releases it. */
static void lose(struct model *m)
{
	struct model_rule rule = model_rule(MODEL_HOLD);

	rule.times = 1;
	model_inject(m, &rule);
	while (!model_held(m))
		usleep(1000);
}

static void *trouble(void *kind)
{
	struct model_counts counts = {0};
	struct model *m = NULL;

	while (counts.io_commands < 1000) {
		usleep(1000);
		m = model_find(controllers[0]);
		if (m)
			model_counts(m, &counts);
	}
	fprintf(stderr, "witness: %s\n", (char *)kind);
	vanished = !strcmp(kind, "vanish") || !strcmp(kind, "both");
	if (!strcmp(kind, "both"))
		lose(model_find(controllers[1]));
	if (!strcmp(kind, "lose"))
		lose(m);
	else if (vanished)
		model_vanish(m);
	else
		model_fatal(m);
	return NULL;
}

__attribute__((constructor)) static void witness_start(void)
{
	char *kind = getenv("NNVME_WITNESS");
	pthread_t thread;

	if (kind && pthread_create(&thread, NULL, trouble, kind))
		die("witness", "no thread");
}

static void testify(const char *name, struct model *m)
{
	struct model_counts counts;

	model_assert_clean(m);
	model_counts(m, &counts);
	if (counts.mapped)
		die(name, "memory is still mapped");
	if (!vanished && model_ready(m))
		die(name, "the controller was left running");
	if (!counts.shutdowns && counts.enables && !getenv("NNVME_WITNESS"))
		die(name, "the controller was not shut down");
	if (getenv("NNVME_WITNESS_COUNTS"))
		fprintf(stderr, "witness: %s: enables=%llu interrupts=%llu "
			"flushes=%llu fua=%llu\n", name, (unsigned long long)counts.enables,
			(unsigned long long)counts.interrupts, (unsigned long long)counts.flushes,
			(unsigned long long)counts.fua);
}

/* After the engine's own, which closes the controllers of jobs that fio never got to. */
__attribute__((destructor(101))) static void witness_end(void)
{
	for (size_t i = 0; i < sizeof(controllers) / sizeof(controllers[0]); i++) {
		struct model *m = model_find(controllers[i]);

		if (m)
			testify(controllers[i], m);
	}
}
