# SPDX-License-Identifier: MIT
# shellcheck shell=sh
# From apt install to a verified fio job without an IOMMU, without a reboot.
# shellcheck source=tests/system/system-lib.sh
. /out/system-lib.sh

check 'doctor: so it says, and names the package' finding '^missing  *iommufd' $package
refuses 'bind: so it says' VFIO_NOIOMMU noiommu-nvme bind --unsafe-noiommu "$n"
check 'nvme still has the controller' [ "$(driver "$n")" = nvme ]

check 'apt install' apt install /out/$package*.deb
check 'the modules of the series are loaded' series_loaded
check 'there is an iommufd' [ -c /dev/iommu ]
check 'doctor: physical addresses' finding '^ok  *get-pa '
check 'bind without an IOMMU' noiommu-nvme bind --unsafe-noiommu "$n"
check 'a verified fio job without an IOMMU' verified "$n" noiommu
check 'unbind' noiommu-nvme unbind "$n"
check 'nvme has it back' [ "$(driver "$n")" = nvme ]
check 'bind behind the IOMMU' noiommu-nvme bind "$i"
check 'a verified fio job there' verified "$i" iommu
check 'unbind that one' noiommu-nvme unbind "$i"
