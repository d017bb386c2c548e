// SPDX-License-Identifier: MIT
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "nvme/private.h"

void nnvme_log(const struct nnvme_ctrl *ctrl, enum nnvme_log_level level, const char *fmt, ...)
{
	const char *name = ctrl->dev->name;
	char text[520], line[600];
	va_list ap;

	if (!ctrl->opts.log)
		return;
	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	/* The texts of errors begin with it already. */
	if (!strncmp(text, name, strlen(name))) {
		ctrl->opts.log(ctrl->opts.log_arg, level, text);
		return;
	}
	snprintf(line, sizeof(line), "%s: %s", name, text);
	ctrl->opts.log(ctrl->opts.log_arg, level, line);
}
