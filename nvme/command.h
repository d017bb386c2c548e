/* SPDX-License-Identifier: MIT */
#ifndef NNVME_NVME_COMMAND_H
#define NNVME_NVME_COMMAND_H

#include "noiommu_nvme/command.h"
#include "nvme/private.h"

/* The library's copy of a caller's raw command, checked as far as both kinds are alike. */
int nnvme_command_in(struct nnvme_command *to, const struct nnvme_command *from,
		     struct nnvme_err *err);

/* Its entry, but for CID and pointers. */
struct nnvme_sqe nnvme_command_sqe(const struct nnvme_command *cmd);

#endif
