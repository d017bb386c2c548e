# SPDX-License-Identifier: MIT
# shellcheck shell=sh
# tier: short
# guest: --iommu=off --memory=5G --append=hugepagesz=1G --append=hugepages=1
# 1 GiB of huge pages of either size, and what the fio engine does with them.
# shellcheck source=tests/guest/lib.sh
. /tests/lib.sh
disk=$(disk "$NVME_NOIOMMU")
dd if=/dev/urandom of="/dev/$disk" bs=1M count=1 conv=fsync 2>/dev/null
check 'bind' noiommu-nvme bind --unsafe-noiommu "$NVME_NOIOMMU"
echo 540 >/sys/kernel/mm/hugepages/hugepages-2048kB/nr_hugepages
/tests/memory "$NVME_NOIOMMU" 2m
/tests/memory "$NVME_NOIOMMU" 1g
file=$(echo "$NVME_NOIOMMU" | tr : .)
for size in 2m 1g off auto; do
	check "fio with hugepages=$size" fio --name=job --ioengine=libnoiommu_nvme --filename="$file" --hugepages=$size \
		--rw=randwrite --bs=64k --size=8m --iodepth=8 --verify=crc32c
done
check 'unbind' noiommu-nvme unbind "$NVME_NOIOMMU"
