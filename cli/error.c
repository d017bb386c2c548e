// SPDX-License-Identifier: MIT
#include <stdarg.h>
#include <stdio.h>

#include "cli.h"

static __attribute__((format(printf, 1, 0), nonnull(1))) void
print(const char *fmt, va_list ap, const char *end)
{
	fputs("noiommu-nvme: ", stderr);
	vfprintf(stderr, fmt, ap);
	fputs(end, stderr);
}

void cli_error(const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	print(fmt, ap, "\n");
	va_end(ap);
}

int cli_usage_error(const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	print(fmt, ap, "; see noiommu-nvme --help\n");
	va_end(ap);
	return 2;
}
