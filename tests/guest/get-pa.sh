# SPDX-License-Identifier: MIT
# shellcheck shell=sh
# tier: short
# guest: --iommu=split
# docs/get-pa.c, a driver without our library: the block that it reads, the state that it leaves the
# controller in, and what it refuses.
# shellcheck source=tests/guest/lib.sh
. /tests/lib.sh
n=$NVME_NOIOMMU i=$NVME_IOMMU

reads() { /tests/get-pa "$n" >/tmp/read && cmp /tmp/block /tmp/read; }

check 'a block to read' sh -c "head -c 512 /dev/urandom >/tmp/block &&
	dd if=/tmp/block of=/dev/$(disk "$n") bs=512 count=1 conv=fsync"
refuses 'a device that has another driver' 'there is no .*noiommu-vfio' /tests/get-pa "$n"
check 'bind' noiommu-nvme bind --unsafe-noiommu "$n"
check 'it reads that block' reads
check 'and again' reads
refuses 'without CAP_SYS_RAWIO' 'Operation not permitted' without cap_sys_rawio "/tests/get-pa $n"
/tests/device hold "$n" >/tmp/hold &
holder=$!
until_true grep -q open /tmp/hold
refuses 'a device that another program has open' 'DEVICE_BIND_IOMMUFD.*Invalid argument' /tests/get-pa "$n"
end_holder TERM
check 'our own driver takes it after that' sh -c "noiommu-nvme doctor $n | grep -q '^ok  *open '"
check 'unbind' noiommu-nvme unbind "$n"
check 'the kernel has it back, and the block' sh -c "dd if=/dev/$(disk "$n") bs=512 count=1 | cmp - /tmp/block"
check 'bind a device behind an IOMMU' noiommu-nvme bind "$i"
refuses 'which is none for this' 'there is no .*noiommu-vfio' /tests/get-pa "$i"
check 'unbind that' noiommu-nvme unbind "$i"
refuses 'no address' 'usage' /tests/get-pa
echo N >/sys/module/vfio/parameters/enable_unsafe_noiommu_mode
