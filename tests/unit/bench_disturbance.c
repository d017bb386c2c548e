// SPDX-License-Identifier: MIT
/*
 * How much a measurement was disturbed: what a host answers, how long threads waited, what is
 * repeated.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <errno.h>
#include <fcntl.h>
#include <math.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <termios.h>
#include <time.h>
#include <unistd.h>

#include "bench/disturbance.h"
#include "bench/quiet.h"

#define NOWHERE "/nonexistent/port"

/* --- answers --- */

static void answers(void **state)
{
	struct bench_run_delays d;

	assert_true(bench_run_delays_parse("7 1000 12:5000 13:0", 7, &d));
	assert_int_equal(d.us, 1000);
	assert_int_equal(d.count, 2);
	assert_int_equal(d.of[0].thread, 12);
	assert_int_equal(d.of[0].ns, 5000);
	assert_true(bench_run_delays_parse("7 1000 12:5000 \r", 7, &d));
	assert_false(bench_run_delays_parse("8 1000 12:5000", 7, &d));
	assert_false(bench_run_delays_parse("7 1000", 7, &d));
	assert_false(bench_run_delays_parse("7", 7, &d));
	assert_false(bench_run_delays_parse("", 7, &d));
	assert_false(bench_run_delays_parse("7 1000 12:5000 x", 7, &d));
	assert_false(bench_run_delays_parse("7 1000 12:", 7, &d));
}

static void the_thread_that_waited_most_counts(void **state)
{
	struct bench_run_delays before, after;

	bench_run_delays_parse("1 1000000 12:500000000 13:100000000", 1, &before);
	bench_run_delays_parse("2 3000000 12:600000000 13:700000000", 2, &after);
	assert_true(fabs(bench_run_delay(&before, &after) - 0.3) < 1e-9);
	/* Began in between. */
	bench_run_delays_parse("2 3000000 12:600000000 14:700000000", 2, &after);
	assert_true(fabs(bench_run_delay(&before, &after) - 0.35) < 1e-9);
	assert_true(isnan(bench_run_delay(&after, &after)));	/* no time passed */
	bench_run_delays_parse("2 3000000 12:1", 2, &after);	/* another thread of that number */
	assert_true(isnan(bench_run_delay(&before, &after)));
}

/* --- a host --- */

static char port[100];
static pid_t host;

/*
 * Answers like kernel/guest/boot, at a terminal in the port's place; the first time, late for
 * another.
 */
static void be_host(int fd)
{
	FILE *asked = fdopen(fd, "r+");
	unsigned long long number;
	char line[100];
	int n = 0;

	while (fgets(line, sizeof(line), asked) && sscanf(line, "%llu", &number) == 1) {
		n++;
		dprintf(fd, "%s%llu %d 5:%d 6:%d\n", n == 1 ? "99 1 5:1\n" : "", number,
			n * 1000000, 1000, n * 250000000);
	}
	_exit(0);
}

static int begin_host(void **state)
{
	int fd = posix_openpt(O_RDWR | O_NOCTTY), slave;
	struct termios raw;

	if (fd < 0 || grantpt(fd) || unlockpt(fd) || ptsname_r(fd, port, sizeof(port)))
		return -1;
	slave = open(port, O_RDWR | O_NOCTTY);
	if (slave < 0 || tcgetattr(slave, &raw))
		return -1;
	cfmakeraw(&raw);
	if (tcsetattr(slave, TCSANOW, &raw))
		return -1;
	host = fork();
	if (!host)
		be_host(fd);	/* with the slave open: no hangup between clients */
	close(slave);
	close(fd);
	return host > 0 ? 0 : -1;
}

static int end_host(void **state)
{
	kill(host, SIGKILL);
	return waitpid(host, NULL, 0) == host ? 0 : -1;
}

static void a_host_is_asked(void **state)
{
	struct bench_disturbance d;

	bench_disturbance_begin(&d, port, getpid());
	bench_disturbance_look(&d);
	assert_true(fabs(bench_disturbance_end(&d) - 0.25) < 1e-9);
	assert_true(fabs(bench_disturbance_end(&d) - 0.25) < 1e-9);
}

static void a_host_that_is_gone_says_nothing(void **state)
{
	struct bench_disturbance d;

	bench_disturbance_begin(&d, port, getpid());
	kill(host, SIGKILL);
	waitpid(host, NULL, 0);
	host = fork();		/* for end_host() */
	if (!host)
		pause();
	assert_true(isnan(bench_disturbance_end(&d)));
}

/* --- a process --- */

/* Four threads that want the CPU of this one. */
static void wait_until_crowded(pid_t process)
{
	struct bench_disturbance d;
	time_t end = time(NULL) + 60;
	double delay;

	bench_disturbance_begin(&d, NOWHERE, process);
	do {
		for (volatile int i = 0; i < 10000000; i++)
			;
		bench_disturbance_look(&d);
		delay = bench_disturbance_end(&d);
	} while (!(delay > 0.3) && time(NULL) < end);
	if (!(delay > 0.3))
		fail_msg("a run delay of %g, beside four that spin on the same processor", delay);
}

static void a_crowded_processor_shows(void **state)
{
	cpu_set_t one, all;
	pid_t crowd[4];

	assert_int_equal(sched_getaffinity(0, sizeof(all), &all), 0);
	CPU_ZERO(&one);
	for (int cpu = 0; !CPU_COUNT(&one); cpu++)
		if (CPU_ISSET(cpu, &all))
			CPU_SET(cpu, &one);
	assert_int_equal(sched_setaffinity(0, sizeof(one), &one), 0);
	for (int i = 0; i < 4; i++) {
		crowd[i] = fork();
		while (!crowd[i])
			;
	}
	wait_until_crowded(getpid());
	wait_until_crowded(crowd[0]);
	for (int i = 0; i < 4; i++) {
		kill(crowd[i], SIGKILL);
		waitpid(crowd[i], NULL, 0);
	}
	sched_setaffinity(0, sizeof(all), &all);
}

static void a_process_that_is_gone_is_unknown(void **state)
{
	struct bench_disturbance d;

	bench_disturbance_begin(&d, NOWHERE, 0x7fffffff);
	assert_true(isnan(bench_disturbance_end(&d)));
}

/* --- repeating --- */

static const double *delays;	/* of the tries, in order; NAN: unknown; -1: it fails */
static unsigned tries, faulty;	/* the try in which I/Os fail; 0: none */

static enum bench_outcome fake(const struct bench_task *task, struct bench_round *round,
			       struct nnvme_err *err)
{
	double delay = delays[tries];

	assert_string_equal(round->domain_read_back, "DMA");
	round->value[BENCH_IOPS] = ++tries;
	round->value[BENCH_RUN_DELAY] = delay;
	round->errors = tries == faulty;
	return delay == -1 ? BENCH_FAILED : BENCH_MEASURED;
}

/* How many tries there were, and which round is kept. */
static struct bench_round measured(const double *of_tries, size_t *repeats, unsigned wanted,
				   enum bench_outcome outcome)
{
	struct bench_task task = { .row = &bench_rows[0], .column = &bench_columns[0] };
	struct bench_round round = { .domain_read_back = "DMA" };

	delays = of_tries;
	tries = 0;
	assert_int_equal(bench_measure_quietly(fake, &task, repeats, &round, NULL), outcome);
	assert_int_equal(tries, wanted);
	return round;
}

static void what_is_disturbed_is_repeated(void **state)
{
	size_t repeats = 10;

	measured((const double[]){ 0.01 }, &repeats, 1, BENCH_MEASURED);
	measured((const double[]){ BENCH_MOST_RUN_DELAY }, &repeats, 1, BENCH_MEASURED);
	measured((const double[]){ NAN }, &repeats, 1, BENCH_MEASURED);
	assert_int_equal(repeats, 10);
	assert_true(measured((const double[]){ 0.5, 0.01 }, &repeats, 2,
			     BENCH_MEASURED).value[BENCH_IOPS] == 2);
	assert_int_equal(repeats, 9);
}

static void what_stays_disturbed_is_kept_at_its_best(void **state)
{
	size_t repeats = 10;
	struct bench_round round = measured((const double[]){ 0.5, 0.2, 0.3 }, &repeats, 3,
					    BENCH_MEASURED);

	assert_true(round.value[BENCH_IOPS] == 2 && round.value[BENCH_RUN_DELAY] == 0.2);
	assert_true(bench_round_is_disturbed(&round));
	repeats = 1;
	round = measured((const double[]){ 0.5, 0.6 }, &repeats, 2, BENCH_MEASURED);
	assert_true(round.value[BENCH_IOPS] == 1);
	/* None is left to the run. */
	measured((const double[]){ 0.5 }, &repeats, 1, BENCH_MEASURED);
}

static void a_repeat_of_unknown_disturbance_is_no_better(void **state)
{
	size_t repeats = 10;
	struct bench_round round = measured((const double[]){ 0.5, NAN, 0.6 }, &repeats, 3,
					    BENCH_MEASURED);

	assert_true(round.value[BENCH_IOPS] == 1 && bench_round_is_disturbed(&round));
}

static void errors_are_not_repeated_away(void **state)
{
	size_t repeats = 10;

	faulty = 1;
	assert_int_equal(measured((const double[]){ 0.5, 0.01 }, &repeats, 1,
				  BENCH_MEASURED).errors, 1);
	faulty = 2;
	assert_int_equal(measured((const double[]){ 0.5, 0.6, 0.01 }, &repeats, 2,
				  BENCH_MEASURED).errors, 1);
	faulty = 0;
}

static void a_repeat_that_fails_is_a_failure(void **state)
{
	size_t repeats = 10;

	measured((const double[]){ -1 }, &repeats, 1, BENCH_FAILED);
	measured((const double[]){ 0.5, -1 }, &repeats, 2, BENCH_FAILED);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(answers),
		cmocka_unit_test(the_thread_that_waited_most_counts),
		cmocka_unit_test_setup_teardown(a_host_is_asked, begin_host, end_host),
		cmocka_unit_test_setup_teardown(a_host_that_is_gone_says_nothing, begin_host,
						end_host),
		cmocka_unit_test(a_crowded_processor_shows),
		cmocka_unit_test(a_process_that_is_gone_is_unknown),
		cmocka_unit_test(what_is_disturbed_is_repeated),
		cmocka_unit_test(what_stays_disturbed_is_kept_at_its_best),
		cmocka_unit_test(a_repeat_of_unknown_disturbance_is_no_better),
		cmocka_unit_test(errors_are_not_repeated_away),
		cmocka_unit_test(a_repeat_that_fails_is_a_failure),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
