# SPDX-License-Identifier: MIT
# shellcheck shell=sh
# shellcheck disable=SC2016 # it takes awk's programs, behind `check`, for the shell's
# tier: short
# guest: --iommu=split --nvme=size=16M,drive=failing,mdts=5
# The benchmark's paths on real devices: each kind works, all see the same data, and failures are
# counted.
# shellcheck source=tests/guest/lib.sh
. /tests/lib.sh
kinds="plain registered polled passthrough"
echo 128 >/proc/sys/vm/nr_hugepages
# node KIND BDF: what that kind opens
node() {
	case $1 in
	driver | hybrid | interrupt) echo "$2" ;;
	passthrough) disk "$2" | sed 's|^nvme|/dev/ng|' ;;
	*) echo "/dev/$(disk "$2")" ;;
	esac
}
# says WORDS COMMAND...: the command succeeds and says so
says() {
	words=$1
	shift
	"$@" >/tmp/said
	status=$?
	cat /tmp/said
	[ $status = 0 ] && grep -q -e "$words" /tmp/said
}
# path VERB KIND BDF OPTIONS
path() {
	verb=$1 kind=$2 bdf=$3
	shift 3
	/tests/bench_path "$verb" "$kind" "$(node "$kind" "$bdf")" "$@"
}
# works KIND BDF NAME: shallow and deep, small and large
works() {
	check "$1, $3: depth 1" says 'ret 0 ios 200 errors 0' path run "$1" "$2" depth=1 ios=200
	check "$1, $3: depth 32" says 'ret 0 ios 3000 errors 0' path run "$1" "$2" depth=32 ios=3000
	check "$1, $3: 128 KiB in order" says 'ret 0 ios 300 errors 0' path run "$1" "$2" depth=8 bytes=0x20000 ios=300 \
		random=0
}
# fails KIND ERRNO: what the controller refuses or fails is an error, not an I/O. $NVME_1 fails
# reads at 1 MiB. At depth 1, and with I/Os as large as a command, because the kernel merges
# neighbours into one command.
fails() {
	check "$1: the bad sector is one error" says "ret 0 ios 4095 errors 1 first_error $2 latencies 4095 " \
		path run "$1" "$NVME_1" random=0 ios=4096 depth=1
	check "$1: each I/O beyond the end is one" says "ret 0 ios 127 errors 129 first_error $2 latencies 127 " \
		path run "$1" "$NVME_1" bytes=0x20000 random=0 ios=256 beyond=1 depth=1
}

for kind in $kinds; do
	works "$kind" "$NULL_NOIOMMU" null
	works "$kind" "$NVME_NOIOMMU" file
	works "$kind" "$NVME_IOMMU" 'behind the IOMMU'
	case $kind in passthrough) fails "$kind" EIO ;; *) fails "$kind" ENODATA ;; esac
done

# Each kind writes a MiB of its own, and the others read it, across the kernel's driver and this
# one.
at=0
# writes KIND
writes() {
	check "$1 writes" path write "$1" "$NVME_NOIOMMU" offset=$at bytes=0x4000 ios=64
	at=$((at + 0x100000))
}
reads_all() { check "$1 reads what all wrote" path verify "$1" "$NVME_NOIOMMU" bytes=0x4000 ios=$((at / 0x4000)); }
for kind in $kinds; do writes "$kind"; done
for kind in $kinds; do reads_all "$kind"; done

# What is impossible, or forbidden.
refuses 'passthrough on a block device' 'EINVAL.*ng0n1' /tests/bench_path run passthrough "$(node plain "$NVME_1")"
refuses 'passthrough of more than a command takes' 'EOPNOTSUPP.*does not split' path run passthrough "$NVME_1" \
	bytes=0x40000 ios=1
check 'plain splits it' says 'errors 0' path run plain "$NULL_NOIOMMU" bytes=0x100000 depth=2 ios=4
refuses 'a device of the kernel is not for this driver' 'noiommu-nvme bind' path run driver "$NVME_NOIOMMU"
mke2fs -q "$(node plain "$NVME_IOMMU")" 16384 && mount "$(node plain "$NVME_IOMMU")" /mnt
refuses 'writing to what is mounted' 'EBUSY.*mounted or held' path write plain "$NVME_IOMMU"
umount /mnt
echo 0 >/proc/sys/vm/nr_hugepages
refuses 'no huge pages, says how to get some' 'nr_hugepages' path run plain "$NULL_NOIOMMU"
echo 128 >/proc/sys/vm/nr_hugepages

# This driver, in both modes.
for bdf in "$NVME_NOIOMMU" "$NULL_NOIOMMU" "$NVME_IOMMU" "$NVME_1"; do
	check "bind $bdf" noiommu-nvme bind --unsafe-noiommu "$bdf"
done
works driver "$NULL_NOIOMMU" null
for kind in driver hybrid interrupt; do
	works $kind "$NVME_NOIOMMU" file
	works $kind "$NVME_IOMMU" 'behind the IOMMU'
	fails $kind EIO
	writes $kind
	reads_all $kind
done
for bdf in "$NVME_NOIOMMU" "$NULL_NOIOMMU" "$NVME_IOMMU"; do check "unbind $bdf" noiommu-nvme unbind "$bdf"; done
for kind in $kinds; do reads_all "$kind"; done

# fio counts only I/Os that succeeded, also where one in 128 fails.
noiommu-nvme-bench --device "$NVME_1" --fio --rows kernel-none-plain,nnvme-noiommu --columns read-128k-qd32 --rounds 1 \
	--time 2 --warmup 0 --out /tmp/fio >/tmp/said 2>&1
for row in kernel-none-plain nnvme-noiommu; do
	check "fio: $row: what failed is no I/O" awk -F, -v row="$row" '
		NR == 1 { for (i = 1; i <= NF; i++) at[$i] = i }
		$1 == row { r = $at["iops"] * 131072 / $at["bytes_per_second"]; good = $at["errors"] > 0 && r > 0.999 && r < 1.001
			print $at["errors"], "errors;", r }
		END { exit !good }' /tmp/fio/results.csv
done

# Without poll queues the polled kinds are refused: they would measure interrupts.
echo 0 >/sys/module/nvme/parameters/poll_queues
check "unbind $NVME_1" noiommu-nvme unbind "$NVME_1"
for kind in polled passthrough; do
	refuses "$kind without poll queues" 'EOPNOTSUPP.*nvme.poll_queues=2' path run "$kind" "$NVME_1"
done
echo 2 >/sys/module/nvme/parameters/poll_queues
echo 0 >/proc/sys/vm/nr_hugepages
