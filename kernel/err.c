// SPDX-License-Identifier: MIT
#include "noiommu_nvme/err.h"

#include <stdarg.h>
#include <stdio.h>

int (nnvme_fail)(struct nnvme_err *err, int code, const char *fmt, ...)
{
	va_list ap;

	if (!err)
		return code;
	err->code = code;
	va_start(ap, fmt);
	vsnprintf(err->text, sizeof(err->text), fmt, ap);
	va_end(ap);
	/* One line, whatever file names and model numbers contain. */
	for (char *c = err->text; *c; c++)
		if ((unsigned char)*c < ' ' || *c == 0x7f)
			*c = '?';
	return code;
}
