/* SPDX-License-Identifier: MIT */
/*
 * A TCG plugin that counts, between the marks of kernel/guest/insn/mark.h, the instructions that
 * the whole x86-64 guest executes, user's and kernel's apart, and its writes to the doorbells of
 * QEMU's NVMe controllers. A processor that waits in HLT executes none.
 *
 *   -plugin libinsn.so,out=FILE
 *
 * FILE gets a line a pair: its number, user instructions, kernel instructions, SQ and CQ doorbell
 * writes.
 *
 * A block of instructions is counted when it is entered, into counters of the processor that enters
 * it (a counter in the translated code would be everybody's, and lose counts). What is left undone
 * of a block is counted twice: by a page fault, and by an instruction that QEMU runs with all other
 * processors stopped, as it does an atomic one that this machine has none for.
 */
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "qemu.h"
#include "mark.h"

enum counter { USER, KERNEL, SQ, CQ, COUNTERS };

/* Written by its CPU's thread alone, read by any. */
struct vcpu {
	uint64_t count[COUNTERS];
	uint64_t string; /* of the string instruction that ended the last block, or 0 */
} __attribute__((aligned(128)));

struct block {
	unsigned instructions;
	enum counter counter;
	uint64_t string_first, string_last; /* addresses of repeated string instructions, or 0 */
};

QEMU_EXPORT int qemu_plugin_version = 1;

static struct vcpu *vcpus;
static unsigned nr_vcpus;

/* The open pair; its number is 0 if none is. Marks are rare, so a lock is cheap. */
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static uint16_t number;
static uint64_t at_begin[COUNTERS];
static uint16_t bits;
static int out = -1;

static void add(uint64_t *counter, uint64_t n)
{
	__atomic_store_n(counter, *counter + n, __ATOMIC_RELAXED);
}

static void block_runs(unsigned cpu, void *data)
{
	const struct block *block = data;
	struct vcpu *vcpu = &vcpus[cpu];
	uint64_t n = block->instructions;

	/*
	 * For QEMU each repetition of a string instruction is a block; for a CPU all are one
	 * instruction.
	 */
	if (block->string_first && block->string_first == vcpu->string)
		n--;
	vcpu->string = block->string_last;
	add(&vcpu->count[block->counter], n);
}

/*
 * A doorbell has 4 bytes (NVMe Base 2.0, 3.1.2.1). QEMU's controller has its registers in the first
 * page of a region with its name, and doorbells without a stride from the second page on: SQ, CQ,
 * SQ, ... Those of queues up to 511 are in the second page: it has 64, unless it is told otherwise
 * (max_ioqpairs).
 *
 * Outside of a pair nothing is looked up: QEMU 7.2 crashes on the look-up for a store that has just
 * moved or removed regions, as a store to a PCI command register may. A program that sets marks
 * changes no device between them.
 */
static void stores(unsigned cpu, uint32_t info, uint64_t address, void *data)
{
	const struct qemu_plugin_hwaddr *at;
	uint64_t offset;

	if (!__atomic_load_n(&number, __ATOMIC_RELAXED) || qemu_plugin_mem_size_shift(info) != 2)
		return;
	at = qemu_plugin_get_hwaddr(info, address);
	if (!at || !qemu_plugin_hwaddr_is_io(at) ||
	    strcmp(qemu_plugin_hwaddr_device_name(at), "nvme") != 0)
		return;
	offset = qemu_plugin_hwaddr_phys_addr(at) & 0x1fff;
	if (offset >= 0x1000)
		add(&vcpus[cpu].count[offset & 4 ? CQ : SQ], 1);
}

static void sum_up(uint64_t sum[COUNTERS])
{
	memset(sum, 0, COUNTERS * sizeof(*sum));
	for (unsigned cpu = 0; cpu < nr_vcpus; cpu++)
		for (int c = 0; c < COUNTERS; c++)
			sum[c] += __atomic_load_n(&vcpus[cpu].count[c], __ATOMIC_RELAXED);
}

/* @left: instructions of the mark's block that come after it and are already counted. */
static void begin(unsigned left)
{
	sum_up(at_begin);
	at_begin[USER] -= left;
	__atomic_store_n(&number, bits, __ATOMIC_RELAXED);
}

static void end(unsigned left)
{
	uint64_t sum[COUNTERS];

	if (!number)
		return;
	sum_up(sum);
	sum[USER] -= left + 1;
	for (int c = 0; c < COUNTERS; c++)
		sum[c] -= at_begin[c];
	if (dprintf(out, "%u %llu %llu %llu %llu\n", number, (unsigned long long)sum[USER],
		    (unsigned long long)sum[KERNEL], (unsigned long long)sum[SQ],
		    (unsigned long long)sum[CQ]) < 0)
		fprintf(stderr, "insn: a count could not be written: %s\n", strerror(errno));
	__atomic_store_n(&number, 0, __ATOMIC_RELAXED);
}

static void mark_runs(unsigned cpu, void *data)
{
	unsigned kind = (uintptr_t)data & 0xff, left = (uintptr_t)data >> 8;

	pthread_mutex_lock(&lock);
	switch (kind) {
	case BENCH_MARK_ZERO: bits = bits << 1; break;
	case BENCH_MARK_ONE: bits = bits << 1 | 1; break;
	case BENCH_MARK_BEGIN: begin(left); break;
	case BENCH_MARK_END: end(left); break;
	}
	pthread_mutex_unlock(&lock);
}

/* Which kind of mark it is, or 0. */
static unsigned mark_of(const struct qemu_plugin_insn *insn)
{
	uint32_t bytes[2];

	if (qemu_plugin_insn_size(insn) != sizeof(bytes))
		return 0;
	memcpy(bytes, qemu_plugin_insn_data(insn), sizeof(bytes));
	if (bytes[0] != BENCH_MARK_OPCODE || (bytes[1] & ~0xffu) != BENCH_MARK_NAME)
		return 0;
	return bytes[1] & 0xff;
}

/* The address of a string instruction (INS, OUTS, MOVS, CMPS, STOS, LODS, SCAS) with REP, or 0. */
static uint64_t repeated_string(const struct qemu_plugin_insn *insn)
{
	const uint8_t *byte = qemu_plugin_insn_data(insn),
		      *last = byte + qemu_plugin_insn_size(insn) - 1;
	bool repeated = false;

	/* Prefixes before the last byte, which is the opcode: REP, sizes, segments, and REX. */
	for (; byte < last; byte++) {
		if (*byte == 0xf2 || *byte == 0xf3)
			repeated = true;
		else if (*byte != 0x66 && *byte != 0x67 && (*byte & 0xfe) != 0x64 &&
			 (*byte & 0xf0) != 0x40)
			return 0;
	}
	if (!repeated || !((*last >= 0x6c && *last <= 0x6f) || (*last >= 0xa4 && *last <= 0xa7) ||
			   (*last >= 0xaa && *last <= 0xaf)))
		return 0;
	return qemu_plugin_insn_vaddr(insn);
}

static void translated(uint64_t id, struct qemu_plugin_tb *tb)
{
	size_t n = qemu_plugin_tb_n_insns(tb);
	struct block *block = calloc(1, sizeof(*block)); /* never freed, like the translation */

	if (!block)
		abort();
	block->instructions = n;
	/* The kernel has the upper half of the addresses. */
	block->counter = qemu_plugin_tb_vaddr(tb) >> 63 ? KERNEL : USER;
	for (size_t i = 0; i < n; i++) {
		struct qemu_plugin_insn *insn = qemu_plugin_tb_get_insn(tb, i);
		unsigned kind = mark_of(insn);

		if (kind)
			qemu_plugin_register_vcpu_insn_exec_cb(insn, mark_runs, QEMU_NO_REGISTERS,
							       (void *)(kind | (n - 1 - i) << 8));
		qemu_plugin_register_vcpu_mem_cb(insn, stores, QEMU_NO_REGISTERS, QEMU_STORES,
						 NULL);
		block->string_last = repeated_string(insn);
		if (i == 0)
			block->string_first = block->string_last;
	}
	qemu_plugin_register_vcpu_tb_exec_cb(tb, block_runs, QEMU_NO_REGISTERS, block);
}

QEMU_EXPORT int qemu_plugin_install(uint64_t id, const struct qemu_info *info, int argc,
				    char **argv)
{
	const char *path = argc == 1 && !strncmp(argv[0], "out=", 4) ? argv[0] + 4 : NULL;

	if (!info->whole_system || strcmp(info->target, "x86_64") != 0 || !path) {
		fprintf(stderr, "insn: it counts x86-64 machines, and is given one word: "
			"out=FILE\n");
		return -1;
	}
	nr_vcpus = info->max_vcpus;
	if (posix_memalign((void **)&vcpus, sizeof(*vcpus), nr_vcpus * sizeof(*vcpus)))
		return -1;
	memset(vcpus, 0, nr_vcpus * sizeof(*vcpus));
	out = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0666);
	if (out < 0) {
		fprintf(stderr, "insn: %s: %s\n", path, strerror(errno));
		return -1;
	}
	qemu_plugin_register_vcpu_tb_trans_cb(id, translated);
	return 0;
}
