# SPDX-License-Identifier: MIT
# shellcheck shell=sh
# What guest tests are written with: `. /tests/lib.sh`. Each test is a line `ok NAME` or `not ok
# NAME`; lines before it that begin with `#` are shown when it failed.

ok() { echo "ok $*"; }
not_ok() { echo "not ok $*"; }

# check NAME COMMAND...: the command succeeds.
check() {
	_name=$1
	shift
	if _said=$("$@" 2>&1); then
		ok "$_name"
	else
		_status=$?
		echo "# $* returned $_status and said:"
		echo "$_said" | sed 's/^/#   /'
		not_ok "$_name"
	fi
}

# refuses NAME WORDS COMMAND...: the command fails, not by a signal, and prints WORDS (a basic
# regular expression) in one line.
refuses() {
	_name=$1 _words=$2
	shift 2
	_status=0
	_said=$("$@" 2>&1) || _status=$?
	if [ $_status -gt 0 ] && [ $_status -lt 126 ] && echo "$_said" | grep -q -e "$_words"; then
		ok "$_name"
	else
		echo "# $* returned $_status; wanted a failure that says '$_words', and it said:"
		echo "$_said" | sed 's/^/#   /'
		not_ok "$_name"
	fi
}

# until_true COMMAND...: waits until it is; a minute, for a busy machine.
until_true() {
	_tries=0
	until "$@" || [ $_tries = 600 ]; do
		sleep 0.1
		_tries=$((_tries + 1))
	done
}

# has_open PROCESS WORDS: a file whose name has WORDS in it.
has_open() {
	for _file in "/proc/$1"/fd/*; do
		readlink "$_file" 2>/dev/null | grep -q -e "$2" && return
	done
	return 1
}

# end_holder SIGNAL: the program in the background, $holder, and waits for its end.
end_holder() {
	# shellcheck disable=SC2154 # the test's own
	kill "-$1" "$holder"
	wait "$holder" 2>/dev/null
}

# disk BDF: the name of the first disk that the kernel's driver made of a controller. QEMU 10 says that a
# namespace may have several controllers: then its disk, nvme0n1, is the subsystem's, and nvme0c0n1 a path.
disk() { basename "$(ls -d "/sys/bus/pci/devices/$1"/nvme/nvme*/nvme*n1)" | sed 's/c[0-9]*n1$/n1/'; }

# without CAPABILITY COMMAND: the command of a shell that lacks it.
without() {
	_cap=$1
	shift
	capsh --shell=/bin/sh --drop="$_cap" -- -c "$*"
}
