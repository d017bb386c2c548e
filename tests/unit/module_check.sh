#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# shellcheck disable=SC2317 # check() calls what looks unreachable
# What the package noiommu-vfio-dkms says of a machine before it replaces modules, and how it exchanges
# those that are loaded: on machines that are folders, with programs that only say what they were called for.
# shellcheck source=tests/unit/check.sh
. "$(dirname "$0")/check.sh"
dkms=$top/kernel/module/dkms
release=6.12.117+deb12-amd64
export NOIOMMU_VFIO_ROOT=$work/root

# file PATH TEXT...: of the machine
file() {
	mkdir -p "$NOIOMMU_VFIO_ROOT/${1%/*}"
	printf '%s\n' "${@:2}" >"$NOIOMMU_VFIO_ROOT/$1"
}
# machine: one on which nothing speaks against the modules
machine() {
	rm -rf "$NOIOMMU_VFIO_ROOT"
	file proc/cmdline 'root=/dev/sda1 quiet'
	file proc/sys/kernel/osrelease "$release"
	file sys/module/module/parameters/sig_enforce N
	file sys/kernel/security/lockdown '[none] integrity confidentiality'
	file usr/lib/noiommu-vfio/kernels "$release 6.12.117-1" "7.3.4+deb13-amd64 7.3.4-1"
	file "lib/modules/$release/build/include/x" ''
}
# A module, and what holds it
module() {
	local holder
	mkdir -p "$NOIOMMU_VFIO_ROOT/sys/module/$1/holders"
	for holder in "${@:2}"; do ln -s "../../$holder" "$NOIOMMU_VFIO_ROOT/sys/module/$1/holders/$holder"; done
}
# efi NAME VALUE: a variable of the firmware
efi() {
	mkdir -p "$NOIOMMU_VFIO_ROOT/sys/firmware/efi/efivars"
	# shellcheck disable=SC2059 # bytes
	printf "\\6\\0\\0\\0\\$2" >"$NOIOMMU_VFIO_ROOT/sys/firmware/efi/efivars/$1"
}
mkdir "$work/bin"
PATH=$work/bin:$PATH
# program NAME LINE...: in place of the machine's
program() {
	printf '%s\n' '#!/bin/sh' "${@:2}" >"$work/bin/$1"
	chmod +x "$work/bin/$1"
}
program mokutil "echo \"\$2 is not enrolled\""

# says STATUS TEXT [WORD]: one sentence with TEXT, or nothing; WORD is refuse
says() {
	local status=0 said
	said=$("$dkms/check" "${@:3}" 2>&1) || status=$?
	echo "status $status: $said"
	[ "$status" = "$1" ] || return 1
	if [ -z "$2" ]; then [ -z "$said" ]; else [[ $said == "noiommu-vfio: "*"$2"* && $said != *$'\n'* ]]; fi
}
refused() { says 1 "$1" refuse; }
nothing() { says 0 '' && says 0 '' refuse; }

machine
check "a machine like most" nothing

machine
module kvmgt
module vfio vfio_iommu_type1 kvmgt
check "kvmgt is loaded" refused 'the module kvmgt is loaded'
machine
module vfio vfio_pci_core vfio_iommu_type1
module vfio_pci_core vfio_pci
check "the kernel's own modules hold each other" nothing
machine
module vfio_pci_core mlx5_vfio_pci
check "another user of VFIO is loaded" refused 'the module mlx5_vfio_pci is loaded'
machine
file proc/cmdline 'quiet i915.enable_gvt=1'
check "GVT-g on the kernel's command line" refused 'kvmgt is configured'
machine
file etc/modprobe.d/gpu.conf '#options i915 enable_gvt=1' 'options i915 enable_guc=3 enable_gvt=1'
check "GVT-g in modprobe.d" refused 'kvmgt is configured'
file etc/modprobe.d/gpu.conf '#options i915 enable_gvt=1' 'options i915 enable_gvt=0'
check "and switched off there" nothing
machine
file etc/modules '# kvmgt' kvmgt
check "kvmgt in /etc/modules" refused 'kvmgt is configured'
file etc/modules '# kvmgt'
file etc/modules-load.d/x.conf 'kvmgt'
check "kvmgt in modules-load.d" refused 'kvmgt is configured'

machine
file sys/module/module/parameters/sig_enforce Y
check "signatures are enforced" refused '(module.sig_enforce), and /var/lib/dkms/mok.pub'
machine
file sys/kernel/security/lockdown 'none [integrity] confidentiality'
check "lockdown" refused '(lockdown=integrity)'
file etc/dkms/framework.conf 'mok_certificate=/root/my.der'
check "and a key of one's own" refused '/root/my.der, with which dkms signs, is not enrolled'
machine
file sys/kernel/security/lockdown 'none integrity [confidentiality]'
check "lockdown for confidentiality" refused '(lockdown=confidentiality)'
machine
rm "$NOIOMMU_VFIO_ROOT/sys/kernel/security/lockdown"
efi SecureBoot-8be4df61-93ca-11d2-aa0d-00e098032b8c 1
check "Secure Boot, where lockdown can't be read" refused '(Secure Boot)'
efi MokSBStateRT-605dab50-e046-4300-abb6-3dd810dd8b23 1
check "and its check switched off in shim" nothing
efi MokSBStateRT-605dab50-e046-4300-abb6-3dd810dd8b23 0
efi SecureBoot-8be4df61-93ca-11d2-aa0d-00e098032b8c 0
check "firmware without Secure Boot" nothing
machine
efi SecureBoot-8be4df61-93ca-11d2-aa0d-00e098032b8c 1
check "Secure Boot of a kernel that does not lock down" nothing
file sys/module/module/parameters/sig_enforce Y
program mokutil "[ \"\$2\" != $NOIOMMU_VFIO_ROOT/var/lib/dkms/mok.pub ] || echo \"\$2 is already enrolled\""
check "signatures, and the key of dkms is enrolled" nothing

machine
file proc/sys/kernel/osrelease 6.1.0-44-amd64
check "a kernel that is not in the list" says 0 "Linux 6.1.0-44-amd64 is not among the kernels"
check "is told which are" says 0 "boot one of $release, 7.3.4+deb13-amd64"
check "and is no reason to refuse" says 0 '' refuse
machine
rm -r "${NOIOMMU_VFIO_ROOT:?}/lib"
check "no headers" says 0 "apt-get install linux-headers-$release"

# The machine's modules: rmmod and modprobe write down what they do, and do it.
log=$work/log
loaded=$NOIOMMU_VFIO_ROOT/sys/module
program rmmod "echo \"rmmod \$1\" >>$log; [ \"\$1\" != \"\${BUSY-}\" ] && rm -r $loaded/\$1"
program modprobe "[ \"\$1\" != -a ] || shift" \
	"for m; do echo \"modprobe \$m\" >>$log; mkdir -p $loaded/\$m $loaded/iommufd; done" \
	"echo 'noiommu-vfio 6.12' >$loaded/iommufd/version"
# reloads TEXT STEP...: what is said, and what was done
reloads() {
	local said
	: >"$log"
	said=$("$dkms/reload" ${removed:+"$removed"} 2>&1) || return
	echo "$said"
	cat "$log"
	[[ $said == *"$1"* ]] && { [ -n "$1" ] || [ -z "$said" ]; } &&
		diff "$log" <([ $# = 1 ] || printf '%s\n' "${@:2}")
}
vfio() { for m in vfio_pci vfio_pci_core vfio_iommu_type1 vfio; do module $m; done; }
exchange=("rmmod vfio_pci" "rmmod vfio_iommu_type1" "rmmod vfio_pci_core" "rmmod vfio"
	"modprobe vfio" "modprobe vfio_pci_core" "modprobe vfio_iommu_type1" "modprobe vfio_pci")

machine
check "nothing is loaded: nothing to exchange" reloads ''
machine
vfio
check "nobody uses them: exchanged" reloads 'the modules are loaded (noiommu-vfio 6.12)' "${exchange[@]}"
check "and from ours to others alike" \
	reloads 'the modules are loaded' "${exchange[@]:0:4}" "rmmod iommufd" "${exchange[@]:4}"
machine
vfio
mkdir -p "$NOIOMMU_VFIO_ROOT/sys/bus/pci/drivers/vfio-pci/0000:41:00.0"
check "a bound device would lose its driver" \
	reloads 'VFIO is in use (0000:41:00.0 is bound to vfio-pci), so the modules that are loaded stay'
removed=--removed
check "and no file that goes is named where the package does" \
	reloads 'when that has ended, run rmmod vfio_pci vfio_iommu_type1 vfio_pci_core vfio iommufd; modprobe vfio-pci'
removed=
machine
vfio
file proc/77/comm qemu
mkdir "$NOIOMMU_VFIO_ROOT/proc/77/fd"
ln -s /dev/vfio/12 "$NOIOMMU_VFIO_ROOT/proc/77/fd/5"
check "a process has VFIO open" reloads 'VFIO is in use (process 77 (qemu) has /dev/vfio/12 open)'
machine
vfio
export BUSY=vfio
file sys/module/vfio/refcnt 1
check "one is held by no file: nothing is unloaded" reloads 'VFIO is in use (the module vfio is in use)'
file sys/module/vfio/refcnt 0
half() {
	local said
	: >"$log"
	! said=$("$dkms/reload" 2>&1) || return
	echo "$said"
	[[ $said == *'the module vfio came into use'* ]] && diff "$log" <(printf '%s\n' "${exchange[@]:0:4}")
}
check "a user comes in between: nothing is loaded on top of the old one" half
unset BUSY
machine
vfio
module kvmgt
forbidden() { ! reloads '' && [ ! -s "$log" ]; }
check "where the modules must not be, nothing is exchanged" forbidden

# What dkms left: modinfo and depmod as above. A file's version is its text.
program modinfo "cat \"\$3\""
program depmod "echo \"depmod \$*\" >>$log"
updates=lib/modules/$release/updates/dkms
five() { for m in iommufd vfio vfio_iommu_type1 vfio-pci-core vfio-pci; do file "$updates/$m.ko.xz" 'noiommu-vfio 6.12'; done; }
# cleans STATUS ARGUMENT...
cleans() {
	local status=0
	: >"$log"
	"$dkms/clean" "${@:2}" || status=$?
	ls -R "$NOIOMMU_VFIO_ROOT/lib"
	[ "$status" = "$1" ]
}
left() { [ -e "$NOIOMMU_VFIO_ROOT/$updates" ]; }
clean_all() { cleans 0 && ! left && grep "depmod -b $NOIOMMU_VFIO_ROOT $release" "$log"; }
clean_whole() { cleans 0 --partial && left && [ ! -s "$log" ]; }
clean_partial() { cleans 1 --partial && ! left && grep depmod "$log"; }
clean_foreign() { cleans 0 && [ "$(ls "$NOIOMMU_VFIO_ROOT/$updates")" = vfio.ko.xz ]; }
machine
five
check "five whole modules stay" clean_whole
check "and go with the package" clean_all
check "where nothing is, nothing is done" cleans 0
five
: >"$NOIOMMU_VFIO_ROOT/$updates/vfio.ko.xz"
check "an empty one is no module: all go, and it fails" clean_partial
five
rm "$NOIOMMU_VFIO_ROOT/$updates/vfio.ko.xz"
check "nor may one lack" clean_partial
file "$updates/vfio.ko.xz" 0.3
check "somebody else's vfio is left alone" clean_foreign
five
file "$updates/nvidia.ko.xz" 1
others() { cleans 0 && [ "$(ls "$NOIOMMU_VFIO_ROOT/$updates")" = nvidia.ko.xz ]; }
check "another package's modules stay" others
echo "1..$count"
exit $failed
