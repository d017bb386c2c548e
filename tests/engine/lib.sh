# SPDX-License-Identifier: MIT
# shellcheck shell=bash
# fio with the engine on software controllers: what the other scripts here share. Sourced, never
# run. The first two arguments are the engine linked with the model, and the engine; FIO names the
# fio.
set -u
# shellcheck disable=SC2034 # for the scripts that source this
model=$(readlink -f "$1") module=$(readlink -f "$2")
fio=${FIO:-fio}
tmp=$(mktemp -d)
trap 'rm -rf "$tmp"' EXIT
cd "$tmp" || exit	# fio leaves files where it is
n=0 bad=0
# shellcheck disable=SC2034
A=0000.41.00.0 B=0000.42.00.0
unset NNVME_MODEL NNVME_WITNESS on
export ASAN_OPTIONS=detect_leaks=0 UBSAN_OPTIONS=halt_on_error=1:print_stacktrace=1

# in_fio ARGUMENTS: fio with them and nothing else, output in $tmp/out, status in $status
in_fio() {
	LD_PRELOAD=${FIO_PRELOAD-} timeout -s KILL 120 "$fio" "$@" >"$tmp/out" 2>&1 </dev/null
	status=$?
}

# job ARGUMENTS: one job on the first controller, or $on; later arguments override
job() {
	in_fio --name=job "--ioengine=external:$model" "--filename=${on-$A}" --hugepages=off --thread \
		--bs=4k --size=1m "$@"
}

result() { # NAME, after a test: 0
	if [ "$1" -eq 0 ]; then
		echo "ok $((n += 1)) - $2"
	else
		echo "not ok $((n += 1)) - $2"
		echo "# status $status"
		sed 's/^/# /' "$tmp/out"
		bad=$((bad + 1))
	fi
}

said() { grep -Eq -e "$1" "$tmp/out"; }

# works NAME ARGUMENTS: runs, does some I/O, and no job reports an error
works() {
	works_name=$1
	shift
	job "$@"
	[ $status -eq 0 ] && said ' err= 0' && said 'bw=.*io=[1-9]' && ! said ' err=( [1-9]|[1-9])'
	result $? "$works_name"
}

# refuses NAME WORDS ARGUMENTS: prints those, in one line of the engine, and exits without a crash
refuses() {
	refuses_name=$1 words=$2
	shift 2
	job "$@"
	[ $status -ne 0 ] && [ $status -lt 128 ] && said "$words"
	result $? "refused: $refuses_name"
}

# fua NAME COUNT ARGUMENTS: so many commands have Force Unit Access, in words of a pattern, and none
# is a Flush
fua() {
	fua_name=$1 count=$2
	shift 2
	NNVME_WITNESS_COUNTS=1 job "$@"
	[ $status -eq 0 ] && said ' err= 0' && said "flushes=0 fua=$count\$"
	result $? "$fua_name"
}

# An engine built for another release with the same interface version, whose layouts may differ.
other_release() {
	release=$("$fio" --version)
	other=${release%?}x
	LC_ALL=C sed "s/$release\x00/$other\x00/g" "$model" >"$tmp/other.so"
	in_fio --name=job "--ioengine=external:$tmp/other.so" --filename=$A --hugepages=off --thread --rw=read --size=1m
	[ $status -ne 0 ] && [ $status -lt 128 ] && said "libnoiommu_nvme: made for $other, and this is $release: .*fio_source"
	result $? "refused: another release of fio, be its interface the same"
}

finish() {
	echo "1..$n"
	[ "$bad" -eq 0 ]
}
