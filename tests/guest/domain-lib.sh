# SPDX-License-Identifier: MIT
# shellcheck shell=sh
# What the tests of domain types share, on the Intel and on the AMD model of an IOMMU.
# shellcheck source=tests/guest/lib.sh
. /tests/lib.sh
i=$NVME_IOMMU
# shellcheck disable=SC2034 # for who reads this file
state=/run/noiommu-nvme/group-$(basename "$(readlink "/sys/bus/pci/devices/$i/iommu_group")")

type_is() { [ "$(cat "/sys/bus/pci/devices/$1/iommu_group/type")" = "$2" ]; }
driver_is() { [ "$(basename "$(readlink "/sys/bus/pci/devices/$1/driver")")" = "$2" ]; }
status() { want=$1; shift; "$@" >/dev/null 2>&1; [ $? = "$want" ]; }

# The type that results on this guest's kernel.
auto=${AUTO:-DMA-FQ}
resolved() { case $1 in auto) echo "$auto" ;; *) echo "$1" ;; esac; }

# A tree of files written under one type is intact under the next.
write_tree() {
	mount -t ext4 "/dev/$(disk "$i")" /mnt/x || return 1
	rm -rf /mnt/x/tree
	for dir in 1 2 3 4; do
		mkdir -p /mnt/x/tree/$dir
		for file in 1 2 3 4 5 6; do
			dd if=/dev/urandom of=/mnt/x/tree/$dir/$file bs=$((file * 37813)) count=3 2>/dev/null || return 1
		done
	done
	(cd /mnt/x/tree && find . -type f -exec sha256sum {} + >/tmp/sums) && umount /mnt/x
}
tree_is_whole() {
	mount -t ext4 -o ro "/dev/$(disk "$i")" /mnt/x || return 1
	(cd /mnt/x/tree && sha256sum -c /tmp/sums >/dev/null && [ "$(wc -l </tmp/sums)" = 24 ])
	whole=$?
	umount /mnt/x
	return $whole
}
survives() {
	rounds=2
	[ "${NNVME_LONG:-0}" = 0 ] || rounds=20
	mkdir -p /mnt/x
	noiommu-nvme domain "$i" identity >/dev/null
	check 'files: an ext4 file system' mkfs.ext4 -q -F "/dev/$(disk "$i")"
	round=1
	while [ $round -le $rounds ]; do
		for next in DMA DMA-FQ auto DMA-FQ DMA identity; do
			check "files, round $round: written before $next" write_tree
			check "files, round $round: to $next" noiommu-nvme domain "$i" $next
			check "files, round $round: whole under $next" tree_is_whole
		done
		round=$((round + 1))
	done
}
