#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# shellcheck disable=SC2317 # check() calls what looks unreachable
# Packages of another suite, from a mirror in a folder: what is downloaded, and how what cannot be is told
# from what is not there.
# shellcheck source=tests/unit/check.sh
. "$(dirname "$0")/check.sh"
own=$(sed -n 's/^VERSION_CODENAME=//p' /etc/os-release)
arch=$(dpkg --print-architecture)
export NNVME_CACHE=$work/cache NNVME_APT=$work/apt

# package DIR NAME VERSION ARCHITECTURE [FIELD]
package() {
	mkdir -p "$work/package/DEBIAN" "$1"
	printf '%s\n' "Package: $2" "Version: $3" "Architecture: $4" 'Maintainer: nobody' 'Description: nothing' \
		"${@:5}" >"$work/package/DEBIAN/control"
	dpkg-deb --build "$work/package" "$1/$2_$3_$4.deb" >/dev/null
}
# suite MIRROR NAME ARCHITECTURE: its lists, of what is in its pool
suite() {
	local lists=$1/dists/$2/main/binary-$3
	mkdir -p "$lists"
	(cd "$1" && dpkg-scanpackages --multiversion --arch "$3" "pool/$2" 2>/dev/null) >"$lists/Packages"
	{
		printf '%s\n' "Suite: $2" "Codename: $2" 'Components: main' "Architectures: amd64 arm64" 'SHA256:'
		cd "$1/dists/$2" || exit
		find . -name Packages -printf '%P\n' | while read -r file; do
			echo " $(sha256sum <"$file" | cut -d' ' -f1) $(stat -c %s "$file") $file"
		done
	} >"$work/release"
	mv "$work/release" "$1/dists/$2/Release"
}

main=$work/mirror security=$work/security
package "$main/pool/$own" tool 1.0 "$arch"
package "$main/pool/$own" lib 1.0 "$arch"
package "$main/pool/other" tool 2.0 "$arch" 'Depends: lib'
package "$main/pool/other" tool 2.1 "$arch" 'Depends: lib'
package "$main/pool/$own" cross 1.0 arm64 'Depends: crosslib'
package "$main/pool/$own" crosslib 1.0 arm64
package "$security/pool/other-security" fixed 3.0 "$arch"
suite "$main" "$own" "$arch"
suite "$main" "$own" arm64
suite "$main" other "$arch"
(suite "$security" "$own-security" "$arch")
suite "$security" other-security "$arch"

# sources one_line | stanzas: the machine's, in one of two spellings, beside a third party's
sources() {
	rm -rf "$work/apt"
	mkdir -p "$work/apt/sources.list.d"
	if [ "$1" = one_line ]; then
		printf '%s\n' "deb [trusted=yes arch=$arch] copy:$main $own main" \
			"deb [trusted=yes] copy:$security $own-security main" >"$work/apt/sources.list"
	else
		printf '%s\n' 'Types: deb' "URIs: copy:$main" "Suites: $own" 'Components: main' 'Trusted: yes' \
			"Architectures: $arch" '' 'Types: deb' "URIs: copy:$security" "Suites: $own-security" \
			'Components: main' 'Trusted: yes' >"$work/apt/sources.list.d/debian.sources"
		echo "deb [trusted=yes] copy:$work/third $own stable" >"$work/apt/sources.list.d/third.list"
	fi
}
# download STATUS FILES OPTION... DIR-less arguments
download() {
	local want=$1 files=$2 status=0
	shift 2
	rm -rf "$work/got"
	mkdir "$work/got"
	local options=()
	while [[ $1 == --* ]]; do options+=("$1"); shift; done
	"$top/kernel/guest/suite" "${options[@]}" "$work/got" "$@" >"$work/before" 2>&1 || status=$?
	cat "$work/before"
	[ "$status" = "$want" ] || { echo "status $status"; return 1; }
	[ "$(cd "$work/got" && echo *)" = "$files" ] || { ls "$work/got"; return 1; }
}

# says TEXT: of the check before
says() { grep -F "$1" "$work/before"; }

for spelling in one_line stanzas; do
	sources $spelling
	check "$spelling: another suite's newest" download 0 "tool_2.1_$arch.deb" other tool
	check "$spelling: a version of it" download 0 "tool_2.0_$arch.deb" other tool=2.0
	check "$spelling: what it depends on, from the machine's suite" \
		download 0 "lib_1.0_$arch.deb tool_2.1_$arch.deb" --depends other tool
	check "$spelling: its security updates are elsewhere" download 0 "fixed_3.0_$arch.deb" other-security fixed
	check "$spelling: the machine's own" download 0 "tool_1.0_$arch.deb" - tool
	check "$spelling: another architecture, although the machine's source is limited to its own" \
		download 0 "cross_1.0_arm64.deb crosslib_1.0_arm64.deb" --depends --arch=arm64 - cross
	check "$spelling: no such package" download 75 '*' other nothing
	check "$spelling: no such version" download 75 '*' other tool=9
	check "$spelling: no such suite" download 75 '*' nowhere tool
	check "$spelling: that tells what is missing" says 'the mirror has no tool of nowhere'
done

sed -i "s|copy:$main|http://127.0.0.1:9|" "$work/apt/sources.list.d/debian.sources"
rm -rf "$NNVME_CACHE"
check "a mirror that can't be reached is not one without the suite" download 1 '*' other tool
check "nor without the package" download 1 '*' - tool
no_folder() { ! "$top/kernel/guest/suite" "$work/none" other tool; }
check "no such folder" no_folder
echo "1..$count"
exit $failed
