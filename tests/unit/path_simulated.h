/* SPDX-License-Identifier: MIT */
#ifndef NNVME_BENCH_PATH_SIMULATED_H
#define NNVME_BENCH_PATH_SIMULATED_H

/*
 * A device with known service times, on a clock that moves only when it has to, so that the
 * harness's results can be compared with the truth. It refuses (-EPROTO) a load that breaks the
 * rules of path.h.
 */

#include "bench/path.h"

struct bench_simulated {
	uint64_t service_ns;	/* mean, of one I/O on one unit */
	unsigned units;		/* I/Os that are served at the same time; 0: one */
	double noise;		/* standard deviation of a service time's logarithm */
	uint64_t submit_ns;	/* that submitting one I/O takes */
	unsigned fail_every;	/* that many-th I/O fails with EIO; 0: none */
	bool spins;
	uint64_t seed;
};

int bench_path_simulated(const struct bench_simulated *simulated, const struct bench_shape *shape,
			 struct bench_path **path, struct nnvme_err *err);

#endif
