# SPDX-License-Identifier: MIT
# shellcheck shell=sh
# tier: short
# guest: --iommu=off
# A machine without an IOMMU: nothing counts as isolated, nothing is tried, and mode iommu is
# refused.
# shellcheck source=tests/guest/lib.sh
. /tests/lib.sh
n=$NVME_NOIOMMU null=$NULL_NOIOMMU
N=$(echo "$n" | tr : .)
finding() { noiommu-nvme doctor "$n" | grep -q -e "$1"; }

check 'doctor: the kernel drives no IOMMU' finding '^note  *iommu .*none'
# shellcheck disable=SC2016 # for the shell that is started
check 'doctor: what turns this one on' sh -c '
	fix=$(noiommu-nvme doctor | grep -A1 "^note  *iommu " | sed -n "s/.*-> //p")
	case $(sed -n "s/^vendor_id.*: //p" /proc/cpuinfo | head -n1):$fix in
	GenuineIntel:*intel_iommu=on*) ;;
	AuthenticAMD:*intel*) exit 1 ;;
	AuthenticAMD:*AMD-Vi*) ;;
	*) echo "$fix"; exit 1 ;; esac'
check 'doctor: nor is one behind the device' finding '^note  *group  *none'
check 'list: neither group nor type' sh -c "noiommu-nvme list | grep -q '^$n  *nvme  *kernel  *-  *-  *QEMU'"
for bdf in "$n" "$null"; do
	check "bind $bdf" noiommu-nvme bind --unsafe-noiommu "$bdf"
	noiommu-nvme isolation "$bdf" >/tmp/said 2>&1
	status=$?
	check "$bdf: its own exit status" [ $status = 4 ]
	check "$bdf: the verdict" grep -q '^verdict  *unprotected (noiommu)$' /tmp/said
	check "$bdf: why nothing was tried" grep -q '^because .*nothing was tried' /tmp/said
	check "$bdf: nothing was" sh -c '! grep -q "stopped\|PASSED" /tmp/said'
done
check 'it can be opened' finding '^ok  *open '
refuses 'no mode iommu' 'it has no IOMMU' fio --name=job --ioengine=libnoiommu_nvme --filename="$N" --rw=read --mode=iommu
refuses 'device: no mode iommu' 'it has no IOMMU' /tests/device open "$n" iommu
for bdf in "$n" "$null"; do check "unbind $bdf" noiommu-nvme unbind "$bdf"; done
echo N >/sys/module/vfio/parameters/enable_unsafe_noiommu_mode
