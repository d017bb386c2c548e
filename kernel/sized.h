/* SPDX-License-Identifier: MIT */
#ifndef NNVME_KERNEL_SIZED_H
#define NNVME_KERNEL_SIZED_H

/*
 * Public structures that may grow: their first field is `uint32_t size`, which the caller sets to
 * sizeof() of the structure that it was compiled with. Fields are only ever added at the end, and
 * zero means what was before a field existed. The library copies between the caller's structure and
 * its own, so that either may be the newer one. The rules are those of copy_struct_from_user() and
 * copy_struct_to_user() in Linux, include/linux/uaccess.h.
 *
 * A call that returns a list of such structures takes the caller's size of an entry as a parameter.
 * What callers fill may have no padding at its end, because a later field could be put there.
 *
 * Private to the library; not installed.
 */

#include <stddef.h>
#include <stdint.h>

#include "noiommu_nvme/err.h"

/* The end of a field: the smallest size that a caller's structure can have is that of layout 1. */
#define NNVME_SIZE_UP_TO(type, field) (offsetof(type, field) + sizeof(((type *)0)->field))

/*
 * No structure will ever be larger, so a larger size was never set, and nothing is read or written
 * by it. In Linux the callers of copy_struct_from_user() have that limit: a page.
 */
#define NNVME_SIZE_MAX 4096u

/*
 * @name is the structure's, "struct nnvme_options"; -EINVAL when @size is below @least or above
 * NNVME_SIZE_MAX.
 */
int nnvme_sized_check(const char *name, uint32_t size, size_t least, struct nnvme_err *err);

/*
 * Copy what a caller filled, @from, to the library's own structure @to of @to_size bytes; what
 * the caller doesn't know is 0. -EINVAL as above; -E2BIG when the caller knows more than the
 * library and a field that only the caller knows is not 0. NULL for @from is all zero.
 */
int nnvme_sized_in(const char *name, void *to, uint32_t to_size, size_t least, const void *from,
		   struct nnvme_err *err);

/*
 * Copy the library's own structure @from of @from_size bytes to the caller's @to of @size bytes,
 * checked before: as much as fits, and 0 in fields that only the caller knows. Its size field stays
 * @size.
 */
void nnvme_sized_out(void *to, uint32_t size, const void *from, size_t from_size);

/*
 * A malloc()ed array of @count > 0 structures of the library's, @own, as an array of the caller's
 * with entries of @size bytes, checked before; each gets its size. @own is gone. NULL: out of
 * memory.
 */
void *nnvme_sized_list(void *own, size_t count, size_t own_size, uint32_t size);

#endif
