// SPDX-License-Identifier: MIT
#include "report.h"

#include <errno.h>
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

int bench_report_program(char *const words[])
{
	char self[PATH_MAX - 16], program[PATH_MAX];
	ssize_t length = readlink("/proc/self/exe", self, sizeof(self) - 1);
	pid_t pid = fork();
	sigset_t none;
	int status;

	self[length > 0 ? length : 0] = '\0';
	snprintf(program, sizeof(program), "%s-report", self);
	if (!pid) {
		sigemptyset(&none);
		sigprocmask(SIG_SETMASK, &none, NULL);	/* a run blocks signals */
		execv(program, words);
	}
	if (pid <= 0) {
		fprintf(stderr, "noiommu-nvme-bench: %s cannot be started: %s; it needs python3 "
			"and python3-jinja2\n", program, strerror(errno));
		if (!pid)
			_exit(1);
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
	return bench_report_program((char *[]){ "noiommu-nvme-bench-report", "report", path,
						NULL });
}
