# SPDX-License-Identifier: MIT
# shellcheck shell=bash
# The kernels in `kernels`, and Debian's packages of them: looked up, downloaded, never installed. Sourced
# after kernel/guest/common.sh.

# NNVME_KERNELS is the list of whoever tries another kernel.
kernels=${NNVME_KERNELS:-$top/kernel/module/kernels}

releases() { awk '!/^#/ && NF { print $1 }' "$kernels"; }

# version RELEASE, suite RELEASE: of its packages, or nothing
version() { awk -v release="$1" '!/^#/ && $1 == release { print $2 }' "$kernels"; }
suite() { awk -v release="$1" '!/^#/ && $1 == release { print $3 }' "$kernels"; }

# A backport to an older Debian has the sources of the version that it is of, 6.12.117-1~deb12u1 those of
# 6.12.117-1; series VERSION: 6.12.
source_version() { echo "${1%%\~*}"; }
series() { cut -d. -f1,2 <<<"$1"; }

# download DIR RELEASE PACKAGE...: the packages of that kernel into DIR
download() {
	local dir=$1 release=$2
	shift 2
	# shellcheck disable=SC2154 # of common.sh
	"$guest_dir/suite" "$dir" "$(suite "$release")" "${@/%/=$(version "$release")}"
}
