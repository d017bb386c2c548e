// SPDX-License-Identifier: MIT
/*
 * Prints the frequency of this machine's TSC in kHz. QEMU without KVM gives its guest the very same
 * counter, but on a busy machine a guest that measures it against emulated timers gets it wrong
 * many times over, and its clock with it.
 */
#include <stdint.h>
#include <stdio.h>
#include <time.h>
#include <x86intrin.h>

struct moment {
	uint64_t tsc;
	uint64_t ns;
};

static uint64_t now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC_RAW, &t);
	return (uint64_t)t.tv_sec * 1000000000 + (uint64_t)t.tv_nsec;
}

/* Read both clocks at once: of several tries, the one with the least delay in between. */
static struct moment look(void)
{
	struct moment best = { 0, 0 };
	uint64_t least = UINT64_MAX;

	for (int i = 0; i < 100; i++) {
		uint64_t before = __rdtsc(), ns = now(), took = __rdtsc() - before;

		if (took < least) {
			least = took;
			best = (struct moment){ before + took / 2, ns };
		}
	}
	return best;
}

int main(void)
{
	struct moment a = look(), b;
	struct timespec pause = { .tv_nsec = 20 * 1000 * 1000 };

	nanosleep(&pause, NULL);
	b = look();
	printf("%llu\n", (unsigned long long)((b.tsc - a.tsc) * 1000000 / (b.ns - a.ns)));
	return 0;
}
