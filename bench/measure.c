// SPDX-License-Identifier: MIT
#include "measure.h"

#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "counters.h"
#include "disturbance.h"
#include "fio.h"
#include "generator.h"
#include "mark.h"

#define PATIENCE_NS 10000000000	/* for the load to end when asked to */

/* What the two processes share. */
struct shared {
	volatile int stop;	/* tells the load to end */
	enum bench_outcome outcome;
	struct nnvme_err err;
	struct bench_round round;
};

/* --- in the load's process --- */

/* A round's passes. */
struct passes {
	const struct bench_task *task;
	struct bench_path *path;
	const volatile int *stop;
	struct bench_workload work;
	struct bench_generator generator;
	struct bench_measured measured;
	struct bench_round *round;
};

static int run_pass(struct passes *p, const struct bench_until *until,
		    struct bench_measured *measured)
{
	return bench_load_run(p->path, &p->work, &p->generator, until, p->stop, measured);
}

static int find_node(const struct bench_task *task, char node[64], struct nnvme_err *err)
{
	bool generic = task->row->uring == BENCH_URING_PASSTHROUGH;

	if (!bench_place_node(task->device, generic, node))
		return 0;
	if (generic && !bench_place_node(task->device, false, node))
		return nnvme_fail(err, -EOPNOTSUPP, "%s has no generic device beside it: Linux "
				  "5.13 and later has", node);
	return nnvme_fail(err, -ENODEV, "the kernel's driver shows no "
			  "namespace on %s", task->device->bdf);
}

static int open_path(const struct bench_task *task, struct bench_path **path, struct nnvme_err *err)
{
	const struct bench_workload *work = &task->column->work;
	struct bench_shape shape = {
		.depth = work->depth,
		.bytes = work->bytes,
		.writes = work->percent_write,
	};
	char node[64];
	int rc;

	if (task->row->nnvme)
		return bench_path_driver(task->device->bdf, task->row->mode, task->device->nsid,
					 task->row->wait, &shape, path, err);
	rc = find_node(task, node, err);
	return rc ? rc : bench_path_uring(node, task->row->uring, &shape, path, err);
}

static double seconds_of(struct timeval t)
{
	return (double)t.tv_sec + (double)t.tv_usec / 1e6;
}

/* What the load itself measured. */
static void fill_round(const struct passes *p)
{
	const struct bench_measured *m = &p->measured;
	double seconds = (double)m->ns / 1e9, in_time = (double)m->ios, *v = p->round->value;

	p->round->ios = m->ios;
	p->round->errors = m->errors;
	p->round->seconds = seconds;
	if (!m->ios || !m->ns)
		return;
	v[BENCH_IOPS] = in_time / seconds;
	v[BENCH_BYTES_PER_SECOND] = in_time * p->work.bytes / seconds;
	v[BENCH_LATENCY_MEAN] = bench_histogram_mean(&m->latency);
	v[BENCH_LATENCY_P50] = bench_histogram_percentile(&m->latency, 50);
	v[BENCH_LATENCY_P99] = bench_histogram_percentile(&m->latency, 99);
	v[BENCH_LATENCY_P999] = bench_histogram_percentile(&m->latency, 99.9);
	v[BENCH_LATENCY_MAX] = (double)m->latency.max;
	if (p->path->counts_doorbells) {
		v[BENCH_SQ_DOORBELLS] = (double)m->sq_rings / in_time;
		v[BENCH_CQ_DOORBELLS] = (double)m->cq_rings / in_time;
	}
}

/* The timed pass, with the counts that do not disturb it. */
static int timed_pass(struct passes *p)
{
	const struct bench_task *task = p->task;
	double *v = p->round->value, all;
	struct bench_disturbance disturbance;
	struct rusage before, after;
	char controller[32] = "";
	uint64_t interrupts;
	int rc;

	bench_place_controller(task->device, controller);
	interrupts = bench_interrupts(controller, task->device->bdf);
	bench_disturbance_begin(&disturbance, BENCH_HOST_PORT, getpid());
	getrusage(RUSAGE_SELF, &before);
	if (task->mark)
		bench_mark_begin((uint16_t)task->mark);
	rc = run_pass(p, &task->until, &p->measured);
	if (task->mark)
		bench_mark_end();
	getrusage(RUSAGE_SELF, &after);
	v[BENCH_RUN_DELAY] = bench_disturbance_end(&disturbance);
	interrupts = bench_interrupts(controller, task->device->bdf) - interrupts;
	fill_round(p);
	if (!p->round->ios)
		return rc;
	all = (double)p->measured.latency.count;	/* those of the draining, too */
	v[BENCH_CPU_USER] = (seconds_of(after.ru_utime) - seconds_of(before.ru_utime)) / all * 1e6;
	v[BENCH_CPU_SYSTEM] = (seconds_of(after.ru_stime) - seconds_of(before.ru_stime)) / all *
			      1e6;
	v[BENCH_INTERRUPTS] = (double)interrupts / all;
	return rc;
}

/*
 * A pass with the tracepoints on, of a tenth of the I/Os that were timed: each hit costs time, so
 * it is not timed.
 */
static int counting_pass(struct passes *p)
{
	static struct bench_measured measured;	/* too large for a stack */
	struct bench_until until = { .ios = p->measured.ios / 10 };
	double hits[BENCH_TRACES];
	struct bench_tracer tracer;
	int rc;

	if (until.ios < 4 * p->work.depth)
		until.ios = 4 * p->work.depth;
	if (until.ios > 50000)
		until.ios = 50000;
	if (!bench_tracer_open(&tracer))
		return 0;
	bench_tracer_start(&tracer);
	rc = run_pass(p, &until, &measured);
	bench_tracer_stop(&tracer, hits);
	bench_tracer_close(&tracer);
	for (int i = 0; p->round->ios && measured.ios && i < BENCH_TRACES; i++)
		p->round->value[BENCH_MAPS + i] = hits[i] / (double)measured.ios;
	return rc;
}

int bench_measure_on(const struct bench_task *task, struct bench_path *path,
		     const volatile int *stop, struct bench_round *round)
{
	static struct passes p;		/* too large for a stack */
	struct bench_until warmup = { .ns = task->warmup_ns };
	int rc = 0;

	p = (struct passes){ .task = task, .path = path, .stop = stop, .round = round };
	p.work = task->column->work;
	p.work.seed = task->seed;
	bench_generator_init(&p.generator, &p.work, path->bytes);
	if (warmup.ns)
		rc = run_pass(&p, &warmup, &p.measured);
	if (!rc && !*stop)
		rc = timed_pass(&p);
	if (!rc && !*stop)
		rc = counting_pass(&p);
	return rc;
}

static void load(const struct bench_task *task, struct shared *s)
{
	const struct bench_workload *work = &task->column->work;
	struct bench_path *path;
	int rc = open_path(task, &path, &s->err);

	if (rc) {
		s->outcome = rc == -EOPNOTSUPP ? BENCH_LACKS : BENCH_FAILED;
		return;
	}
	if (work->bytes % path->block || work->bytes > path->bytes) {
		s->outcome = BENCH_LACKS;
		nnvme_fail(&s->err, -EOPNOTSUPP, "I/Os of %u bytes do not fit a namespace of %llu "
			   "bytes in blocks of %u", work->bytes, (unsigned long long)path->bytes,
			   path->block);
	} else {
		rc = bench_measure_on(task, path, &s->stop, &s->round);
		s->outcome = s->stop ? BENCH_INTERRUPTED : rc ? BENCH_FAILED : BENCH_MEASURED;
		if (rc)
			nnvme_fail(&s->err, rc, "the load failed: %s", strerror(-rc));
	}
	path->ops->close(path);
}

static void load_by_fio(const struct bench_task *task, struct shared *s)
{
	struct bench_workload work = task->column->work;
	char node[64];
	struct bench_fio_job job = {
		.row = task->row,
		.work = &work,
		.target = task->row->nnvme ? task->device->bdf : node,
		.nsid = task->device->nsid,
		.seconds = (double)task->until.ns / 1e9,
		.warm_up = (double)task->warmup_ns / 1e9,
	};
	int rc = task->row->nnvme ? 0 : find_node(task, node, &s->err);

	work.seed = task->seed;
	if (!rc)
		rc = bench_fio_run(&job, &s->round, &s->err);
	s->outcome = !rc ? BENCH_MEASURED : rc == -EOPNOTSUPP ? BENCH_LACKS : BENCH_FAILED;
}

static void load_process(const struct bench_task *task, struct shared *s, pid_t parent)
{
	sigset_t none;

	close_range(3, ~0U, 0);	/* a killed run's locks must not live on here */
	setpgid(0, 0);		/* the parent handles the terminal's signals */
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	if (getppid() != parent)
		_exit(1);
	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
	for (int i = 0; i < BENCH_METRICS; i++)
		s->round.value[i] = NAN;
	if (task->fio)
		load_by_fio(task, s);
	else
		load(task, s);
	_exit(0);
}

/* --- in the run's process --- */

static sigset_t wanted;

void bench_block_signals(void)
{
	struct sigaction hangup;

	sigemptyset(&wanted);
	for (const int *s = (const int[]){ SIGINT, SIGTERM, SIGQUIT, SIGCHLD, 0 }; *s; s++)
		sigaddset(&wanted, *s);
	/* Keep nohup's effect. */
	if (sigaction(SIGHUP, NULL, &hangup) || hangup.sa_handler != SIG_IGN)
		sigaddset(&wanted, SIGHUP);
	signal(SIGPIPE, SIG_IGN);
	signal(SIGCHLD, SIG_DFL);	/* if it is ignored, children can't be waited for */
	sigprocmask(SIG_BLOCK, &wanted, NULL);
}

/* Once interrupted, a run stays so. Waits for a signal, at most @seconds. */
static bool look_for_signals(time_t seconds)
{
	static bool interrupted;
	struct timespec patience = { .tv_sec = seconds };
	int signal = sigtimedwait(&wanted, NULL, &patience);

	if (signal > 0 && signal != SIGCHLD)
		interrupted = true;
	return interrupted;
}

bool bench_interrupted(void)
{
	return look_for_signals(0);	/* the lowest pending number comes first, SIGCHLD last */
}

/* Wait for the load's end; its status for waitpid(). */
static int mind(pid_t child, bool fio, struct shared *s)
{
	uint64_t asked = 0;
	int status = 0;

	for (;;) {
		pid_t ended = waitpid(child, &status, WNOHANG);

		if (ended == child || (ended < 0 && errno != EINTR))
			return status;
		if (!look_for_signals(1))
			continue;
		if (!s->stop)
			asked = bench_now();
		s->stop = 1;
		if (fio || bench_now() - asked > PATIENCE_NS)	/* fio does not check it */
			kill(child, SIGKILL);
	}
}

enum bench_outcome bench_measure(const struct bench_task *task, struct bench_round *round,
				 struct nnvme_err *err)
{
	struct shared *s = mmap(NULL, sizeof(*s), PROT_READ | PROT_WRITE, MAP_SHARED |
				MAP_ANONYMOUS, -1, 0);
	enum bench_outcome outcome;
	pid_t parent = getpid(), child;
	int status;

	if (s == MAP_FAILED) {
		nnvme_fail(err, -errno, "no memory to share with the load: %s", strerror(errno));
		return BENCH_FAILED;
	}
	s->outcome = BENCH_FAILED;
	s->round = *round;	/* its domain and mark */
	fflush(NULL);
	child = fork();
	if (!child)
		load_process(task, s, parent);
	if (child < 0) {
		nnvme_fail(&s->err, -errno, "no process for the load: %s", strerror(errno));
	} else {
		status = mind(child, task->fio, s);
		if (WIFSIGNALED(status)) {
			s->outcome = s->stop ? BENCH_INTERRUPTED : BENCH_FAILED;
			nnvme_fail(&s->err, -ECHILD, "the load's process was killed by "
				   "signal %d (%s)", WTERMSIG(status), strsignal(WTERMSIG(status)));
		}
	}
	outcome = s->outcome;
	if (outcome == BENCH_MEASURED)
		*round = s->round;
	if (err)
		*err = s->err;
	munmap(s, sizeof(*s));
	return outcome;
}
