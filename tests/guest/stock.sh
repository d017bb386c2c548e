# SPDX-License-Identifier: MIT
# shellcheck shell=sh
# tier: long
# kernel: stock
# guest: --iommu=split
# Debian's own kernel with its own modules, without iommufd and VFIO's device nodes: what works behind an IOMMU,
# by the container, and the errors where nothing can work.
# shellcheck source=tests/guest/lib.sh
. /tests/lib.sh
n=$NVME_NOIOMMU i=$NVME_IOMMU
I=$(echo "$i" | tr : .)
driver() { basename "$(readlink "/sys/bus/pci/devices/$1/driver")"; }
finding() { noiommu-nvme doctor "$i" | grep -q -e "$1"; }

check 'there is no iommufd here' [ ! -e /dev/iommu ]
check 'doctor: so it says, and what instead' finding '^missing  *iommufd '
check 'doctor: no device nodes either' finding '^missing  *vfio-cdev '
release=$(uname -r)
fix() { noiommu-nvme doctor | grep -A1 '^missing  *iommufd' | grep -qF -e "-> $1"; }
printf 'ID=debian\nVERSION_ID="12"\n' >/etc/os-release
check 'doctor: the one command on Debian' fix "apt install linux-headers-$release ./build/noiommu-vfio-dkms_*.deb;"
mkdir -p "/lib/modules/$release/updates/dkms"
touch "/lib/modules/$release/updates/dkms/iommufd.ko"
check 'doctor: when that was done, and the modules of before are loaded' fix '/usr/lib/noiommu-vfio/reload, once'
rm "/lib/modules/$release/updates/dkms/iommufd.ko"
rm /etc/os-release
check 'doctor: on other distributions' fix 'Linux 7.3, or 6.12 with the series'
check 'bind' noiommu-nvme bind "$i"
check 'it has no device node' [ ! -e /dev/vfio/devices ]
check 'bind again' noiommu-nvme bind "$i"
check 'list: iommu' sh -c "noiommu-nvme list | grep -q '^$i  *vfio-pci  *iommu '"
check 'doctor: programs can open it' finding '^ok  *open '
check 'mode' sh -c "/tests/device why $i | grep -q '^mode iommu, chosen: .*through a VFIO container'"
/tests/device check "$i" | sed 's/ok /ok device: /'
check 'the engine' fio --name=job --ioengine=libnoiommu_nvme --filename="$I" --rw=randwrite --bs=4k --size=8m \
	--iodepth=32 --verify=crc32c --hugepages=off --mode=iommu
check 'isolation' sh -c "noiommu-nvme isolation $i | grep -q '^verdict  *isolated'"
refuses 'without an IOMMU: what the kernel lacks' 'CONFIG_VFIO_NOIOMMU' noiommu-nvme bind --unsafe-noiommu "$n"
check 'which nvme still has' [ "$(driver "$n")" = nvme ]
check 'unbind' noiommu-nvme unbind "$i"
check 'nvme has it back' [ "$(driver "$i")" = nvme ]
check 'its disk works' dd if="/dev/$(disk "$i")" of=/dev/null bs=4k count=1
