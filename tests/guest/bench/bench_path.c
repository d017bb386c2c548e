// SPDX-License-Identifier: MIT
/*
 * bench_path run|write|verify KIND DEVICE [NAME=NUMBER]...: one path of the benchmark. KIND is
 * plain, registered, polled or passthrough on a device node; driver, hybrid or interrupt on a
 * controller's address.
 *
 *	run	a load of reads; prints how many there were and how many failed
 *	write	fills `ios` I/Os from `offset` on with data that follows from their position
 *	verify	reads them, and reports where something else is
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "bench/random.h"
#include "tests/unit/load_rig.h"

static unsigned long depth = 8, bytes = 4096, ios = 64, offset, beyond, randomly = 1;

static int read_options(char **args)
{
	const struct {
		const char *name;
		unsigned long *value;
	} options[] = {
		{ "depth=", &depth }, { "bytes=", &bytes }, { "ios=", &ios },
		{ "offset=", &offset },
		{ "beyond=", &beyond }, { "random=", &randomly },
	};

	for (; *args; args++) {
		size_t i = 0, n = sizeof(options) / sizeof(options[0]);

		while (i < n && strncmp(*args, options[i].name, strlen(options[i].name)))
			i++;
		if (i == n)
			return -1;
		*options[i].value = strtoul(*args + strlen(options[i].name), NULL, 0);
	}
	return 0;
}

static int open_path(const char *kind, const char *device, bool writes, struct bench_path **path,
		     struct nnvme_err *err)
{
	static const char *const kinds[] = { "plain", "registered", "polled", "passthrough" };
	static const char *const waits[] = { "driver", "hybrid", "interrupt" };
	struct bench_shape shape = { .depth = (unsigned)depth, .bytes = (uint32_t)bytes,
				     .writes = writes };

	for (unsigned i = 0; i < 4; i++)
		if (!strcmp(kind, kinds[i]))
			return bench_path_uring(device, (enum bench_uring)i, &shape, path, err);
	for (unsigned i = 0; i < 3; i++)
		if (!strcmp(kind, waits[i]))
			return bench_path_driver(device, NNVME_MODE_AUTO, 0, (enum bench_wait)i,
						 &shape, path, err);
	return nnvme_fail(err, -EINVAL, "no kind %s", kind);
}

/* With beyond=1 the namespace seems twice as large: every second I/O must fail. */
static int run(struct bench_path *path)
{
	struct bench_workload work = {
		.bytes = (uint32_t)bytes, .depth = (unsigned)depth, .random = randomly,
		.seed = randomly ? 1 : 0,	/* in order: from the beginning on */
	};
	static struct bench_measured m;
	int ret;

	if (beyond)
		path->bytes *= 2;
	ret = load_once(path, &work, &(struct bench_until){ .ios = ios }, NULL, &m);
	printf("ret %d ios %llu errors %llu first_error %s latencies %llu doorbells %llu+%llu\n",
	       ret, (unsigned long long)m.ios, (unsigned long long)m.errors, m.first_error ?
	       strerrorname_np(m.first_error) : "none", (unsigned long long)m.latency.count,
	       (unsigned long long)m.sq_rings, (unsigned long long)m.cq_rings);
	return ret != 0;
}

static uint64_t word(uint64_t at)
{
	return bench_random(&at);
}

static bool same(const char *buf, uint64_t at)
{
	for (size_t i = 0; i < bytes; i += 8)
		if (memcmp(buf + i, &(uint64_t){ word(at + i) }, 8)) {
			printf("other data at byte %llu\n", (unsigned long long)(at + i));
			return false;
		}
	return true;
}

static int one(struct bench_path *path, const struct bench_io *io)
{
	struct bench_done done = { 0 };
	int ret = path->ops->submit(path, io, 1), n = 0;

	while (!ret && !n) {
		n = path->ops->reap(path, &done, 1);
		ret = n < 0 ? n : 0;
	}
	if (ret || done.error || done.slot != io->slot)
		printf("at byte %llu: ret %d error "
		       "%d slot %u\n", (unsigned long long)io->offset, ret, done.error, done.slot);
	return ret || done.error || done.slot != io->slot;
}

static int transfer(struct bench_path *path, bool write)
{
	for (unsigned long i = 0; i < ios; i++) {
		struct bench_io io = {
			.offset = offset + i * bytes, .bytes = (uint32_t)bytes,
			.slot = (uint32_t)(i % depth),
			.write = write,
		};
		char *buf = path->buffers + io.slot * path->stride;

		for (size_t at = 0; at < bytes; at += 8)
			memcpy(buf + at, &(uint64_t){ write ? word(io.offset + at) : 0 }, 8);
		if (one(path, &io) || (!write && !same(buf, io.offset)))
			return 1;
	}
	return 0;
}

int main(int argc, char **argv)
{
	struct bench_path *path;
	struct nnvme_err err;
	bool write;
	int bad;

	if (argc < 4 || read_options(argv + 4)) {
		fprintf(stderr, "usage: bench_path run|write|verify KIND DEVICE "
			"[NAME=NUMBER]...\n");
		return 2;
	}
	write = !strcmp(argv[1], "write");
	if (open_path(argv[2], argv[3], write, &path, &err)) {
		printf("%s: %s\n", strerrorname_np(-err.code), err.text);
		return 1;
	}
	bad = strcmp(argv[1], "run") ? transfer(path, write) : run(path);
	path->ops->close(path);
	return bad;
}
