#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# The distribution's fio with the engine, on software controllers: engine.sh MODULE-ON-MODEL MODULE
# Prints TAP. A violation that a controller records (witness.c) fails the run in which it happens.
# shellcheck source=tests/engine/lib.sh
. "$(dirname "$(readlink -f "$0")")/lib.sh"

### what the module is
nm -D --defined-only "$module" >"$tmp/out" 2>&1
status=$?
[ "$(wc -l <"$tmp/out")" -eq 1 ] && said ' D ioengine$'
result $? 'the module exports the ops table and nothing else'

LD_LIBRARY_PATH=$(dirname "$module") in_fio --enghelp=libnoiommu_nvme
[ $status -eq 0 ] && said '^nsid' && said '^hugepages' && said '^mode'
result $? 'enghelp lists the options, the engine found by its name'

LD_LIBRARY_PATH=$(dirname "$module") in_fio --enghelp=libnoiommu_nvme,mode
[ $status -eq 0 ] && said 'noiommu' && said 'default: auto'
result $? 'enghelp explains an option'

LD_LIBRARY_PATH=$(dirname "$module") in_fio --name=job --ioengine=libnoiommu_nvme --rw=read \
	--filename=ffff.ff.1f.7
[ $status -ne 0 ] && [ $status -lt 128 ] && said 'libnoiommu_nvme: .*ffff:ff:1f.7'
result $? 'refused: a controller that does not exist'

# Another version of the interface: the word behind the list head and the name's pointer.
section=$(readelf -SW "$module" | sed -n 's/^ *\[ *[0-9]*\] \.data \+PROGBITS *//p')
# shellcheck disable=SC2086 # address, offset, ...
set -- $section
at=$((0x$(nm -D "$module" | sed -n 's/ D ioengine$//p') - 0x$1 + 0x$2 + 24))
cp "$module" "$tmp/other.so"
printf '\143' | dd of="$tmp/other.so" bs=1 seek=$at conv=notrunc 2>"$tmp/dd"
in_fio --name=job "--ioengine=external:$tmp/other.so" --filename=$A --rw=read
[ $status -ne 0 ] && [ $status -lt 128 ] && said 'bad ioops version 99 \(want [0-9]+\)'
result $? "refused: another fio's version (fio's own words)"

other_release

### I/O
works 'sequential read' --rw=read
works 'write, verify by crc32c' --rw=randwrite --iodepth=32 --verify=crc32c
works 'write, verify by pattern' --rw=write --iodepth=8 --verify=pattern --verify_pattern=0xdeadbeef
works 'randrw, verify' --rw=randrw --iodepth=16 --verify=crc32c --size=4m
works 'trim' --rw=randtrim --iodepth=4
works 'trimwrite' --rw=trimwrite --iodepth=4
for bs in 512 1536 4k 12k 128k 132k 1m 4m; do
	works "bs=$bs, verify" --bs=$bs --size=8m --rw=write --iodepth=4 --verify=crc32c
done
works 'bsrange, verify' --bsrange=512-256k --rw=randwrite --size=8m --iodepth=16 --verify=crc32c
works 'bssplit' --bssplit=512/20:4k/50:64k/30 --rw=randrw --size=8m --iodepth=16
NNVME_MODEL=block=4096,size=64m works '4096-byte blocks, verify' --rw=randwrite --verify=crc32c \
	--bsrange=4k-64k --iodepth=8
for align in 4 512 516 2048 4100; do
	works "iomem_align=$align, verify" --iomem_align=$align --bs=20k --size=2m --iodepth=5 \
		--rw=randwrite --verify=crc32c
done
works 'one block at a time in odd multiples, verify' --bs=3584 --size=1m --iodepth=9 --rw=write \
	--verify=crc32c
for depth in 1 2 31 256 1024; do
	NNVME_MODEL=mqes=2047 works "iodepth=$depth" --iodepth=$depth --rw=randwrite --size=8m --verify=crc32c
done
works 'iodepth=1023, all of a queue, in large blocks' --iodepth=1023 --bs=64k --size=64m --rw=randread
works 'iodepth=1 with a block of many commands' --iodepth=1 --bs=4m --size=16m --rw=write --verify=crc32c
works 'batches of 32' --iodepth=32 --iodepth_batch=32 --iodepth_batch_complete_min=1 \
	--iodepth_batch_complete_max=32 --rw=randread --size=8m
works 'batches that wait for all' --iodepth=64 --iodepth_batch=16 --iodepth_low=16 \
	--iodepth_batch_complete_min=16 --iodepth_batch_complete_max=64 --rw=randrw --size=8m
works 'completions taken as they are there' --iodepth=16 --iodepth_batch_complete_min=0 --rw=randread

# rings ARGUMENTS: 8192 reads at depth 32 on a controller that completes in bursts; how often each
# doorbell rang
rings() {
	NNVME_MODEL=burst=1 job --debug=process --iodepth=32 --rw=randread --size=8m --io_size=32m "$@"
	said ' err= 0' || return
	# shellcheck disable=SC2046 # two numbers
	set -- $(sed -n 's/.* queue 1: \([0-9]*\) submission and \([0-9]*\) completion doorbells.*/\1 \2/p' "$tmp/out")
	sq=${1:-99999} cq=${2:-99999}
}
rings --iodepth_batch_submit=16 --iodepth_batch_complete_max=32
[ "$sq" -le 512 ] && [ "$cq" -le 512 ]
result $? "in batches at most 1/16 of a submission doorbell a read ($sq of 512) and 1/16 of a completion doorbell ($cq)"
rings
[ "$sq" -lt 8192 ] && [ "$cq" -lt 8192 ]
result $? "with fio's defaults fewer doorbells than reads: $sq submission and $cq completion doorbells for 8192"

for jobs in 1 2 8; do
	works "numjobs=$jobs" --numjobs=$jobs --rw=randwrite --iodepth=8 --verify=crc32c \
		--offset_increment=4m
done
NNVME_WITNESS_COUNTS=1 job --numjobs=4 --rw=randread
[ $status -eq 0 ] && said 'enables=1 '
result $? 'four jobs open their controller once'

NNVME_WITNESS_COUNTS=1 in_fio "--ioengine=external:$model" --hugepages=off --thread --rw=read --size=1m \
	--name=a --filename=$A --name=b --filename='0000\:41\:00.0' --name=c --filename=41.00.0
[ $status -eq 0 ] && said 'enables=1 '
result $? 'three spellings of one controller are one controller'

on=$A:$B works 'two controllers in one job, verify' --rw=randwrite --size=4m --iodepth=16 \
	--verify=crc32c
on=${A}n1:${A}n2 NNVME_MODEL=ns=2 works 'two namespaces in one job, verify' --rw=randwrite \
	--size=4m --iodepth=16 --verify=crc32c
on=$A:${B}n2:${A}n2:$B NNVME_MODEL=ns=2 works 'two controllers, two namespaces each' \
	--rw=randrw --size=8m --iodepth=16
NNVME_MODEL=ns=3 works 'nsid=3' --nsid=3 --rw=write --verify=crc32c

NNVME_MODEL=ns=2,file=$tmp/disk job --nsid=2 --rw=write --buffer_pattern=0x5a --offset=8k --size=64k
tr -d '\132' <"$tmp/disk.2" | wc -c >"$tmp/left"
[ $status -eq 0 ] && [ "$(cat "$tmp/left")" -eq $(($(wc -c <"$tmp/disk.2") - 65536)) ] &&
	[ "$(dd if="$tmp/disk.2" bs=8k skip=1 count=8 2>/dev/null | tr -d '\132' | wc -c)" -eq 0 ] &&
	[ "$(tr -d '\0' <"$tmp/disk.1" | wc -c)" -eq 0 ]
result $? 'what was written is where it belongs, and nowhere else'

works 'processes become threads' --thread=0 --numjobs=2 --rw=randread --iodepth=4
said 'thread=1 switched on' && [ "$(grep -c 'switched on' "$tmp/out")" -eq 1 ]
result $? 'and the engine says so once'
job --thread=0 --rw=read --output-format=json
[ $status -eq 0 ] && [ "$(head -c 1 "$tmp/out")" = '{' ]
result $? 'but not into JSON'
works 'create_serialize=0 with threads' --create_serialize=0 --rw=randwrite --verify=crc32c \
	--numjobs=2 --offset_increment=1m
refuses 'create_serialize=0 with processes' 'thread=1' --create_serialize=0 --thread=0 --rw=read

works 'time_based' --time_based --runtime=1 --rw=randrw --iodepth=4
works 'rate' --rate=8m --rw=randread --iodepth=4
works 'rate_iops and thinktime' --rate_iops=500 --thinktime=100 --rw=randwrite --iodepth=4 --size=256k
works 'loops' --loops=3 --rw=write --verify=crc32c
works 'size in percent' --size=50% --bs=256k --rw=read
works 'offset in percent' --offset=50% --size=25% --bs=256k --rw=read
on=$A:$B works 'the largest size that two files have' --bs=1m --size=134217728 --rw=read
on=${A}n1:${A}n2:${A}n3 NNVME_MODEL=ns=3 works 'the largest that three have from an offset' --offset=67104768 \
	--size=12288 --rw=read
works 'sync=1 for a job that only reads' --sync=1 --rw=read
fua 'sync=1: each write has FUA' 256 --sync=1 --rw=write
fua 'sync=sync at random' 256 --sync=sync --rw=randwrite --iodepth=8
fua 'sync=dsync for a mixed job: the writes alone' '1[0-9][0-9]' --sync=dsync --rw=randrw --iodepth=4
fua 'sync=1 in blocks of several commands: each of them' 64 --sync=1 --rw=write --bs=512k --size=8m
fua 'sync=1 for reads' 0 --sync=1 --rw=randread
fua 'no sync' 0 --rw=randwrite
printf 'fio version 2 iolog\n%s add\n%s open\n%s write 0 4096\n%s close\n' $A $A $A $A >"$tmp/log"
fua 'sync=1 for a log that writes' 1 --sync=1 "--read_iolog=$tmp/log"
works 'sync=1, verify' --sync=1 --rw=randwrite --iodepth=8 --verify=crc32c
# fills NAME MIB ARGUMENTS: without a size, the whole device is written once
fills() {
	fills_name=$1 mib=$2
	shift 2
	in_fio --name=job "--ioengine=external:$model" --hugepages=off --thread --bs=1m --fill_device=1 "$@"
	[ $status -eq 0 ] && said ' err= 0' && said "rwts: total=0,$mib,"
	result $? "$fills_name"
}
fills 'fill_device=1' 64 --filename=$A --rw=write
fills 'fill_device=1 at random' 64 --filename=$A --rw=randwrite --iodepth=8
fills 'fill_device=1 from an offset' 24 --filename=$A --rw=write --offset=40m
fills 'fill_device=1 at random from an offset' 24 --filename=$A --rw=randwrite --offset=40m
fills 'fill_device=1, two files' 128 --filename=$A:$B --rw=write
works 'stonewalled jobs' --rw=write --name=second "--ioengine=external:$model" --filename=$A \
	--hugepages=off --thread --stonewall --rw=read --size=1m
NNVME_WITNESS_COUNTS=1 job --rw=write --size=64k --fsync=4
[ $status -eq 0 ] && flushes=$(sed -n 's/.*flushes=\([0-9]*\).*/\1/p' "$tmp/out") && [ "${flushes:-0}" -ge 3 ]
result $? 'fsync is flush'
NNVME_WITNESS_COUNTS=1 job --rw=write --size=64k --fdatasync=4 --end_fsync=1 --iodepth=4
[ $status -eq 0 ] && flushes=$(sed -n 's/.*flushes=\([0-9]*\).*/\1/p' "$tmp/out") && [ "${flushes:-0}" -ge 4 ]
result $? 'fdatasync and end_fsync are flush'
printf 'fio version 2 iolog\n%s add\n%s open\n%s write 0 4096\n%s read 8192 8192\n%s close\n' \
	$A $A $A $A $A >"$tmp/log"
in_fio --name=job "--ioengine=external:$model" --hugepages=off --thread "--read_iolog=$tmp/log"
[ $status -eq 0 ] && said 'rwts: total=1,1,'
result $? 'a log is replayed'
NNVME_MODEL=queues=3 works 'hugepages and mode given' --mode=noiommu --numjobs=3 --rw=read

### how to wait
for wait in poll hybrid interrupt; do
	for depth in 1 32; do
		NNVME_MODEL=interrupts=1 works "wait=$wait at depth $depth" --wait=$wait --iodepth=$depth --rw=randrw \
			--verify=crc32c
	done
	on=$A:$B:${A}n2 NNVME_MODEL=ns=2,interrupts=1,dbbuf=1 works "wait=$wait, three files" --wait=$wait --iodepth=8 \
		--rw=randrw --size=6m
	NNVME_MODEL=interrupts=1 works "wait=$wait, two jobs, a rate" --wait=$wait --numjobs=2 --rate_iops=400 \
		--rw=randwrite --size=256k
done
NNVME_WITNESS_COUNTS=1 job --rw=randread
[ $status -eq 0 ] && said ' interrupts=0 '
result $? 'a job that polls is not interrupted'
NNVME_WITNESS_COUNTS=1 job --wait=interrupt --rw=randread
[ $status -eq 0 ] && said ' interrupts=[1-9]'
result $? 'one that sleeps is'

### I/O that fails
NNVME_MODEL=bad_lba=80 job --rw=read
[ $status -ne 0 ] && [ $status -lt 128 ] && said 'read of 8 blocks at LBA 80 of namespace 1: .*[Ee]rror' &&
	said 'err= *5|err=[1-9]'
result $? 'a failed read ends the job, with the status in words'
NNVME_MODEL=bad_lba=80 job --rw=randwrite --iodepth=32
[ $status -ne 0 ] && [ $status -lt 128 ] && said 'write of 8 blocks at LBA 80 of namespace 1: .*'
result $? 'a failed write at depth does so too'
NNVME_MODEL=bad_lba=80 job --rw=read --bs=1m --size=4m
[ $status -ne 0 ] && [ $status -lt 128 ] && said 'read of 2048 blocks at LBA 0 of namespace 1: .*'
result $? 'a failed piece fails the whole'
NNVME_MODEL=bad_lba=80 job --rw=read --continue_on_error=all
[ $status -lt 128 ] && said 'read of 8 blocks at LBA 80' && said 'total=256,' && said 'total_err|err= 0|errors *: total='
result $? 'continue_on_error goes on, with the status in words'
for end in fatal vanish; do
	NNVME_WITNESS=$end job --rw=randrw --time_based --runtime=60 --iodepth=32 --size=4m
	[ $status -ne 0 ] && [ $status -lt 128 ] && said "witness: $end" && said 'the controller is gone'
	result $? "a controller that dies ($end) fails its I/O and hangs nothing"
done
for wait in hybrid interrupt; do
	NNVME_WITNESS=vanish job --wait=$wait --rw=randread --time_based --runtime=60 --iodepth=32 --size=4m
	[ $status -ne 0 ] && [ $status -lt 128 ] && said 'the controller is gone'
	result $? "a controller that is removed wakes up who waits for it ($wait)"
done
on=$A:$B NNVME_WITNESS=vanish job --rw=randread --time_based --runtime=60 --rate_iops=20000 --iodepth=8 \
	--numjobs=2
[ $status -ne 0 ] && [ $status -lt 128 ] && said 'the controller is gone'
result $? 'one of two controllers dies, with a rate'

# loses NAME ARGUMENTS: the first controller never completes one of the I/Os, and the job ends all
# the same
loses() {
	loses_name=$1
	shift
	NNVME_WITNESS=lose job --rw=randread --size=8m --io_size=64m --io_timeout=2 "$@"
	[ $status -ne 0 ] && [ $status -lt 128 ] && said 'witness: lose' &&
		said '0000.41.00.0: nothing completed for 2 s \(io_timeout=2\) with [0-9]+ I/Os in flight' &&
		said 'read of .*: given up: nothing' && said 'err=110'
	result $? "a completion that never comes ends the job: $loses_name"
}
loses 'one at a time'
loses 'at depth' --iodepth=32
loses 'in batches' --iodepth=32 --iodepth_batch_submit=16 --iodepth_batch_complete_max=32
loses 'asleep' --iodepth=8 --wait=interrupt
loses 'on either of two controllers' --iodepth=8 --filename=$A:$B
loses 'one of two jobs' --numjobs=2
NNVME_WITNESS=lose job --rw=randread --size=8m --io_size=64m --io_timeout=2 --iodepth=4 --continue_on_error=all
[ $status -lt 128 ] && said 'nothing completed for 2 s' && [ "$(grep -c 'given up: nothing' "$tmp/out")" -le 12 ]
result $? 'and with continue_on_error what is left is refused, and said ten times'
on=$A:$B NNVME_WITNESS=both job --rw=randread --size=8m --io_size=64m --io_timeout=2 --iodepth=1
[ $status -ne 0 ] && [ $status -lt 128 ] && said '0000:41:00.0: registers read as all ones' &&
	said '0000.42.00.0: nothing completed for 2 s' && said 'err=110'
result $? 'a job whose other controller has vanished neither hangs nor ends well'
works 'io_timeout=0' --io_timeout=0 --rw=randread

### what is refused
on=0000:41:00.0 refuses 'an address cut at its colons' '0000\.41\.00\.0' --rw=read
on=nonsense refuses 'no address at all' 'address' --rw=read
on=${A}nx refuses 'no namespace behind the n' '0000\.41\.00\.0n2' --rw=read
refuses 'an absent nsid' 'amespace.* 7' --nsid=7 --rw=read
on=${A}n9 refuses 'an absent namespace in the name' 'amespace.* 9' --rw=read
refuses 'a misspelt option' '[Bb]ad option|nonexistent|unrecognized' --hugepage=off --rw=read
refuses 'a misspelt value' 'mode|hugepages' --mode=iomu --rw=read
refuses 'a mode that the device has not' 'iommu' --mode=iommu --rw=read
refuses 'bs=1000' 'bs=1000 .*512-byte.*bs=1024' --bs=1000 --rw=read
NNVME_MODEL=block=4096 refuses 'bs below the block' 'bs=512 .*4096-byte' --bs=512 --rw=read
refuses 'bsrange with an odd end' 'bs=5000 .*512-byte' --bsrange=512-5000 --rw=randread
refuses 'bssplit with an odd block' 'bssplit=1000 ' --bssplit=512/50:1000/50 --rw=randread
refuses 'an odd block size for writes alone' 'bs=700 ' --bs=4k,700 --rw=randrw
refuses 'blockalign' 'blockalign=100 ' --blockalign=100 --rw=randread
refuses 'bs_unaligned' 'bs_unaligned' --bs_unaligned --bsrange=512-4k --rw=randread
refuses 'an odd offset' 'offset=1000 .*512-byte' --offset=1000 --rw=read
refuses 'an odd offset_increment' 'offset=1000 .*512-byte' --offset_increment=1000 --numjobs=2 --rw=read
refuses 'an odd iomem_align' 'iomem_align=2:' --iomem_align=2 --rw=read
refuses 'an offset at the end' 'offset=67108864 .*67108864 bytes' --offset=64m --rw=read
refuses 'an offset behind the end' 'offset=1099511627776 .*67108864 bytes' --offset=1t --size=0 --rw=randread
refuses 'an offset of 100 %' 'offset=67108864 ' --offset=100% --size=0 --rw=read
refuses 'a second job behind the end' 'offset=67108864 ' --offset_increment=64m --numjobs=2 --rw=read
refuses 'a size over the end' 'size=67109376 at offset=0 .*at most size=67108864' --size=67109376 --rw=read
refuses 'a size over the end from an offset' 'at most size=4096' --offset=67104768 --size=8k --rw=read
refuses 'a filesize over the end' 'filesize=68157440 .*past the end.*at most filesize=67108864' --filesize=65m --size=0 --rw=read
on=$A:$B refuses 'a size over the end of two files' \
	'size=136314880 \(68157440 for each of 2 files\) .*at most size=134217728$' --size=130m --rw=read
on=${A}n1:${A}n2:${A}n3 NNVME_MODEL=ns=3 refuses 'a size over the end of three, from an offset' \
	'at most size=12288$' --size=1g --offset=67104768 --rw=read
refuses 'atomic=1' 'atomic=1: .*fsync=1 end_fsync=1|engine does not support atomic writes' --atomic=1 --rw=write
refuses 'write_barrier' 'write_barrier=4: .*fsync=4 end_fsync=1' --write_barrier=4 --rw=write
refuses 'a transfer that leaves the blocks on the way' "whole number of the namespace's blocks" \
	--rw=read:100 --bs=4k
NNVME_MODEL=mqes=63 refuses 'an iodepth that the queues lack' 'iodepth=64 .*at most iodepth=6[0-3]' \
	--iodepth=64 --rw=read
on=${A}n1:${A}n2 NNVME_MODEL=ns=2,queues=1 refuses 'more queue pairs than there are' 'queue pairs.*use fewer' --rw=read
NNVME_MODEL=oncs=0 refuses 'trim without Dataset Management' 'Dataset Management' --rw=trim
NNVME_MODEL=meta=8 refuses 'metadata' 'metadata' --rw=read
refuses 'pre_read' 'pre_read' --pre_read=1 --rw=read
refuses 'io_submit_mode=offload (fio'\''s own words)' 'offload' --io_submit_mode=offload --rw=read
refuses 'zonemode=zbd without a zone size (fio'\''s own words, with the controller open)' 'zone size' \
	--zonemode=zbd --rw=write
refuses 'mem= (fio'\''s own words)' 'mem' --mem=malloc --rw=read
# the controller comes up, its queues fit, the buffers don't: fio itself would go on and crash
NNVME_MODEL=map_limit=3m refuses 'buffers beyond what may be locked' 'buffers of [0-9]* bytes' --hugepages=off \
	--rw=read --bs=64k --iodepth=8
NNVME_MODEL=map_limit=1m refuses 'more memory than may be locked' 'memlock|ulimit|MEMLOCK' \
	--iodepth=64 --bs=1m --size=64m --rw=read
NNVME_MODEL=never_ready=1,to=1 refuses 'a controller that does not come up' 'CSTS.RDY=1 not seen' --rw=read
NNVME_MODEL=vectors=0 refuses 'wait=interrupt without interrupts' 'no interrupts .*only be polled' --wait=interrupt --rw=read
NNVME_MODEL=vectors=2 refuses 'more jobs than vectors' 'each takes a vector.*use fewer' --wait=hybrid --numjobs=2 --rw=read
refuses 'polling and sleeping on one controller' 'another job .*wait=poll' --rw=read --name=second --rw=read \
	"--ioengine=external:$model" --filename=$A --thread --hugepages=off --size=1m --wait=interrupt
refuses 'other options on an open controller' 'another job' --rw=read --name=second --rw=read \
	"--ioengine=external:$model" --filename=$A --thread --hugepages=2m --size=1m

finish
