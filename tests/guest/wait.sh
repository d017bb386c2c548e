# SPDX-License-Identifier: MIT
# shellcheck shell=sh
# tier: short
# guest: --iommu=split --nvme=msix_qsize=1 --nvme=msix_qsize=3
# Sleeping until a controller interrupts: both address modes, with and without iommufd, few vectors.
# shellcheck source=tests/guest/fio-lib.sh
. /tests/fio-lib.sh
fio="$fio --size=8m"
# waits NAME BDF: the library sleeps
waits() {
	/tests/wait "$2" | sed "s/ok /ok $1: /"
}

for bdf in "$NVME_NOIOMMU" "$NVME_IOMMU" "$NVME_1" "$NVME_2"; do
	check "bind $bdf" noiommu-nvme bind --unsafe-noiommu "$bdf"
done
echo 64 >/proc/sys/vm/nr_hugepages
waits noiommu "$NVME_NOIOMMU"
waits iommu "$NVME_IOMMU"
for bdf in "$NVME_NOIOMMU" "$NVME_IOMMU"; do
	for wait in hybrid interrupt; do
		for depth in 1 32; do
			check "fio on $bdf: wait=$wait at depth $depth" on "$(dots "$bdf")" --wait=$wait --iodepth=$depth --rw=randrw \
				--verify=crc32c
		done
	done
done
# hold: a job in the background that sleeps most of the time
$fio --filename="$(dots "$NVME_NOIOMMU")" --rw=randread --time_based --runtime=60 --rate_iops=50 --wait=interrupt >/tmp/holder 2>&1 &
holder=$!
until_true has_open $holder eventfd
sleep 2
end_holder KILL
check 'after kill -9 asleep it works again' on "$(dots "$NVME_NOIOMMU")" --rw=randwrite --wait=interrupt --iodepth=32 --verify=crc32c
waits 'one vector' "$NVME_1"
waits 'three vectors' "$NVME_2"

if [ "$NNVME_KERNEL" != no-group ]; then
	mv /dev/iommu /dev/iommu.away
	waits container "$NVME_IOMMU"
	mv /dev/iommu.away /dev/iommu
fi
for bdf in "$NVME_NOIOMMU" "$NVME_IOMMU" "$NVME_1" "$NVME_2"; do
	check "unbind $bdf" noiommu-nvme unbind "$bdf"
done
check 'the kernel has them again' dd if="/dev/$(disk "$NVME_NOIOMMU")" of=/dev/null bs=1M count=8
echo N >/sys/module/vfio/parameters/enable_unsafe_noiommu_mode
echo 0 >/proc/sys/vm/nr_hugepages
