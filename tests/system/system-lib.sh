# SPDX-License-Identifier: MIT
# shellcheck shell=sh
# What the tests in a booted Debian share. /out has the package, the project as `meson install` puts it,
# and DKMS' archive of the modules as it compiled them elsewhere. Sourced.
# shellcheck source=tests/guest/lib.sh
. /out/lib.sh
export DEBIAN_FRONTEND=noninteractive
# shellcheck disable=SC2034 # the tests' own
n=$NVME_NOIOMMU i=$NVME_IOMMU
package=noiommu-vfio-dkms
version=$(dpkg-deb -f /out/$package*.deb Version)
archive=/usr/share/noiommu-vfio/noiommu-vfio-$version.dkms.tar.gz

driver() { basename "$(readlink "/sys/bus/pci/devices/$1/driver")"; }
# finding WORDS...: of doctor's, with the line after it
finding() {
	noiommu-nvme doctor >/tmp/doctor
	cat /tmp/doctor
	grep -A1 -e "$1" /tmp/doctor | grep -q -e "${2-$1}"
}
verified() {
	fio --name=job --ioengine=libnoiommu_nvme --filename="$(echo "$1" | tr : .)" --rw=randwrite --bs=4k \
		--size=8m --iodepth=32 --verify=crc32c --hugepages=off --mode="$2"
}

series_loaded() { grep '^noiommu-vfio' /sys/module/iommufd/version; }

# apt COMMAND...: what it says is in /tmp/said
apt() {
	mkdir -p "${archive%/*}"
	cp /out/built.dkms.tar.gz "$archive"
	_status=0
	apt-get -y "$@" >/tmp/said 2>&1 || _status=$?
	rm -f "$archive"
	rmdir --ignore-fail-on-non-empty "${archive%/*}"
	cat /tmp/said
	return $_status
}
check 'the system came up whole' systemctl is-system-running --wait
tar -C / --no-same-owner -xf /out/project.tar
ldconfig
modprobe vfio-pci
check 'Debian has no iommufd' [ ! -e /dev/iommu ]
