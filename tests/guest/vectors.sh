# SPDX-License-Identifier: MIT
# shellcheck shell=sh
# tier: short
# guest: --iommu=split
# Vectored reads and writes on QEMU's controller, which has scatter gather lists, in both address
# modes.
# shellcheck source=tests/guest/lib.sh
. /tests/lib.sh
echo 128 >/proc/sys/vm/nr_hugepages
for bdf in "$NVME_NOIOMMU" "$NVME_IOMMU"; do
	check "bind $bdf" noiommu-nvme bind --unsafe-noiommu "$bdf"
	/tests/vectors "$bdf"
	check "unbind $bdf" noiommu-nvme unbind "$bdf"
done
