// SPDX-License-Identifier: MIT
#include "output.h"

#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <string.h>
#include <sys/random.h>
#include <unistd.h>

static const char *name_of(const char *path)
{
	const char *slash = strrchr(path, '/');

	return slash ? slash + 1 : path;
}

static int open_dir(const char *path)
{
	size_t length = (size_t)(name_of(path) - path);
	char dir[PATH_MAX];

	if (length >= sizeof(dir)) {
		errno = ENAMETOOLONG;
		return -1;
	}
	memcpy(dir, path, length);
	strcpy(dir + length, length ? "" : ".");
	return open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
}

/* O_EXCL does not follow a link either (open(2)). */
static int open_new(struct bench_output *out)
{
	uint64_t random;

	if (getrandom(&random, sizeof(random), 0) != sizeof(random))
		return -1;
	snprintf(out->temporary, sizeof(out->temporary), ".bench.%016llx",
		 (unsigned long long)random);
	return openat(out->dir, out->temporary, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW |
		      O_CLOEXEC, 0666);
}

int bench_output_begin(struct bench_output *out, const char *path, struct nnvme_err *err)
{
	int fd = -1, error;

	*out = (struct bench_output){ .path = path, .dir = open_dir(path) };
	if (out->dir >= 0)
		fd = open_new(out);
	if (fd >= 0)
		out->file = fdopen(fd, "w");
	if (out->file)
		return 0;
	error = errno;
	if (fd >= 0) {
		unlinkat(out->dir, out->temporary, 0);
		close(fd);
	}
	if (out->dir >= 0)
		close(out->dir);
	return nnvme_fail(err, -error, "%s cannot be written: %s", path, strerror(error));
}

int bench_output_end(struct bench_output *out, struct nnvme_err *err)
{
	int error = 0;

	if (fflush(out->file) || fsync(fileno(out->file)))
		error = errno;
	else if (ferror(out->file))
		error = EIO;
	if (fclose(out->file) && !error)
		error = errno;
	if (!error && renameat(out->dir, out->temporary, out->dir, name_of(out->path)))
		error = errno;
	if (error)
		unlinkat(out->dir, out->temporary, 0);
	close(out->dir);
	return error ? nnvme_fail(err, -error, "%s cannot "
				  "be written: %s", out->path, strerror(error)) : 0;
}
