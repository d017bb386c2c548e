# SPDX-License-Identifier: MIT
# shellcheck shell=sh
# tier: short
# guest: --iommu=split --nvme=namespaces=2 --nvme=logical_block_size=4096
# The installed engine in the distribution's fio, on QEMU's controllers.
# shellcheck source=tests/guest/fio-lib.sh
. /tests/fio-lib.sh
A=$(dots "$NVME_NOIOMMU") TWO=$(dots "$NVME_1") BIG=$(dots "$NVME_2") BEHIND=$(dots "$NVME_IOMMU")
hugepages() { echo "$1" >/proc/sys/vm/nr_hugepages; }

fio="$fio --size=4m"

check 'help by the installed name' sh -c 'fio --enghelp=libnoiommu_nvme | grep -q ^nsid'

# What is refused, with the device unchanged.
refuses 'bound to nvme, says how to bind it' "noiommu-nvme bind $NVME_NOIOMMU" on "$A" --rw=randwrite
check 'it still is' test -b "/dev/$(disk "$NVME_NOIOMMU")"
refuses 'no such controller' '0000:99:00.0' on 0000.99.00.0 --rw=read
refuses 'no NVMe controller' '0000:00:1f.0' on 0000.00.1f.0 --rw=read
refuses 'an address cut at its colons' '0000.41.00.0' on "$NVME_NOIOMMU" --rw=read
for bdf in "$NVME_NOIOMMU" "$NVME_1" "$NVME_2" "$NVME_IOMMU"; do
	check "bind $bdf" noiommu-nvme bind --unsafe-noiommu "$bdf"
done
hugepages 0
refuses 'no huge pages, says how to get some' 'nr_hugepages' on "$A" --rw=read
check 'hugepages=off does without' on "$A" --rw=randwrite --hugepages=off --verify=crc32c --iodepth=8
refuses 'memlock too low' 'RLIMIT_MEMLOCK' \
	without cap_ipc_lock "ulimit -l 1024; $fio --filename=$A --rw=read --hugepages=off"
hugepages 2
check '4 MiB of huge pages are enough to start' on "$A" --rw=read
hugepages 256
refuses 'no CAP_SYS_RAWIO' 'CAP_SYS_RAWIO' without cap_sys_rawio "$fio --filename=$A --rw=read"
refuses 'mode=iommu without one' 'has no IOMMU' on "$A" --rw=read --mode=iommu
refuses 'mode=noiommu behind one' 'behind an IOMMU' on "$BEHIND" --rw=read --mode=noiommu
refuses 'an absent nsid' 'amespace' on "$A" --rw=read --nsid=9
refuses 'an offset behind the end' 'offset=' on "$A" --rw=read --offset=100t
refuses 'half a block' '4096-byte' on "$BIG" --rw=read --bs=512
refuses 'a misspelt option' 'hugepage' on "$A" --rw=read --hugepage=off

# I/O.
check 'write and verify, without CAP_SYS_ADMIN' without cap_sys_admin \
	"$fio --filename=$A --rw=randwrite --verify=crc32c --iodepth=32 --size=32m"
check 'the same through the escaped address' on "$(echo "$NVME_NOIOMMU" | sed 's/:/\\:/g')" --rw=read \
	--verify=crc32c --iodepth=32
check 'pattern' on "$A" --rw=write --verify=pattern --verify_pattern=0xcafe --iodepth=4
check 'randrw' on "$A" --rw=randrw --verify=crc32c --iodepth=16
check 'trim' on "$A" --rw=randtrim --iodepth=4
check 'fsync' on "$A" --rw=write --fsync=8 --fdatasync=4 --end_fsync=1 --size=256k
check 'bs=512' on "$A" --rw=randread --bs=512 --size=512k --iodepth=8
check 'bs=4m' on "$A" --rw=write --bs=4m --size=32m --iodepth=2 --verify=crc32c
check 'bsrange, buffers in the middle of pages' on "$A" --rw=randwrite --bsrange=512-1m --size=64m \
	--iodepth=16 --iomem_align=516 --verify=crc32c
check 'iodepth=1024 in batches' on "$A" --rw=randread --iodepth=1024 --iodepth_batch=64 \
	--iodepth_batch_complete_max=64 --size=32m
check 'numjobs=8' on "$A" --rw=randwrite --numjobs=8 --offset_increment=8m --iodepth=8 --verify=crc32c
check 'processes become threads' on "$A" --rw=randread --numjobs=2 --iodepth=4
check 'and the engine says so' grep -q 'thread=1 switched on' /tmp/said
check 'two namespaces' on "${TWO}n1:${TWO}n2" --rw=randwrite --iodepth=16 --verify=crc32c
check 'three controllers' on "$A:${TWO}n2:$BIG" --rw=randwrite --size=12m --iodepth=16 --verify=crc32c
check '4096-byte blocks' on "$BIG" --rw=randwrite --bsrange=4k-128k --size=16m --iodepth=8 --verify=crc32c
check 'time_based, with a rate' on "$A" --rw=randread --time_based --runtime=2 --rate=4m --iodepth=4
check 'behind an IOMMU' on "$BEHIND" --rw=randwrite --iodepth=16 --verify=crc32c
check '1 GiB of it all, nothing in the way' on "$A" --rw=read --bs=1m --size=0 --iodepth=8

# Only one program can have the device.
hold "$A" --rw=randread
refuses 'open in another program, names it' "process $holder" on "$A" --rw=read
end_holder KILL
check 'after kill -9 it works again' on "$A" --rw=randwrite --iodepth=32 --verify=crc32c
hold "$A" --rw=randread
end_holder INT
check 'an interrupt ends a job in order' grep -q 'err= 0' /tmp/holder
free=$(sed -n 's/HugePages_Free: *//p' /proc/meminfo)
check 'no huge page is left behind' test "$free" = 256

# What was written is visible to all.
check 'write for the kernel to read' on "$A" --rw=write --buffer_pattern=0x5a --offset=16m --size=8m --bs=128k
for bdf in "$NVME_NOIOMMU" "$NVME_1" "$NVME_2" "$NVME_IOMMU"; do
	check "unbind $bdf" noiommu-nvme unbind "$bdf"
done
check 'the kernel reads it' test "$(written "/dev/$(disk "$NVME_NOIOMMU")" 16 8)" = 8388608
