// SPDX-License-Identifier: MIT
/*
 * Read a namespace from its start with 32 commands in flight, and print the sum of what is there.
 *
 *	cc batch.c $(pkg-config --cflags --libs noiommu_nvme) -o batch
 *	./batch 0000:41:00.0 1000		(reads, of 4 KiB or one block)
 *
 * The controller must be bound to vfio-pci: see `noiommu-nvme bind`.
 */
#include <noiommu_nvme/noiommu_nvme.h>

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#define IN_FLIGHT 32
#define TIMEOUT_MS 10000	/* then the controller has lost commands, or hangs */

struct job {
	const struct nnvme_ns *ns;
	struct nnvme_qpair *qp;
	uint32_t blocks, bytes;		/* of one read */
	uint64_t reads, sent, finished, sum;
	unsigned nr_idle;
	void *idle[IN_FLIGHT];		/* buffers that no command uses */
};

/* Submit as many reads as there are buffers. The buffer is the tag, so that it comes back. */
static int submit(struct job *j)
{
	//! [batch]
	struct nnvme_batch b = nnvme_batch_begin(j->qp, j->ns);
	int ret = 0;

	while (j->nr_idle && j->sent < j->reads) {
		void *buf = j->idle[j->nr_idle - 1];

		ret = nnvme_batch_read(&b, buf, j->sent * j->blocks, j->blocks, buf);
		if (ret)
			break;
		j->nr_idle--;
		j->sent++;
	}
	nnvme_batch_end(&b);		/* one doorbell write for all of them */
	//! [batch]
	if (ret)
		fprintf(stderr, "read %" PRIu64 " not submitted: error %d\n", j->sent, ret);
	return ret;
}

/* Wait for at least one, and take all that have finished. */
static int collect(struct job *j)
{
	struct nnvme_completion done[IN_FLIGHT];
	int ret = nnvme_wait(j->qp, NNVME_SPIN_NS, TIMEOUT_MS);
	unsigned n = ret > 0 ? nnvme_poll(j->qp, done, IN_FLIGHT) : 0;

	if (!n) {
		fprintf(stderr, ret ? "no completion: error %d\n" : "nothing completed\n", ret);
		return -1;
	}
	for (unsigned i = 0; i < n; i++) {
		const uint64_t *word = done[i].tag;

		if (done[i].status) {
			fprintf(stderr, "read failed: %s\n", nnvme_status_text(done[i].status));
			return -1;
		}
		for (uint32_t w = 0; w < j->bytes / 8; w++)
			j->sum += word[w];
		j->idle[j->nr_idle++] = done[i].tag;
		j->finished++;
	}
	return 0;
}

static int run(struct nnvme_ctrl *ctrl, struct job *j, struct nnvme_err *err)
{
	struct nnvme_ns_info info = { .size = sizeof(info) };
	char *memory;

	j->ns = nnvme_ns_next(ctrl, 0);
	if (!j->ns || nnvme_ns_info(j->ns, &info))
		return nnvme_fail(err, -1, "no namespace that can be read");
	j->blocks = info.block_size < 4096 ? 4096 / info.block_size : 1;
	j->bytes = j->blocks * info.block_size;
	if (j->reads > info.blocks / j->blocks)
		return nnvme_fail(err, -1, "the namespace is too small for so many reads");
	memory = nnvme_mem_alloc(ctrl, IN_FLIGHT * (size_t)j->bytes, err);
	if (!memory || nnvme_qpair_create(ctrl, IN_FLIGHT, &j->qp, err))
		return -1;
	for (; j->nr_idle < IN_FLIGHT; j->nr_idle++)
		j->idle[j->nr_idle] = memory + j->nr_idle * (size_t)j->bytes;
	while (j->finished < j->reads)
		if (submit(j) || collect(j))
			return -1;
	return printf("%" PRIu64 " reads of %" PRIu32 " bytes, sum %016" PRIx64 "\n",
		      j->reads, j->bytes, j->sum) < 0;
}

int main(int argc, char **argv)
{
	struct nnvme_options opts = { .size = sizeof(opts), .hugepages = NNVME_HUGEPAGES_OFF };
	struct nnvme_ctrl *ctrl = NULL;
	struct nnvme_err err = { 0 };
	struct job j = { 0 };
	char *end = NULL;
	int ret;

	if (argc == 3)
		j.reads = strtoull(argv[2], &end, 10);
	if (argc != 3 || !j.reads || *end) {
		fprintf(stderr, "usage: %s BDF READS\n", argv[0]);
		return 2;
	}
	ret = nnvme_ctrl_open(argv[1], &opts, &ctrl, &err) || run(ctrl, &j, &err);
	if (*err.text)
		fprintf(stderr, "%s\n", err.text);
	return nnvme_ctrl_close(ctrl) || ret;	/* its queue pair and memory go with it */
}
