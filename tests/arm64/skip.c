// SPDX-License-Identifier: MIT
/* Linked to a test program: skips tests whose names match NNVME_TEST_SKIP (* and ? as globs). */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

static __attribute__((constructor)) void read_skip(void)
{
	cmocka_set_skip_filter(getenv("NNVME_TEST_SKIP"));
}
