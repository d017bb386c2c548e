/* SPDX-License-Identifier: MIT */
#ifndef NOIOMMU_NVME_H
#define NOIOMMU_NVME_H

/**
 * @file
 * Userspace polled-mode NVMe driver: the whole public interface.
 *
 * A controller that is bound to vfio-pci is opened with nnvme_ctrl_open(), memory is registered
 * with nnvme_mem_register() or allocated with nnvme_mem_alloc(), and each thread that does I/O
 * creates a queue pair with nnvme_qpair_create(). nnvme_read() and its like submit, nnvme_ring()
 * tells the controller, and nnvme_poll() returns what has completed; nnvme_wait() sleeps until
 * there is something. An error is a negative errno and one line of text in struct nnvme_err; what a
 * controller reports is a status, which nnvme_status_text() describes.
 *
 * The library never prints, exits or installs a signal handler.
 *
 * @example
 * docs/example.c, a read of one block:
 * @snippet example.c open
 * @snippet example.c read
 */

#include "err.h"
#include "hugepages.h"
#include "iommu_group.h"
#include "pci.h"
#include "probe.h"
#include "ctrl.h"
#include "qpair.h"
#include "io.h"
#include "batch.h"
#include "command.h"
#include "isolation.h"
#include "stats.h"
#include "wait.h"

#endif
