/* SPDX-License-Identifier: MIT */
/*
 * Executes known numbers of instructions and doorbell writes between marks, and compares the
 * counter's lines. Runs in a guest booted with --count: marks BLOCK-DEVICE
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "kernel/guest/insn/mark.h"

struct counted {
	unsigned number;
	unsigned long long user, kernel, sq, cq;
};

static char buffer[1 << 20] __attribute__((aligned(4096)));
static int device;

/* The last line of the counter, which is that of pair @number. */
static struct counted counted(unsigned number)
{
	FILE *f = fopen("/run/host/marks", "re");
	struct counted c = {}, last = {};

	if (!f) {
		perror("# /run/host/marks");
		exit(1);
	}
	while (fscanf(f, "%u %llu "
		      "%llu %llu %llu", &c.number, &c.user, &c.kernel, &c.sq, &c.cq) == 5)
		last = c;
	fclose(f);
	printf("# pair %u: user %llu, kernel %llu, SQ "
	       "%llu, CQ %llu\n", last.number, last.user, last.kernel, last.sq, last.cq);
	if (last.number != number)
		printf("not ok the last line is of pair %u\n", number);
	return last;
}

static void expect(int good, const char *name)
{
	printf("%s %s\n", good ? "ok" : "not ok", name);
}

/* Two instructions an iteration, and the one that loads the count. */
static void iterate(unsigned long count)
{
	__asm__ volatile("1: dec %0\n\tjnz 1b" : "+r"(count) : : "cc");
}

static unsigned long long count_iterations(unsigned number, unsigned long count)
{
	bench_mark_begin(number);
	iterate(count);
	bench_mark_end();
	return counted(number).user;
}

static void loops(void)
{
	unsigned long long few, many, again;

	count_iterations(1, 10); /* its page is there from here on */
	few = count_iterations(1, 1000);
	many = count_iterations(2, 5000000);
	again = count_iterations(0xa5a5, 5000000);
	expect(few >= 2000 && few <= 2003, "a loop of 2000 instructions, exactly");
	expect(many - few == 2 * (5000000 - 1000), "a loop of 10 million, exactly");
	expect(many == again, "the same again");
}

static void string_instructions(void)
{
	void *to = buffer;
	unsigned long size = sizeof(buffer);

	memset(buffer, 1, sizeof(buffer)); /* no page faults below */
	bench_mark_begin(4);
	__asm__ volatile("rep stosb" : "+D"(to), "+c"(size) : "a"(0) : "memory");
	bench_mark_end();
	/* Beginning again after an interrupt, it counts again. */
	expect(counted(4).user < 1000, "a repeated string instruction is one");

	to = buffer;
	size = 1000;
	bench_mark_begin(5);
	for (int i = 0; i < 1000; i++) {
		unsigned long one = 16;

		__asm__ volatile("rep stosq" : "+D"(to), "+c"(one) : "a"(0) : "memory");
		to = buffer;
	}
	bench_mark_end();
	size = counted(5).user;
	expect(size >= 3000 && size <= 10000, "and a thousand are a thousand");
}

static void system_calls(void)
{
	struct counted c;

	bench_mark_begin(6);
	for (int i = 0; i < 10000; i++)
		__asm__ volatile("syscall" : : "a"(39 /* getpid */) : "rcx", "r11", "memory");
	bench_mark_end();
	c = counted(6);
	expect(c.user >= 30000 && c.user <= 60000, "system calls: the user's part");
	expect(c.kernel >= 10000 * 20 && c.kernel <= 10000 * 2000, "and the kernel's");
}

static void idle(void)
{
	bench_mark_begin(7);
	sleep(2);
	bench_mark_end();
	/* A CPU that spins executes hundreds of millions. */
	expect(counted(7).kernel < 20 * 1000 * 1000, "waiting executes nothing");
}

static void doorbells(void)
{
	enum { READS = 100 };
	struct counted c;
	int failed = 0;

	bench_mark_begin(8);
	for (int i = 0; i < READS; i++)
		failed += pread(device, buffer, 4096, 4096L * i) != 4096;
	bench_mark_end();
	c = counted(8);
	expect(!failed, "reads through the kernel's driver");
	expect(c.sq == READS, "an SQ doorbell each");
	expect(c.cq == READS, "and a CQ doorbell each");
}

static void left_open(void)
{
	bench_mark_begin(9);
	bench_mark_begin(10);
	iterate(1000);
	bench_mark_end();
	expect(counted(10).user < 2010, "a pair that was not ended is forgotten");
	bench_mark_end();
	expect(counted(10).number == 10, "an end without a beginning is nothing");
}

int main(int argc, char **argv)
{
	device = open(argc == 2 ? argv[1] : "", O_RDONLY | O_DIRECT | O_CLOEXEC);
	if (device < 0) {
		printf("# %s: %s\nnot ok its device\n", argc == 2 ? argv[1] : "?", strerror(errno));
		return 1;
	}
	/* Nothing is printed before the end: the guest's output would be counted, too. */
	setvbuf(stdout, NULL, _IOFBF, 1 << 16);
	loops();
	string_instructions();
	system_calls();
	idle();
	doorbells();
	left_open();
	return 0;
}
