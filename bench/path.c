// SPDX-License-Identifier: MIT
#include "path_private.h"

#include <errno.h>
#include <string.h>

#include "random.h"

int bench_shape_check(const char *what, const struct bench_shape *shape, struct nnvme_err *err)
{
	if (shape->depth && shape->depth <= BENCH_MAX_DEPTH && shape->bytes)
		return 0;
	return nnvme_fail(err, -EINVAL, "%s: depth %u with I/Os of %u bytes: a depth of 1 to %d and at least "
			  "a byte are possible", what, shape->depth, shape->bytes, BENCH_MAX_DEPTH);
}

void bench_path_fill(struct bench_path *path)
{
	uint64_t state = 1, word;

	for (size_t i = 0; i < path->stride * path->shape.depth; i += sizeof(word)) {
		word = bench_random(&state);
		memcpy(path->buffers + i, &word, sizeof(word));
	}
}
