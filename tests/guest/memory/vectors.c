// SPDX-License-Identifier: MIT
/*
 * vectors BDF: vectored reads and writes through the public interface, on a real controller with
 * scatter gather lists. It overwrites the first 16 MiB of the first namespace.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "noiommu_nvme/noiommu_nvme.h"

#define MIB ((size_t)1 << 20)
#define PAGE ((size_t)4096)
#define DISK (16 * MIB)
#define MAX 600

struct test {
	const struct nnvme_ns *ns;
	struct nnvme_qpair *qp;
	char *disk;		/* what is stored */
	char *buf;
	struct iovec iov[MAX];
	unsigned n, commands;
	size_t len;
	uint32_t seed;
};

static uint32_t pick(struct test *t, uint32_t below)
{
	t->seed = t->seed * 1664525 + 1013904223;
	return (t->seed >> 8) % below;
}

static int finish(struct test *t, int ret)
{
	struct nnvme_completion done;

	if (ret) {
		printf("# not submitted: %d\n", ret);
		return ret;
	}
	t->commands = nnvme_in_flight(t->qp);
	nnvme_ring(t->qp);
	while (!nnvme_poll(t->qp, &done, 1))
		;
	if (done.status)
		printf("# %s\n", nnvme_status_text(done.status));
	return done.status;
}

static void add(struct test *t, size_t at, size_t len)
{
	t->iov[t->n++] = (struct iovec){ t->buf + at, len };
	t->len += len;
}

static void begin(struct test *t)
{
	t->n = 0;
	t->len = 0;
}

/* Read what is at @byte, then write something else there and read it back in one piece. */
static bool both_ways(struct test *t, size_t byte)
{
	uint64_t lba = byte >> t->ns->block_shift;
	char *at = t->disk + byte;

	memset(t->buf, 0, DISK);
	if (finish(t, nnvme_readv(t->qp, t->ns, t->iov, (int)t->n, lba, NULL)))
		return false;
	for (unsigned i = 0; i < t->n; at += t->iov[i++].iov_len)
		if (memcmp(t->iov[i].iov_base, at, t->iov[i].iov_len)) {
			printf("# iovec %u of %u is wrong\n", i, t->n);
			return false;
		}
	at = t->disk + byte;
	for (unsigned i = 0; i < t->n; at += t->iov[i++].iov_len) {
		for (size_t k = 0; k < t->iov[i].iov_len; k++)
			((char *)t->iov[i].iov_base)[k] ^= (char)(i + 0x5a);
		memcpy(at, t->iov[i].iov_base, t->iov[i].iov_len);
	}
	if (finish(t, nnvme_writev(t->qp, t->ns, t->iov, (int)t->n, lba, NULL)) ||
	    finish(t, nnvme_read(t->qp, t->ns, t->buf, lba,
				 (uint32_t)(t->len >> t->ns->block_shift), NULL)))
		return false;
	return !memcmp(t->buf, t->disk + byte, t->len);
}

static bool pages(struct test *t)
{
	static const unsigned counts[] = { 2, 3, 8, 64, 65, 128 };
	bool good = true;

	for (size_t i = 0; good && i < sizeof(counts) / sizeof(counts[0]); i++) {
		begin(t);
		for (unsigned k = 0; k < counts[i]; k++)
			add(t, k * 389 % 1999 * PAGE, PAGE);
		good = both_ways(t, i * MIB);
	}
	/* the first begins and the last ends inside a page; one crosses two huge pages */
	begin(t);
	add(t, 9 * PAGE - 1024, 1024);
	add(t, 2 * MIB - 3 * PAGE, 6 * PAGE);
	add(t, 5 * PAGE, 3072);
	return good && both_ways(t, 3 * MIB);
}

static bool pieces(struct test *t)
{
	begin(t);
	add(t, 100, 412);
	add(t, 3 * PAGE + 8, 100);
	if (!both_ways(t, 512) || t->commands != 1)
		return false;
	for (unsigned round = 0; round < 60; round++) {
		size_t at = 0;

		begin(t);
		for (unsigned n = 1 + pick(t, 40); n; n--) {
			size_t len = 4 * (1 + pick(t, 2000));

			at += 4 * pick(t, 2000);
			add(t, at, len);
			at += len;
		}
		if (t->len % PAGE)
			add(t, at + 4, PAGE - t->len % PAGE);
		if (!both_ways(t, pick(t, 1000) * PAGE))
			return false;
	}
	return true;
}

/* More than one command may carry. */
static bool long_ones(struct test *t)
{
	begin(t);
	for (unsigned k = 0; k < MAX; k++)
		add(t, k * 389 % 1999 * PAGE, PAGE);
	if (!both_ways(t, 512 * 7))
		return false;
	begin(t);
	for (unsigned k = 0; k < MAX; k++)
		add(t, k * 4 * PAGE + 1024, 2 * PAGE);
	return both_ways(t, 512 * 9);
}

static bool tap(bool good, const char *name)
{
	printf("%sok %s\n", good ? "" : "not ", name);
	return good;
}

int main(int argc, char **argv)
{
	static struct test t = { .seed = 3 };
	struct nnvme_ctrl *ctrl = NULL;
	struct nnvme_err err = { 0 };
	bool good;

	if (argc != 2)
		return 2;
	if (nnvme_ctrl_open(argv[1], NULL, &ctrl, &err) ||
	    nnvme_qpair_create(ctrl, 8, &t.qp, &err)) {
		printf("# %s\nnot ok open\n", err.text);
		return 1;
	}
	t.ns = nnvme_ns_next(ctrl, 0);
	t.buf = nnvme_mem_alloc(ctrl, DISK, &err);
	t.disk = malloc(DISK);
	if (!t.ns || !t.buf || !t.disk || DISK / 4 >> t.ns->block_shift == 0)
		return 1;
	for (size_t i = 0; i < DISK; i++)
		t.buf[i] = t.disk[i] = (char)pick(&t, 256);
	good = !finish(&t, nnvme_write(t.qp, t.ns, t.buf, 0, (uint32_t)(DISK >> t.ns->block_shift),
				       NULL));
	good = tap(good && pages(&t), "iovecs that join at page borders carry their data");
	good &= tap(pieces(&t), "others do so too, in one command each");
	good &= tap(long_ones(&t), "and those that take several commands");
	nnvme_ctrl_close(ctrl);
	free(t.disk);
	return !good;
}
