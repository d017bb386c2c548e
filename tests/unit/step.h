/* SPDX-License-Identifier: MIT */
#ifndef NNVME_TESTS_STEP_H
#define NNVME_TESTS_STEP_H

/*
 * Two threads, one instruction at a time: runs a function that takes no lock, and between two of
 * its instructions runs other functions whole, as threads that had the processor for that long.
 * What is only wrong at one point in millions of free runs is found at once, and every time.
 * That holds where each point is tried: a stride, which saves time, can step over a short window.
 *
 *	struct step s = { .subject = look_up, .between = { add, NULL }, .at = { 17 } };
 *
 *	while (step_run(&s))	(add() ran before instruction s.at[0], counted from 0)
 *		s.at[0]++;
 *
 * A processor runs the instructions of a thread as if in order, and what another thread sees of
 * them on x86-64 is in order too, but for stores that are seen late: nothing here shows that. On
 * other machines use threads.
 *
 * How: the processor's trap flag; each instruction ends in SIGTRAP, whose handler is the other
 * thread. Not for functions that block or are not to be interrupted by a signal. One at a time in a
 * process.
 */

#include <malloc.h>
#include <signal.h>
#include <stdbool.h>
#include <stddef.h>
#include <ucontext.h>

/* Why it can't be used here, or NULL. */
#if !defined(__x86_64__)
#define STEP_MISSING "no trap flag: stepping needs x86-64"
#elif defined(__SANITIZE_THREAD__)
#define STEP_MISSING "the thread sanitizer keeps signals back: other builds step"
#else
#define STEP_MISSING ((const char *)NULL)
#endif

/*
 * From one point to the next worth trying: the sanitizers' instructions are many, and each is a
 * trap.
 */
#if defined(__SANITIZE_ADDRESS__)
#define STEP_STRIDE 29u
#else
#define STEP_STRIDE 1u
#endif

#define STEP_MOST 2	/* functions between */

struct step {
	void (*subject)(void *arg);
	void (*between[STEP_MOST])(void *arg);	/* in this order; NULL: none */
	unsigned at[STEP_MOST];			/* ascending; beyond the end: not run */
	void *arg;				/* of all of them */
	unsigned ran;				/* how many of between[] were */
};

static struct {
	struct step *run;
	unsigned instruction;
} step_now;

/* True when nothing is left to run in between. */
static inline bool step_over(const struct step *s)
{
	return s->ran == STEP_MOST || !s->between[s->ran];
}

static inline void step_trap(int signal, siginfo_t *info, void *context)
{
	struct step *s = step_now.run;

	while (!step_over(s) && step_now.instruction == s->at[s->ran])
		s->between[s->ran++](s->arg);
	step_now.instruction++;
#if defined(__x86_64__)
	if (step_over(s))	/* a trap is slow: the rest at full speed */
		((ucontext_t *)context)->uc_mcontext.gregs[REG_EFL] &= ~0x100ll;
#endif
}

/* True if all of between[] were run; false: the subject ended before. */
static inline bool step_run(struct step *s)
{
	struct sigaction action = { .sa_sigaction = step_trap, .sa_flags = SA_SIGINFO }, old;
	__attribute__((unused)) void (*subject)(void *) = s->subject;
	__attribute__((unused)) void *arg = s->arg;

	/* malloc() filling memory would be stepped byte by byte, so turn that off. */
	mallopt(M_PERTURB, 0);
	s->ran = 0;
	step_now.run = s;
	step_now.instruction = 0;
	sigaction(SIGTRAP, &action, &old);
#if defined(__x86_64__)
	/* TF is bit 8; the first trap comes after the instruction that follows popfq. */
	__asm__ volatile("pushfq\n\torq $0x100, (%%rsp)\n\tpopfq" ::: "memory", "cc");
	subject(arg);
	__asm__ volatile("pushfq\n\tandq $~0x100, (%%rsp)\n\tpopfq" ::: "memory", "cc");
#endif
	sigaction(SIGTRAP, &old, NULL);
	return step_over(s);
}

#endif
