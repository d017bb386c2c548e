// SPDX-License-Identifier: MIT
#include "gnuplot.h"

#include <errno.h>
#include <spawn.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

extern char **environ;

/* What gnuplot reads and writes is memory, and whole before anybody reads it: no pipe can fill up. */
static int memory_file(const void *data, size_t size)
{
	int fd = memfd_create("gnuplot", MFD_CLOEXEC);

	for (size_t done = 0; fd >= 0 && done < size; ) {
		ssize_t n = write(fd, (const char *)data + done, size - done);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0) {
			close(fd);
			return -1;
		}
		done += n;
	}
	if (fd >= 0)
		lseek(fd, 0, SEEK_SET);
	return fd;
}

/* All of it, with a NUL behind it; NULL without memory. */
static char *contents(int fd, size_t *size)
{
	struct stat st;
	char *text;
	ssize_t n;

	if (fstat(fd, &st) || !(text = malloc(st.st_size + 1)))
		return NULL;
	n = pread(fd, text, st.st_size, 0);
	*size = n < 0 ? 0 : n;
	text[*size] = 0;
	return text;
}

static int run(const int fd[3], int *status)
{
	/* -d: without the user's settings. */
	char *argv[] = { "gnuplot", "-d", "-", NULL };
	posix_spawn_file_actions_t actions;
	pid_t pid;
	int ret;

	ret = posix_spawn_file_actions_init(&actions);
	if (ret)
		return ret;
	for (int i = 0; i < 3; i++)
		posix_spawn_file_actions_adddup2(&actions, fd[i], i);
	ret = posix_spawnp(&pid, argv[0], &actions, NULL, argv, environ);
	posix_spawn_file_actions_destroy(&actions);
	if (ret)
		return ret;
	while (waitpid(pid, status, 0) < 0)
		if (errno != EINTR)
			return errno;
	return 0;
}

int bench_gnuplot(const char *script, size_t size, char **drawing, size_t *drawn, struct nnvme_err *err)
{
	int fd[3] = { memory_file(script, size), memory_file(NULL, 0), memory_file(NULL, 0) };
	int ret, status = 0;
	char *said = NULL;
	size_t length = 0;

	*drawing = NULL;
	*drawn = 0;
	if (fd[0] < 0 || fd[1] < 0 || fd[2] < 0) {
		ret = nnvme_fail(err, -ENOMEM, "no memory for a plot");
		goto out;
	}
	ret = run(fd, &status);
	if (ret == ENOENT) {
		ret = nnvme_fail(err, -ENOPKG,
				 "gnuplot, which draws the plots, is not here: apt-get install gnuplot-nox");
		goto out;
	}
	if (ret) {
		ret = nnvme_fail(err, -ENOPKG, "gnuplot could not be started: %s", strerror(ret));
		goto out;
	}
	*drawing = contents(fd[1], drawn);
	said = contents(fd[2], &length);
	/* It says what it doubts too, so that only a bad end, or nothing drawn, is a failure. */
	if (!*drawing || !*drawn || !WIFEXITED(status) || WEXITSTATUS(status)) {
		free(*drawing);
		*drawing = NULL;
		ret = nnvme_fail(err, -ENOPKG, "gnuplot failed (status %d): %.300s", status, said ? said : "");
	}
out:
	free(said);
	for (int i = 0; i < 3; i++)
		if (fd[i] >= 0)
			close(fd[i]);
	return ret;
}
