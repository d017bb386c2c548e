// SPDX-License-Identifier: MIT
#include "path_private.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "random.h"

void *bench_path_new(size_t size, const char *what, const struct bench_path_ops *ops,
		     const struct bench_shape *shape, struct nnvme_err *err)
{
	struct bench_path *path = NULL;

	if (!shape->depth || shape->depth > BENCH_MAX_DEPTH || !shape->bytes)
		nnvme_fail(err, -EINVAL, "%s: depth %u with I/Os of %u "
			   "bytes: a depth of 1 to %d and at least a byte "
			   "are possible", what, shape->depth, shape->bytes, BENCH_MAX_DEPTH);
	else if (!(path = calloc(1, size)))
		nnvme_fail(err, -ENOMEM, "%s: no memory", what);
	else
		*path = (struct bench_path){
			.ops = ops, .clock = &bench_clock_machine, .shape = *shape,
			.stride = ((size_t)shape->bytes + BENCH_PAGE - 1) / BENCH_PAGE * BENCH_PAGE,
		};
	return path;
}

void bench_path_fill(struct bench_path *path)
{
	uint64_t state = 1, word;

	for (size_t i = 0; i < path->stride * path->shape.depth; i += sizeof(word)) {
		word = bench_random(&state);
		memcpy(path->buffers + i, &word, sizeof(word));
	}
}
