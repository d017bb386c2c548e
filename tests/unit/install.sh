#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# shellcheck disable=SC2317 # check() calls what looks unreachable
# An installation is enough to build a program on the library, and has no private header.
# usage: install.sh BUILD (CC: a compiler other than cc)
# shellcheck source=tests/unit/check.sh
. "$(dirname "$0")/check.sh"
build=$1
read -ra cc <<<"${CC:-cc}"

check "it is installed" meson install -C "$build" --no-rebuild --destdir "$work/root"
pc=$(find "$work/root" -name noiommu_nvme.pc)
libdir=${pc%/pkgconfig/*}
export PKG_CONFIG_PATH=${pc%/*} PKG_CONFIG_ALLOW_SYSTEM_CFLAGS=1 PKG_CONFIG_ALLOW_SYSTEM_LIBS=1
flags() { pkg-config --define-variable=prefix="$work/root/usr" "$@" noiommu_nvme; }
check "pkg-config knows it" flags --exists
read -ra cflags < <(flags --cflags)
read -ra libs < <(flags --libs)

same() { diff <(cd "$top/include" && find . -name '*.h' | sort) <(cd "$work/root/usr/include" && find . -type f | sort); }
check "its headers are those of include/, all of them, and no others" same

# Copy sources out of this tree, so that they can't find anything in it.
compile() { "${cc[@]}" -std=gnu11 -D_GNU_SOURCE -Wall -Wextra -Wno-missing-field-initializers -Werror "$@"; }
for source in "$top"/docs/*.c "$top"/docs/examples/*.c; do
	name=$(basename "$source" .c)
	cp "$source" "$work/"
	check "${source#"$top/"} builds on it" compile -pthread "$work/$name.c" "${cflags[@]}" "${libs[@]}" -o "$work/$name"
done
# missing_device NAME ARGUMENT...
missing_device() {
	LD_LIBRARY_PATH=$libdir "$work/$1" ffff:ff:1f.7 "${@:2}"
	[ $? = 1 ] && grep -q ffff:ff:1f.7 "$work/said" && [ "$(wc -l <"$work/said")" = 1 ]
}
for run in get-pa example 'batch 32' 'threads 2 8' 'epoll 8'; do
	# shellcheck disable=SC2086 # a name and its arguments
	check "${run%% *} runs with it, and says that a device is missing" missing_device $run
done
installed() { diff <(cd "$top/docs" && basename -a ./*.c examples/*.c | sort) <(ls "$work/root/usr/share/doc/noiommu-nvme/examples"); }
check "the examples are installed" installed
pages() { diff <(ls "$build/docs/man3/man3") <(ls "$work/root/usr/share/man/man3"); }
if [ -d "$build/docs/man3/man3" ]; then check "the man pages of section 3 are installed" pages; fi

mkdir "$work/bench"
cp "$top"/bench/*.h "$top/bench/path_driver.c" "$work/bench/"
check "the benchmark's path through the driver builds on it" \
	compile -c "$work/bench/path_driver.c" "${cflags[@]}" -o "$work/path_driver.o"
# What it uses of the library is exported: with a declaration of its own it could bypass the
# headers.
public() {
	nm -u "$work/path_driver.o" | awk '$2 ~ /^nnvme_/ { print $2 }' | sort >"$work/taken"
	[ -s "$work/taken" ] || { echo "takes nothing"; return 1; }
	nm -D --defined-only "$libdir/libnoiommu_nvme.so" | awk '{ sub(/@.*/, "", $3); print $3 }' | sort |
		comm -13 - "$work/taken" >"$work/hidden"
	! grep . "$work/hidden"
}
check "and takes only what the library exports" public

# One line of a program, in a folder of its own: a quoted name is looked for beside it first.
mkdir "$work/program"
include() { echo "#include \"$1\"" >"$work/program/main.c"; }
# finds HEADER: a program that includes it finds a file of this project (libnvme has an nvme/, too).
finds() {
	include "$1"
	"${cc[@]}" "${cflags[@]}" -M "$work/program/main.c" 2>/dev/null | grep -qE "($top|$work/root)/.*/${1##*/}( |$)"
}
check "a public header is found (or the next test shows nothing)" finds noiommu_nvme/ctrl.h
private() {
	local found=0
	for header in $(cd "$top" && echo nvme/*.h dma/*.h kernel/*.h); do
		! finds "$header" || { echo "$header is found"; found=1; }
	done
	return "$found"
}
check "no private header is" private
no_private() { include nvme/private.h && ! compile -c "$work/program/main.c" "${cflags[@]}" -o "$work/main.o"; }
check "a program that includes nvme/private.h fails to compile" no_private
echo "1..$count"
exit $failed
