// SPDX-License-Identifier: MIT
/*
 * Linked into an example with the software controller: 0000:42:00.0 never completes an I/O command.
 * Whatever a controller saw that the specification forbids fails the program in the end.
 */
#include <stdio.h>
#include <stdlib.h>

#include "tests/model/model.h"

__attribute__((constructor)) static void make_lost(void)
{
	struct model_rule rule = model_rule(MODEL_DROP);
	const char *settings = getenv("NNVME_MODEL");
	struct model_config config;
	struct nnvme_err err;
	struct model *m;

	model_defaults(&config);
	config.name = "0000:42:00.0";
	if ((settings && model_configure(&config, settings, &err)) ||
	    model_create(&config, &m, &err)) {
		fprintf(stderr, "%s\n", err.text);
		abort();
	}
	model_inject(m, &rule);
}

__attribute__((destructor)) static void look_back(void)
{
	struct model *m = model_find("0000:41:00.0");

	if (m && (model_faults(m) || model_violations(m))) {
		fprintf(stderr, "%u faults, %u violations: %s %s\n", model_faults(m),
			model_violations(m), model_fault_text(m, 0), model_violation_text(m, 0));
		abort();
	}
}
