#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# shellcheck disable=SC2317 # check() calls what looks unreachable
# "Kconfig Support Matrix" of Linux 7.3's Documentation/driver-api/vfio.rst: which configurations offer
# noiommu mode, and whether there is a cdev in it. Asked of 7.3's Kconfig and of the series'.
# shellcheck source=tests/unit/check.sh
. "$(dirname "$0")/check.sh"

# is OPTION y|n: in the configuration that was made last
is() {
	local value=n
	! grep -qx "CONFIG_$1=y" "$work/objects/.config" || value=y
	[ "$value" = "$2" ] || { echo "CONFIG_$1 is $value, and should be $2"; return 1; }
}

# offers GROUP CONTAINER CDEV NOIOMMU [OPTION=VALUE]...: y or n each; a cdev goes with IOMMUFD_NOIOMMU
offers() {
	local group=$1 container=$2 cdev=$3 noiommu=$4 cdev_noiommu=n option
	shift 4
	[ "$cdev$noiommu" != yy ] || cdev_noiommu=y
	printf 'CONFIG_%s\n' 64BIT=y PCI=y IOMMU_SUPPORT=y INTEL_IOMMU=y ACPI=y IOMMUFD=y VFIO=y \
		VFIO_PCI=y "VFIO_GROUP=$group" "VFIO_CONTAINER=$container" "VFIO_DEVICE_CDEV=$cdev" \
		VFIO_NOIOMMU=y "$@" ${also:+"$also"} >"$work/fragment"
	make -s -C "$source" O="$work/objects" KCONFIG_ALLCONFIG="$work/fragment" allnoconfig || return
	is VFIO_GROUP "$group" && is VFIO_CONTAINER "$container" && is VFIO_DEVICE_CDEV "$cdev" &&
		is VFIO_NOIOMMU "$noiommu" && is IOMMUFD_NOIOMMU "$cdev_noiommu" || return
	for option; do is "${option%=*}" "${option#*=}" || return; done
}

# It is in the matrix, but VFIO selects the cdev where there is no group.
case_6() {
	local also=VFIO_DEVICE_CDEV=n
	offers n n y y
}

also=
for flavour in built 7.3; do
	source=$("$top/kernel/guest/build-kernel" --source "$flavour") || {
		[ $? = 75 ] || exit 1
		count=$((count + 1))
		echo "ok $count - Kconfig of $flavour # SKIP Debian's archive has no linux-source-7.3"
		continue
	}
	name="the series"
	[ $flavour = built ] || name="Linux 7.3"
	rm -rf "$work/objects"
	mkdir "$work/objects"
	compat=IOMMUFD_VFIO_CONTAINER
	check "$name, case 1: group, container" offers y y n y
	check "$name, case 1: group, iommufd's container" offers y n n y $compat=y
	check "$name, case 2: group without a container" offers y n n n $compat=n
	check "$name, case 3: group, container, cdev" offers y y y y
	check "$name, case 3: group, iommufd's container, cdev" offers y n y y $compat=y
	check "$name, case 4: group without a container, cdev" offers y n y n $compat=n
	check "$name, case 5: cdev alone" offers n n y y
	check "$name, case 6: neither asked for is case 5" case_6
done
echo "1..$count"
exit $failed
