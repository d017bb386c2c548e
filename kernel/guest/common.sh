# SPDX-License-Identifier: MIT
# shellcheck shell=bash
# What the guest's scripts share. Sourced, never run.

# What is parsed here (apt, EPOCHREALTIME, awk) is in one language, with decimal points.
export LC_ALL=C.UTF-8

guest_dir=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
# shellcheck disable=SC2034 # for the scripts that source this
top=$(cd "$guest_dir/../.." && pwd)
cache=${NNVME_CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/noiommu-nvme}

# In a hook git says where its repository is, and a builder's `git am` would commit there.
if command -v git >/dev/null; then
	# shellcheck disable=SC2046 # names of variables
	unset $(git rev-parse --local-env-vars)
fi

# git for a builder's own tree, where a user's settings must not change how patches apply
git_alone() { GIT_CONFIG_GLOBAL=/dev/null GIT_CONFIG_NOSYSTEM=1 git -c gc.auto=0 "$@"; }

say() { printf '%s\n' "$*" >&2; }
die() { say "${0##*/}: $*"; exit 1; }

# One builder at a time for each cached object; the lock ends with the script.
lock() {
	mkdir -p "$cache"
	exec {lock_fd}>"$cache/$1.lock"
	flock -n "$lock_fd" || {
		say "$1: waiting for another run that is building it"
		flock "$lock_fd"
	}
}

# sha256 of standard input, shortened to what a file name needs
digest() { sha256sum | cut -c1-16; }

# min:sec since $1 (a value of SECONDS)
elapsed() { printf '%d:%02d' $(((SECONDS - $1) / 60)) $(((SECONDS - $1) % 60)); }

# took KIND WHAT BEGUN: since BEGUN, a value of EPOCHREALTIME. A line in the file $NNVME_TIMES, for whoever
# asks by it. KIND: step, or download, which depends on the mirror and not on this machine.
took() {
	[ -z "${NNVME_TIMES-}" ] || awk -v begun="$3" -v now="$EPOCHREALTIME" -v kind="$1" -v what="$2" \
		'BEGIN { printf "%s\t%.1f\t%s\n", kind, now - begun, what }' >>"$NNVME_TIMES"
}

# timed KIND WHAT COMMAND...: a program, and how long it took
timed() {
	local kind=$1 what=$2 begun=$EPOCHREALTIME status=0
	shift 2
	"$@" || status=$?
	took "$kind" "$what" "$begun"
	return "$status"
}
