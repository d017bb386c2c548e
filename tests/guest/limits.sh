# SPDX-License-Identifier: MIT
# shellcheck shell=sh
# tier: short
# guest: --iommu=off --nvme=size=7G
# QEMU's controller skips ranges above its DMRSL, 2 GiB less a block here, and reports success.
# shellcheck source=tests/guest/lib.sh
. /tests/lib.sh
echo 64 >/proc/sys/vm/nr_hugepages
file=$(echo "$NVME_1" | tr : .)
# The disk as the kernel names it, and its blocks of 4 KiB.
node() { echo "/dev/$(disk "$NVME_1")"; }
mark() { yes | head -c 4096 | dd of="$(node)" bs=4k seek="$1" conv=fsync,notrunc 2>/dev/null; }
is_marked() { [ "$(dd if="$(node)" bs=4k skip="$1" count=1 2>/dev/null | sha1sum)" = "$(yes | head -c 4096 | sha1sum)" ]; }
is_zero() { [ "$(dd if="$(node)" bs=4k skip="$1" count=1 2>/dev/null | tr -d '\0' | wc -c)" = 0 ]; }

# 6 GiB in one request; 524287 and 524288 are the last and the first block around 2 GiB.
last=$((6 * 262144 - 1))
blocks="0 524287 524288 786432 1048576 $last"
for block in $blocks $((last + 1)); do
	mark "$block"
	check "block $block is written" is_marked "$block"
done
check 'bind' noiommu-nvme bind --unsafe-noiommu "$NVME_1"
check 'one trim of 6 GiB' fio --name=job --ioengine=libnoiommu_nvme --filename="$file" --rw=trim --bs=6g --size=6g
check 'unbind' noiommu-nvme unbind "$NVME_1"
until_true sh -c "ls -d /sys/bus/pci/devices/$NVME_1/nvme/nvme*/nvme*n1"
for block in $blocks; do
	check "block $block was trimmed" is_zero "$block"
done
check 'the block after them was not' is_marked $((last + 1))
