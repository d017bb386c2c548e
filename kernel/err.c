// SPDX-License-Identifier: MIT
#include "kernel/err.h"

#include <stdarg.h>
#include <stdio.h>

int nnvme_fail(struct nnvme_err *err, int code, const char *fmt, ...)
{
	va_list ap;

	if (!err)
		return code;
	err->code = code;
	va_start(ap, fmt);
	vsnprintf(err->text, sizeof(err->text), fmt, ap);
	va_end(ap);
	return code;
}
