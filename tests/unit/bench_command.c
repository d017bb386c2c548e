// SPDX-License-Identifier: MIT
/*
 * noiommu-nvme-bench as a command: what it prints, where, and its exit status. Its path is the
 * argument.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>

static const char *program;

/* Both streams of the command with these arguments; its status is @status. */
static const char *run(const char *words, int status)
{
	static char said[20000];
	char command[600];
	size_t length;
	FILE *pipe;
	int got;

	snprintf(command, sizeof(command), "%s 2>&1 %s", program, words);
	pipe = popen(command, "r");
	assert_non_null(pipe);
	length = fread(said, 1, sizeof(said) - 1, pipe);
	said[length] = '\0';
	got = pclose(pipe);
	if (!WIFEXITED(got) || WEXITSTATUS(got) != status)
		fail_msg("'%s': status %#x, not %d: %s", words, (unsigned)got, status, said);
	return said;
}

static void prints(const char *words, int status, const char *wanted)
{
	const char *said = run(words, status);

	if (!strstr(said, wanted))
		fail_msg("'%s' says no '%s': %s", words, wanted, said);
}

static void what_is_asked_for_is_no_failure(void **state)
{
	prints("--help", 0, "usage: noiommu-nvme-bench --device BDF");
	prints("-h", 0, "usage: noiommu-nvme-bench --device BDF");
	prints("--version", 0, "noiommu-nvme-bench ");
	prints("rows", 0, "kernel-identity-plain");
}

static void nothing_said_is_a_mistake(void **state)
{
	prints("", 2, "usage: noiommu-nvme-bench --device BDF");
	prints(">/dev/null", 2, "usage");	/* it goes to standard error */
}

static void words_too_many_are_a_mistake(void **state)
{
	prints("rows junk", 2, "rows takes no argument junk; see noiommu-nvme-bench --help");
	prints("--version 2", 2, "--version takes no argument 2");
	prints("--help me", 2, "--help takes no argument me");
	prints("merge a b", 2, "merge takes");
	prints("merge a b c d", 2, "merge takes");
	prints("frob", 2, "there is no command frob");
}

static void what_is_not_there_is_named_with_what_is(void **state)
{
	const char *said = run("--device 0000:00:00.0 --rows junk", 2);

	assert_int_equal(strncmp(said, "noiommu-nvme-bench: no "
				 "row is called \"junk\"; see ", 48), 0);
	assert_non_null(strstr(said, " kernel-dma-fq-plain "));
	assert_non_null(strstr(said, " nnvme-noiommu-interrupt\n"));
	prints("--device 0000:00:00.0 --columns junk", 2, " randread-4k-qd32 ");
}

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_is_asked_for_is_no_failure),
		cmocka_unit_test(nothing_said_is_a_mistake),
		cmocka_unit_test(words_too_many_are_a_mistake),
		cmocka_unit_test(what_is_not_there_is_named_with_what_is),
	};

	if (argc != 2) {
		fprintf(stderr, "usage: %s noiommu-nvme-bench\n", argv[0]);
		return 2;
	}
	program = argv[1];
	return cmocka_run_group_tests(tests, NULL, NULL);
}
