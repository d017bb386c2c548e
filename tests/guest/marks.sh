# SPDX-License-Identifier: MIT
# shellcheck shell=sh
# tier: short
# guest: --count
# The plugin that counts instructions and doorbell writes between marks, compared with known
# numbers.
/tests/marks "/dev/$(basename "$(ls -d "/sys/bus/pci/devices/$NULL_IOMMU"/nvme/nvme*/nvme*n1)")"
