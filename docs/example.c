// SPDX-License-Identifier: MIT
/*
 * Print the first block of a controller's first namespace, read into memory of our own.
 *
 *	cc example.c $(pkg-config --cflags --libs noiommu_nvme) -o example
 *	./example 0000:41:00.0 | hexdump -C
 *
 * The controller must be bound to vfio-pci: see `noiommu-nvme bind`.
 */
#include <noiommu_nvme/noiommu_nvme.h>

#include <stdio.h>
#include <stdlib.h>

#define TIMEOUT_MS 10000	/* then the controller has lost the command, or hangs */

static int read_first_block(struct nnvme_ctrl *ctrl, struct nnvme_qpair *qp, void *buf, size_t len)
{
	const struct nnvme_ns *ns = nnvme_ns_next(ctrl, 0);
	struct nnvme_ns_info info = { .size = sizeof(info) };
	struct nnvme_completion done;
	int ret;

	if (!ns || nnvme_ns_info(ns, &info) || info.block_size > len) {
		fprintf(stderr, "no namespace that this program can read\n");
		return 1;
	}
	//! [read]
	ret = nnvme_read(qp, ns, buf, 0, 1, NULL);	/* one block, from block 0 */
	if (ret) {
		fprintf(stderr, "not submitted: error %d\n", ret);
		return 1;
	}
	nnvme_ring(qp);					/* tell the controller */
	ret = nnvme_wait(qp, NNVME_SPIN_NS, TIMEOUT_MS);
	if (ret <= 0 || nnvme_poll(qp, &done, 1) != 1) {
		fprintf(stderr, ret ? "no completion: error %d\n" :
			"the read did not complete in time\n", ret);
		return 1;
	}
	if (done.status) {
		fprintf(stderr, "read failed: %s\n", nnvme_status_text(done.status));
		return 1;
	}
	//! [read]
	return fwrite(buf, 1, info.block_size, stdout) != info.block_size;
}

int main(int argc, char **argv)
{
	const size_t len = 65536;			/* as long as any block may be */
	void *buf = aligned_alloc(4096, len);
	struct nnvme_ctrl *ctrl = NULL;
	struct nnvme_qpair *qp = NULL;
	struct nnvme_err err = { 0 };
	int status = 1;

	if (argc != 2 || !buf) {
		fprintf(stderr, "usage: %s BDF\n", argv[0]);
		return 2;
	}
	//! [open]
	if (nnvme_ctrl_open(argv[1], NULL, &ctrl, &err) ||
	    nnvme_mem_register(ctrl, buf, len, &err) ||	/* pinned, its bus addresses known */
	    nnvme_qpair_create(ctrl, 16, &qp, &err))	/* 16 commands in flight at most */
		fprintf(stderr, "%s\n", err.text);
	else
		status = read_first_block(ctrl, qp, buf, len);

	nnvme_qpair_destroy(qp);			/* all of these take what was never made */
	if (!nnvme_ctrl_close(ctrl))			/* else it may still be written to */
		free(buf);
	//! [open]
	return status;
}
