/* SPDX-License-Identifier: MIT */
#ifndef NOIOMMU_NVME_H
#define NOIOMMU_NVME_H

/* The whole public interface: #include <noiommu_nvme/noiommu_nvme.h> */

#include "kernel/err.h"
#include "kernel/hugepages.h"
#include "kernel/iommu_group.h"
#include "kernel/pci.h"
#include "kernel/probe.h"
#include "nvme/ctrl.h"
#include "nvme/isolation.h"
#include "nvme/qpair.h"
#include "nvme/wait.h"

#endif
