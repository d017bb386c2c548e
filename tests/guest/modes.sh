# SPDX-License-Identifier: MIT
# shellcheck shell=sh
# tier: short
# guest: --iommu=split
# The two address modes side by side, in one guest and in one program: the engine, the example, the
# device; and a controller behind an IOMMU with and without iommufd.
# shellcheck source=tests/guest/fio-lib.sh
. /tests/fio-lib.sh
n=$NVME_NOIOMMU i=$NVME_IOMMU
N=$(dots "$n") I=$(dots "$i")
why() { /tests/device why "$1" "${2-auto}" | grep -q -e "$3"; }

fio="$fio --size=8m"

for bdf in "$n" "$i"; do
	dd if=/dev/urandom of="/tmp/${bdf##*/}" bs=512 count=1 2>/dev/null
	dd if="/tmp/${bdf##*/}" of="/dev/$(disk "$bdf")" bs=512 conv=fsync 2>/dev/null
	check "bind $bdf" noiommu-nvme bind --unsafe-noiommu "$bdf"
done
echo 128 >/proc/sys/vm/nr_hugepages

# The mode and why.
check 'auto without an IOMMU' why "$n" auto '^mode noiommu, chosen: no IOMMU is behind it (node noiommu-vfio[0-9]*)$'
check 'auto behind one' why "$i" auto '^mode iommu, chosen: it is in IOMMU group [0-9]*; through iommufd (node vfio[0-9]*)$'
check 'noiommu, as asked' why "$n" noiommu '^mode noiommu, as asked: '
check 'iommu, as asked' why "$i" iommu '^mode iommu, as asked: '
refuses 'never iommu without one' 'mode iommu is not possible for .*has no IOMMU' on "$N" --rw=read --mode=iommu
refuses 'nor noiommu behind one' 'mode noiommu is not possible for .*behind an IOMMU' on "$I" --rw=read --mode=noiommu

# each NAME DEVICE MODE: what each mode must be able to do
each() {
	check "$1: write and verify" on "$2" --mode="$3" --rw=randwrite --iodepth=32 --verify=crc32c
	check "$1: ordinary pages" on "$2" --mode="$3" --rw=randwrite --iodepth=8 --verify=crc32c --hugepages=off
	check "$1: 4 MiB at a time" on "$2" --mode="$3" --rw=write --bs=4m --size=32m --iodepth=2 --verify=crc32c
	check "$1: buffers in the middle of pages" on "$2" --mode="$3" --rw=randwrite --bsrange=512-1m --size=32m \
		--iodepth=16 --iomem_align=516 --verify=crc32c
	check "$1: four queues" on "$2" --mode="$3" --rw=randwrite --numjobs=4 --thread=1 --offset_increment=8m \
		--iodepth=8 --verify=crc32c
	check "$1: trim and flush" on "$2" --mode="$3" --rw=randtrim --iodepth=4 --fsync=8 --size=1m
}
each noiommu "$N" noiommu
each iommu "$I" iommu
check 'both in one job' on "$N:$I" --rw=randwrite --iodepth=16 --size=16m --verify=crc32c
check 'both at once, each a job' sh -c "$fio --rw=randrw --iodepth=16 --verify=crc32c --thread=1 --filename=$N --mode=noiommu \
	--name=other --ioengine=libnoiommu_nvme --bs=4k --size=8m --rw=randrw --iodepth=16 --verify=crc32c --thread=1 \
	--filename=$I --mode=iommu"

# The engine's jobs overwrote the first block: write it again, as the kernel's driver would.
for bdf in "$n" "$i"; do
	check "unbind $bdf" noiommu-nvme unbind "$bdf"
	dd if="/tmp/${bdf##*/}" of="/dev/$(disk "$bdf")" bs=512 conv=fsync 2>/dev/null
	check "bind $bdf again" noiommu-nvme bind "$bdf"
	echo 2 >/proc/sys/vm/nr_hugepages
	check "the example reads it on $bdf, with 4 MiB of huge pages" sh -c "/tests/example $bdf >/tmp/block && cmp -n 512 /tmp/block /tmp/${bdf##*/}"
	check "the epoll example sleeps and reads on $bdf" sh -c "/tests/example_epoll $bdf 20 | grep -qx '20 blocks, sum [0-9a-f]*'"
done
echo 128 >/proc/sys/vm/nr_hugepages

# kill -9 under load, then again.
hold "$I" --rw=randrw
refuses 'iommu: open in another program' "process $holder" on "$I" --rw=read
end_holder KILL
check 'iommu: after kill -9 it works again' on "$I" --rw=randwrite --iodepth=32 --verify=crc32c

# A kernel without iommufd, like Debian's: here without its node.
by_container() {
	mv /dev/iommu /dev/iommu.away
	check 'container: chosen' why "$i" auto '^mode iommu, chosen: .* through a VFIO container, because there is no iommufd$'
	each container "$I" iommu
	check 'container: the example' sh -c "/tests/example $i >/tmp/block"
	/tests/device check "$i" | sed 's/ok /ok container device: /'
	refuses 'container: memlock too low' 'RLIMIT_MEMLOCK is 1024 KiB' \
		without cap_ipc_lock "ulimit -l 1024; /tests/device pin $i"
	hold "$I" --rw=randrw
	refuses 'container: open in another program' "process $holder" on "$I" --rw=read
	end_holder KILL
	check 'container: after kill -9 it works again' on "$I" --rw=randwrite --iodepth=32 --verify=crc32c
	refuses 'container: not for devices without an IOMMU' '/dev/iommu' on "$N" --rw=read
	mv /dev/iommu.away /dev/iommu
	hold "$I" --rw=randrw
	mv /dev/iommu /dev/iommu.away
	refuses 'container: not while iommufd has it' 'open in another program' on "$I" --rw=read
	mv /dev/iommu.away /dev/iommu
	end_holder KILL
}
if [ "$NNVME_KERNEL" = no-group ]; then
	mv /dev/iommu /dev/iommu.away
	refuses 'neither iommufd nor container' '/dev/iommu' on "$I" --rw=read
	mv /dev/iommu.away /dev/iommu
else
	by_container
fi

check 'write for the kernel to read' on "$I" --mode=iommu --rw=write --buffer_pattern=0x5a --offset=16m --bs=128k
for bdf in "$n" "$i"; do check "unbind $bdf" noiommu-nvme unbind "$bdf"; done
check 'the kernel reads it' test "$(written "/dev/$(disk "$i")" 16 8)" = 8388608
echo N >/sys/module/vfio/parameters/enable_unsafe_noiommu_mode
echo 0 >/proc/sys/vm/nr_hugepages
