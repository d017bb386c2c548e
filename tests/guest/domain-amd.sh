# SPDX-License-Identifier: MIT
# shellcheck shell=sh
# tier: long
# guest: --iommu=split --iommu-model=amd --with=/sbin/mkfs.ext4:/usr/sbin/mkfs.ext4
# The default domain types with an AMD IOMMU, and VFIO behind it.
AUTO=DMA # the kernel's choice there, because it sees that it is a virtual machine
# shellcheck source=tests/guest/domain-lib.sh
. /tests/domain-lib.sh
check 'amd: the IOMMU is there' test -d /sys/class/iommu/ivhd0
for to in identity DMA DMA-FQ auto; do
	check "amd: to $to" noiommu-nvme domain "$i" $to
	check "amd: $to: so it is" type_is "$i" "$(resolved $to)"
	check "amd: $to: the driver has it back" driver_is "$i" nvme
done
survives
check 'amd: bind behind the IOMMU' noiommu-nvme bind "$i"
/tests/device check "$i" | sed 's/ok /ok amd: iommu device: /'
check 'amd: unbind' noiommu-nvme unbind "$i"
check 'amd: a controller past the IOMMU' noiommu-nvme bind --unsafe-noiommu "$NVME_NOIOMMU"
/tests/device check "$NVME_NOIOMMU" | sed 's/ok /ok amd: noiommu device: /'
check 'amd: unbind that' noiommu-nvme unbind "$NVME_NOIOMMU"
