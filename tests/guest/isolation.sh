# SPDX-License-Identifier: MIT
# shellcheck shell=sh
# tier: short
# guest: --iommu=split --nvme=size=64M,place=shared --nvme=size=64M,place=shared --nvme=size=64M,place=iommu,mdts=1
# Isolation, proven on QEMU's IOMMU: both modes side by side, each backend, and a device in a group
# of two.
# shellcheck source=tests/guest/lib.sh
. /tests/lib.sh
n=$NVME_NOIOMMU i=$NVME_IOMMU a=$NVME_1 b=$NVME_2 small=$NVME_3
unsafe=/sys/module/iommufd/parameters/allow_unsafe_interrupts
unsafe_container=/sys/module/vfio_iommu_type1/parameters/allow_unsafe_interrupts
sum() { md5sum <"/dev/$(disk "$1")"; }

# verdict STATUS WORDS BDF: the exit status, and the last line
verdict() {
	_want=$1 _words=$2
	shift 2
	noiommu-nvme isolation "$@" >/tmp/said 2>&1
	_status=$?
	cat /tmp/said
	[ $_status = "$_want" ] && [ "$(tail -n1 /tmp/said | sed 's/^verdict  *//')" = "$_words" ]
}
line() { grep -q -e "$1" /tmp/said || { cat /tmp/said; false; }; }
address() { sed -n "s/^\(attempts\)\{0,1\} *data to 0x\([0-9a-f]*\), $1.*/\2/p" /tmp/said; }
reported() { dmesg | grep "fault addr 0x$1" | grep -q "${2#0000:}"; }
faulted() {
	until_true reported "$@"
	reported "$@" || { dmesg | tail; return 1; }
}

refuses 'bound to nvme' "noiommu-nvme bind $i" noiommu-nvme isolation "$i"
before=$(sum "$i")
for bdf in "$n" "$i" "$a" "$small"; do check "bind $bdf" noiommu-nvme bind --unsafe-noiommu "$bdf"; done

dmesg -c >/dev/null
check 'behind an IOMMU' verdict 0 'isolated (interrupts not isolated)' "$i"
check 'mode and its reason' line '^mode  *mode iommu, chosen: it is in IOMMU group .*through iommufd'
check 'aperture without the interrupts' line '^aperture  *0x[0-9a-f]* to 0xfedfffff$'
check 'aperture beyond them' line '^  *0xfef00000 to 0x[f]*$'
check 'alignment' line '^alignment  *4096 bytes'
check 'coherency' line '^coherency  *\(not \)\{0,1\}enforced'
check 'interrupts: the check was waived' line '^interrupts .*allow_unsafe_interrupts'
check 'four attempts, none passed' [ "$(grep -c stopped /tmp/said)" = 4 ]
check 'a read that was stopped completes all the same' line 'data to .*stopped (status Successful'
check 'a list that was not there does not' [ "$(grep -c 'PRP list at .*stopped (status Data Transfer Error' /tmp/said)" = 2 ]
check 'the fault at the physical address is in the log' faulted "$(address "a page's physical address")" "$i"
dmesg -c >/dev/null
usleep 600000 # the kernel reports so many faults and no more for a while
check 'again' verdict 0 'isolated (interrupts not isolated)' "$i"
check 'nothing else faulted' [ -z "$(dmesg | grep 'fault addr' | grep -v "0x$(address "a page's physical address") " |
	grep -v "0x$(address 'unmapped before') ")" ]
check 'at most 8 KiB a command' verdict 0 'isolated (interrupts not isolated)' "$small"
check 'without an IOMMU' verdict 4 'unprotected (noiommu)' "$n"
check 'and why nothing was tried' line '^because .*nothing was tried'
check 'no attempt was made' [ "$(grep -c 'stopped\|PASSED' /tmp/said)" = 0 ]
check 'mode noiommu and its reason' line '^mode  *mode noiommu, chosen: no IOMMU'

refuses 'a group shared with a driver of the kernel' "which the driver nvme has" noiommu-nvme isolation "$a"
check 'bind the other' noiommu-nvme bind "$b"
check 'a group of two' verdict 0 'isolated (interrupts not isolated)' "$a"
check 'its second' verdict 0 'isolated (interrupts not isolated)' "$b"

if [ "$NNVME_KERNEL" != no-group ]; then
	mv /dev/iommu /dev/iommu.away
	check 'by the container' verdict 0 'isolated (interrupts not isolated)' "$i"
	check 'which it says' line '^mode .*through a VFIO container'
	check 'the container: the same aperture' line '^aperture  *0x[0-9a-f]* to 0xfedfffff$'
	check 'the container: a group of two' verdict 0 'isolated (interrupts not isolated)' "$a"
	echo N >$unsafe_container
	refuses 'the container: nobody waived the check' 'vfio_iommu_type1.allow_unsafe_interrupts=1' noiommu-nvme isolation "$i"
	echo Y >$unsafe_container
	mv /dev/iommu.away /dev/iommu
fi
echo N >$unsafe
refuses 'nobody waived the check' 'iommufd.allow_unsafe_interrupts=1' noiommu-nvme isolation "$i"
echo Y >$unsafe

refuses 'without CAP_SYS_ADMIN' 'CAP_SYS_ADMIN' capsh --drop=cap_sys_admin --shell=/bin/sh -- -c "noiommu-nvme isolation $i"
check 'after that it works again' verdict 0 'isolated (interrupts not isolated)' "$i"
refuses 'no address' 'needs an address' noiommu-nvme isolation
for bdf in "$n" "$i" "$a" "$b" "$small"; do check "unbind $bdf" noiommu-nvme unbind "$bdf"; done
check 'not a byte was written' [ "$before" = "$(sum "$i")" ]
echo N >/sys/module/vfio/parameters/enable_unsafe_noiommu_mode
