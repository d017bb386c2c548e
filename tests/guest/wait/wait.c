// SPDX-License-Identifier: MIT
/*
 * wait BDF: reads with 1 and with 32 commands in flight, waiting in each of the three ways, none
 * lost; a second in which nothing completes, and what it costs; an epoll loop over two queue pairs.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <time.h>
#include <unistd.h>

#include "noiommu_nvme/noiommu_nvme.h"

#define DEPTH 32
#define COUNT 20000
#define TIMEOUT_MS 20000	/* for a guest that gets no CPU; a lost interrupt shows otherwise */

static int failures;

static void tap(bool good, const char *name)
{
	failures += !good;
	printf("%s %s\n", good ? "ok" : "not ok", name);
}

/* How much CPU time this thread has used, and how often it slept. */
struct effort {
	uint64_t ns;
	unsigned long sleeps;
};

static struct effort effort(void)
{
	FILE *f = fopen("/proc/thread-self/status", "re");
	struct effort e = { 0 };
	struct timespec t;
	char line[128];

	clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
	e.ns = (uint64_t)t.tv_sec * 1000000000 + (uint64_t)t.tv_nsec;
	while (f && fgets(line, sizeof(line), f))
		sscanf(line, "voluntary_ctxt_switches: %lu", &e.sleeps);
	if (f)
		fclose(f);
	return e;
}

/* VFIO's interrupts so far, all vectors and CPUs. */
static unsigned long interrupts(void)
{
	FILE *f = fopen("/proc/interrupts", "re");
	unsigned long sum = 0;
	char line[512];

	while (f && fgets(line, sizeof(line), f))
		if (strstr(line, "vfio-msi")) {
			char *at = strchr(line, ':') + 1, *end;

			for (unsigned long n; n = strtoul(at, &end, 10), end != at; at = end)
				sum += n;
		}
	if (f)
		fclose(f);
	return sum;
}

struct bench {
	struct nnvme_ctrl *ctrl;
	const struct nnvme_ns *ns;
	char *buf;
};

/* @count reads, @depth in flight; true if each completed once and no wait was in vain. */
static uint64_t missed(const struct nnvme_qpair *qp)
{
	struct nnvme_qpair_stats stats = { .size = sizeof(stats) };

	return nnvme_qpair_stats(qp, &stats) ? UINT64_MAX : stats.missed_interrupts;
}

static bool reads(const struct bench *b, unsigned depth, unsigned count, uint64_t spin_ns,
		  const char *what)
{
	struct nnvme_completion done[DEPTH];
	unsigned submitted = 0, back = 0, waits = 0, n;
	unsigned long before = interrupts();
	static bool out[COUNT];
	struct nnvme_qpair *qp;
	struct nnvme_err err;
	struct effort from, to;
	uint64_t silent;

	memset(out, 0, sizeof(out));
	if (nnvme_qpair_create(b->ctrl, depth, &qp, &err)) {
		printf("# %s\n", err.text);
		return false;
	}
	from = effort();
	while (back < count) {
		while (submitted < count && !nnvme_read(qp, b->ns, b->buf + submitted % DEPTH *
							4096, submitted % 1000, 1, &out[submitted]))
			submitted++;
		waits++;
		if (nnvme_wait(qp, spin_ns, TIMEOUT_MS) != 1)
			break;
		n = nnvme_poll(qp, done, DEPTH);
		for (unsigned i = 0; i < n; i++) {
			bool *tag = done[i].tag;

			if (done[i].status || *tag)
				goto end;
			*tag = true;
		}
		back += n;
	}
end:
	to = effort();
	silent = missed(qp);
	printf("# %s: %u reads, %u waits, %lu sleeps, %lu interrupts, %llu us of CPU time, "
	       "%llu silent\n", what, back, waits, to.sleeps - from.sleeps, interrupts() - before,
	       (unsigned long long)(to.ns - from.ns) / 1000, (unsigned long long)silent);
	nnvme_qpair_destroy(qp);
	return back == count && !silent;
}

/* A second without any I/O: asleep, but for a look or two. */
static bool idle(const struct bench *b)
{
	struct nnvme_qpair *qp;
	struct nnvme_err err;
	struct effort from, to;
	int rc;

	if (nnvme_qpair_create(b->ctrl, 4, &qp, &err))
		return false;
	from = effort();
	rc = nnvme_wait(qp, NNVME_SPIN_NS, 1500);
	to = effort();
	printf("# idle: %lu sleeps, %llu us of CPU time\n", to.sleeps - from.sleeps,
	       (unsigned long long)(to.ns - from.ns) / 1000);
	nnvme_qpair_destroy(qp);
	return !rc && to.ns - from.ns < 150000000 && to.sleeps - from.sleeps < 20;
}

static bool own_loop(const struct bench *b)
{
	struct epoll_event event = { .events = EPOLLIN };
	struct nnvme_completion done[DEPTH];
	unsigned submitted = 0, back = 0, n;
	int set = epoll_create1(EPOLL_CLOEXEC);
	struct nnvme_qpair *qp[2];
	struct nnvme_err err;
	bool good = true;

	for (int i = 0; i < 2; i++)
		if (nnvme_qpair_create(b->ctrl, 8, &qp[i], &err) ||
		    epoll_ctl(set, EPOLL_CTL_ADD, nnvme_qpair_fd(qp[i]), &event))
			return false;
	while (good && back < 2000) {
		int more = 0;

		for (int i = 0; i < 2; i++) {
			while (submitted < 2000 && !nnvme_read(qp[i], b->ns, b->buf, 0, 1, NULL))
				submitted++;
			while ((n = nnvme_poll(qp[i], done, DEPTH)))
				back += n;
			more |= nnvme_arm(qp[i]);
		}
		if (!more && back < submitted)
			good = epoll_wait(set, &event, 1, TIMEOUT_MS) == 1;
	}
	for (int i = 0; i < 2; i++) {
		good = good && !missed(qp[i]);
		nnvme_qpair_destroy(qp[i]);
	}
	close(set);
	return good;
}

int main(int argc, char **argv)
{
	struct nnvme_options options = {
		.size = sizeof(options), .interrupts = true, .hugepages = NNVME_HUGEPAGES_OFF,
	};
	struct nnvme_err err = { 0 };
	struct nnvme_ctrl_info info = { .size = sizeof(info) };
	unsigned long before;
	struct bench b;

	setvbuf(stdout, NULL, _IOLBF, 0);
	if (argc != 2)
		return 2;
	if (nnvme_ctrl_open(argv[1], &options, &b.ctrl, &err)) {
		printf("# %s\nnot ok open with interrupts\n", err.text);
		return 1;
	}
	b.ns = nnvme_ns_next(b.ctrl, 0);
	b.buf = nnvme_mem_alloc(b.ctrl, DEPTH * 4096, &err);
	if (!b.ns || !b.buf)
		return 1;
	before = interrupts();
	tap(reads(&b, 1, 2000, 0, "depth 1, interrupt"), "2,000 reads at depth 1, asleep");
	tap(reads(&b, 32, COUNT, 0, "depth 32, interrupt"), "20,000 reads at depth 32, asleep");
	tap(interrupts() > before, "the kernel counted interrupts");
	tap(reads(&b, 1, 2000, NNVME_SPIN_NS, "depth 1, hybrid"), "2,000 reads at depth 1, hybrid");
	tap(reads(&b, 32, COUNT, NNVME_SPIN_NS, "depth 32, hybrid"), "20,000 reads at "
	    "depth 32, hybrid");
	tap(reads(&b, 32, COUNT, UINT64_MAX, "depth 32, poll"),
	    "20,000 reads at depth 32, polled with interrupts on");
	tap(idle(&b), "an idle second is slept through");
	nnvme_ctrl_info(b.ctrl, &info);
	if (info.max_qpairs > 1)
		tap(own_loop(&b), "two queue pairs in an epoll set");
	nnvme_ctrl_close(b.ctrl);
	options.interrupts = false;
	if (nnvme_ctrl_open(argv[1], &options, &b.ctrl, &err))
		return 1;
	b.ns = nnvme_ns_next(b.ctrl, 0);
	b.buf = nnvme_mem_alloc(b.ctrl, DEPTH * 4096, &err);
	before = interrupts();
	tap(b.ns && b.buf && reads(&b, 32, 2000, 0, "depth 32, without interrupts") &&
	    interrupts() == before, "without interrupts there are none");
	nnvme_ctrl_close(b.ctrl);
	return failures != 0;
}
