// SPDX-License-Identifier: MIT
#include "kernel/sized.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

static uint32_t size_of(const void *structure)
{
	uint32_t size;

	memcpy(&size, structure, sizeof(size));
	return size;
}

int nnvme_sized_check(const char *name, uint32_t size, size_t least, struct nnvme_err *err)
{
	if (size > NNVME_SIZE_MAX)
		return nnvme_fail(err, -EINVAL, "%s has size %u, which no library has: was it ever "
				  "set? Set its size to sizeof(%s)", name, size, name);
	if (size >= least)
		return 0;
	return nnvme_fail(err, -EINVAL, "%s has size %u, below the %zu bytes of its first layout; "
			  "set its size to sizeof(%s)", name, size, least, name);
}

int nnvme_sized_in(const char *name, void *to, uint32_t to_size, size_t least, const void *from,
		   struct nnvme_err *err)
{
	const unsigned char *bytes = from;
	uint32_t size = from ? size_of(from) : 0;
	int rc = from ? nnvme_sized_check(name, size, least, err) : 0;

	if (rc)
		return rc;
	for (uint32_t i = to_size; i < size; i++)
		if (bytes[i])
			return nnvme_fail(err, -E2BIG, "byte %u of %s is set, but this library "
					  "knows %u bytes of it; use a newer library, or leave "
					  "that field 0", i, name, to_size);
	memset(to, 0, to_size);
	if (from)
		memcpy(to, from, size < to_size ? size : to_size);
	memcpy(to, &to_size, sizeof(to_size));
	return 0;
}

void nnvme_sized_out(void *to, uint32_t size, const void *from, size_t from_size)
{
	size_t known = size < from_size ? size : from_size;

	memcpy(to, from, known);
	memset((char *)to + known, 0, size - known);
	memcpy(to, &size, sizeof(size));
}

void *nnvme_sized_list(void *own, size_t count, size_t own_size, uint32_t size)
{
	char *list = size == own_size ? own : calloc(count, size);

	for (size_t i = 0; i < count && list; i++)
		if (list == own)
			memcpy(list + i * size, &size, sizeof(size));
		else
			nnvme_sized_out(list + i * size, size, (char *)own + i * own_size,
					own_size);
	if (list != own)
		free(own);
	return list;
}
