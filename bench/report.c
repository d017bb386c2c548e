// SPDX-License-Identifier: MIT
#include "report.h"

#include <errno.h>
#include <limits.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

extern char **environ;

/* A run blocks signals: unblock them in this child. */
static int start(pid_t *pid, const char *program, char *const words[])
{
	posix_spawnattr_t attr;
	sigset_t none;
	int error = posix_spawnattr_init(&attr);

	if (error)
		return error;
	sigemptyset(&none);
	posix_spawnattr_setsigmask(&attr, &none);
	posix_spawnattr_setflags(&attr, POSIX_SPAWN_SETSIGMASK);
	error = posix_spawn(pid, program, NULL, &attr, words, environ);
	posix_spawnattr_destroy(&attr);
	return error;
}

int bench_report_program(char *const words[])
{
	char self[PATH_MAX - 16], program[PATH_MAX];
	ssize_t length = readlink("/proc/self/exe", self, sizeof(self) - 1);
	int error, status;
	pid_t pid;

	self[length > 0 ? length : 0] = '\0';
	snprintf(program, sizeof(program), "%s-report", self);
	error = start(&pid, program, words);
	if (error) {
		fprintf(stderr, "noiommu-nvme-bench: %s cannot be started: %s; it needs python3 and "
			"python3-jinja2\n", program, strerror(error));
		return 1;
	}
	while (waitpid(pid, &status, 0) < 0)
		if (errno != EINTR)
			return 1;
	return WIFEXITED(status) ? WEXITSTATUS(status) : 1;
}

int bench_report(const char *dir)
{
	char path[PATH_MAX];

	snprintf(path, sizeof(path), "%s/results.json", dir);
	return bench_report_program((char *[]){ "noiommu-nvme-bench-report", "report", path, NULL });
}
