// SPDX-License-Identifier: MIT
/*
 * The loops whose instructions `./run perf` counts: measured_ does the driver's work, control_ is
 * the same loop with the calls left out, and measured_empty polls an idle queue. Under
 *
 *	valgrind --tool=callgrind --callgrind-out-file=F --toggle-collect='measured_*' \
 *		--toggle-collect='control_*' --toggle-collect=wait_for_last \
 *		--toggle-collect=no_wait perf_loop BDF ...
 *
 * only the loops are counted, and F.1, F.2 and F.3 have the three of them: waiting for the
 * controller is toggled off, and looks at the last completion queue entry of the round, so that no
 * empty poll is in the figure. Without valgrind the times of the start are printed, from the
 * library's log.
 */
#include <linux/memfd.h>
#include <malloc.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>
#include <valgrind/callgrind.h>

#include "noiommu_nvme/batch.h"
#include "noiommu_nvme/ctrl.h"
#include "noiommu_nvme/stats.h"

#define NOINLINE __attribute__((noinline, noclone))
#define MAX_DEPTH 1024
#define MAX_QUEUES 64
#define MAX_IOVECS 256
#define HUGE ((size_t)2 << 20)

/* The command line, as name=value. */
struct shape {
	unsigned long depth, bytes, offset, rounds, queues;
	unsigned long regions;		/* 0: buffers from nnvme_mem_alloc() */
	unsigned long shadow;		/* 0: no shadow doorbells */
	unsigned long each_poll;	/* 1: the CQ doorbell with each poll */
	unsigned long iovecs;		/* of a vectored read, @bytes each; 0: it is a plain one */
	unsigned long registered;	/* MiB in a region; all are the same 16 MiB */
};

struct loop {
	struct nnvme_ctrl *ctrl;
	const struct nnvme_ns *ns;
	struct nnvme_qpair *qp[MAX_QUEUES];
	char *buf[MAX_DEPTH];
	struct iovec *iov[MAX_DEPTH];
	uint64_t lba[MAX_DEPTH];
	struct nnvme_completion done[MAX_DEPTH];
	struct shape shape;
	unsigned depth, queues;
	unsigned commands;	/* that the I/Os become: more if MDTS splits them */
	uint32_t blocks;
	uint64_t sum;		/* what the loops compute, so that nothing is optimised away */
};

NOINLINE void measured_loop(struct loop *l, unsigned rounds);
NOINLINE void measured_single(struct loop *l, unsigned rounds);
NOINLINE void measured_vector(struct loop *l, unsigned rounds);
NOINLINE void control_loop(struct loop *l, unsigned rounds);
NOINLINE void control_single(struct loop *l, unsigned rounds);
NOINLINE void control_vector(struct loop *l, unsigned rounds);
NOINLINE void measured_empty(struct loop *l);
NOINLINE void wait_for_last(const struct nnvme_qpair *qp, unsigned n);
NOINLINE void no_wait(const struct nnvme_qpair *qp, unsigned n);

/* What any user does with completions. */
static inline void use(struct loop *l, unsigned n)
{
	for (unsigned i = 0; i < n; i++) {
		if (l->done[i].status)
			abort();
		l->sum += (uintptr_t)l->done[i].tag;
	}
}

void measured_loop(struct loop *l, unsigned rounds)
{
	const struct nnvme_ns *ns = l->ns;
	uint32_t blocks = l->blocks;
	unsigned n = l->depth;

	while (rounds--) {
		struct nnvme_qpair *qp = l->qp[rounds % l->queues];
		struct nnvme_batch b = nnvme_batch_begin(qp, ns);

		for (unsigned i = 0; i < n; i++)
			if (nnvme_batch_read(&b, l->buf[i], l->lba[i], blocks, l->buf[i]))
				abort();
		nnvme_batch_end(&b);
		wait_for_last(qp, l->commands);
		use(l, nnvme_poll(qp, l->done, n));
	}
}

void control_loop(struct loop *l, unsigned rounds)
{
	uint32_t blocks = l->blocks;
	unsigned n = l->depth;

	while (rounds--) {
		struct nnvme_qpair *qp = l->qp[rounds % l->queues];

		for (unsigned i = 0; i < n; i++)
			__asm__ volatile("" :: "r"(l->buf[i]), "r"(l->lba[i]), "r"(blocks));
		no_wait(qp, n);
		use(l, n);
	}
}

void measured_single(struct loop *l, unsigned rounds)
{
	const struct nnvme_ns *ns = l->ns;
	struct nnvme_qpair *qp = l->qp[0];

	while (rounds--) {
		if (nnvme_read(qp, ns, l->buf[0], l->lba[0], l->blocks, l->buf[0]))
			abort();
		nnvme_ring(qp);
		wait_for_last(qp, 1);
		if (nnvme_poll(qp, l->done, 1))
			use(l, 1);
	}
}

void control_single(struct loop *l, unsigned rounds)
{
	struct nnvme_qpair *qp = l->qp[0];

	while (rounds--) {
		__asm__ volatile("" :: "r"(l->buf[0]), "r"(l->lba[0]), "r"(l->blocks));
		no_wait(qp, 1);
		use(l, 1);
	}
}

static inline void round_of_vectors(struct loop *l, struct nnvme_qpair *qp, unsigned n)
{
	for (unsigned i = 0; i < n; i++)
		if (nnvme_readv(qp, l->ns, l->iov[i], (int)l->shape.iovecs, l->lba[i], l->buf[i]))
			abort();
	nnvme_ring(qp);
	wait_for_last(qp, n);
	use(l, nnvme_poll(qp, l->done, n));
}

void measured_vector(struct loop *l, unsigned rounds)
{
	while (rounds--)
		round_of_vectors(l, l->qp[0], l->depth);
}

void control_vector(struct loop *l, unsigned rounds)
{
	struct nnvme_qpair *qp = l->qp[0];
	unsigned n = l->depth;

	while (rounds--) {
		for (unsigned i = 0; i < n; i++)
			__asm__ volatile("" :: "r"(l->iov[i]), "r"(l->lba[i]), "r"(l->buf[i]));
		no_wait(qp, n);
		use(l, n);
	}
}

void measured_empty(struct loop *l)
{
	if (nnvme_poll(l->qp[0], l->done, l->depth))
		abort();
}

void no_wait(const struct nnvme_qpair *qp, unsigned n)
{
	__asm__ volatile("" :: "r"(qp), "r"(n));
}

void wait_for_last(const struct nnvme_qpair *qp, unsigned n)
{
	const struct nnvme_cqe *last = qp->cqe + n - 1;
	uint32_t phase = qp->phase;

	if (last >= qp->cq_end) {
		last -= qp->cq_end - qp->cq;
		phase ^= 0x10000;
	}
	while ((__atomic_load_n(&last->dw3, __ATOMIC_ACQUIRE) ^ phase) & 0x10000)
		nanosleep(&(struct timespec){ .tv_nsec = 20000 }, NULL);
}

static double now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

/*
 * @len bytes of address space over 16 MiB of huge pages; what the device sees there does not matter
 * here.
 */
static char *few_pages_many_times(size_t len)
{
	size_t some = len < 8 * HUGE ? HUGE : 8 * HUGE;
	char *va = mmap(NULL, len + HUGE, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS |
			MAP_NORESERVE, -1, 0);
	int fd = memfd_create("perf", MFD_HUGETLB | MFD_HUGE_2MB);

	if (va == MAP_FAILED || fd < 0 || ftruncate(fd, (off_t)some)) {
		perror("perf_loop: huge pages of 2 MiB");
		exit(1);
	}
	va += -(uintptr_t)va % HUGE;
	for (size_t at = 0; at < len; at += some)
		if (mmap(va + at, len - at < some ? len - at : some, PROT_READ | PROT_WRITE,
			 MAP_SHARED | MAP_FIXED, fd, 0) == MAP_FAILED) {
			perror("perf_loop: mmap");
			exit(1);
		}
	close(fd);
	return va;
}

/* Adjacent regions of the same length, each registered by itself; buffers far apart in them. */
static int place_in_regions(struct loop *l, struct nnvme_err *err)
{
	size_t len = l->shape.registered << 20, all = len * l->shape.regions, room;
	char *va = few_pages_many_times(all);
	double start = now();
	struct nnvme_ctrl_info before = { .size = sizeof(before) }, after = before;

	nnvme_ctrl_info(l->ctrl, &before);
	for (size_t i = 0; i < l->shape.regions; i++)
		if (nnvme_mem_register(l->ctrl, va + i * len, len, err))
			return -1;
	nnvme_ctrl_info(l->ctrl, &after);
	printf("registered_mib %zu regions %lu seconds %.3f bus_addr_calls %llu "
	       "overhead_mib %.1f\n", all >> 20, l->shape.regions, now() - start,
	       (unsigned long long)(after.bus_addr_calls - before.bus_addr_calls),
	       (double)(after.registered - before.registered - all) / (1 << 20));
	/* The last one needs room for its offset and its length. */
	room = all > 2 * HUGE ? all - 2 * HUGE : 0;
	for (unsigned i = 0; i < l->depth; i++)
		l->buf[i] = va + room / l->depth * i / HUGE * HUGE + l->shape.offset;
	return 0;
}

/* One request's iovecs: never adjacent, so they join at page borders or not at all. */
static char *cut(struct loop *l, struct iovec **iov, struct nnvme_err *err)
{
	size_t n = l->shape.iovecs, apart = l->shape.bytes + l->shape.offset + 4096;
	char *p = nnvme_mem_alloc(l->ctrl, n * apart, err);

	*iov = calloc(n, sizeof(**iov));
	for (size_t i = 0; p && *iov && i < n; i++)
		(*iov)[i] = (struct iovec){ p + i * apart / 4096 * 4096 + l->shape.offset,
					    l->shape.bytes };
	return *iov ? p : NULL;
}

static int place_iovecs(struct loop *l, struct nnvme_err *err)
{
	for (unsigned i = 0; i < l->depth; i++) {
		l->buf[i] = cut(l, &l->iov[i], err);
		if (!l->buf[i])
			return -1;
	}
	/* A slot's list gets its memory at first use: go once round the ring. */
	for (unsigned i = 0; i < 3; i++)
		round_of_vectors(l, l->qp[0], l->depth);
	return 0;
}

static int place(struct loop *l, struct nnvme_err *err)
{
	if (l->shape.iovecs)
		return place_iovecs(l, err);
	if (l->shape.regions)
		return place_in_regions(l, err);
	for (unsigned i = 0; i < l->depth; i++) {
		char *p = nnvme_mem_alloc(l->ctrl, l->shape.bytes + l->shape.offset, err);

		if (!p)
			return -1;
		l->buf[i] = p + l->shape.offset;
	}
	return 0;
}

/* A line for each step of the start, up to the first read, and how long it took. */
static double step_end;

static void step_done(const char *what)
{
	if (step_end > 0)
		printf("step %.0f us %s\n", (now() - step_end) * 1e6, what);
	step_end = now();
}

static void listen(void *arg, enum nnvme_log_level level, const char *line)
{
	const char *text = strchr(line, ' ');

	if (level == NNVME_LOG_DEBUG && text)
		step_done(text + 1);
}

static int first_read(struct loop *l)
{
	struct nnvme_completion done;

	if (nnvme_read(l->qp[0], l->ns, l->buf[0], 0, l->blocks, NULL))
		return -1;
	nnvme_ring(l->qp[0]);
	while (!nnvme_poll(l->qp[0], &done, 1))
		;
	step_done("first read");
	step_end = 0;
	return done.status ? -1 : 0;
}

/* And the memory they take: the heap's, and (in units of a huge page) the device's. */
static int create_queues(struct loop *l, struct nnvme_err *err)
{
	struct mallinfo2 before = mallinfo2(), after;
	struct nnvme_ctrl_info first = { .size = sizeof(first) }, last = first;

	nnvme_ctrl_info(l->ctrl, &first);
	for (unsigned i = 0; i < l->queues; i++)
		if (nnvme_qpair_create(l->ctrl, l->commands, &l->qp[i], err))
			return -1;
	nnvme_ctrl_info(l->ctrl, &last);
	after = mallinfo2();
	printf("queue_pairs %u depth %u heap_kib %.1f shared_kib %.1f\n", l->queues, l->commands,
	       (double)(after.uordblks + after.hblkhd - before.uordblks - before.hblkhd) / 1024 /
	       l->queues, (double)(last.registered - first.registered) / 1024 / l->queues);
	return 0;
}

static int prepare(struct loop *l, const char *bdf, struct nnvme_err *err)
{
	struct nnvme_options options = {
		.size = sizeof(options),
		.log = RUNNING_ON_VALGRIND ? NULL : listen,
		.shadow_doorbells = l->shape.shadow ? NNVME_SHADOW_AUTO : NNVME_SHADOW_OFF,
		.quirks = l->shape.each_poll ? NNVME_QUIRK_CQ_DOORBELL_EACH_POLL : 0,
	};
	struct nnvme_ns_info info = { .size = sizeof(info) };

	step_end = now();
	if (nnvme_ctrl_open(bdf, &options, &l->ctrl, err))
		return -1;
	l->ns = nnvme_ns_next(l->ctrl, 0);
	l->blocks = l->ns ? (uint32_t)(l->shape.bytes >> l->ns->block_shift) : 0;
	if (!l->blocks) {
		snprintf(err->text, sizeof(err->text), "no namespace for reads "
			 "of %lu bytes", l->shape.bytes);
		return -1;
	}
	nnvme_ns_info(l->ns, &info);
	l->commands = l->depth * ((l->blocks + info.max_blocks - 1) / info.max_blocks);
	if (create_queues(l, err))
		return -1;
	if (!RUNNING_ON_VALGRIND)
		step_done("queue pairs created");
	srand(1);
	for (unsigned i = 0; i < l->depth; i++)
		l->lba[i] = (uint64_t)rand() % (l->ns->fast_end / 2) / 8 * 8;
	if (place(l, err))
		return -1;
	if (RUNNING_ON_VALGRIND)
		return 0;
	step_done("buffers allocated");
	return first_read(l);
}

static int read_shape(struct loop *l, char **args)
{
	struct shape *s = &l->shape;
	const struct {
		const char *name;
		unsigned long *value, most;
	} names[] = {
		{ "depth=", &s->depth, MAX_DEPTH }, { "bytes=", &s->bytes, 4 << 20 },
		{ "offset=", &s->offset, HUGE - 4 }, { "rounds=", &s->rounds, 1u << 30 },
		{ "queues=", &s->queues, MAX_QUEUES }, { "regions=", &s->regions, 1u << 20 },
		{ "registered=", &s->registered, 1u << 20 }, { "shadow=", &s->shadow, 1 },
		{ "iovecs=", &s->iovecs, MAX_IOVECS },
		{ "each_poll=", &s->each_poll, 1 },
	};

	*s = (struct shape){ .depth = 1, .bytes = 4096, .rounds = 100, .queues = 1, .registered = 2,
			     .shadow = 1 };
	for (; *args; args++) {
		size_t i = 0, n = sizeof(names) / sizeof(names[0]);

		while (i < n && strncmp(*args, names[i].name, strlen(names[i].name)))
			i++;
		if (i == n)
			return -1;
		*names[i].value = strtoul(*args + strlen(names[i].name), NULL, 0);
		if (*names[i].value > names[i].most)
			return -1;
	}
	l->depth = (unsigned)s->depth;
	l->queues = (unsigned)s->queues;
	return l->depth && l->queues && s->rounds ? 0 : -1;
}

int main(int argc, char **argv)
{
	static struct loop l;
	struct nnvme_qpair_stats stats = { .size = sizeof(stats) };
	struct nnvme_err err = { 0 };
	unsigned rounds;

	if (argc < 2 || read_shape(&l, argv + 2)) {
		fprintf(stderr, "usage: perf_loop BDF [depth=N] [bytes=N] [offset=N] [rounds=N] "
			"[queues=N] [iovecs=N] [regions=N registered=MIB]\n");
		return 2;
	}
	if (prepare(&l, argv[1], &err)) {
		fprintf(stderr, "perf_loop: %s\n", err.text);
		nnvme_ctrl_close(l.ctrl);
		return 1;
	}
	rounds = (unsigned)l.shape.rounds;
	if (l.shape.iovecs) {
		measured_vector(&l, rounds);
		CALLGRIND_DUMP_STATS;
		control_vector(&l, rounds);
	} else if (l.depth == 1 && l.queues == 1) {
		measured_single(&l, rounds);
		CALLGRIND_DUMP_STATS;
		control_single(&l, rounds);
	} else {
		measured_loop(&l, rounds);
		CALLGRIND_DUMP_STATS;
		control_loop(&l, rounds);
	}
	CALLGRIND_DUMP_STATS;
	for (unsigned i = 0; i < rounds; i++)
		measured_empty(&l);
	CALLGRIND_DUMP_STATS;
	nnvme_qpair_stats(l.qp[0], &stats);
	printf("commands %u sq_rings %llu cq_rings %llu sum %llx\n", rounds * l.depth,
	       (unsigned long long)stats.sq_doorbells, (unsigned long long)stats.cq_doorbells,
	       (unsigned long long)l.sum);
	return nnvme_ctrl_close(l.ctrl) ? 1 : 0;
}
