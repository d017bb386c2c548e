/* SPDX-License-Identifier: MIT */
#ifndef NNVME_BENCH_DISTURBANCE_H
#define NNVME_BENCH_DISTURBANCE_H

/*
 * How much else a machine did during a measurement: how long the threads that make it were ready to run
 * while others had their processors (run delay: the second number of /proc/PID/task/TID/schedstat, Linux,
 * Documentation/scheduler/sched-stats.rst). Of several threads the one that waited most counts.
 *
 * In the test guest the threads are QEMU's, on the host: an emulated processor that has to wait sees nothing
 * of it. `kernel/guest/boot --measure` answers at a port: a line with a number asks, and a line with this
 * number, the host's time in us and "THREAD:NS" for each thread is the answer. Elsewhere they are those of
 * the process that makes the load.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#define BENCH_HOST_PORT "/run/run-delay"
#define BENCH_MOST_THREADS 64	/* of a process that are looked at */

struct bench_run_delays {
	uint64_t us;		/* when, by the clock of who counts */
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

/* @port: BENCH_HOST_PORT; @process: whose threads where there is no such port. */
void bench_disturbance_begin(struct bench_disturbance *d, const char *port, pid_t process);

/* Another look: threads that end before the end are known as they were at the last one. */
void bench_disturbance_look(struct bench_disturbance *d);

/* The share of the time since the beginning that the thread which waited most did so; NAN not known. */
double bench_disturbance_end(struct bench_disturbance *d);

/* An answer; false when it is none, or not to @number. */
bool bench_run_delays_parse(const char *line, uint64_t number, struct bench_run_delays *delays);

double bench_run_delay(const struct bench_run_delays *before, const struct bench_run_delays *after);

#endif
