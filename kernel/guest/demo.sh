#!/bin/sh
# SPDX-License-Identifier: MIT
# The guest's side of `./run demo`: fio through this driver (on $NVME_NOIOMMU and $NULL_NOIOMMU) and
# through the kernel's ($NVME_1 and $NVME_2), on equal controllers without an IOMMU; and through
# this driver on $NVME_IOMMU, behind one. The result goes to /out/result.

rounds=3
seconds=${DEMO_SECONDS:-2}
# A measurement during which a thread of QEMU waited for a core for more than this share of the
# time, in percent, is disturbed and repeated, at most three times, and for at most half of all
# measurements (a busy machine must not make it three times as long); if it stays so, it is marked.
limit=5
left=12

fail() {
	echo "FAIL $*" >/out/result
	exit 1
}

# The kernel's name for a controller's namespace.
block_device() {
	for namespace in /sys/bus/pci/devices/"$1"/nvme/nvme*/nvme*n*; do
		# nvme0c0n1 is one path to nvme0n1, where a namespace may have several controllers
		[ -e "$namespace" ] && echo "/dev/${namespace##*/}" | sed 's/c[0-9]*n/n/' && return
	done
	return 1
}

# run_fio OPTIONS: its terse line goes to /tmp/terse, other output to /tmp/said.
run_fio() {
	fio --name=demo --direct=1 --thread=1 --output-format=terse --terse-version=3 --output=/tmp/terse "$@" \
		>/tmp/said 2>&1 || { cat /tmp/terse /tmp/said; return 1; }
	grep -q '^3;' /tmp/terse
}
# Without CAP_SYS_ADMIN, which would show physical addresses in /proc/self/pagemap.
nnvme() {
	bdf=$1
	shift
	set -- --ioengine=libnoiommu_nvme --filename="$(echo "$bdf" | tr : .)" "$@"
	capsh --drop=cap_sys_admin --shell=/bin/sh -- -c '. /tmp/run_fio; run_fio "$@"' demo "$@"
}
kernels() {
	device=$1
	shift
	run_fio --ioengine=io_uring --filename="$device" "$@"
}
# delays: the answer of kernel/guest/threads: the host's time and each thread's run delay.
asked=0
delays() {
	asked=$((asked + 1))
	{
		echo "$asked" >&3
		until read -r answer <&3 && [ "${answer%% *}" = "$asked" ]; do :; done
	} 3<>/run/run-delay
}
# waited BEFORE AFTER: how long the most delayed thread waited, in percent of the time.
waited() {
	echo "$1 $2" | awk '{
		n = NF / 2
		for (i = 3; i <= n; i++) {
			split($i, a, ":")
			split($(n + i), b, ":")
			share = (b[2] - a[2]) / 10 / ($(n + 2) - $2)
			most = share > most ? share : most
		}
		printf "%.0f", most
	}'
}
# quietly COMMAND...: a measurement; $mark is "*" if all tries were disturbed.
disturbed=0 worst=0
quietly() {
	mark='' again=0
	while :; do
		delays
		before=$answer
		"$@" || return
		delays
		share=$(waited "$before" "$answer")
		[ "$share" -gt $limit ] || return 0
		again=$((again + 1))
		if [ $again = 3 ] || [ $left = 0 ]; then break; fi
		left=$((left - 1))
	done
	mark='*' disturbed=$((disturbed + 1))
	[ "$share" -le "$worst" ] || worst=$share
}
# field N of the result; terse format: 7 and 48 are KiB/s, 8 and 49 IOPS, read and write
field() { awk -F';' -v n="$1" '/^3;/ { print $n }' /tmp/terse; }
mib() { awk -v kib="$1" 'BEGIN { printf "%.0f MiB/s", kib / 1024 }'; }
median() { sort -n | awk '{ v[NR] = $1 } END { print v[int((NR + 1) / 2)] }'; }

# The shell that capsh starts needs the function too.
sed -n '/^run_fio()/,/^}/p' "$0" >/tmp/run_fio

null_kernel=$NVME_2
file_device=$(block_device "$NVME_1") || fail "the kernel shows no namespace on $NVME_1"
null_device=$(block_device "$null_kernel") || fail "the kernel shows no namespace on $null_kernel"

echo "Linux $(uname -r), $(fio --version); controllers without an IOMMU, unless stated"
for bdf in $NVME_NOIOMMU $NULL_NOIOMMU; do
	noiommu-nvme bind --unsafe-noiommu "$bdf" 2>&1 || fail "noiommu-nvme bind --unsafe-noiommu $bdf"
done
echo 128 >/proc/sys/vm/nr_hugepages
capabilities=$(capsh --drop=cap_sys_admin --shell=/bin/sh -- -c 'sed -n "s/^CapEff:[^0-9a-f]*//p" /proc/self/status')
[ $((0x$capabilities >> 21 & 1)) = 0 ] || fail "CAP_SYS_ADMIN could not be dropped"
noiommu-nvme list

echo "fio on a file-backed controller: write 64 MiB, read it back and verify, random reads"
table=/tmp/table
printf '%-34s %14s %14s\n' '' noiommu-nvme io_uring >$table
# step NAME FIELD OPTIONS: through each driver
step() {
	name=$1 field=$2
	shift 2
	quietly nnvme "$NVME_NOIOMMU" "$@" || fail "$name through noiommu-nvme: $(tail -n 1 /tmp/said)"
	a=$(field "$field") a_mark=$mark
	quietly kernels "$file_device" "$@" || fail "$name through the kernel's driver: $(tail -n 1 /tmp/said)"
	b=$(field "$field")
	case $field in 7 | 48) a=$(mib "$a") b=$(mib "$b") ;; *) a="$a IOPS" b="$b IOPS" ;; esac
	printf '%-34s %14s %14s\n' "$name" "$a$a_mark" "$b$mark" >>$table
	echo "  $name: done"
}
step 'write, 128 KiB, depth 8' 48 --rw=write --bs=128k --size=64m --iodepth=8 --verify=crc32c --do_verify=0
step 'verify (crc32c), 128 KiB, depth 8' 7 --rw=read --bs=128k --size=64m --iodepth=8 --verify=crc32c
step 'random reads, 4 KiB, depth 32' 8 --rw=randread --bs=4k --size=64m --iodepth=32 --time_based --runtime="$seconds"

echo "the same driver on a controller behind the IOMMU: write and verify"
noiommu-nvme bind "$NVME_IOMMU" >/dev/null || fail "noiommu-nvme bind $NVME_IOMMU"
quietly nnvme "$NVME_IOMMU" --mode=iommu --rw=randwrite --bs=64k --size=32m --iodepth=8 --verify=crc32c ||
	fail "write and verify behind the IOMMU: $(tail -n 1 /tmp/said)"
printf '%-34s %14s %14s\n' 'behind the IOMMU: verified' "$(mib "$(field 7)")$mark" '-' >>$table

echo "4 KiB random reads on controllers without storage behind them, $rounds interleaved rounds"
rm -f /tmp/iops.* /tmp/mark.*
# random DEPTH NAME COMMAND...: 4 KiB random reads; appends their IOPS to /tmp/iops.NAME.DEPTH.
random() {
	depth=$1 name=$2
	shift 2
	quietly "$@" --rw=randread --bs=4k --size=1g --norandommap=1 --iodepth="$depth" --time_based --runtime="$seconds" ||
		fail "random reads at depth $depth, $name: $(tail -n 1 /tmp/said)"
	field 8 >>"/tmp/iops.$name.$depth"
	[ -z "$mark" ] || echo "$mark" >"/tmp/mark.$name.$depth"
}
for round in $(seq $rounds); do
	for depth in 1 32; do
		random "$depth" nnvme nnvme "$NULL_NOIOMMU"
		random "$depth" uring kernels "$null_device"
		random "$depth" hipri kernels "$null_device" --hipri
	done
	echo "  round $round of $rounds: done"
done

echo
cat $table
echo
# The median of the ratios of the same rounds, with minimum and maximum.
ratios() {
	paste -d ' ' "$1" "$2" | awk '$2 > 0 { print $1 / $2 }' | sort -n |
		awk '{ v[NR] = $1 } END { printf "%.2f (%.2f to %.2f)", v[int((NR + 1) / 2)], v[1], v[NR] }'
}
marked() { cat "/tmp/mark.${1#/tmp/iops.}" 2>/dev/null; }
line() { printf '%-18s %12s %8s  %-19s %15s  %s\n' "$@"; }
line '4 KiB random reads' noiommu-nvme io_uring ratio 'io_uring polled' ratio
for depth in 1 32; do
	a=/tmp/iops.nnvme.$depth b=/tmp/iops.uring.$depth c=/tmp/iops.hipri.$depth
	ratio=$(ratios $a $b)
	line "depth $depth, IOPS" "$(median <$a)$(marked $a)" "$(median <$b)$(marked $b)" "$ratio" \
		"$(median <$c)$(marked $c)" "$(ratios $a $c)"
done
busy=
[ $disturbed = 0 ] || {
	busy="; $disturbed measurements were disturbed (*)"
	echo "   (* disturbed: QEMU's threads waited for a core for more than $limit % of the time, up to $worst %:" \
		"the machine is busy, and polling suffers most from it)"
}
echo "   (target at depth 32: 3 times io_uring; in brackets the rounds' minimum and maximum)"
echo "PASS written, verified and read through GET_PA without CAP_SYS_ADMIN, and behind the IOMMU; ${ratio%% *} times io_uring at depth 32$busy" >/out/result
