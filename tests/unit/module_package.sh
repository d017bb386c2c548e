#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# shellcheck disable=SC2317 # check() calls what looks unreachable
# The package noiommu-vfio-dkms: what is in it, and what dkms makes of it in folders of its own. Where the
# sources can't be downloaded, that is skipped and said.
# shellcheck source=tests/unit/check.sh
. "$(dirname "$0")/check.sh"
PATH=$PATH:/usr/sbin:/sbin
list=$top/kernel/module/kernels
mapfile -t releases < <(awk '!/^#/ && NF { print $1 }' "$list")
first=${releases[0]}
root=$work/root

package() {
	deb=$("$top/kernel/module/dkms/package" "$1" 2>"$work/err") && return
	local status=$?
	tail -n 5 "$work/err"
	return "$status"
}
status=0
package "$work" >"$work/why" || status=$?
if [ "$status" = 75 ]; then
	echo "1..0 # SKIP $(tail -n 1 "$work/why")"
	exit
fi
check "it is made" [ "$status" = 0 ]
name=$(basename "$deb")
version=${name#*_} version=${version%_*}
dpkg-deb -x "$deb" "$root"
source=$root/usr/src/noiommu-vfio-$version

same() { mkdir "$work/again" && cp "$deb" "$work/first" && package "$work/again" && cmp "$work/first" "$deb"; }
check "made again it is the same, byte for byte" same

# Folders that are Debian's, and otherwise only our own: nothing in /etc, which removal would leave.
paths() {
	! dpkg-deb -c "$1" | awk '{ print $6 }' |
		grep -Evx '\./(usr/((lib|src|share)/)?)?|\./usr/share/doc/|\./usr/lib/modprobe\.d/' |
		grep -Ev "^\./usr/(src/noiommu-vfio-$version|lib/noiommu-vfio|share/doc/noiommu-vfio-dkms)/" |
		grep -Fvx ./usr/lib/modprobe.d/noiommu-vfio.conf
}
check "it has files in folders of its own alone" paths "$work/first"
small() { [ "$(stat -c %s "$work/first")" -lt 1000000 ]; }
check "it is below 1 MB" small
scripts() {
	local script
	mkdir "$work/control" && dpkg-deb -e "$work/first" "$work/control" || return
	for script in "$work"/control/p* "$root"/usr/lib/noiommu-vfio/* "$source"/build "$source/dkms.conf"; do
		case $script in */kernels) continue ;; esac
		bash -n "$script" || return
		! grep -H '@[A-Z]*@' "$script" || return
	done
}
check "its scripts are whole" scripts
# The text of `check` is in the script that runs before there is a file.
before() {
	mkdir -p "$work/machine/sys/module/kvmgt"
	! NOIOMMU_VFIO_ROOT=$work/machine "$work/control/preinst" install >"$work/said2" 2>&1 || return 1
	cat "$work/said2"
	grep -q 'the module kvmgt is loaded' "$work/said2" && rm -r "$work/machine/sys" &&
		NOIOMMU_VFIO_ROOT=$work/machine "$work/control/preinst" install
}
check "it refuses a machine before it is unpacked" before

every_kernel() {
	local release sources
	[ "$(awk '{ print $1 }' "$source/kernels")" = "$(printf '%s\n' "${releases[@]}")" ] || return
	while read -r release sources; do
		[ -f "$source/sources/$sources/drivers/vfio/vfio_main.c" ] || { echo "$release: no $sources"; return 1; }
	done <"$source/kernels"
}
check "each kernel of the list has sources" every_kernel
licensed() {
	! find "$source" -name '*.[ch]' ! -name config.h ! -name span_iter.c \
		-exec grep -L 'SPDX-License-Identifier: .*GPL-2.0' {} + | grep .
}
check "which name their license" licensed

# read_conf RELEASE INSTALLED: as dkms reads it for AUTOINSTALL, with a kernel that has the modules already,
# or nothing, in front of the one that it is asked for
read_conf() {
	bash -euc 'kernelver=$1 kernel_source_dir=x
		sourced() { . "$1" >/dev/null; echo "${AUTOINSTALL:-no} $BUILD_EXCLUSIVE_KERNEL"; }
		in_front() { local kernelver=$2; sourced "$3"; }
		in_front "$@"' read_conf "$1" "$2" "$source/dkms.conf"
}
autoinstall() {
	local release auto exclusive
	for release in "${releases[@]}"; do
		read -r auto exclusive < <(NOIOMMU_VFIO_ROOT=$work/machine read_conf "$release" "$1")
		[[ $auto = yes && $release =~ $exclusive ]] || { echo "$release: $auto $exclusive"; return 1; }
	done
	for release in 6.12.1+deb12-amd64 "6.12.117xdeb12-amd64" "x$first" "$first-x" 7.4.1+deb13-amd64; do
		read -r auto exclusive < <(NOIOMMU_VFIO_ROOT=$work/machine read_conf "$release" "$1")
		[[ $auto != yes && ! $release =~ $exclusive ]] || { echo "$release: $auto $exclusive"; return 1; }
	done
}
check "dkms builds for the kernels of the list, and no other" autoinstall ''
check "the same where one has them" autoinstall "$first"
refuses() {
	mkdir -p "$work/machine/sys/module/kvmgt"
	[[ $(NOIOMMU_VFIO_ROOT=$work/machine read_conf "$first" "" 2>&1) != "yes "* ]]
	local status=$?
	rm -r "$work/machine/sys"
	return "$status"
}
check "and for none where the modules must not be" refuses

# dkms VERB ARGUMENT...: in folders of this test
in_folders() {
	dkms "$@" --dkmstree "$work/dkms" --sourcetree "$root/usr/src" --installtree "$work/modules" --no-depmod
}
builds() {
	local modules=$work/modules/$first headers
	headers=$("$top/kernel/module/headers" "$first") || return
	mkdir -p "$work/dkms" "$modules/kernel/drivers/vfio"
	ln -s "$headers" "$modules/build"
	# Debian's own, of a version that dkms compares with.
	perl -pe 's/version=\Knoiommu-vfio 6\.12/"0.3" . "\0" x 14/e' \
		"$("$top/kernel/module/build-modules" "$first")/vfio.ko" >"$modules/kernel/drivers/vfio/vfio.ko"
	[ "$(modinfo -F version "$modules/kernel/drivers/vfio/vfio.ko")" = 0.3 ] || return
	cp "$modules/kernel/drivers/vfio/vfio.ko" "$work/stock.ko"
	in_folders add "noiommu-vfio/$version" || return
	in_folders autoinstall --kernelver "$first" --kernelsourcedir "$headers" ||
		{ cat "$work"/dkms/noiommu-vfio/*/build/make.log; return 1; }
	[ "$(cd "$modules/updates/dkms" && echo *)" = \
		"iommufd.ko vfio-pci-core.ko vfio-pci.ko vfio.ko vfio_iommu_type1.ko" ] &&
		[ "$(modinfo -F version "$modules/updates/dkms/iommufd.ko")" = "noiommu-vfio 6.12" ]
}
# Its status must not fail, or that kernel's package stays half-configured.
another_kernel() {
	mkdir -p "$work/modules/6.12.1+other/build/include"
	in_folders autoinstall --kernelver 6.12.1+other --kernelsourcedir "$work/modules/6.12.1+other/build" &&
		[ ! -e "$work/modules/6.12.1+other/updates" ]
}
removes() {
	in_folders remove "noiommu-vfio/$version" --all
	cmp "$work/modules/$first/kernel/drivers/vfio/vfio.ko" "$work/stock.ko" && [ ! -e "$work/dkms/noiommu-vfio" ] &&
		[ ! -e "$work/modules/$first/updates" ]
}
if ! command -v dkms >/dev/null; then
	echo "ok $((count += 1)) - dkms builds the modules # SKIP dkms is not installed: ./run deps test"
else
	check "dkms builds the modules" builds
	check "which then installs another kernel, with that one's own modules" another_kernel
	check "and removes them without a trace, the kernel's own stay" removes
fi
echo "1..$count"
exit $failed
