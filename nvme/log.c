// SPDX-License-Identifier: MIT
#include <stdarg.h>
#include <stdio.h>

#include "nvme/private.h"

void nnvme_log(const struct nnvme_ctrl *ctrl, enum nnvme_log_level level, const char *fmt, ...)
{
	char line[600];
	va_list ap;
	int n;

	if (!ctrl->opts.log)
		return;
	n = snprintf(line, sizeof(line), "%s: ", ctrl->dev->name);
	va_start(ap, fmt);
	vsnprintf(line + n, sizeof(line) - (size_t)n, fmt, ap);
	va_end(ap);
	ctrl->opts.log(ctrl->opts.log_arg, level, line);
}
