#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# Does arm64 code have its barriers where it needs them (docs/performance.md, Barriers)?
# usage: barriers.sh OBJDUMP CORE_LIBRARY BARRIERS_LIBRARY
set -u
objdump=$1 core=$2 inline=$3
count=0 failed=0

# code LIBRARY [FUNCTION]: its instructions on one line, each ended by a semicolon
code() {
	"$objdump" -d --no-show-raw-insn ${2:+"--disassemble=$2"} "$1" |
		awk -F '\t' '/^ +[0-9a-f]+:\t/ { sub(/ *\/\/.*/, "", $3); printf "%s %s; ", $2, $3 }'
}

# check NAME CODE PATTERN
check() {
	count=$((count + 1))
	if [[ $2 =~ $3 ]]; then
		echo "ok $count - $1"
	else
		failed=1
		echo "# no '$3' in: ${2:0:2000}"
		echo "not ok $count - $1"
	fi
}

doorbell='([^;]*; ){0,6}str w[0-9]+, \[x[0-9]+\];'
check "entries are seen before the doorbell that announces them" "$(code "$inline" ring)" "^dmb oshst; $doorbell"
check "a completion is read after its phase" "$(code "$inline" poll_one)" '^[^;]*; ([^;]*; ){0,6}lda(r|pr) w'
check "a freed slot is seen before its next entry" "$(code "$inline" poll_one)" 'str w[0-9]+, \[[^;]*; dmb ishst;'
check "also where several are freed" "$(code "$core" nnvme_reap)" 'dmb ishst;'
check "completions are read before the controller may reuse them" "$(code "$core")" "dmb osh; $doorbell"
echo "1..$count"
exit $failed
