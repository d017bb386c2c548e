#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# shellcheck disable=SC2317 # check() calls what looks unreachable
# The series as modules for Debian's kernels: built for each of the list, and what they are; which
# kernels are refused. Where the packages can't be downloaded, that is skipped and said.
# shellcheck source=tests/unit/check.sh
. "$(dirname "$0")/check.sh"
PATH=$PATH:/usr/sbin:/sbin
shopt -s nullglob
list=$top/kernel/module/kernels
modules=(iommufd vfio vfio-pci vfio-pci-core vfio_iommu_type1)
mapfile -t releases < <(awk '!/^#/ { print $1 }' "$list")

# build TOP [OPTION] RELEASE: what it prints is in $built and $said
build() {
	built=$("$1/kernel/module/build-modules" "${@:2}" 2>"$work/err")
	status=$?
	said=$(cat "$work/err")
}
failed_by() { [ "$status$built" = "$1" ] || { echo "status $status: $built"; return 1; }; }
says() { grep -qF -e "$1" <<<"$said" || { echo "no '$1' in: $said"; return 1; }; }

lines() {
	awk '/^#/ || !NF { next }
		{ n++; split($1, kernel, "+"); split($2, package, "-") }
		NF != 3 || $1 !~ /^[0-9.]+\+deb[0-9]+-([a-z]+-)?amd64$/ || kernel[1] != package[1] || seen[$1]++ {
			print
			bad = 1
		}
		END { exit bad || !n }' "$list"
}
check "each kernel is in the list once, with its packages' version" lines

# refused RELEASE: without a trace, in the sentence that names what there is
refused() {
	NNVME_CACHE=$work/cache build "$top" "$1"
	failed_by 1 && [ ! -e "$work/cache" ] && says "no modules for Linux $1, whose own ones stay as they are" &&
		says "${releases[0]}"
}
check "a kernel that is not in the list is refused" refused 6.12.1+deb12-amd64
check "a part of a name is no kernel" refused 6.12.117
check "a pattern is no kernel" refused '.*'
check "nor is nothing" refused ''

all_modules() { diff <(ls "$built") <(printf '%s.ko\n' "${modules[@]}" | sort); }
field() { modinfo -F "$1" "$built/$2.ko"; }
for_that_kernel() {
	local m
	for m in "${modules[@]}"; do
		[ "$(field version "$m")" = "noiommu-vfio $series" ] || { echo "$m: version $(field version "$m")"; return 1; }
		[[ $(field vermagic "$m") == "$1 "* ]] || { echo "$m: $(field vermagic "$m")"; return 1; }
	done
}
# MODULE DEPENDS IMPORTED-NAMESPACES
needs() {
	local depends imports
	depends=$(field depends "$1" | tr , '\n' | sort | paste -sd' ')
	imports=$(field import_ns "$1" | sort -u | paste -sd' ')
	[ "$depends" = "$2" ] || { echo "$1 depends on $depends"; return 1; }
	[ "$imports" = "$3" ] || { echo "$1 imports $imports"; return 1; }
}
each_needs() {
	if [ "$series" = 6.12 ]; then
		needs iommufd "" "IOMMUFD IOMMUFD_INTERNAL" && needs vfio-pci-core "irqbypass vfio" ""
	else
		needs iommufd "" "DMA_BUF GENERIC_PT_IOMMU IOMMUFD IOMMUFD_INTERNAL" &&
			needs vfio-pci-core "irqbypass vfio" DMA_BUF
	fi && needs vfio iommufd "IOMMUFD IOMMUFD_VFIO" && needs vfio_iommu_type1 vfio "" &&
		needs vfio-pci "vfio vfio-pci-core" ""
}
# A symbol without a version would bind to whatever has its name. Debian's 7.3 has no module versions.
versions() {
	if [ "$series" != 6.12 ]; then
		! field vermagic vfio | grep modversions
		return
	fi
	local m
	for m in "${modules[@]}"; do
		modprobe --dump-modversions "$built/$m.ko" | awk '{ print $2 }' | sort >"$work/versions"
		nm -u "$built/$m.ko" | awk '{ print $2 }' | sort | comm -23 - "$work/versions" >"$work/without"
		sed "s/^/$m: /" "$work/without"
		if [ ! -s "$work/versions" ] || [ -s "$work/without" ]; then return 1; fi
	done
}
defines() { nm --defined-only "$built/$1.ko" | grep -qw "$2" || { echo "$1 lacks $2"; return 1; }; }
series() {
	defines iommufd iommufd_ioas_noiommu_get_pa && defines iommufd interval_tree_span_iter_first &&
		defines vfio vfio_device_fops_cdev_open && defines iommufd "$1" &&
		field parm vfio | grep '^enable_unsafe_noiommu_mode:'
}
# Of its four questions to an IOMMU driver, two are of dirty tracking. Those of 7.3 answer EOPNOTSUPP
# themselves where they were built without it.
no_dirty_tracking() { [ "$series" != 6.12 ] || [ "$(objdump -r "$built/iommufd.ko" | grep -c " device_iommu_capable-")" = 2 ]; }
succeeded() { [ "$status" = 0 ] || { echo "status $status: $said"; return 1; }; }

lost=
for release in "${releases[@]}"; do
	series=$(cut -d. -f1,2 <<<"$release")
	build "$top" "$release"
	if [ "$status" = 75 ]; then
		lost=$said
		count=$((count + 1))
		echo "ok $count - $release # SKIP ${said##*$'\n'}"
		continue
	fi
	check "$release: the patches apply, and build without a warning" succeeded
	check "$release: the five modules, and no other" all_modules
	check "$release: they are for that kernel" for_that_kernel "$release"
	check "$release: each needs what it should" each_needs
	check "$release: all that they import has a version" versions
	case $series in
	6.12) check "$release: they have what the series adds" series iommufd_device_bind_noiommu ;;
	*) check "$release: they have what upstream has in the kernel" series iommufd_viommu_find_dev ;;
	esac
	check "$release: dirty tracking is not asked for" no_dirty_tracking
done

# Without groups there is no container, and so none of its IOMMU drivers.
no_group() {
	build "$top" --no-group "${releases[0]}"
	succeeded && diff <(ls "$built") <(printf '%s.ko\n' "${modules[@]}" | grep -v type1 | sort) &&
		defines vfio vfio_device_fops_cdev_open && ! nm "$built/vfio.ko" | grep -w vfio_group_fops
}
[ -n "$lost" ] || check "without groups: the cdev alone" no_group

# In a copy, so that a patch can be broken.
breaks() {
	local patch release=${releases[0]}
	mkdir -p "$work/top/kernel" && cp -r "$top/kernel/"{guest,module} "$work/top/kernel/"
	patch=$(echo "$work/top/kernel/module/patches/6.12/0001-"*)
	sed -i '/^@@/,$s/^ \(.*;\)$/ \1 or not/' "$patch"
	! cmp -s "$patch" "$top/${patch#"$work/top/"}" || { echo "$patch has no such line"; return 1; }
	build "$work/top" "$release"
	failed_by 1 && says "the patches do not apply to linux-source-6.12"
}
# As in a hook, where the environment says whose repository it is.
repository=$work/repository
in_hook() {
	git init -q "$repository"
	GIT_DIR=$repository/.git GIT_WORK_TREE=$repository breaks && ! git -C "$repository" rev-parse -q --verify HEAD
}
if [ -z "$lost" ]; then
	check "a patch that does not apply is an error" breaks
	rm -rf "$work/top"
	check "a repository that the environment names is left alone" in_hook
	check "and leaves the modules of before" [ -d "$("$top/kernel/module/build-modules" "${releases[0]}")" ]
fi
echo "1..$count"
exit $failed
