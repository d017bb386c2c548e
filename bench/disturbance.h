/* SPDX-License-Identifier: MIT */
#ifndef NNVME_BENCH_DISTURBANCE_H
#define NNVME_BENCH_DISTURBANCE_H

/*
 * How much a measurement was disturbed: how long its threads were ready to run while others had
 * their CPUs (run delay: the second number of /proc/PID/task/TID/schedstat, Linux,
 * Documentation/scheduler/sched-stats.rst). Of several threads, the one that waited most counts.
 *
 * In the test guest the threads are QEMU's, on the host: an emulated CPU that has to wait does not
 * notice. `kernel/guest/boot --measure` answers at a port: the question is a line with a number;
 * the answer is a line with this number, the host's time in us and "THREAD:NS" for each thread.
 * Elsewhere they are the threads of the load's process.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#define BENCH_HOST_PORT "/run/run-delay"
#define BENCH_MOST_THREADS 64	/* of a process that are examined */

struct bench_run_delays {
	uint64_t us;		/* when, by the clock of the answering side */
	size_t count;
	struct {
		unsigned thread;
		uint64_t ns;
	} of[BENCH_MOST_THREADS];
};

struct bench_disturbance {
	const char *port;	/* NULL: there is none */
	pid_t process;
	struct bench_run_delays before, last;
};

/* @port: BENCH_HOST_PORT; @process: whose threads, if there is no such port. */
void bench_disturbance_begin(struct bench_disturbance *d, const char *port, pid_t process);

/* Another look: threads that end before the end count as at the last look. */
void bench_disturbance_look(struct bench_disturbance *d);

/* The share of the time that the most delayed thread waited; NAN: not known. */
double bench_disturbance_end(struct bench_disturbance *d);

/* Parse an answer; false if it is none, or not to @number. */
bool bench_run_delays_parse(const char *line, uint64_t number, struct bench_run_delays *delays);

double bench_run_delay(const struct bench_run_delays *before, const struct bench_run_delays *after);

#endif
