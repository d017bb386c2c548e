# SPDX-License-Identifier: MIT
# shellcheck shell=sh
# fio with the installed engine, on controllers bound to VFIO: what its tests share. Sourced.
# shellcheck source=tests/guest/lib.sh
. /tests/lib.sh

dots() { echo "$1" | tr : .; }

# As text, for shells with fewer rights; a test that wants another size adds it.
fio="fio --name=job --ioengine=libnoiommu_nvme --bs=4k"

# on FILE OPTIONS: one job; some I/O is part of success
on() {
	file=$1
	shift
	$fio --filename="$file" "$@" >/tmp/said 2>&1
	_status=$?
	cat /tmp/said
	[ $_status = 0 ] && grep -q 'err= 0' /tmp/said && grep -q 'bw=.*io=[1-9]' /tmp/said
}

# hold FILE OPTIONS: a job in the background, $holder, that has the device and does I/O
hold() {
	file=$1
	shift
	$fio --filename="$file" --time_based --runtime=60 --iodepth=32 "$@" >/tmp/holder 2>&1 &
	holder=$!
	until_true has_open "$holder" vfio
	sleep 2
}

# written FILE MEGABYTES-BEFORE MEGABYTES: how many bytes in there are what --buffer_pattern=0x5a
# writes
written() { dd if="$1" bs=1M skip="$2" count="$3" 2>/dev/null | tr -dc Z | wc -c; }
