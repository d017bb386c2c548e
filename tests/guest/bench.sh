# SPDX-License-Identifier: MIT
# shellcheck shell=sh
# shellcheck disable=SC2016 # it takes awk's programs, behind `check`, for the shell's
# tier: long
# guest: --iommu=split --nvme=drive=null,logical_block_size=4096
# alone: it changes parameters of the nvme driver and looks at all state files that are left.
# noiommu-nvme-bench on two controllers: every row, what it refuses, and that all is restored after
# a normal end, an interruption, a load that dies and a run that is killed.
# shellcheck source=tests/guest/domain-lib.sh
. /tests/domain-lib.sh
n=$NULL_NOIOMMU i=$NULL_IOMMU
poll=/sys/module/nvme/parameters/poll_queues
mode=/sys/module/vfio/parameters/enable_unsafe_noiommu_mode
out=/tmp/bench
short="--device $i --second-device $n --out $out --rounds 1 --time 0.2 --warmup 0.05 --columns randread-4k-qd32"
# shellcheck disable=SC2086 # words
quick() { noiommu-nvme-bench $short "$@"; }
as_found() {
	type_is "$i" DMA-FQ && driver_is "$i" nvme && driver_is "$n" nvme && [ -b "/dev/$(disk "$i")" ] &&
		[ -b "/dev/$(disk "$n")" ] && [ "$(cat $mode)" = N ] && [ "$(cat $poll)" = "${1:-2}" ] &&
		[ "$(cat /proc/sys/vm/nr_hugepages)" = 0 ] && [ -z "$(ls -A /run/noiommu-nvme 2>/dev/null)" ] && return
	noiommu-nvme list
	ls -d /sys/bus/pci/devices/*/nvme/nvme*/nvme*n*
	head $mode $poll /proc/sys/vm/nr_hugepages /run/noiommu-nvme/* "/sys/bus/pci/devices/$i/iommu_group/type"
	return 1
}
# value NAME: a member at the top of results.json
value() { sed -n "s/^  \"$1\": \(.*[^,]\),*$/\1/p" $out/results.json; }
# says WORDS: the last run printed them
says() { grep -q -e "$1" /tmp/said || { cat /tmp/said; return 1; }; }
# The process that makes the load of the run $run, and the run at that.
loads() {
	load=
	for p in $(pidof noiommu-nvme-bench); do
		[ "$(sed -n 's/^PPid:[^0-9]*//p' "/proc/$p/status" 2>/dev/null)" = "$run" ] && load=$p
	done
	[ -n "$load" ]
}
# begin OPTIONS: a run that takes long, in the background.
begin() {
	# shellcheck disable=SC2086 # words
	noiommu-nvme-bench $short --rows kernel-identity-plain,nnvme-noiommu --unsafe-noiommu --time 1000 "$@" \
		>/tmp/said 2>&1 &
	run=$!
	until_true loads
	usleep 200000
}
finish() {
	got=0
	wait "$run" || got=$?
}

# What is refused, with nothing changed.
mke2fs "/dev/$(disk "$NVME_IOMMU")" >/dev/null 2>&1
mkdir -p /mnt/x
mount "/dev/$(disk "$NVME_IOMMU")" /mnt/x
refuses 'refused: mounted' "is mounted on /mnt/x" noiommu-nvme-bench --device "$NVME_IOMMU" --out $out
umount /mnt/x
dmsetup --noudevsync create held --table "0 2048 linear /dev/$(disk "$n") 0"
refuses 'refused: a second device that is held' "is held by /dev/dm-" quick
dmsetup --noudevsync remove held
refuses 'refused: a column that writes' '--destroy-data' noiommu-nvme-bench --device "$i" --columns 'rand*-4k-qd1'
refuses 'refused: one device twice' 'are both' noiommu-nvme-bench --device "$i" --second-device "$(echo "$i" | tr : .)"
refuses 'refused: no such row' 'no row is called "frob"' quick --rows kernel-dma-plain,frob
refuses 'refused: no such row: those that there are' ' nnvme-noiommu-interrupt$' quick --rows frob
refuses 'refused: no such column' 'no column is called "frob"' noiommu-nvme-bench --device "$i" --columns frob
refuses 'refused: not an NVMe controller' 'not an NVMe controller' noiommu-nvme-bench --device 00:1f.0
refuses 'refused: no such device' 'there is no PCI device' noiommu-nvme-bench --device 00:1e.7
refuses 'refused: not root' 'run as root' su nobody -s /bin/sh -c "noiommu-nvme-bench --device $i --out /tmp/x"
check 'refused: nothing was touched' as_found

# Every row.
check 'all rows' quick --unsafe-noiommu
check 'all rows: as it was' as_found
for row in $(noiommu-nvme-bench rows | sed -n '/^col/q; s/^  \([^ ]*\) .*/\1/p'); do
	check "all rows: $row was run" grep -q "^$row,randread-4k-qd32," $out/results.csv
	case $row in
	kernel-none-* | nnvme-noiommu*) want='' ;;
	kernel-identity-*) want=identity ;;
	kernel-dma-fq-*) want=DMA-FQ ;;
	kernel-dma-*) want=DMA ;;
	nnvme-iommu*) want=DMA-FQ ;; # as found
	esac
	check "all rows: $row: domain, I/Os, errors" awk -F, -v row="$row" -v want="$want" '
		$1 == row { good = $6 == want && $12 > 0 && $13 == 0 } END { exit !good }' $out/results.csv
done
check 'all rows: complete' [ "$(value complete)" = true ]
check 'all rows: it knows that it is emulated' [ "$(value emulated)" = true ]
# The columns of maps, unmaps and invalidations: the last but three and so on.
check 'counted: an I/O is a map, an unmap and an invalidation under DMA' awk -F, '
	$1 == "kernel-dma-plain" { good = $(NF-5) > 0.99 && $(NF-5) < 1.01 && $(NF-4) > 0.99 && $(NF-3) > 0.99 }
	END { exit !good }' $out/results.csv
check 'counted: fewer invalidations under DMA-FQ' awk -F, '
	$1 == "kernel-dma-fq-plain" { good = $(NF-5) > 0.99 && $(NF-3) < 0.5 } END { exit !good }' $out/results.csv
check 'counted: none of nnvme rows' awk -F, '
	$1 == "nnvme-iommu" { good = $(NF-5) < 0.01 && $(NF-3) < 0.01 } END { exit !good }' $out/results.csv
check 'counted: interrupts, but where it polls' awk -F, '
	$1 ~ /polled|passthrough|^nnvme-(no)?iommu$/ && $23 != 0 { bad = 1 }
	$1 ~ /^kernel-dma-plain|^nnvme-.*-interrupt/ && $23 > 0 { some++ } END { exit bad || some != 3 }' $out/results.csv

# Columns that write.
check 'writing' quick --rows kernel-none-plain,nnvme-iommu --columns 'randw*-4k-qd32,randrw*' --destroy-data
check 'writing: as it was' as_found
check 'writing: types change as soon as a disk is closed' quick --destroy-data --columns 'randw*-4k-qd32,randrw*' \
	--rows 'kernel-identity-registered,kernel-dma-registered,kernel-identity-polled,kernel-dma-polled'

# What this machine does not have.
quick --rows 'nnvme-noiommu,kernel-none-plain' >/tmp/said 2>&1
check 'noiommu mode off: said' says 'skipped: nnvme-noiommu: noiommu mode is off'
check 'noiommu mode off: it stays so' as_found
check 'one controller' noiommu-nvme-bench --device "$n" --out $out --rounds 1 --time 0.1 --warmup 0 \
	--rows kernel-dma-plain,nnvme-iommu,kernel-none-plain --columns randread-4k-qd1
check 'one controller: why not the others' [ "$(grep -c 'has no IOMMU in front' $out/results.json)" = 2 ]
check 'blocks of 4096 bytes' noiommu-nvme-bench --device "$NVME_1" --out $out --rounds 2 --time 0.1 --warmup 0 \
	--rows nnvme-noiommu,kernel-none-pl*,kernel-none-pass* --columns randread-512-qd32,randread-4k-qd1 --unsafe-noiommu
check 'blocks of 4096 bytes: no room for 512' [ "$(grep -c '"reason": .*blocks of 4096' $out/results.json)" = 3 ]
check 'blocks of 4096 bytes: the rest was run' [ "$(grep -c '^[nk].*,randread-4k-qd1,' $out/results.csv)" = 6 ]
echo 0 >$poll
quick --rows 'kernel-none-polled,kernel-dma-polled' --unsafe-noiommu >/tmp/said 2>&1
check 'poll queues: given for the run' [ "$(grep -c polled $out/results.csv)" = 2 ]
check 'poll queues: taken back' as_found 0
check 'poll queues: from the device too' [ "$(cat "/sys/block/$(disk "$n")/queue/io_poll")" = 0 ]
echo 2 >$poll

# Bound to vfio-pci before, and after.
noiommu-nvme bind "$i" >/dev/null
check 'found with vfio-pci' quick --rows kernel-identity-plain,nnvme-iommu
check 'found with vfio-pci: left with it' driver_is "$i" vfio-pci
noiommu-nvme unbind "$i" >/dev/null
check 'found with vfio-pci: and then the kernel has it again' as_found

# Interrupted.
for s in INT TERM HUP; do
	begin
	kill -$s $run
	finish
	check "SIG$s: 130" [ $got = 130 ]
	check "SIG$s: as it was" as_found
	check "SIG$s: not complete" [ "$(value complete)" = false ]
done

begin --fio
kill -INT $run
finish
check "SIGINT, fio: 130" [ $got = 130 ]
check "SIGINT, fio: no fio is left" sh -c '! pidof fio'
check "SIGINT, fio: as it was" as_found

# The load dies; what is left of the plan is run.
for s in KILL SEGV; do
	rm -rf $out
	begin --time 2
	kill -$s "$load"
	finish
	check "load, SIG$s: 1" [ $got = 1 ]
	check "load, SIG$s: said" says 'kernel-identity-plain randread-4k-qd32: failed in round 1.*killed by signal'
	check "load, SIG$s: the other row was run" grep -q '^nnvme-noiommu,' $out/results.csv
	check "load, SIG$s: as it was" as_found
done

# The run is killed, once with another type and once with vfio-pci; the next one puts it back.
begin
refuses 'two at once' 'another noiommu-nvme-bench is running' quick --rows kernel-none-plain
kill -9 $run
finish
check 'killed: the type is not what it was' type_is "$i" identity
check 'killed: the load is gone' sh -c '! pidof noiommu-nvme-bench'
check 'killed: another run' quick --rows kernel-none-plain
check 'killed: as it was' as_found
echo 0 >$poll
begin --rows nnvme-noiommu,kernel-none-polled
kill -9 $run
finish
check 'killed with a poll queue: it is there' [ "$(cat $poll)" = 1 ]
quick --rows kernel-identity-plain >/tmp/said 2>&1
check 'killed with a poll queue: said' says 'an earlier run was cut short'
check 'killed with a poll queue: as it was' as_found 0
echo 2 >$poll
begin --rows nnvme-noiommu,nnvme-iommu
kill -9 $run
finish
check 'killed with vfio-pci: it still has it' driver_is "$i" vfio-pci
quick --rows kernel-none-plain >/tmp/said 2>&1
check 'killed with vfio-pci: said' says 'an earlier run was cut short'
check 'killed with vfio-pci: as it was' as_found
state=/run/noiommu-nvme/bench
# left LINE...: a state file of this boot that a run left, with these lines in it
left() {
	mkdir -p ${state%/*}
	{
		echo "boot $(cat /proc/sys/kernel/random/boot_id)"
		printf '%s\n' "$@" end
	} >$state
}
left "device $i nvme 1" 'poll_queues 0 0' frob
refuses 'a state file of another kind' 'is no state file of this program' quick --rows kernel-none-plain
rm $state

# Only what a run changed is restored, and only if it is still so.
left "device $i nvme 1" 'poll_queues 0 1' 'noiommu N Y' 'hugepages 3 20'
echo 12 >/proc/sys/vm/nr_hugepages
quick --rows kernel-none-plain >/tmp/said 2>&1
check 'changed since: said' says 'nr_hugepages was set to 20, and is 12 now: it is left so'
check 'changed since: huge pages' [ "$(cat /proc/sys/vm/nr_hugepages)" = 12 ]
check 'changed since: poll queues' [ "$(cat $poll)" = 2 ]
left "device $i nvme 1" 'hugepages 3 12'
check 'still so: another run' quick --rows kernel-none-plain
check 'still so: put back' [ "$(cat /proc/sys/vm/nr_hugepages)" = 3 ]
left "device 0000:7f:1f.7 nvme 1"
quick --rows kernel-none-plain >/tmp/said 2>&1
check 'a device that is gone: said' says '0000:7f:1f.7 is gone'
check 'a device that is gone locks nobody out' grep -q '^kernel-none-plain,' $out/results.csv
left "device $i nvme 1" 'hugepages 0 3'
sed -i 's/^boot .*/boot 00000000-0000-0000-0000-000000000000/' $state
check 'of another boot: another run' quick --rows kernel-none-plain
check 'of another boot: nothing is put back' [ "$(cat /proc/sys/vm/nr_hugepages)" = 3 ]
left "device $NVME_IOMMU nvme 1" 'poll_queues 1 2'
mount "/dev/$(disk "$NVME_IOMMU")" /mnt/x
refuses 'in use since: the way out' "rm\|remove $state" quick --rows kernel-none-plain
umount /mnt/x
rm -f $state
echo 2 >$poll
begin
check 'only root can lock the state file' [ "$(stat -c %a $state)" = 600 ]
kill -INT $run
finish
echo 0 >/proc/sys/vm/nr_hugepages
check 'and as it was' as_found
