/* SPDX-License-Identifier: MIT */
#ifndef NOIOMMU_NVME_H
#define NOIOMMU_NVME_H

/* The whole public interface: #include <noiommu_nvme/noiommu_nvme.h> */

#include "err.h"
#include "hugepages.h"
#include "iommu_group.h"
#include "pci.h"
#include "probe.h"
#include "ctrl.h"
#include "command.h"
#include "isolation.h"
#include "qpair.h"
#include "stats.h"
#include "wait.h"

#endif
