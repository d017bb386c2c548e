#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# fio 3.38 and later call the engine differently than Debian 12's fio. Builds the engine for a fio
# of a newer suite, and runs both on software controllers: newer.sh SOURCE BUILD Prints TAP.
set -euo pipefail
top=$(readlink -f "$1") build=$2/newer-fio

status=0
tree=$("$top/engine/fio-source" trixie forky sid) || status=$?
case $status in
0) ;;
77) echo "ok 1 - skipped: the mirror has no source of a fio that is newer # SKIP"; echo 1..1; exit ;;
*) echo "not ok 1 - the source of a newer fio"; echo 1..1; exit 1 ;;
esac
module=engine/fio-libnoiommu_nvme.so model=tests/engine/fio-engine-on-model.so
set_up() {
	if [ -f "$build/build.ninja" ]; then
		meson configure "-Dfio_source=$tree" "$build"
	else
		meson setup --buildtype=release "-Dfio_source=$tree" "$build" "$top"
	fi
}
if ! { set_up && ninja -C "$build" "$module" "$model"; } >&2; then
	echo "not ok 1 - the engine builds for $tree"
	echo 1..1
	exit 1
fi

FIO=$tree/fio
set -- "$build/$model" "$build/$module"
# shellcheck source=tests/engine/lib.sh
. "$top/tests/engine/lib.sh"
set +e

in_fio --version
said '^fio-3\.(3[89]|[4-9][0-9])'
result $? "the engine builds for $(cat "$tmp/out")"
other_release

### I/O
works 'write, verify by crc32c' --rw=randwrite --iodepth=32 --verify=crc32c
works 'bs=132k, verify' --bs=132k --size=4m --rw=write --iodepth=4 --verify=crc32c
works 'trim' --rw=randtrim --iodepth=4
works 'fsync' --rw=write --size=64k --fsync=4
works 'fill_device' --fill_device=1 --bs=1m --size=0 --rw=write
on=$A:$B works 'two controllers in one job, verify' --rw=randwrite --size=4m --iodepth=16 --verify=crc32c
works 'processes become threads' --thread=0 --numjobs=2 --rw=randread --iodepth=4
NNVME_MODEL=interrupts=1 works 'wait=interrupt' --wait=interrupt --iodepth=8 --rw=randrw --verify=crc32c

### I/O that fails
NNVME_MODEL=bad_lba=80 job --rw=read
[ $status -ne 0 ] && [ $status -lt 128 ] && said 'read of 8 blocks at LBA 80 of namespace 1: .*[Ee]rror'
result $? 'a failed read ends the job, with the status in words'
NNVME_MODEL=bad_lba=80 job --rw=randwrite --iodepth=32
[ $status -ne 0 ] && [ $status -lt 128 ] && said 'write of 8 blocks at LBA 80 of namespace 1: ..'
result $? 'a failed write at depth does so too'
NNVME_MODEL=bad_lba=80 job --rw=read --continue_on_error=all
[ $status -lt 128 ] && said 'read of 8 blocks at LBA 80' && said 'total=256,'
result $? 'continue_on_error goes on, with the status in words'
NNVME_WITNESS=vanish job --rw=randrw --time_based --runtime=60 --iodepth=32 --size=4m
[ $status -ne 0 ] && [ $status -lt 128 ] && said 'the controller is gone'
result $? 'a controller that vanishes fails its I/O and hangs nothing'
NNVME_WITNESS=lose job --rw=randread --size=8m --io_size=64m --io_timeout=2 --iodepth=32
[ $status -ne 0 ] && [ $status -lt 128 ] && said 'nothing completed for 2 s' && said 'err=110'
result $? 'a completion that never comes ends the job'

fua 'sync=dsync: each write has FUA' 256 --sync=dsync --rw=write

### what is refused
refuses 'bs=1000' 'bs=1000 .*512-byte.*bs=1024' --bs=1000 --rw=read
refuses 'a size over the end' 'past the end of' --size=67109376 --rw=read
refuses "atomic=1 (fio's own words)" 'does not support atomic writes' --atomic=1 --rw=write

finish
