// SPDX-License-Identifier: MIT
/*
 * memory BDF 2m|1g: registers 1 GiB of huge pages of that size and prints how often the kernel was
 * asked for addresses, then reads a pattern, which the caller wrote to the first block, into
 * several places of it.
 */
#include <errno.h>
#include <linux/memfd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "noiommu_nvme/noiommu_nvme.h"

#define GIB ((size_t)1 << 30)

static char *map_gib(const char *size)
{
	unsigned flags = MFD_HUGETLB | (strcmp(size, "1g") ? 21u : 30u) << MFD_HUGE_SHIFT;
	int fd = memfd_create("memory", flags);
	void *va = MAP_FAILED;

	if (fd >= 0 && !ftruncate(fd, (off_t)GIB))
		va = mmap(NULL, GIB, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_POPULATE, fd, 0);
	if (va == MAP_FAILED) {
		perror("memory: 1 GiB of huge pages");
		exit(1);
	}
	return va;
}

static int read_to(struct nnvme_qpair *qp, const struct nnvme_ns *ns, void *buf, uint32_t blocks)
{
	struct nnvme_completion done;
	int ret = nnvme_read(qp, ns, buf, 0, blocks, NULL);

	if (ret)
		return ret;
	nnvme_ring(qp);
	while (!nnvme_poll(qp, &done, 1))
		;
	return done.status;
}

/* The same data wherever it is read to, also across two pages. */
static int check_places(struct nnvme_qpair *qp, const struct nnvme_ns *ns, char *va)
{
	static const size_t at[] = { 512, (2 << 20) - 4096, (2 << 20) - 512, GIB / 2 - 1024,
				     GIB - (1 << 20) };
	uint32_t blocks = (1u << 20) >> ns->block_shift;

	if (read_to(qp, ns, va + (64 << 20), blocks))
		return 1;
	for (size_t i = 0; i < sizeof(at) / sizeof(at[0]); i++)
		if (read_to(qp, ns, va + at[i], blocks) ||
		    memcmp(va + at[i], va + (64 << 20), 1 << 20)) {
			printf("# different at %#zx\n", at[i]);
			return 1;
		}
	return 0;
}

/* A child must not have the library's memory: a system call tells without a crash. */
static int check_child(struct nnvme_ctrl *ctrl)
{
	void *buf = nnvme_mem_alloc(ctrl, 4096, NULL);
	int fd[2], status;
	pid_t child;

	if (!buf || pipe(fd))
		return 1;
	child = fork();
	if (!child)
		_exit(write(fd[1], buf, 1) >= 0 || errno != EFAULT);
	return child < 0 || waitpid(child, &status, 0) != child || status;
}

/* One raw command of each kind, with a known answer; and a write that is durable. */
static int check_raw(struct nnvme_ctrl *ctrl, struct nnvme_qpair *qp, const struct nnvme_ns *ns,
		     char *va)
{
	struct nnvme_ctrl_info info = { .size = sizeof(info) };
	char id[4096];
	uint64_t result = 1;
	struct nnvme_command identify = {
		.size = sizeof(identify), .opcode = 0x06, .cdw10 = 1, .data = id,
		.data_len = sizeof(id),
	};
	struct nnvme_command read = {
		.size = sizeof(read), .opcode = NNVME_OP_READ, .nsid = ns->nsid, .data = va + 4,
		.data_len = 1u << ns->block_shift, .result = &result,
	};
	struct nnvme_completion done;
	struct nnvme_err err = { 0 };

	nnvme_ctrl_info(ctrl, &info);
	if (nnvme_admin_command(ctrl, &identify, &err) ||
	    strncmp(id + 4, info.serial, strlen(info.serial))) {
		printf("# Identify: %s\n", err.text);
		return 1;
	}
	if (nnvme_io_command(qp, &read, va))
		return 1;
	nnvme_ring(qp);
	while (!nnvme_poll(qp, &done, 1))
		;
	if (done.tag != va || done.status || result ||
	    memcmp(va + 4, va + (64 << 20), read.data_len))
		return 1;
	if (nnvme_write_flags(qp, ns, va + (64 << 20), 0, 1, NNVME_FUA, NULL))
		return 1;
	nnvme_ring(qp);
	while (!nnvme_poll(qp, &done, 1))
		;
	return done.status;
}

int main(int argc, char **argv)
{
	struct nnvme_ctrl_info before = { .size = sizeof(before) }, after = before;
	struct nnvme_options options = { .size = sizeof(options) };
	struct nnvme_ctrl *ctrl = NULL;
	struct nnvme_qpair *qp = NULL;
	struct nnvme_err err = { 0 };
	unsigned long long calls;
	int bad = 0, wrong;
	char *va;

	if (argc != 3)
		return 2;
	va = map_gib(argv[2]);
	options.hugepages = strcmp(argv[2], "1g") ? NNVME_HUGEPAGES_2M : NNVME_HUGEPAGES_OFF;
	if (nnvme_ctrl_open(argv[1], &options, &ctrl, &err))
		goto fail;
	nnvme_ctrl_info(ctrl, &before);
	if (nnvme_mem_register(ctrl, va, GIB, &err) || nnvme_qpair_create(ctrl, 4, &qp, &err))
		goto fail;
	nnvme_ctrl_info(ctrl, &after);
	calls = after.bus_addr_calls - before.bus_addr_calls;
	printf("# %llu calls\n%sok 1 GiB of pages of %s takes at most 512 calls "
	       "for addresses\n", calls, calls && calls <= 512 ? "" : "not ", argv[2]);
	bad |= calls > 512;
	bad |= check_places(qp, nnvme_ns_next(ctrl, 0), va);
	printf("%sok what is read there is what is stored\n", bad ? "not " : "");
	wrong = check_raw(ctrl, qp, nnvme_ns_next(ctrl, 0), va);
	printf("%sok raw commands and a write with FUA\n", wrong ? "not " : "");
	bad |= wrong;
	wrong = check_child(ctrl);
	printf("%sok a child process has none of the library's memory\n", wrong ? "not " : "");
	bad |= wrong;
	wrong = nnvme_qpair_destroy(qp) || nnvme_ctrl_close(ctrl);
	printf("%sok all of it is given back\n", wrong ? "not " : "");
	return bad || wrong;
fail:
	printf("# %s\nnot ok registering 1 GiB of pages of %s\n", err.text, argv[2]);
	nnvme_ctrl_close(ctrl);
	return 1;
}
