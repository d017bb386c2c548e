# SPDX-License-Identifier: MIT
# shellcheck shell=bash disable=SC2034 # its variables are for the scripts that source it
# What the shell tests beside this share: their numbers, a folder, one check. Sourced, never run.
set -u
top=$(cd "$(dirname "$0")/../.." && pwd)
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
count=0 failed=0

# check NAME COMMAND...: what it says, in $work/said, explains a failure
check() {
	local name=$1
	count=$((count + 1))
	shift
	if "$@" >"$work/said" 2>&1; then
		echo "ok $count - $name"
	else
		failed=1
		sed 's/^/# /' "$work/said"
		echo "not ok $count - $name"
	fi
}
