// SPDX-License-Identifier: MIT
/*
 * Several threads read a namespace, each through a queue pair of its own, and print the sum.
 *
 *	cc -pthread threads.c $(pkg-config --cflags --libs noiommu_nvme) -o threads
 *	./threads 0000:41:00.0 4 1000		(threads; reads of each, of one block)
 *
 * The controller must be bound to vfio-pci: see `noiommu-nvme bind`.
 */
#include <noiommu_nvme/noiommu_nvme.h>

#include <inttypes.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>

#define MAX_THREADS 64
#define TIMEOUT_MS 10000	/* then the controller has lost the command, or hangs */

struct worker {
	pthread_t thread;
	struct nnvme_ctrl *ctrl;
	const struct nnvme_ns *ns;
	uint64_t lba, reads, sum;
	uint32_t block_size;
	struct nnvme_err err;
};

/* 0, or -1 with the reason in w->err. */
static int read_block(struct worker *w, struct nnvme_qpair *qp, uint64_t *buf, uint64_t lba)
{
	struct nnvme_completion done;
	int ret = nnvme_read(qp, w->ns, buf, lba, 1, NULL);

	if (ret)
		return nnvme_fail(&w->err, ret, "not submitted: error %d", ret);
	nnvme_ring(qp);
	ret = nnvme_wait(qp, NNVME_SPIN_NS, TIMEOUT_MS);
	if (ret <= 0 || nnvme_poll(qp, &done, 1) != 1)
		return nnvme_fail(&w->err, -1, "block %" PRIu64 " did not complete: error %d", lba,
				  ret ? ret : -ETIMEDOUT);
	if (done.status)
		return nnvme_fail(&w->err, -1, "block %" PRIu64 ": %s", lba,
				  nnvme_status_text(done.status));
	for (uint32_t i = 0; i < w->block_size / 8; i++)
		w->sum += buf[i];
	return 0;
}

/* Making a queue pair and memory is allowed in any thread; the queue pair is then this thread's. */
static void *work(void *arg)
{
	struct worker *w = arg;
	struct nnvme_qpair *qp = NULL;
	uint64_t *buf = nnvme_mem_alloc(w->ctrl, w->block_size, &w->err);

	if (buf && !nnvme_qpair_create(w->ctrl, 8, &qp, &w->err))
		for (uint64_t i = 0; i < w->reads; i++)
			if (read_block(w, qp, buf, w->lba + i))
				break;
	/* A read that was given up may still write to it: nnvme_mem_free() refuses then. */
	nnvme_qpair_destroy(qp);
	if (buf)
		nnvme_mem_free(w->ctrl, buf);
	return NULL;
}

static int run(struct nnvme_ctrl *ctrl, unsigned threads, uint64_t reads,
	       struct nnvme_err *err)
{
	const struct nnvme_ns *ns = nnvme_ns_next(ctrl, 0);
	struct nnvme_ns_info info = { .size = sizeof(info) };
	struct worker workers[MAX_THREADS];
	unsigned started = 0;
	uint64_t sum = 0;
	int ret = 0;

	if (!ns || nnvme_ns_info(ns, &info) || reads > info.blocks / threads)
		return nnvme_fail(err, -1, "no namespace, or not enough blocks in it");
	for (; started < threads; started++) {
		struct worker *w = &workers[started];

		*w = (struct worker){ .ctrl = ctrl, .ns = ns, .lba = started * reads,
				      .reads = reads, .block_size = info.block_size };
		ret = pthread_create(&w->thread, NULL, work, w);
		if (ret) {
			nnvme_fail(err, -ret, "cannot start thread %u: error %d", started, ret);
			break;
		}
	}
	for (unsigned i = 0; i < started; i++) {
		pthread_join(workers[i].thread, NULL);
		sum += workers[i].sum;
		if (*workers[i].err.text) {
			*err = workers[i].err;
			ret = -1;
		}
	}
	return ret ? ret : printf("%u threads, %" PRIu64 " blocks each, sum %016" PRIx64 "\n",
				  threads, reads, sum) < 0;
}

int main(int argc, char **argv)
{
	struct nnvme_options opts = { .size = sizeof(opts), .hugepages = NNVME_HUGEPAGES_OFF };
	unsigned threads = argc == 4 ? (unsigned)strtoul(argv[2], NULL, 10) : 0;
	uint64_t reads = argc == 4 ? strtoull(argv[3], NULL, 10) : 0;
	struct nnvme_ctrl *ctrl = NULL;
	struct nnvme_err err = { 0 };
	int ret;

	if (!threads || threads > MAX_THREADS || !reads) {
		fprintf(stderr, "usage: %s BDF THREADS READS\n", argv[0]);
		return 2;
	}
	ret = nnvme_ctrl_open(argv[1], &opts, &ctrl, &err) || run(ctrl, threads, reads, &err);
	if (ret)
		fprintf(stderr, "%s\n", err.text);
	return nnvme_ctrl_close(ctrl) || ret;
}
