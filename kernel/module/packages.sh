# SPDX-License-Identifier: MIT
# shellcheck shell=bash
# Debian's packages of the kernels in `kernels`: looked up, downloaded, never installed. Sourced after
# kernel/guest/common.sh.

# NNVME_KERNELS is the list of whoever tries another kernel.
kernels=${NNVME_KERNELS:-$top/kernel/module/kernels}

releases() { awk '!/^#/ { print $1 }' "$kernels"; }

# version RELEASE: that of its packages, or nothing
version() { awk -v release="$1" '!/^#/ && $1 == release { print $2 }' "$kernels"; }

# download DIR PACKAGE VERSION: its file into DIR
download() {
	say "packages: downloading $2 $3"
	(cd "$1" && timed download "$2" apt-get -q -o APT::Sandbox::User=root download "$2=$3") >"$1/log" 2>&1 || {
		tail -n 3 "$1/log" >&2
		say "packages: no $2 $3: apt-get update, or it has left Debian's archive"
		exit 75
	}
}
